"""From findings to one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report.report import Cause, Diagnosis, RankedCause
from etpu_doctor.rules.finding import CONFIDENCE_RANK, SEVERITY_RANK, Command, Finding
from etpu_doctor.rules.smoke_outcomes import PORT_CAUSES
from etpu_doctor.topology.machine import EdgeTpu

EXPLAINS: dict[str, frozenset[str]] = {
    "not-an-edge-tpu": frozenset({"no-device-visible"}),
    "dual-tpu-single-lane": frozenset({"no-device-visible"}),
    "undervoltage": frozenset(
        {"over-current", "cable-or-port-signal", "autosuspend-or-reset", "dfu-not-initialised", "no-device-visible"}
    ),
    "hub-power-budget": frozenset(
        {"over-current", "dfu-not-initialised", "cable-or-port-signal", "autosuspend-or-reset", "no-device-visible"}
    ),
    "over-current": frozenset({"cable-or-port-signal", "autosuspend-or-reset", "no-device-visible"}),
    "cable-or-port-signal": frozenset(
        {"autosuspend-or-reset", "usb2-link", "no-device-visible", "dfu-not-initialised"}
    ),
    "full-speed-link": frozenset({"usb2-link", "bus-bandwidth"}),
    "usb2-link": frozenset({"bus-bandwidth"}),
    "pcie-link-or-slot": frozenset({"no-device-visible", "apex-module-not-loaded", "autosuspend-or-reset"}),
    "msi-x-interrupts": frozenset({"apex-module-not-loaded"}),
    "thermal": frozenset({"pcie-link-or-slot"}),
    "hardware-defective": frozenset({"no-device-visible"}),
    "secure-boot-module-signing": frozenset({"apex-module-not-loaded", "gasket-not-installed"}),
    "gasket-build-failure": frozenset({"gasket-not-installed", "apex-module-not-loaded"}),
    "gasket-not-installed": frozenset({"apex-module-not-loaded"}),
    "in-tree-driver-conflict": frozenset({"apex-module-not-loaded", "thermal"}),
    "permissions-udev": frozenset({"dfu-not-initialised"}),
    "vm-passthrough-id-change": frozenset({"no-device-visible", "autosuspend-or-reset", "dfu-not-initialised"}),
    "container-no-access": frozenset({"no-device-visible", "permissions-udev", "dfu-not-initialised"}),
    "device-busy": frozenset({"autosuspend-or-reset"}),
    "no-device-visible": frozenset({"frigate-config", "wrong-device-string"}),
    "wrong-device-string": frozenset({"frigate-config"}),
    "frigate-config": frozenset({"device-busy", "autosuspend-or-reset"}),
    "python-unsupported": frozenset({"runtime-missing", "runtime-mismatch"}),
    "architecture-cpu-unsupported": frozenset({"runtime-missing", "runtime-mismatch"}),
}
"""A cause that explains another stands above it, whatever their severities."""

_PROVEN_EXPLAINS: dict[str, frozenset[str]] = {"sub-hub-secondary-port": PORT_CAUSES}
"""What a cause explains once a smoke test has proven it: the confidence of such a finding is ``certain``."""

_LIKELY_EXPLAINS: dict[str, frozenset[str]] = {"aspm": frozenset({"pcie-link-or-slot"})}
"""What a cause explains unless it is only one of two readings: its confidence is more than ``possible``."""

FAULTS = ("error", "warning")


def diagnose(evidence: Evidence, tpus: Sequence[EdgeTpu], findings: Sequence[Finding]) -> Diagnosis:
    """The worst-ranked cause that the findings support; ``healthy`` or ``unknown`` where there is none."""
    ranked = _rank(findings)
    if ranked:
        first = ranked[0]
        title = next(finding.title for finding in findings if finding.rule == first.cause)
        return Diagnosis(
            cause=first.cause,
            confidence=first.confidence,
            summary=title,
            ranked=tuple(ranked),
            next_evidence=_next_evidence(evidence) if first.confidence == "possible" else (),
        )
    return _without_fault(evidence, tpus, findings)


def _without_fault(evidence: Evidence, tpus: Sequence[EdgeTpu], findings: Sequence[Finding]) -> Diagnosis:
    if not tpus:
        summary = "The evidence does not decide whether there is an Edge TPU"
        return Diagnosis(cause="unknown", confidence="certain", summary=summary, next_evidence=_next_evidence(evidence))
    # A card that was given to a virtual machine is no fault, and the note on it says so.
    given_away = {tpu for one in findings if one.rule == "apex-module-not-loaded" for tpu in one.concerns}
    stuck = [tpu for tpu in tpus if tpu.state == "unconfigured" and tpu.id not in given_away]
    if stuck:
        return _stuck(evidence, stuck[0])
    possible = any(tpu.state == "possible" for tpu in tpus)
    placed = all(tpu.place_certain for tpu in tpus)
    count = f"{len(tpus)} Edge TPU{'s' if len(tpus) > 1 else ''}"
    if possible:
        count = f"{len(tpus)} device{'s' if len(tpus) > 1 else ''} that may be an Edge TPU"
    place = "nothing wrong with the place on the bus" if placed else "the place on the bus is not known for certain"
    if _all_compute(evidence, tpus):
        summary = f"{count} found, {'each computes' if len(tpus) > 1 else 'it computes'} (smoke test passed)"
        return Diagnosis(cause="healthy", confidence="certain", summary=summary)
    return Diagnosis(
        cause="healthy",
        confidence="possible" if possible or not placed else "likely",
        summary=f"{count} found, {place}",
        next_evidence=_next_evidence(evidence) if possible or not placed else (),
    )


def _all_compute(evidence: Evidence, tpus: Sequence[EdgeTpu]) -> bool:
    """Whether every Edge TPU passed a smoke test."""
    verdicts = {result.id: result.verdict for result in evidence.smoke}
    return all(verdicts.get(tpu.id) == "pass" for tpu in tpus)


def _stuck(evidence: Evidence, tpu: EdgeTpu) -> Diagnosis:
    """An Edge TPU that nothing can use, and no rule that says why."""
    what = "no apex driver is bound to it" if tpu.transport == "pci" else "it has no usable configuration"
    log = Command(command="sudo dmesg", why="shows why the kernel could not set it up", needs_root=True)
    return Diagnosis(
        cause="unknown",
        confidence="certain",
        summary=f"Edge TPU {tpu.id} is on the bus, but {what}",
        next_evidence=(log, *_next_evidence(evidence)),
    )


def _rank(findings: Sequence[Finding]) -> list[RankedCause]:
    ranked = causes_of(
        (finding for finding in findings if finding.severity in FAULTS),
        lambda finding: (SEVERITY_RANK[finding.severity], CONFIDENCE_RANK[finding.confidence]),
    )
    return sorted(
        ranked.values(), key=lambda cause: (_weight(cause, ranked), _depth(cause.cause, ranked), _order(cause))
    )


def _weight(cause: RankedCause, present: dict[str, RankedCause]) -> int:
    """The worst severity of a cause and of what it explains: it must not stand below an unrelated one of that rank."""
    explained = [other for name, other in present.items() if name in _explained_by(cause)]
    return min(SEVERITY_RANK[each.severity] for each in (cause, *explained))


def causes_of(findings: Iterable[Finding], weight: Callable[[Finding], tuple[int, int]]) -> dict[str, RankedCause]:
    """The causes that findings speak for, each as severe and as sure as its finding of the least weight."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return {rule: _ranked(rule, group, min(group, key=weight)) for rule, group in groups.items()}


