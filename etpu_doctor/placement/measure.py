"""Runs a plan: one process an Edge TPU, all at once, each model as fast as it can; those on one Edge TPU in turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.placement.measured import Measured, MeasuredRow
from etpu_doctor.placement.plan import Placement, Plan
from etpu_doctor.placement.profile import Profile
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.crew import Crew, CrewError, CrewRequest
from etpu_doctor.smoke.jobs import Guest, Job, Refusal
from etpu_doctor.smoke.occupancy import in_use, look, look_again
from etpu_doctor.smoke.refusals import judge_refusal
from etpu_doctor.smoke.sample import latency_of, median
from etpu_doctor.smoke.tools import Lacking, Tools, Wishes, choose_tools
from etpu_doctor.smoke.trial import Trial, apply
from etpu_doctor.smoke.verdict import Around, judge_failure
from etpu_doctor.topology.machine import EdgeTpu

_IMPORT_SECONDS = 30.0
_BUSY_PERCENT = 85.0
_LOCK = (
    "Measured is the inference alone. Scaling pictures before it and work on the outputs after it come on top, and in "
    "one Python process only one thread does such work at a time."
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How to measure: for how long, with which library and interpreter."""

    seconds: float
    wishes: Wishes = Wishes()


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A model on its Edge TPU."""

    placement: Placement
    profile: Profile
    tpu: EdgeTpu


def measure(evidence: Evidence, plan: Plan, run: Run) -> Measured:
    """Run a plan on this machine. ``evidence`` was read just before. Leaves no process behind."""
    parts = _parts(plan)
    tools = choose_tools(evidence.runtime or Runtime(), Files(), run.wishes)
    if isinstance(tools, Lacking):
        return _not_run(parts, run, tools.reason)
    held = _held(evidence, [part.tpu for part in parts])
    by_tpu: dict[str, list[_Part]] = {}
    for part in parts:
        if part.tpu.id not in held:
            by_tpu.setdefault(part.tpu.id, []).append(part)
    with Crew(CrewRequest(python=tools.python, runtime=tools.module)) as crew:
        hello = crew.ready(_IMPORT_SECONDS)
        if isinstance(hello, Refusal):
            return _not_run(parts, run, judge_refusal(hello)[1])
        bench = _Bench(crew, tools, run.seconds)
        trials = bench.run(list(by_tpu.values()))
    rows = tuple(row for here in by_tpu.values() for row in _rows(here, trials[here[0].tpu.id]))
    refused = (_not_measured(part, held[part.tpu.id]) for part in parts if part.tpu.id in held)
    return _told(parts, (*rows, *refused), run, bench.busy_percent)


def _parts(plan: Plan) -> list[_Part]:
    """Those of one Edge TPU by their tokens: with these beside each other the fewest parameters must come back."""
    profiles = {profile.label: profile for profile in plan.profiles}
    tpus = {site.id: site.tpu for site in plan.sites.sites}
    parts = [_Part(placement=each, profile=profiles[each.model], tpu=tpus[each.tpu]) for each in plan.placements]
    return sorted(parts, key=lambda part: (part.tpu.id, part.profile.group))


def _held(evidence: Evidence, tpus: Sequence[EdgeTpu]) -> dict[str, str]:
    """Edge TPUs that must not be opened, and why: opening takes a stick away from whoever uses it."""
    files = Files()
    first = look(evidence, files)
    second = look_again(first, tpus, files)
    held = {}
    for tpu in tpus:
        holders = in_use(first, second, tpu)
        if second.find(tpu.id) is None:
            held[tpu.id] = "it left the bus before it could be opened"
        elif tpu.device_path is None:
            held[tpu.id] = "its place on the bus, or its device node, is not known"
        elif holders:
            held[tpu.id] = f"{', '.join(holders)} holds it, and opening it would end that"
    return held


class _Bench:
    """Opens, waits until all are ready, lets them run together. ``busy_percent`` is how much the host worked then."""

    def __init__(self, crew: Crew, tools: Tools, seconds: float) -> None:
        self._crew = crew
        self._tools = tools
        self._seconds = seconds
        self._tasks: dict[int, Trial] = {}
        self.busy_percent: float | None = None

    def run(self, groups: Sequence[Sequence[_Part]]) -> dict[str, Trial]:
        """Trials by the ids of the Edge TPUs. At the end every process is gone."""
        trials: dict[str, Trial] = {}
        # Fresh sticks first, one after the other: each that gets its firmware changes the numbers of the others.
        for parts in sorted(groups, key=lambda parts: parts[0].tpu.state != "dfu"):
            trial = trials[parts[0].tpu.id] = Trial()
            try:
                task = self._crew.start(self._job(parts))
            except CrewError as error:
                trial.ended, trial.lost = True, str(error)
                continue
            self._tasks[task] = trial
            if parts[0].tpu.state == "dfu":
                self._wait(lambda each: each.open_ms is not None, [trial])
        every = list(self._tasks.values())
        self._wait(lambda each: each.ready, every)
        before = _ticks()
        for task in self._tasks:
            self._crew.go(task)
        self._wait(lambda each: bool(each.rounds) and each.rounds[0].done, every)
        self.busy_percent = _busy_percent(before, _ticks())
        self._wait(lambda _: False, every)
        return trials

    def _job(self, parts: Sequence[_Part]) -> Job:
        first, *others = parts
        return Job(
            library=self._tools.library.path,
            model=first.profile.loaded.path,
            model_sha256=first.profile.loaded.sha256,
            device_type=first.tpu.transport,
            device_path=first.tpu.device_path,
            device=first.tpu.delegate_device,
            seconds=self._seconds,
            hold=True,
            guests=tuple(
                Guest(model=each.profile.loaded.path, model_sha256=each.profile.loaded.sha256) for each in others
            ),
        )

    def _wait(self, is_reached: Callable[[Trial], bool], trials: Sequence[Trial]) -> None:
        """Until each trial is there or at its end; the limits end every job, so this ends."""
        while any(not trial.ended and not is_reached(trial) for trial in trials):
            for event in self._crew.events(time.monotonic() + 1):
                apply(self._tasks[event.task], event)
                if not isinstance(event, jobs.Progress):
                    break


def _ticks() -> tuple[int, int] | None:
    """Ticks that the host's processors worked, and all ticks, since it started (``/proc/stat``)."""
    try:
        with open("/proc/stat", encoding="ascii") as handle:
            fields = [int(field) for field in handle.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    # user nice system idle iowait irq softirq steal
    return sum(fields) - sum(fields[3:5]), sum(fields)


def _busy_percent(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    if before is None or after is None or after[1] <= before[1]:
        return None
    return round(100 * (after[0] - before[0]) / (after[1] - before[1]), 1)


def _not_run(parts: Sequence[_Part], run: Run, reason: str) -> Measured:
    return Measured(seconds=run.seconds, rows=tuple(_not_measured(part, reason) for part in parts))


def _not_measured(part: _Part, reason: str) -> MeasuredRow:
    return MeasuredRow(model=part.placement.model, tpu=part.tpu.id, text=f"not measured: {reason}")


def _told(parts: Sequence[_Part], rows: Sequence[MeasuredRow], run: Run, busy_percent: float | None) -> Measured:
    by_model = {part.placement.model: part for part in parts}
    return Measured(
        seconds=run.seconds,
        rows=tuple(rows),
        host_busy_percent=busy_percent,
        host_processors=os.cpu_count(),
        notes=tuple(_notes(rows, by_model, busy_percent)),
    )


def _rows(parts: Sequence[_Part], trial: Trial) -> Iterator[MeasuredRow]:
    """The first model's figures come run by run, those of its guests as a summary."""
    first = trial.rounds[0] if trial.rounds else None
    if first is None or not first.latencies_ms.count or not trial.ended_well or len(first.turns) < len(parts) - 1:
        reason = judge_failure(trial, Around()).reason
        yield from (_not_measured(part, reason) for part in parts)
        return
    values = sorted(first.latencies_ms.values)
    known = latency_of(values)
    rate = round(1000 * first.latencies_ms.count / first.elapsed_ms, 1) if first.elapsed_ms else None
    row = MeasuredRow(
        model=parts[0].placement.model,
        tpu=parts[0].tpu.id,
        text="",
        median_ms=round(median(values), 3),
        p95_ms=None if known is None else round(known.p95_ms, 3),
        rate=rate,
        in_turns=len(parts) > 1,
        runs=first.latencies_ms.count,
        outputs_differ=first.difference is not None,
    )
    yield _with_forecast(row, parts[0])
    for part, turn in zip(parts[1:], first.turns, strict=False):
        row = MeasuredRow(
            model=part.placement.model,
            tpu=part.tpu.id,
            text="",
            median_ms=round(turn.median_ms, 3),
            p95_ms=round(turn.p95_ms, 3),
            rate=rate,
            in_turns=True,
            runs=turn.runs,
            outputs_differ=turn.wrong_runs > 0,
        )
        yield _with_forecast(row, part)


def _with_forecast(row: MeasuredRow, part: _Part) -> MeasuredRow:
    """In turns of one each every inference brings its parameters back, if another token was there between."""
    share = part.placement.share
    known = share.alone.ms
    forecast = None if known is None else known + (share.reload_ms or 0.0 if share.reload_share else 0.0)
    row = msgspec.structs.replace(
        row,
        forecast_ms=None if forecast is None else round(forecast, 3),
        forecast_unknown=share.alone.unknown,
        ratio=None if forecast is None or row.median_ms is None else round(row.median_ms / forecast, 3),
    )
    return msgspec.structs.replace(row, text=_text(row, part.profile.rate))


def _text(row: MeasuredRow, wanted: float | None) -> str:
    texts = [f"measured {row.median_ms:.2f} ms, forecast {_forecast(row)}"]
    if row.rate is not None:
        texts.append(f"{row.rate:.0f}/s{' in turns' if row.in_turns else ''}")
    if wanted is not None and row.rate is not None:
        texts.append(f"{wanted:g}/s wanted: {'reached' if row.rate >= wanted else 'not reached'}")
    if row.outputs_differ:
        texts.append("its outputs differ from run to run: see etpu-doctor smoke")
    return "; ".join(texts)


def _forecast(row: MeasuredRow) -> str:
    if row.forecast_ms is None:
        return "unknown"
    if row.forecast_unknown:
        return f"at least {row.forecast_ms:.2f} ms"
    return f"{row.forecast_ms:.2f} ms ({(row.ratio or 1) - 1:+.0%})"


def _notes(rows: Sequence[MeasuredRow], parts: Mapping[str, _Part], busy_percent: float | None) -> Iterator[str]:
    for row in rows:
        rest = None if row.median_ms is None or row.forecast_ms is None else row.median_ms - row.forecast_ms
        if rest is not None and rest > 0 and row.forecast_unknown:
            where = ["the chip's computing"] * ("compute" in row.forecast_unknown)
            operators = parts[row.model].profile.loaded.model.cpu_operators
            where += [f"the host's CPU ({', '.join(each.name for each in operators)})"] * bool(operators)
            yield f"{row.model} on {row.tpu}: the {rest:.2f} ms beyond the link are {' and '.join(where)}."
    if busy_percent is not None and busy_percent >= _BUSY_PERCENT:
        yield f"The host's processors were busy {busy_percent:.0f} % meanwhile: they may be what limits."
    if any(row.in_turns for row in rows):
        yield "Models on one Edge TPU ran once each in turns; at other rates a turn costs what it did here or less."
    if any(row.median_ms is not None for row in rows):
        yield _LOCK
