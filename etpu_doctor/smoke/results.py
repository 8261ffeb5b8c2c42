"""From what the workers reported to the results that a report carries."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from etpu_doctor.facts.smoke import Difference, SmokeModel, SmokeResult, Together
from etpu_doctor.rules.wording import join_words, place_text, port_text, speed_text
from etpu_doctor.smoke.expected import Expected, expect, is_link_bound, is_slow, shared_hops
from etpu_doctor.smoke.obstacles import Obstacle
from etpu_doctor.smoke.plan import Plan
from etpu_doctor.smoke.sample import Sample, latency_of
from etpu_doctor.smoke.trial import Round, Trial
from etpu_doctor.smoke.verdict import Around, judge_failure
from etpu_doctor.topology.machine import EdgeTpu, Machine


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU under test: where it sat before, and which others ran at the same time."""

    tpu: EdgeTpu
    machine: Machine
    plan: Plan
    others: tuple[EdgeTpu, ...] = ()


def skipped(subject: Subject, cause: str | None, reason: str, holders: tuple[str, ...] = ()) -> SmokeResult:
    """The result of an Edge TPU that was not tested."""
    return _base(subject, verdict="skipped", cause=cause, reason=reason, holders=holders)


def refused(subject: Subject, cause: str, reason: str) -> SmokeResult:
    """The result of an Edge TPU that need not be opened to know that it fails."""
    return _base(subject, verdict="failed", cause=cause, reason=reason, phase="start")


def unopened(subject: Subject, obstacle: Obstacle) -> SmokeResult:
    """The result of an Edge TPU that is not opened."""
    if obstacle.verdict == "skipped":
        return skipped(subject, obstacle.cause, obstacle.reason, obstacle.holders)
    return refused(subject, obstacle.cause or "unknown", obstacle.reason)


def _base(subject: Subject, **fields: object) -> SmokeResult:
    tpu, plan = subject.tpu, subject.plan
    place = place_text(subject.machine, tpu) if tpu.transport == "usb" else None
    made = SmokeResult(
        id=tpu.id,
        place=place,
        device_path=tpu.device_path,
        delegate_device=tpu.delegate_device,
        via=plan.via,
        verdict="failed",
        runtime=plan.tools.runtime_text,
        python=plan.tools.python,
        library=plan.tools.library.path,
        library_version=plan.tools.library_text,
        model=model_of(plan),
    )
    return msgspec.structs.replace(made, **fields)


def model_of(plan: Plan) -> SmokeModel:
    """What a report says of the model."""
    checked: Literal["permutation", "reference", "repetition"] = (
        "repetition" if plan.model.entry is None else "permutation"
    )
    if plan.reference is not None:
        checked = "reference"
    return SmokeModel(
        name=plan.model.name, size_bytes=plan.model.model.size_bytes, sha256=plan.model.sha256, checked_by=checked
    )


def result_of(subject: Subject, trial: Trial, around: Around) -> SmokeResult:
    """The result of one trial: what was measured, then the verdict."""
    first = trial.rounds[0] if trial.rounds else Round()
    result = _base(
        subject,
        delegate_device=trial.device or subject.tpu.delegate_device,
        via="string" if trial.fallback else subject.plan.via,
        runtime=around.runtime,
        phase=trial.phase,
        ended_by=trial.ended_by,
        delegated_operators=trial.delegated,
        firmware_load_ms=_rounded(_firmware_load_ms(trial)),
        open_ms=_rounded(trial.open_ms),
        first_ms=_rounded(trial.first_ms),
        runs=trial.timed_runs,
        difference=first.difference,
        **_figures(first.latencies_ms),
    )
    expected = expect(subject.tpu, subject.plan.model.model, subject.plan.tools.library.clock, subject.others)
    if expected is not None:
        result = msgspec.structs.replace(result, expected_ms=_rounded(expected.link_ms), expected_basis=expected.basis)
    different = next((each.difference for each in trial.rounds if each.difference is not None), None)
    if different is not None:
        return _wrong(result, different)
    if not trial.ended_well:
        return _failed(result, trial, around)
    return _passed(result, subject, expected)


def _firmware_load_ms(trial: Trial) -> float | None:
    """As it was seen, which may be a moment after the open that waited for it returned."""
    if trial.firmware_load_ms is None or trial.open_ms is None:
        return trial.firmware_load_ms
    return min(trial.firmware_load_ms, trial.open_ms)


def _figures(sample: Sample) -> dict[str, float | None]:
    latency = latency_of(sample.values)
    if latency is None:
        return {}
    return {
        "median_ms": _rounded(latency.median_ms),
        "p95_ms": _rounded(latency.p95_ms),
        "min_ms": _rounded(latency.min_ms),
        "max_ms": _rounded(latency.max_ms),
        "inferences_per_s": round(sample.count / sample.total * 1000, 1) if sample.total > 0 else None,
    }


