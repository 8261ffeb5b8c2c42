"""From the findings of a thread to one cause, or to the question that would decide."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from etpu_doctor.facts.thread import Sign
from etpu_doctor.report import diagnosis as listings
from etpu_doctor.report.diagnosis import FAULTS, causes_of
from etpu_doctor.report.report import Diagnosis, RankedCause
from etpu_doctor.rules.finding import CONFIDENCE_RANK, Command, Finding
from etpu_doctor.topology.machine import Machine

EXPLAINS: dict[str, frozenset[str]] = {
    **listings.EXPLAINS,
    "not-an-edge-tpu": frozenset(
        {"no-device-visible", "frigate-config", "container-no-access", "autosuspend-or-reset"}
    ),
    "vm-passthrough-id-change": listings.EXPLAINS["vm-passthrough-id-change"] | {"usb2-link"},
    "full-speed-link": frozenset(
        {"usb2-link", "bus-bandwidth", "hub-power-budget", "cable-or-port-signal", "autosuspend-or-reset"}
    ),
    "gasket-build-failure": frozenset(
        {"gasket-not-installed", "apex-module-not-loaded", "container-no-access", "msi-x-interrupts"}
    ),
    "gasket-not-installed": frozenset({"apex-module-not-loaded", "container-no-access", "msi-x-interrupts"}),
    "apex-module-not-loaded": frozenset({"container-no-access"}),
    "secure-boot-module-signing": frozenset(
        {"apex-module-not-loaded", "gasket-not-installed", "container-no-access", "msi-x-interrupts"}
    ),
    "thermal": frozenset({"pcie-link-or-slot", "hub-power-budget", "autosuspend-or-reset"}),
    "msi-x-interrupts": frozenset({"pcie-link-or-slot", "apex-module-not-loaded"}),
    "wrong-device-string": frozenset({"frigate-config", "autosuspend-or-reset"}),
    "dual-tpu-single-lane": listings.EXPLAINS["dual-tpu-single-lane"] | {"wrong-device-string"},
    "aspm": frozenset({"pcie-link-or-slot"}),
    "pcie-link-or-slot": listings.EXPLAINS["pcie-link-or-slot"] | {"dual-tpu-single-lane"},
    "hardware-defective": frozenset({"no-device-visible", "cable-or-port-signal", "autosuspend-or-reset"}),
    "model-not-compiled": frozenset({"frigate-config"}),
    "architecture-cpu-unsupported": frozenset({"runtime-missing", "runtime-mismatch", "python-unsupported"}),
}
"""What explains what, in a thread; the causes that listings show are in ``report.diagnosis``."""
_BESIDE_THE_POINT: dict[str, frozenset[str]] = {"not-an-edge-tpu": frozenset({"no-device-visible"})}
"""What a cause makes a remark of, however sure it is."""

_GENERIC = frozenset({"no-device-visible", "dfu-not-initialised", "autosuspend-or-reset"})
_SLOW_ONLY = frozenset({"usb2-link", "bus-bandwidth"})
"""What stops nothing: of a thread about something that fails, another cause that is as sure is the one."""


def diagnose_thread(
    machine: Machine, findings: Sequence[Finding], signs: dict[str, list[Sign]]
) -> tuple[Diagnosis, list[Finding]]:
    """The diagnosis, and the findings with those made quiet that another one explains or that are only guesses."""
    loud = [finding for finding in findings if finding.severity in FAULTS]
    if not loud:
        return _without_fault(machine, signs), list(findings)
    ranked = _rank(loud, signs)
    first = ranked[0]
    quiet = _without_repeats([_quietened(finding, first) for finding in findings])
    title = next(finding.title for finding in loud if finding.rule == first.cause)
    best = next(finding for finding in loud if finding.rule == first.cause)
    diagnosis = Diagnosis(
        cause=first.cause,
        confidence=first.confidence,
        summary=title,
        ranked=tuple(ranked),
        next_evidence=_next(machine, signs, best) if first.confidence == "possible" else (),
    )
    return diagnosis, quiet


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """A guess that was made quiet goes where another finding speaks of the same cause."""
    kept: list[Finding] = []
    for finding in findings:
        guess = finding.severity == "info" and finding.confidence == "possible"
        if not guess or not any(other is not finding and other.rule == finding.rule for other in findings):
            kept.append(finding)
    return kept


def _quietened(finding: Finding, first: RankedCause) -> Finding:
    """A guess beside a better cause is worth a remark, not an alarm."""
    if finding.severity not in FAULTS or finding.rule == first.cause:
        return finding
    explained = finding.rule in EXPLAINS.get(first.cause, ()) and finding.confidence != "certain"
    beside = finding.rule in _BESIDE_THE_POINT.get(first.cause, ())
    if finding.confidence == "possible" or explained or beside:
        return replace(finding, severity="info")
    return finding


def _rank(loud: Sequence[Finding], signs: dict[str, list[Sign]]) -> list[RankedCause]:
    ranked = causes_of(loud, lambda finding: (CONFIDENCE_RANK[finding.confidence], finding.severity != "error"))
    fails = "attempt-failed" in signs and "slow-inference" not in signs
    later = _GENERIC | _SLOW_ONLY if fails else _GENERIC
    return sorted(ranked.values(), key=lambda cause: (*_weight(cause, ranked, later), cause.codes[0]))


def _weight(cause: RankedCause, present: dict[str, RankedCause], later: frozenset[str]) -> tuple[int, int, int, int]:
    """Sureness first, but a cause never stands below what it explains unless it is only a guess.

    Those of ``later`` come after others of the same weight.
    """
    own = CONFIDENCE_RANK[cause.confidence]
    explained = [
        CONFIDENCE_RANK[other.confidence] for name, other in present.items() if name in EXPLAINS.get(cause.cause, ())
    ]
    depth = sum(
        cause.cause in EXPLAINS.get(other.cause, ())
        and CONFIDENCE_RANK[other.confidence] <= max(own, CONFIDENCE_RANK["likely"])
        for other in present.values()
    )
    best = min([own, *explained]) if own < CONFIDENCE_RANK["possible"] or not explained else own
    return (best, depth, int(cause.cause in later), 0 if cause.severity == "error" else 1)


def _without_fault(machine: Machine, signs: dict[str, list[Sign]]) -> Diagnosis:
    failing = next(
        (signs[name] for name in ("attempt-failed", "crashed", "frigate-detection-stuck") if name in signs), None
    )
    thread = machine.evidence.thread
    named = not {"coral-mentioned", "firmware-changed"}.isdisjoint(signs) or bool(thread and thread.identities)
    troubled = "slow-inference" in signs or ("said-to-fail" in signs and "quiet-since" not in signs)
    good = {"fast", "said-to-work"} <= signs.keys() and not troubled
    works = named and (good or "well" in signs)
    if good:
        # A failure that is told of beside times that are good is over.
        failing = None
    slow = "slow-inference" in signs and "fast" not in signs
    shown = works or bool(machine.edge_tpus) or "tpu" in signs or "apex-node" in signs or "frigate-tpu-found" in signs
    if shown and failing is None and not slow:
        count = len(machine.edge_tpus) or len(signs.get("apex-node", ())) or 1
        plural = "s" if count > 1 else ""
        return Diagnosis(
            cause="healthy",
            confidence="likely" if "well" in signs else "possible",
            summary=f"{count} Edge TPU{plural} shown, and nothing wrong with {'them' if count > 1 else 'it'}",
        )
    if failing is not None:
        summary = "An Edge TPU could not be used, and the thread does not show why"
    else:
        summary = "The thread does not show whether there is an Edge TPU, nor what is wrong"
    return Diagnosis(cause="unknown", confidence="certain", summary=summary, next_evidence=_questions(machine, signs))


def _next(machine: Machine, signs: dict[str, list[Sign]], finding: Finding) -> tuple[Command, ...]:
    own = finding.remedy.commands[:1] if finding.remedy is not None else ()
    return (*own, *_questions(machine, signs))[:2]


def _questions(machine: Machine, signs: dict[str, list[Sign]]) -> tuple[Command, ...]:
    """The one or two commands that would tell most."""
    found = []
    if not machine.edge_tpus and not machine.covers("usb"):
        found.append(
            Command(command="lsusb; lsusb -t", why="shows whether a USB Edge TPU is there, where, and how fast")
        )
    if not machine.edge_tpus and not machine.covers("pci"):
        found.append(Command(command="lspci -nnk", why="shows whether a PCIe Edge TPU is there, and its driver"))
    if not machine.covers("kernel-log"):
        found.append(Command(command="sudo dmesg", why="shows what the kernel says of it", needs_root=True))
    if "attempt-failed" in signs:
        found.append(Command(command="etpu-doctor check", why="tries what can be tried without opening the device"))
    return tuple(found[:2])
