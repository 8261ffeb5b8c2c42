"""From what the workers reported to the figures of each model, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from etpu_doctor.placement.measured import MeasuredRow
from etpu_doctor.placement.plan import Placement
from etpu_doctor.placement.profile import Profile
from etpu_doctor.smoke.jobs import Figures, HostWork, Turn
from etpu_doctor.smoke.sample import MINIMUM_RUNS, Sample, latency_of, median
from etpu_doctor.smoke.trial import Round, Trial
from etpu_doctor.smoke.verdict import Around, judge_failure
from etpu_doctor.topology.machine import EdgeTpu

_REACHED = 0.99
"""The part of the wanted inferences that counts as all: clocks and the run's ends are not finer."""

_SHOWN_LATE = 0.01


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A model on its Edge TPU."""

    placement: Placement
    profile: Profile
    tpu: EdgeTpu


def not_measured(part: Part, reason: str) -> MeasuredRow:
    """The row of a model that did not run."""
    return MeasuredRow(model=part.placement.model, tpu=part.tpu.id, text=f"not measured: {reason}")


def rows_of(parts: Sequence[Part], trial: Trial) -> Iterator[MeasuredRow]:
    """The rows of one Edge TPU's models, in the order in which its job had them."""
    turns = _turns(parts, trial)
    if not turns or not trial.ended_well:
        reason = judge_failure(trial, Around()).reason
        yield from (not_measured(part, reason) for part in parts)
        return
    works = trial.host or (HostWork(),) * len(parts)
    for part, turn, work in zip(parts, turns, works, strict=True):
        if turn.latency is None:
            yield not_measured(part, "the others on this Edge TPU left no time for it")
            continue
        row = _row(part, turn, trial.rounds[0].elapsed_ms, in_turns=len(parts) > 1)
        row = _with_host_work(_with_forecast(row, part), work)
        yield msgspec.structs.replace(row, text=_text(row), remarks=tuple(_remarks(row)))


def _turns(parts: Sequence[Part], trial: Trial) -> tuple[Turn, ...]:
    """What each model did. One that is alone and has no rate tells its latencies one by one."""
    first = trial.rounds[0] if trial.rounds else Round()
    if len(parts) == 1 and not first.turns and first.latencies_ms.count:
        figures = _figures(first.latencies_ms)
        wrong = 0 if first.difference is None else first.difference.runs
        runs = first.latencies_ms.count
        return (Turn(model=parts[0].placement.model, runs=runs, latency=figures, kept=figures, wrong_runs=wrong),)
    return first.turns


def _figures(sample: Sample) -> Figures:
    ordered = sorted(sample.values)
    known = latency_of(ordered)
    return Figures(median_ms=median(ordered), p95_ms=ordered[-1] if known is None else known.p95_ms)


def _row(part: Part, turn: Turn, elapsed_ms: float, *, in_turns: bool) -> MeasuredRow:
    wanted, row = part.profile.rate, MeasuredRow(model=part.placement.model, tpu=part.tpu.id, text="")
    if turn.latency is None:
        return row
    row = msgspec.structs.replace(
        row,
        median_ms=round(turn.latency.median_ms, 3),
        p95_ms=round(turn.latency.p95_ms, 3) if turn.runs >= MINIMUM_RUNS else None,
        rate=_rate(turn.runs, elapsed_ms),
        in_turns=in_turns,
        runs=turn.runs,
        outputs_differ=turn.wrong_runs > 0,
        switched_share=round(turn.switched_runs / turn.runs, 4),
        switched_ms=None if turn.switched is None else round(turn.switched.median_ms, 3),
        kept_ms=None if turn.kept is None else round(turn.kept.median_ms, 3),
    )
    if wanted is None:
        return row
    # What was due covers the time without its ends, in which an inference may be cut or wait for its turn.
    served = turn.runs / (turn.runs + turn.missed_runs)
    return msgspec.structs.replace(
        row,
        wanted_rate=wanted,
        rate=_few(wanted * served),
        is_reached=served >= _REACHED,
        late_runs=turn.late_runs,
        missed_runs=turn.missed_runs,
        most_late_ms=round(turn.most_late_ms, 3),
    )


def _rate(runs: int, elapsed_ms: float) -> float | None:
    return _few(1000 * runs / elapsed_ms) if elapsed_ms else None


