"""The plan as a person or a program reads it: models, Edge TPUs, the assignment with its forecast, and the code.

Version ``etpu-doctor/plan/1``; within a major version fields are only added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from etpu_doctor import __version__
from etpu_doctor.evidence.errors import shown
from etpu_doctor.facts.model import CpuOperator, Tensor
from etpu_doctor.placement.forecast import Basis
from etpu_doctor.placement.measured import Measured
from etpu_doctor.placement.plan import Limit, Plan, Suggestion, lane_name
from etpu_doctor.placement.profile import PARAMETER_MEMORY_BYTES, Profile
from etpu_doctor.placement.sites import LeftOut, Site
from etpu_doctor.placement.together import LaneShare, Share
from etpu_doctor.remedies.model import SetupFile
from etpu_doctor.report.escape import for_terminal, wrap
from etpu_doctor.report.make import timestamp
from etpu_doctor.report.report import Report, Source, Tool
from etpu_doctor.report.tree import is_slow, place_text, speed_words

SCHEMA = "etpu-doctor/plan/1"

COST_MODEL = (
    "the busiest Edge TPU or link is kept as little busy as possible (in steps of a twentieth of the heaviest model), "
    "then the sum of all; times are forecasts, reloads of parameters count as often as models of "
    "other tokens can come between"
)

_INDENT = 4


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was given. ``co_compiled_with``: names of those that share its caching token."""

    name: str
    file: str
    sha256: str
    wanted_rate: float | None
    compiled: Literal["full", "partly", "no"]
    published_as: str | None
    min_runtime: int | None
    on_chip_parameter_bytes: int | None
    streamed_parameter_bytes: int | None
    instruction_bytes: int
    once_bytes: int | None
    out_bytes_per_inference: int | None
    in_bytes_per_inference: int | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    caching_tokens: tuple[str, ...]
    co_compiled_with: tuple[str, ...]
    on_the_cpu: tuple[CpuOperator, ...]


