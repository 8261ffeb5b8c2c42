"""ETD404 aspm."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import edge_tpu_lines, line_facts, pci_concerns, times
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD404",
    name="aspm",
    severity="warning",
    summary="The PCIe link of an Edge TPU makes errors or drops, and power management of the link is not off.",
    documentation="""\
## What it means
The kernel reported errors of the link (AER), a link that went down, or a card that did not wake up. Active State Power
Management (ASPM) lets the link sleep between transfers; some slots and adapters do not wake it properly.

## Why it matters
A link that does not come back reads all ones: the card is gone until the machine is powered off.

## How to fix
Start once with `pcie_aspm=off`. If the lines stay away, keep it, or switch ASPM off for that slot in the firmware
set-up. If they come back, it is the connection: reseat the card, do without riser, adapter or flat cable.

## What it cannot see
Whether ASPM is in use on that link (`lspci -vv` as root shows it), so there are two readings: power management, or a
bad contact. Where the command line already says `pcie_aspm=off`, rule ETD405 reports the lines as the latter.

## Source
Linux `drivers/pci/pcie/aer.c`, `drivers/pci/pci.c`, `Documentation/admin-guide/kernel-parameters.txt`;
google-coral/edgetpu issue 741.
""",
)

MESSAGES = frozenset({"pcie-error-received", "pcie-bus-error", "pcie-link-lost", "pcie-does-not-wake"})
_OFF = "pcie_aspm=off"
_FORCED = ("pcie_aspm=force", "pcie_aspm.policy=powersave", "pcie_aspm.policy=powersupersave")
_MANY = 10


def command_line(machine: Machine) -> tuple[str, ...] | None:
    """The kernel's command line, split into words."""
    return machine.evidence.driver.command_line if machine.evidence.driver is not None else None


def is_off(machine: Machine) -> bool:
    """Whether ASPM was switched off for certain."""
    return _OFF in (command_line(machine) or ())


def link_errors(machine: Machine) -> dict[str, list[KernelMessage]]:
    """Errors of the links to Edge TPUs, by Edge TPU, else by the address that the kernel names."""
    groups: dict[str, list[KernelMessage]] = {}
    for line in edge_tpu_lines(machine, MESSAGES):
        groups.setdefault(line.pci_address or "machine", []).append(line)
    joined: dict[str, list[KernelMessage]] = {}
    for address, lines in groups.items():
        concerned = pci_concerns(machine, address)
        joined.setdefault(concerned[0] if len(concerned) == 1 else address, []).extend(lines)
    return joined


def severity_of(lines: list[KernelMessage]) -> Severity:
    """An error where the card is gone, a warning where data was lost or errors are many, else a note."""
    if any(line.message == "pcie-does-not-wake" or "(Fatal)" in line.values.get("severity", "") for line in lines):
        return "error"
    corrected = all(line.values.get("severity", "").startswith("Correct") for line in lines)
    return "info" if corrected and len(lines) < _MANY else "warning"


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each link with errors while ASPM is not known to be off."""
    if is_off(machine):
        return
    for address, lines in link_errors(machine).items():
        yield _finding(machine, address, lines)


def _finding(machine: Machine, address: str, lines: list[KernelMessage]) -> Finding:
    words = command_line(machine)
    forced = [word for word in words or () if word in _FORCED]
    confidence: Confidence = "likely" if forced else "possible"
    where = None if words is None else "/proc/cmdline"
    said = ", ".join(forced) or ("not known" if words is None else "not switched off")
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity_of(lines),
        confidence=confidence,
        title=f"PCIe link errors {times(len(lines))} at {address}: link power management (ASPM), or a bad contact",
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(*line_facts(lines), Fact(name="ASPM on the command line", value=said, where=where)),
        remedy=Remedy(
            summary="Start once with pcie_aspm=off: if the errors stay away, it was ASPM.",
            steps=(
                "Add pcie_aspm=off to the kernel's command line (GRUB_CMDLINE_LINUX_DEFAULT of GRUB, or cmdline.txt).",
                "Restart, and use the card as before.",
                "If the errors come back all the same: power off, reseat the card, do without riser or adapter.",
            ),
            commands=(
                Command(
                    command="sudo lspci -vv -d 1ac1:089a", why="LnkCtl says whether ASPM is enabled", needs_root=True
                ),
                Command(command="cat /sys/module/pcie_aspm/parameters/policy", why="the policy in force, in brackets"),
            ),
        ),
    )
