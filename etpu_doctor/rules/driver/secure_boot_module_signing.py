"""ETD505 secure-boot-module-signing."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.driver import Driver
from etpu_doctor.rules.driver_state import cards_text, idle_cards, ids, is_installed, module, own_cards, said, subject
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD505",
    name="secure-boot-module-signing",
    severity="error",
    summary="The kernel takes only modules signed with a key that it knows, and the driver's is none of them.",
    documentation="""\
## What it means
With Secure Boot, distributions lock the kernel down: it loads only modules whose signature it can check. DKMS signs
what it builds with a key of this machine (MOK), which the firmware does not know before it was enrolled.

## Why it matters
`modprobe apex` fails ("Key was rejected by service", "Operation not permitted"), and there is no `/dev/apex_0`.

## How to fix
Enrol the key once (`mokutil --import`, confirm at the next start), or switch Secure Boot off in the firmware set-up.

## What it cannot see
Whether the key is enrolled. Without a line in the kernel's log, a module that is not loaded on a locked kernel is only
a suspicion: it may simply not have been loaded yet. `sudo modprobe apex` decides.

## Source
Linux `kernel/module/signing.c`, `security/lockdown`; kernel_lockdown(7); dkms(8), "Module signing"; mokutil(1).
""",
)

_LOCKED = ("integrity", "confidentiality")


def check(machine: Machine) -> Iterator[Finding]:
    """An error where the log shows the refusal, a suspicion where the kernel is locked and the driver not loaded."""
    lines = said(machine, INFO.name)
    driver = machine.evidence.driver
    state = enforcement(driver) if driver is not None else ()
    if lines:
        yield _finding(own_cards(machine), (*lines, *state), refused=True, sure=bool(own_cards(machine)))
        return
    cards, apex = idle_cards(machine), module(machine)
    if not cards or driver is None or apex is None or apex.loaded is not False or not is_installed(apex):
        return
    # The kernel's own modules are signed with its key; what modprobe.d forbids was never tried.
    if state and apex.origin != "in-tree" and not driver.blacklisted_in:
        yield _finding(cards, state, refused=False, sure=False)


def enforcement(driver: Driver) -> tuple[Fact, ...]:
    """What shows that the kernel takes signed modules only; empty if it does not, or if nothing is known.

    Secure Boot alone does not lock a kernel: distributions add that. Where the lockdown state is known, it decides.
    """
    facts = []
    if driver.lockdown in _LOCKED:
        facts.append(Fact(name="kernel lockdown", value=driver.lockdown, where="/sys/kernel/security/lockdown"))
    if driver.signatures_enforced:
        where = "/sys/module/module/parameters/sig_enforce"
        facts.append(Fact(name="signed modules only", value=True, where=where))
    if driver.secure_boot and (facts or driver.lockdown is None):
        facts.append(Fact(name="Secure Boot", value="on", where="/sys/firmware/efi/efivars/SecureBoot-…"))
    return tuple(facts)


def _finding(cards: list[EdgeTpu], facts: tuple[Fact, ...], *, refused: bool, sure: bool) -> Finding:
    severity: Severity = "error" if refused else "warning"
    confidence: Confidence = "certain" if sure else "likely" if refused else "possible"
    title = f"The kernel refused the driver of {cards_text(cards)}: its signature is not of a key that it knows"
    if not refused:
        title = f"The driver of {cards_text(cards)} is not loaded, and the kernel takes signed modules only"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=title,
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=_remedy(refused=refused),
    )


def _remedy(*, refused: bool) -> Remedy:
    first = () if refused else ("Try first: sudo modprobe apex. If it says 'Key was rejected by service', go on.",)
    return Remedy(
        summary="Enrol the key that DKMS signs with, or switch Secure Boot off.",
        steps=(
            *first,
            "Enrol it, with a password for once: sudo mokutil --import /var/lib/dkms/mok.pub",
            "On Ubuntu the key is /var/lib/shim-signed/mok/MOK.der instead.",
            "Restart. The blue screen of MOK Manager comes once: Enroll MOK, Continue, the password, Reboot.",
            "If the module was built without signing (an old DKMS): sudo dkms install --force gasket/1.0.",
            "Or switch Secure Boot off in the firmware set-up.",
        ),
        commands=(
            Command(command="mokutil --sb-state", why="whether Secure Boot is on"),
            Command(command="mokutil --list-enrolled", why="the keys that are enrolled"),
            Command(command="modinfo -F signer apex", why="whose key the module is signed with"),
            Command(command="sudo modprobe apex", why="loads it, or says why not", needs_root=True),
        ),
    )