class TpuRow(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU that can take models. ``usable_mb_s`` is an estimate; ``uplinks`` are links it shares."""

    id: str
    place: str
    transport: Literal["usb", "pci"]
    delegate_device: str | None
    device_path: str | None
    speed_mbps: float | None
    could_be_mbps: float | None
    usable_mb_s: float | None
    clock_mhz: int
    clock_known: bool
    parameter_memory_bytes: int
    uplinks: tuple[str, ...]
    models: tuple[str, ...]
    busy_percent: float | None
    wanted_percent: float | None


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast value: ``value`` (``None``: unknown), the range it should lie in, what it rests on.

    With ``at_least`` a part is not known: of a latency there may be more, of a rate less.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    at_least: bool = False
    basis: Basis


class PlacedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model's place and its forecast. ``unknown`` names the parts of the latency that are not known."""

    model: str
    tpu: str
    why: str
    latency_ms: Number
    rate_alone: Number
    latency_together_ms: Number
    rate_together: Number
    call_ms: float
    link_ms: float | None
    compute_ms: float | None
    how: str
    unknown: tuple[str, ...]
    reload_bytes: int
    reload_ms: float | None
    reload_share: float
    held_back_by: str | None


class UplinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link that several Edge TPUs, or an Edge TPU and another device, use. Percent of what it usably carries."""

    lower: str
    upper: str
    name: str
    usable_mb_s: float | None
    tpus: tuple[str, ...]
    used_percent: float | None
    wanted_percent: float | None
    other_devices: tuple[str, ...]


class SwapRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a model pays after another one used the Edge TPU."""

    tpu: str
    model: str
    bytes: int
    ms: float | None


class Unplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A model that got no Edge TPU, and why."""

    model: str
    why: str


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan; ``what_if`` is the description of hardware that is not there.

    ``command`` prints this plan with its code, quoted for a POSIX shell.
    """

    schema: str = SCHEMA
    tool: Tool
    generated_at: str
    source: Source
    what_if: str | None
    models: tuple[ModelRow, ...]
    edge_tpus: tuple[TpuRow, ...]
    left_out: tuple[LeftOut, ...]
    assignment: tuple[PlacedRow, ...]
    unplaced: tuple[Unplaced, ...]
    swaps: tuple[SwapRow, ...]
    uplinks: tuple[UplinkRow, ...]
    limit: Limit
    is_optimal: bool
    cost_model: str
    suggestions: tuple[Suggestion, ...]
    notes: tuple[str, ...]
    code: tuple[SetupFile, ...] = ()
    code_notes: tuple[str, ...] = ()
    measured: Measured | None = None
    command: str | None = None


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan's report has beside the plan: remarks on the given files, the code, what was measured."""

    what_if: str | None = None
    refused: tuple[Unplaced, ...] = ()
    notes: tuple[str, ...] = ()
    code: tuple[SetupFile, ...] = ()
    code_notes: tuple[str, ...] = ()
    measured: Measured | None = None
    command: str | None = None


def report_on(plan: Plan, report: Report, extras: Extras) -> PlanReport:
    """The report of a plan for the machine of a report."""
    places = place_text(report)
    slow = (_slow_note(site) for site in plan.sites.sites if is_slow(site.tpu))
    doubtful = (_doubt_note(site) for site in plan.sites.sites if site.is_doubtful)
    return PlanReport(
        tool=Tool(version=__version__),
        generated_at=timestamp(),
        source=report.source,
        what_if=extras.what_if,
        models=tuple(_model(profile, plan.profiles) for profile in plan.profiles),
        edge_tpus=tuple(_tpu(site, plan, places) for site in plan.sites.sites),
        left_out=plan.sites.left_out,
        assignment=tuple(_placed(each.model, each.tpu, each.why, each.share, plan) for each in plan.placements),
        unplaced=(*extras.refused, *(Unplaced(model=model, why=why) for model, why in plan.unplaced)),
        swaps=tuple(
            SwapRow(tpu=tpu, model=each.model, bytes=each.bytes, ms=_rounded(each.ms))
            for tpu, swaps in plan.swaps.items()
            for each in swaps
        ),
        uplinks=tuple(_uplink(each) for each in plan.together.lanes if _is_shared(each)),
        limit=plan.limit if extras.measured is None else extras.measured.limit or plan.limit,
        is_optimal=plan.is_optimal,
        cost_model=COST_MODEL,
        suggestions=plan.suggestions,
        notes=(*extras.notes, *plan.notes, *slow, *doubtful),
        code=extras.code,
        code_notes=extras.code_notes,
        measured=extras.measured,
        command=extras.command,
    )


def _slow_note(site: Site) -> str:
    could = speed_words(site.tpu.expected_speed_mbps)
    return f"{site.id} runs at {speed_words(site.tpu.speed_mbps)} where {could} is possible: see etpu-doctor check."


def _doubt_note(site: Site) -> str:
    return f"{site.id} is on a port where Edge TPUs may not work, so it is taken last: see etpu-doctor check."


def _model(profile: Profile, profiles: Sequence[Profile]) -> ModelRow:
    model = profile.loaded.model
    # A name that is no UTF-8 has lone surrogates in it, which JSON cannot carry.
    file = profile.loaded.path.encode("utf-8", "replace").decode()
    return ModelRow(
        name=profile.label,
        file=file,
        sha256=profile.loaded.sha256,
        wanted_rate=profile.rate,
        compiled=model.compiled,
        published_as=profile.published,
        min_runtime=model.min_runtime,
        on_chip_parameter_bytes=model.cached_parameter_bytes,
        streamed_parameter_bytes=model.streamed_parameter_bytes,
        instruction_bytes=sum(each.instruction_bytes for each in model.executables if each.kind != "parameter-caching"),
        once_bytes=model.once_bytes,
        out_bytes_per_inference=model.out_bytes_per_inference,
        in_bytes_per_inference=model.in_bytes_per_inference,
        inputs=model.inputs,
        outputs=model.outputs,
        caching_tokens=model.caching_tokens,
        co_compiled_with=tuple(
            each.label for each in profiles if each.group == profile.group and each.label != profile.label
        ),
        on_the_cpu=model.cpu_operators,
    )


def _tpu(site: Site, plan: Plan, places: dict[str, str]) -> TpuRow:
    share = next(each for each in plan.together.sites if each.id == site.id)
    tpu = site.tpu
    return TpuRow(
        id=site.id,
        place=places.get(site.id, "place not in the evidence"),
        transport=site.transport,
        delegate_device=tpu.delegate_device_after_firmware or tpu.delegate_device,
        device_path=tpu.device_path,
        speed_mbps=tpu.speed_mbps,
        could_be_mbps=tpu.expected_speed_mbps,
        usable_mb_s=site.mb_s,
        clock_mhz=site.mhz,
        clock_known=site.clock_known,
        parameter_memory_bytes=PARAMETER_MEMORY_BYTES,
        uplinks=tuple(lane_name(lane) for lane in plan.sites.shared if site.id in lane.tpus),
        models=tuple(each.label for each in share.shares),
        busy_percent=_percent(share.busy),
        wanted_percent=_percent(share.wanted),
    )


def _placed(model: str, tpu: str, why: str, share: Share, plan: Plan) -> PlacedRow:
    alone, profile = share.alone, next(each for each in plan.profiles if each.label == model)
    lane = None if share.full_lane is None else plan.sites.lanes[share.full_lane]
    least = None if alone.low_ms is None else 1000 / alone.low_ms
    return PlacedRow(
        model=model,
        tpu=tpu,
        why=why,
        latency_ms=_number(alone.ms, alone.low_ms, alone.high_ms, share),
        rate_alone=_number(alone.rate, None if alone.high_ms is None else 1000 / alone.high_ms, least, share),
        latency_together_ms=_number(share.ms, *_together_range(share), share),
        rate_together=_number(share.rate, *_rate_range(share), share),
        call_ms=alone.call_ms,
        link_ms=_rounded(alone.link_ms),
        compute_ms=_rounded(alone.compute_ms),
        how=alone.how,
        unknown=alone.unknown,
        reload_bytes=profile.once_bytes if share.reload_share else 0,
        reload_ms=_rounded(share.reload_ms),
        reload_share=round(share.reload_share, 3),
        held_back_by=None if lane is None else lane_name(lane),
    )


def _together_range(share: Share) -> tuple[float | None, float | None]:
    """As wide, in parts of the value, as that of the latency alone."""
    alone = share.alone
    if share.ms is None or alone.ms is None or alone.low_ms is None:
        return None, None
    high = None if alone.high_ms is None else share.ms * alone.high_ms / alone.ms
    return share.ms * alone.low_ms / alone.ms, high


def _rate_range(share: Share) -> tuple[float | None, float | None]:
    alone = share.alone
    if share.rate is None or alone.ms is None or alone.low_ms is None:
        return None, None
    low = None if alone.high_ms is None else share.rate * alone.ms / alone.high_ms
    return low, share.rate * alone.ms / alone.low_ms


def _number(value: float | None, low: float | None, high: float | None, share: Share) -> Number:
    return Number(
        value=_rounded(value),
        low=_rounded(low),
        high=_rounded(high),
        at_least=share.alone.is_at_least,
        basis=share.alone.basis,
    )


def _uplink(share: LaneShare) -> UplinkRow:
    lane = share.lane
    return UplinkRow(
        lower=lane.lower,
        upper=lane.upper,
        name=lane_name(lane),
        usable_mb_s=_rounded(lane.mb_s),
        tpus=lane.tpus,
        used_percent=_percent(share.used),
        wanted_percent=_percent(share.wanted),
        other_devices=tuple(f"{each.what} {each.id}" for each in lane.neighbours),
    )


def _is_shared(share: LaneShare) -> bool:
    return len(share.lane.tpus) > 1 or bool(share.lane.neighbours)


def _percent(part: float | None) -> float | None:
    return None if part is None else round(part * 100, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def lines(report: PlanReport, width: int) -> Iterator[str]:
    """The text face, fit for a terminal, in lines of ``width`` columns; code and commands are never broken."""
    yield from _text(verdict_text(report), width, indent=0)
    for heading, rows in sections(report):
        yield ""
        yield heading
        for depth, text in rows:
            if depth == COMMAND_DEPTH:
                yield f"        {for_terminal(text)}"
            else:
                yield from _text(text, width, indent=_INDENT * depth)
    yield from _code(report, width)


def sections(report: PlanReport) -> Iterator[tuple[str, list[Row]]]:
    """The plan without its code: headings with their rows, where there are any. Not yet fit for a terminal."""
    for heading, rows in (
        ("Models", _model_rows(report)),
        ("Edge TPUs", _tpu_rows(report)),
        ("Assignment", _assignment_rows(report)),
        ("Shared links", _uplink_rows(report)),
        ("What limits", iter([(1, report.limit.text)] if report.assignment else [])),
        ("Measured", _measured_rows(report)),
        ("With the compiler", _suggestion_rows(report)),
        ("To know", ((1, note) for note in report.notes)),
    ):
        known = list(rows)
        if known:
            yield heading, known


COMMAND_DEPTH = 9

Row = tuple[int, str]
"""How deep a text is indented; ``COMMAND_DEPTH`` for a command, which is never broken."""


def _text(text: str, width: int, *, indent: int) -> Iterator[str]:
    lead = " " * indent
    for number, line in enumerate(wrap(for_terminal(text), max(width - indent - 2, 30))):
        yield f"{lead}{'  ' if number else ''}{line}"


def verdict_text(report: PlanReport) -> str:
    """How many models on how many Edge TPUs, and whether that is the best, in a sentence."""
    models, tpus = len(report.models), len(report.edge_tpus)
    many = f"{models} model{'s' * (models != 1)} on {tpus} Edge TPU{'s' * (tpus != 1)}"
    if not report.assignment:
        return f"{many}: nothing to place"
    proven = "no assignment is better under the forecast" if report.is_optimal else "the best found, maybe not the best"
    where = f" (hardware not here: {report.what_if})" if report.what_if else ""
    return f"{many}{where}: {proven}"


def _model_rows(report: PlanReport) -> Iterator[Row]:
    for model in report.models:
        asked = f", wanted {model.wanted_rate:g}/s" if model.wanted_rate is not None else ""
        yield 1, f"{model.name}: {_compiled(model)}{asked}"
        yield (
            2,
            (
                f"parameters {model.on_chip_parameter_bytes or 0:,} bytes on the chip, "
                f"{model.streamed_parameter_bytes or 0:,} sent with each inference; "
                f"instructions {model.instruction_bytes:,}"
            ),
        )
        yield (
            2,
            f"in {_tensors(model.inputs)}; out {_tensors(model.outputs)}; runtime version {model.min_runtime} or later",
        )
        if model.caching_tokens:
            others = f", compiled together with {', '.join(model.co_compiled_with)}" if model.co_compiled_with else ""
            yield 2, f"token {', '.join(model.caching_tokens)}{others}"
        if model.on_the_cpu:
            yield 2, f"on the CPU: {', '.join(f'{each.count} {each.name}' for each in model.on_the_cpu)}"
    for refused in report.unplaced:
        yield 1, f"{shown(refused.model)}: not placed: {refused.why}"


def _compiled(model: ModelRow) -> str:
    known = f" (Coral's {model.published_as})" if model.published_as else ""
    words = {"full": "compiled, all of it", "partly": "compiled in part", "no": "not compiled"}
    return f"{words[model.compiled]}{known}"


def _tensors(tensors: Iterable[Tensor]) -> str:
    every = list(tensors)
    texts = [
        f"{'x'.join('any' if n < 0 else str(n) for n in each.shape) or 'scalar'} {each.type}" for each in every[:4]
    ]
    return ", ".join([*texts, *([f"and {len(every) - 4} more"] if len(every) > 4 else [])]) or "nothing"


def _tpu_rows(report: PlanReport) -> Iterator[Row]:
    for tpu in report.edge_tpus:
        rate = "speed of the link unknown" if tpu.usable_mb_s is None else f"about {tpu.usable_mb_s:.0f} MB/s"
        link = f"{'PCIe' if tpu.transport == 'pci' else 'USB'} {speed_words(tpu.speed_mbps)}, {rate}"
        clock = f"{tpu.clock_mhz} MHz{'' if tpu.clock_known else '?'}"
        yield 1, f"{tpu.delegate_device or '(no device string)'} = {tpu.id}, {tpu.place}: {link}, {clock}"
        busy = "" if tpu.busy_percent is None else f", busy {tpu.busy_percent:.0f} %"
        yield 2, f"{', '.join(tpu.models) or 'free'}{busy if tpu.models else ''}"
        for uplink in tpu.uplinks:
            yield 2, f"shares {uplink}"
    for left in report.left_out:
        yield 1, f"{left.id}: left out: {left.why}"
    if not report.edge_tpus:
        yield 1, "none here; --what-if plans for hardware that is not bought yet (--what-if 'usb3 usb3')"


def _assignment_rows(report: PlanReport) -> Iterator[Row]:
    strings = {tpu.id: tpu.delegate_device for tpu in report.edge_tpus}
    for row in report.assignment:
        yield 1, f"{row.model} on {strings[row.tpu] or row.tpu} ({row.tpu}): {row.why}"
        yield 2, f"alone    {latency_text(row.latency_ms)}, {rate_text(row.rate_alone)}"
        yield 2, f"together {latency_text(row.latency_together_ms)}, {rate_text(row.rate_together)}"
        yield 2, f"{BASIS_WORDS[row.latency_ms.basis]}: {row.how}"
        if row.reload_share:
            often = "each inference" if row.reload_share == 1 else f"up to {row.reload_share:.0%} of the inferences"
            cost = "unknown time" if row.reload_ms is None else f"{row.reload_ms:.1f} ms"
            yield 2, f"reload before {often}: {row.reload_bytes:,} bytes, {cost}"
        if row.held_back_by:
            yield 2, f"held back by {row.held_back_by}"


BASIS_WORDS = {"computed": "computed", "published": "computed and published by Coral"}


def latency_text(number: Number) -> str:
    """``3.0 ms (2.5 to 3.6)``, ``at least 0.8 ms``."""
    if number.value is None:
        return "latency unknown"
    if number.at_least:
        return f"at least {number.value:.1f} ms"
    span = f" ({number.low:.1f} to {number.high:.1f})" if number.low is not None and number.high is not None else ""
    return f"{number.value:.1f} ms{span}"


def rate_text(number: Number) -> str:
    """``330/s (280 to 400)``, ``at most 1176/s``."""
    if number.value is None:
        return "rate unknown"
    if number.at_least:
        return f"at most {_few(number.value)}/s"
    span = f" ({_few(number.low)} to {_few(number.high)})" if number.low is not None and number.high is not None else ""
    return f"{_few(number.value)}/s{span}"


def _few(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _uplink_rows(report: PlanReport) -> Iterator[Row]:
    for row in report.uplinks:
        if row.used_percent is None:
            yield 1, f"{row.name}: its rate is not known"
            continue
        over = f" ({row.wanted_percent:.0f} % wanted)" if (row.wanted_percent or 0) > 100 else ""
        used = f"{row.used_percent:.0f} % of about {row.usable_mb_s:.0f} MB/s{over}"
        yield 1, f"{row.name}: {used}, for {', '.join(row.tpus)}"
        if row.other_devices:
            yield 2, f"also {', '.join(row.other_devices)}, whose share is not known"


def _measured_rows(report: PlanReport) -> Iterator[Row]:
    if report.measured is None:
        return
    for row in report.measured.rows:
        yield 1, f"{row.model} on {row.tpu}: {row.text}"
        yield from ((2, remark) for remark in row.remarks)
    for note in report.measured.notes:
        yield 1, note


def _suggestion_rows(report: PlanReport) -> Iterator[Row]:
    for suggestion in report.suggestions:
        yield 1, suggestion.text
        yield COMMAND_DEPTH, suggestion.command


def _code(report: PlanReport, width: int) -> Iterator[str]:
    for file in report.code:
        yield ""
        yield f"{file.path}{' (part of it)' if file.fragment else ''}:"
        yield ""
        yield from file.content.rstrip("\n").split("\n")
    if report.code_notes:
        yield ""
        yield "About the code"
    for note in report.code_notes:
        yield from _text(note, width, indent=_INDENT)


def terminal_width(default: int = 100) -> int:
    """Columns of the terminal, at most ``default``."""
    try:
        return min(os.get_terminal_size(1).columns, default) or default
    except (OSError, ValueError):
        return default