def _few(rate: float) -> float:
    """Three digits, or tenths where there are more."""
    return round(rate, 1) if rate >= 10 else float(f"{rate:.3g}")


def _with_forecast(row: MeasuredRow, part: Part) -> MeasuredRow:
    """The forecast for the reloads that there were, drawn out as it is where a shared link is full."""
    share = part.placement.share
    measured, alone = _by_shares(row), share.alone.ms
    reloads = (row.switched_share or 0.0) * part.profile.once_bytes
    if alone is None or measured is None or (reloads and share.reload_ms is None):
        return msgspec.structs.replace(row, forecast_unknown=share.alone.unknown)
    planned = alone + share.reload_share * (share.reload_ms or 0.0)
    waiting = share.ms / planned if share.ms is not None else 1.0
    forecast = (alone + (row.switched_share or 0.0) * (share.reload_ms or 0.0)) * waiting
    return msgspec.structs.replace(
        row,
        forecast_ms=round(forecast, 3),
        forecast_unknown=share.alone.unknown,
        ratio=round(measured / forecast, 3),
    )


def _by_shares(row: MeasuredRow) -> float | None:
    """What an inference took, those with a reload by their share: a median of both would hide one of them."""
    if row.switched_ms is None or row.kept_ms is None:
        return row.median_ms
    share = row.switched_share or 0.0
    return share * row.switched_ms + (1 - share) * row.kept_ms


def _with_host_work(row: MeasuredRow, work: HostWork) -> MeasuredRow:
    known = [each for each in (work.scaling_ms, work.outputs_ms) if each is not None]
    return msgspec.structs.replace(
        row,
        host_ms=round(sum(known), 4) if known else None,
        scaling_ms=work.scaling_ms,
        outputs_ms=work.outputs_ms,
        host_unknown=work.no_scaling_because or work.failed_because or (None if known else "it was not timed"),
    )


def _text(row: MeasuredRow) -> str:
    measured = f"measured {_by_shares(row) or 0.0:.2f} ms"
    measured += (
        f" (95 % within {row.p95_ms:.2f})" if row.p95_ms is not None else f" ({row.runs} run{'s' * (row.runs != 1)})"
    )
    texts = [measured, f"forecast {_forecast(row)}"]
    if row.rate is not None and row.wanted_rate is None:
        texts.append(f"{row.rate:g}/s{' in turns' if row.in_turns else ''}")
    return ", ".join(texts)


def _forecast(row: MeasuredRow) -> str:
    if row.forecast_ms is None:
        return "unknown"
    if row.forecast_unknown:
        return f"at least {row.forecast_ms:.2f} ms"
    return f"{row.forecast_ms:.2f} ms ({(row.ratio or 1) - 1:+.0%})"


def _remarks(row: MeasuredRow) -> Iterator[str]:
    if row.wanted_rate is not None and row.rate is not None:
        yield f"{row.wanted_rate:g}/s wanted: {_reached(row)}"
    if row.switched_ms is not None and row.kept_ms is not None:
        yield (
            f"{row.kept_ms:.2f} ms, and {row.switched_ms:.2f} ms after a model of another token "
            f"({row.switched_share:.0%} of its inferences)"
        )
    elif row.switched_ms is not None:
        yield "each inference followed a model of another token"
    if row.host_ms is not None:
        yield f"Python around it: {_host_text(row)}"
    elif row.host_unknown is not None:
        yield f"Python around it: not measured: {row.host_unknown}"
    if row.outputs_differ:
        yield "its outputs differ from run to run: see etpu-doctor smoke"


def _reached(row: MeasuredRow) -> str:
    late, missed, every = row.late_runs or 0, row.missed_runs or 0, row.runs + (row.missed_runs or 0)
    texts = ["reached" if row.is_reached else f"not reached, {row.rate:g}/s"]
    if missed:
        texts.append(f"{missed} of {every} left out")
    if late > _SHOWN_LATE * row.runs:
        texts.append(f"{late} of {row.runs} began late, by {row.most_late_ms:.1f} ms at most")
    return ", ".join(texts)


def _host_text(row: MeasuredRow) -> str:
    outputs = f"{row.outputs_ms or 0.0:.2f} ms for the outputs"
    if row.scaling_ms is None:
        return f"{outputs}; {row.host_unknown}, so that nothing is known of the work before it"
    return f"{row.host_ms:.2f} ms of a processor ({row.scaling_ms:.2f} ms to scale a picture, {outputs})"
