"""ETD404 aspm."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import pci_origin
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import edge_tpu_lines, line_facts, pci_concerns, times
from etpu_doctor.topology.identity import is_pci_edge_tpu
from etpu_doctor.topology.machine import Machine, PciNode

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
Whether ASPM is in use on that link, where neither the kernel (from 5.5 on) nor `lspci -vv` shows it; then there are
two readings: power management, or a bad contact. ASPM alone is normal and no fault. Where it is off, rule ETD405
reports the lines as a bad contact.

## Source
Linux `drivers/pci/pcie/aer.c`, `drivers/pci/pci.c`, `Documentation/admin-guide/kernel-parameters.txt`;
google-coral/edgetpu issue 741.
""",
)

MESSAGES = frozenset({"pcie-error-received", "pcie-bus-error", "pcie-link-lost", "pcie-does-not-wake"})
_OFF = "pcie_aspm=off"
_FORCED = ("pcie_aspm=force", "pcie_aspm.policy=powersave", "pcie_aspm.policy=powersupersave")
_MANY = 10
_NOT_WOKEN = frozenset({"pcie-link-lost", "pcie-does-not-wake"})

_REMEDY = Remedy(
    summary="Start once with pcie_aspm=off: if the errors stay away, it was ASPM.",
    steps=(
        "Add pcie_aspm=off to the kernel's command line (GRUB_CMDLINE_LINUX_DEFAULT of GRUB, or cmdline.txt).",
        "Restart, and use the card as before.",
        "If the errors come back all the same: power off, reseat the card, do without riser or adapter.",
    ),
    commands=(
        Command(command="sudo lspci -vv -d 1ac1:089a", why="LnkCtl says whether ASPM is enabled", needs_root=True),
        Command(command="cat /sys/module/pcie_aspm/parameters/policy", why="the policy in force, in brackets"),
    ),
)


def command_line(machine: Machine) -> tuple[str, ...] | None:
    """The kernel's command line, split into words."""
    return machine.evidence.driver.command_line if machine.evidence.driver is not None else None


def _link_ends(machine: Machine, address: str) -> list[PciNode]:
    """The two ends of the link that an address is at: the card and the port above, whichever is named."""
    concerned = pci_concerns(machine, address)
    card = machine.pci.get(concerned[0] if len(concerned) == 1 else address)
    above = machine.pci.get(card.parent) if card is not None and card.parent is not None else None
    return [end for end in (card, above) if end is not None]


def on_link(machine: Machine, address: str) -> tuple[str, ...] | None:
    """The sleep states that are enabled on a link, none if it is known to have none, ``None`` if that is not known."""
    known = [end.function.aspm for end in _link_ends(machine, address) if end.function.aspm is not None]
    return None if not known else tuple(dict.fromkeys(state for states in known for state in states))


def is_off(machine: Machine, address: str) -> bool:
    """Whether ASPM is off on a link for certain.

    What the link says counts more than the command line: with ``pcie_aspm=off`` the kernel leaves the firmware's choice
    as it is (Linux ``kernel-parameters.txt``).
    """
    states = on_link(machine, address)
    return states == () if states is not None else _OFF in (command_line(machine) or ())


def aspm_facts(machine: Machine, address: str) -> Iterator[Fact]:
    """What is known of ASPM: on the link itself, and on the kernel's command line."""
    for end in _link_ends(machine, address):
        if end.function.aspm is not None:
            value = f"{' and '.join(end.function.aspm)} enabled" if end.function.aspm else "disabled"
            yield Fact(name=f"ASPM of {end.id}", value=value, where=pci_origin(end.function, "aspm"))
    words = command_line(machine)
    said = [word for word in words or () if word == _OFF or word in _FORCED]
    value = ", ".join(said) or ("not known" if words is None else "not switched off")
    if words is not None or on_link(machine, address) is None:
        yield Fact(name="ASPM on the command line", value=value, where=None if words is None else "/proc/cmdline")


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
    """One finding for each link with errors while ASPM is not known to be off; a remark on a card that is gone."""
    errors = link_errors(machine)
    for address, lines in errors.items():
        if not is_off(machine, address):
            yield _finding(machine, address, lines)
    for node in machine.pci.values():
        if is_pci_edge_tpu(node.function) and node.function.config_all_ones and node.id not in errors:
            yield from _gone(machine, node.id)


def _gone(machine: Machine, address: str) -> Iterator[Finding]:
    """ASPM alone is normal; on the link of a card that fell off the bus it is one of the reasons."""
    if not on_link(machine, address):
        return
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="unknown",
        confidence="possible",
        title=f"Link power management (ASPM) is on at Edge TPU {address}, which fell off the bus: maybe the reason",
        subject=address,
        concerns=(address,),
        facts=tuple(aspm_facts(machine, address)),
        remedy=_REMEDY,
    )


def _confidence(machine: Machine, address: str, lines: list[KernelMessage]) -> Confidence:
    """Forced on against the firmware, or on and the link or the card did not come back: likely."""
    if any(word in _FORCED for word in command_line(machine) or ()):
        return "likely"
    asleep = any(line.message in _NOT_WOKEN for line in lines)
    return "likely" if asleep and on_link(machine, address) else "possible"


def _what(lines: list[KernelMessage]) -> str:
    if all(line.message == "pcie-does-not-wake" for line in lines):
        return f"PCIe card did not wake up {times(len(lines))}"
    return f"PCIe link errors {times(len(lines))}"


def _finding(machine: Machine, address: str, lines: list[KernelMessage]) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity_of(lines),
        confidence=_confidence(machine, address, lines),
        title=f"{_what(lines)} at {address}: link power management (ASPM), or a bad contact",
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(*line_facts(lines), *aspm_facts(machine, address)),
        remedy=_REMEDY,
    )