def _ranked(rule: str, group: Sequence[Finding], best: Finding) -> RankedCause:
    cause: Cause = rule  # type: ignore[assignment] # a test holds rule names to the closed list
    return RankedCause(
        cause=cause,
        severity=best.severity,
        confidence=best.confidence,
        codes=tuple(sorted({finding.code for finding in group})),
        subjects=tuple(dict.fromkeys(finding.subject for finding in group)),
    )


def _order(cause: RankedCause) -> tuple[int, int, str, str]:
    return (SEVERITY_RANK[cause.severity], CONFIDENCE_RANK[cause.confidence], cause.codes[0], cause.cause)


def _depth(cause: str, present: dict[str, RankedCause]) -> int:
    """How many causes of the list explain this one."""
    return sum(cause in _explained_by(other) for other in present.values())


def _explained_by(cause: RankedCause) -> frozenset[str]:
    proven = _PROVEN_EXPLAINS.get(cause.cause, frozenset()) if cause.confidence == "certain" else frozenset()
    likely = _LIKELY_EXPLAINS.get(cause.cause, frozenset()) if cause.confidence != "possible" else frozenset()
    return proven | likely | EXPLAINS.get(cause.cause, frozenset())


def _next_evidence(evidence: Evidence) -> tuple[Command, ...]:
    known = [missing for missing in evidence.missing if missing.how]
    return tuple(Command(command=missing.how or "", why=f"shows {missing.what}") for missing in known[:2])