def _rounded(value: float | None) -> float | None:
    """Microseconds are as fine as the measurement is."""
    return None if value is None else round(value, 3)


def _failed(result: SmokeResult, trial: Trial, around: Around) -> SmokeResult:
    judged = judge_failure(trial, around)
    ran_well = bool(trial.rounds) and all(each.done for each in trial.rounds)
    return msgspec.structs.replace(
        result,
        verdict="failed",
        cause=judged.cause,
        confidence=judged.confidence,
        reason=f"every run was right, and at the close {judged.reason}" if ran_well else judged.reason,
        advice=judged.advice,
        said=judged.said,
        holders=around.holders,
    )


def _wrong(result: SmokeResult, difference: Difference) -> SmokeResult:
    share = "every run" if difference.runs >= result.runs else f"{difference.runs} of {result.runs} runs"
    again = {True: ", the same each time", False: ", differently each time", None: ""}[difference.repeatable]
    return msgspec.structs.replace(
        result,
        verdict="wrong-output",
        cause="hardware-defective",
        confidence="likely",
        reason=f"{difference.differing_bytes} wrong bytes in output {difference.output}, in {share}{again}",
    )


def _passed(result: SmokeResult, subject: Subject, expected: Expected | None) -> SmokeResult:
    result = msgspec.structs.replace(result, verdict="pass", cause=None, ended_by=None)
    if result.median_ms is None or expected is None:
        return result
    if is_link_bound(result.median_ms, expected):
        cause, reason = _limit(subject)
        return msgspec.structs.replace(result, verdict="slow", cause=cause, reason=reason) if cause else result
    if is_slow(result.median_ms, expected):
        reason = f"it takes longer than its link explains ({speed_text(subject.tpu.speed_mbps)})"
        return msgspec.structs.replace(result, verdict="slow", cause="unknown", confidence="possible", reason=reason)
    return result


def _limit(subject: Subject) -> tuple[str | None, str | None]:
    """The hop that makes a link slower than it could be, and the cause that names it."""
    tpu, machine = subject.tpu, subject.machine
    shared = [link for link, users in shared_hops(tpu, subject.others).items() if users > 1]
    if tpu.transport == "usb" and tpu.speed_mbps == 480:
        limit = tpu.limited_by
        hub = machine.usb.get(limit.hop or "") if limit is not None else None
        at = f", limited at {port_text(hub, limit.port)}" if hub is not None and limit is not None else ""
        return "usb2-link", f"its link runs at 480 Mb/s{at}"
    if shared:
        return "bus-bandwidth", f"it shares {join_words([lower for lower, _ in shared])} with others that ran"
    return None, None


def with_together(result: SmokeResult, trial: Trial, subject: Subject) -> SmokeResult:
    """The result of a run alone, with what came of the run together with the others."""
    together = trial.rounds[1] if len(trial.rounds) > 1 else Round()
    latency = latency_of(together.latencies_ms.values)
    if latency is None:
        return result
    slowdown = latency.median_ms / result.median_ms if result.median_ms else None
    shared = [link for link, users in shared_hops(subject.tpu, subject.others).items() if users > 1]
    seen = Together(
        runs=together.latencies_ms.count,
        median_ms=round(latency.median_ms, 3),
        p95_ms=round(latency.p95_ms, 3),
        slowdown=round(slowdown, 2) if slowdown is not None else None,
        shared=tuple(dict.fromkeys(upper for _, upper in shared)),
    )
    return msgspec.structs.replace(result, together=seen)


def compare(results: list[SmokeResult], digests: dict[str, tuple[str, ...]]) -> list[SmokeResult]:
    """Mark those that computed something else than the majority did, from the same model and the same inputs.

    Where there is no majority, nobody knows which is right, and all of them are marked.
    """
    passed = [each for each in results if each.verdict in ("pass", "slow") and digests.get(each.id)]
    counts = Counter(digests[each.id] for each in passed)
    if len(counts) < 2:
        return results
    (common, most), *_ = counts.most_common(1)
    decided = most * 2 > len(passed)
    odd = {each.id for each in passed if not decided or digests[each.id] != common}
    return [_odd(each, decided=decided) if each.id in odd else each for each in results]


def _odd(result: SmokeResult, *, decided: bool) -> SmokeResult:
    others = "the others do" if decided else "another Edge TPU does, and nobody knows which is right"
    return msgspec.structs.replace(
        result,
        verdict="wrong-output",
        cause="hardware-defective",
        confidence="likely" if decided else "possible",
        reason=f"it computes something else from the same inputs than {others}",
    )
