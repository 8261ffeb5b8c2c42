"""Findings from smoke tests: each rule of the family ``smoke`` speaks for the results of one cause."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.smoke import Difference, SmokeResult
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.topology.machine import Machine

WHERE = "smoke test"

PORT_CAUSES = frozenset(
    {
        "unknown",
        "autosuspend-or-reset",
        "cable-or-port-signal",
        "dfu-not-initialised",
        "hardware-defective",
        "no-device-visible",
    }
)
"""Causes of a failure for which the port can be to blame; two versions that do not fit fail on every port."""

OWN_CAUSES = PORT_CAUSES | {
    "architecture-cpu-unsupported",
    "bus-bandwidth",
    "container-no-access",
    "device-busy",
    "hub-power-budget",
    "model-not-compiled",
    "pcie-link-or-slot",
    "permissions-udev",
    "runtime-mismatch",
    "runtime-missing",
    "thermal",
    "usb2-link",
    "vm-passthrough-id-change",
    "wrong-device-string",
}
"""Causes with a rule of the family each; the rule ``unknown`` speaks for all others too."""

_SEVERITIES: dict[str, Severity] = {"failed": "error", "wrong-output": "error", "slow": "warning", "skipped": "unknown"}
_SAID_LIMIT = 3
_TEXT_LIMIT = 160
_TITLES = {
    "failed": "fails its smoke test",
    "wrong-output": "computes wrong results",
    "slow": "is slower than it can be",
    "skipped": "was not tested",
}


def outcomes(machine: Machine, info: RuleInfo, remedy: Remedy, skipped: Severity | None = None) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended with the rule's cause.

    ``skipped`` is the severity of a test that was not made; nobody knows then whether there is a fault.
    """
    for result in machine.evidence.smoke:
        cause = result.cause if result.cause in OWN_CAUSES else "unknown"
        if cause == info.name and result.verdict in _SEVERITIES:
            severity = skipped if skipped is not None and result.verdict == "skipped" else _SEVERITIES[result.verdict]
            yield _finding(result, info, _advised(remedy, result.advice), severity)


def passed(machine: Machine, tpu: str) -> bool:
    """Whether an Edge TPU computed right in every smoke test that it had; false where it had none."""
    verdicts = [result.verdict for result in machine.evidence.smoke if result.id == tpu]
    return bool(verdicts) and all(verdict in ("pass", "slow") for verdict in verdicts)


def failed(machine: Machine, tpu: str, causes: frozenset[str] | None = None) -> bool:
    """Whether an Edge TPU failed a smoke test or computed something wrong; only by one of ``causes``, if given."""
    return any(
        result.id == tpu and result.verdict in ("failed", "wrong-output") and (causes is None or result.cause in causes)
        for result in machine.evidence.smoke
    )


def _advised(remedy: Remedy, advice: str | None) -> Remedy:
    return remedy if advice is None else Remedy(summary=advice, steps=remedy.steps, commands=remedy.commands)


def _finding(result: SmokeResult, info: RuleInfo, remedy: Remedy, severity: Severity) -> Finding:
    reason = f": {result.reason}" if result.reason else ""
    return Finding(
        code=info.code,
        rule=info.name,
        severity=severity,
        confidence=result.confidence,
        title=f"Edge TPU {result.id} {_TITLES[result.verdict]}{reason}",
        subject=result.id,
        concerns=(result.id,),
        facts=tuple(_facts(result)),
        remedy=remedy,
    )


def _facts(result: SmokeResult) -> Iterator[Fact]:
    for line in result.said[-_SAID_LIMIT:]:
        yield Fact(name="said", value=line if len(line) <= _TEXT_LIMIT else f"{line[: _TEXT_LIMIT - 1]}…", where=WHERE)
    if result.ended_by is not None:
        yield Fact(name="ended by", value=result.ended_by, where=WHERE)
    if result.difference is not None:
        yield from _difference(result.difference)
    for name, value, unit in (
        ("in phase", result.phase if result.verdict == "failed" else None, None),
        ("right before that", result.runs if result.verdict == "failed" and result.runs else None, "runs"),
        ("median", result.median_ms, "ms"),
        ("the link allows", result.expected_ms, "ms"),
    ):
        if value is not None:
            yield Fact(name=name, value=value, unit=unit, where=WHERE)
    for holder in result.holders:
        yield Fact(name="held by", value=holder, where=WHERE)


def _difference(difference: Difference) -> Iterator[Fact]:
    place = f"output {difference.output}, byte {difference.index}, run {difference.run}"
    yield Fact(name="first difference", value=place, where=WHERE)
    if difference.expected is not None and difference.got is not None:
        yield Fact(name="expected and got", value=f"{difference.expected:#04x}, {difference.got:#04x}", where=WHERE)
    yield Fact(name="differing", value=difference.runs, unit="runs", where=WHERE)
    if difference.repeatable is not None:
        yield Fact(name="the same each time", value=difference.repeatable, where=WHERE)
