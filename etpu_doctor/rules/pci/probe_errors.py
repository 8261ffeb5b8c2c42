"""ETD405 pcie-link-or-slot, from the kernel's log."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.finding import Command, Confidence, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import (
    CONTROLLER_DEATHS,
    controller_lines,
    edge_tpu_lines,
    line_facts,
    log_lines,
    may_be_missing,
    on_controller,
    pci_concerns,
)
from etpu_doctor.rules.pci.aspm import aspm_facts, is_off, link_errors, severity_of
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD405",
    name="pcie-link-or-slot",
    severity="error",
    summary="The kernel's log shows a card that does not answer, has no address space, or lost its link.",
    documentation="""\
## What it means
The driver could not set the card up, or the chip stopped answering; the firmware gave it no memory; the slot's link did
not come up; or the USB controller that Edge TPUs hang on died.

## Why it matters
Nothing can use the card, or the sticks, until that is mended.

## How to fix
Power off fully and on again first: a chip that hangs does not recover by a restart. Then the seat, the adapter and the
cable; cooling; "Above 4G decoding" or `pci=realloc` where memory is missing.

## What it cannot see
Why a chip hangs: heat, supply and a bad link look the same here. The kernel's log forgets its oldest lines.

## Source
gasket-driver `src/apex_driver.c`, `src/gasket_core.c`; google-coral/libedgetpu issue 48; Linux `drivers/pci/pci.c`,
`drivers/pci/setup-res.c`, `drivers/usb/host/xhci-ring.c`.
""",
)

_CARD = frozenset(
    {
        "apex-no-answer-at-probe",
        "apex-probe-failed",
        "apex-no-bar",
        "apex-unhealthy",
        "apex-open-failed",
        "apex-chip-hung",
        "pcie-no-address-space",
        "pcie-link-limited",
    }
)
_MEMORY = frozenset({"apex-no-bar", "pcie-no-address-space"})


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each card, controller or slot that the log names."""
    yield from _cards(machine)
    for address, lines in link_errors(machine).items():
        if is_off(machine, address):
            yield _link_errors(machine, address, lines)
    yield from _controllers(machine)
    yield from _slots(machine)


def _cards(machine: Machine) -> Iterator[Finding]:
    no_interrupts = {line.pci_address for line in log_lines(machine, ("apex-no-interrupts",))}
    groups: dict[str, list[KernelMessage]] = {}
    for line in edge_tpu_lines(machine, _CARD):
        # Without its interrupts the driver reports failures in general words as well.
        follows = line.message == "apex-probe-failed" and line.pci_address in no_interrupts
        if not follows and not _is_over(machine, line):
            groups.setdefault(line.pci_address or "machine", []).append(line)
    for address, lines in groups.items():
        yield _card(machine, address, lines)


def _is_over(machine: Machine, line: KernelMessage) -> bool:
    """Whether what the kernel says of the card at present tells otherwise, or says it already."""
    node = machine.pci.get(line.pci_address or "")
    if node is None:
        return False
    if line.message == "pcie-link-limited":
        return node.function.current_link_speed_gts is not None
    return line.message == "pcie-no-address-space" and node.function.bars is not None


def _card(machine: Machine, address: str, lines: list[KernelMessage]) -> Finding:
    names = {line.message for line in lines}
    throttled = log_lines(machine, ("apex-throttled",))
    severity: Severity = "warning" if names <= {"pcie-link-limited"} else "error"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence="likely",
        title=f"Edge TPU {address}: {_verdict(names)}",
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(*line_facts(lines), *line_facts(throttled)),
        remedy=_remedy(names, hot=bool(throttled)),
    )


def _verdict(names: set[str]) -> str:
    if names & _MEMORY:
        return "it was given no memory, so the driver cannot reach it"
    if "apex-chip-hung" in names or "apex-open-failed" in names:
        return "the chip hangs: it did not answer in time when a program opened it"
    if "apex-no-answer-at-probe" in names:
        return "the chip did not answer when the driver set it up"
    if "apex-unhealthy" in names:
        return "the driver calls it unhealthy"
    if "apex-probe-failed" in names:
        return "the driver could not set it up"
    return "its link is slower than it can"


def _remedy(names: set[str], *, hot: bool) -> Remedy:
    look = Command(command="sudo lspci -vv -d 1ac1:089a", why="link, address space and driver", needs_root=True)
    if names & _MEMORY:
        step = "Enable 'Above 4G decoding' in the firmware set-up, or start once with the kernel argument pci=realloc."
        return Remedy(summary="Let the firmware or the kernel assign memory.", steps=(step,), commands=(look,))
    if names <= {"pcie-link-limited"}:
        step = "Set the slot to Gen2 or Auto in the firmware set-up; do without riser or adapter."
        return Remedy(summary="Give the card its full link.", steps=(step,), commands=(look,))
    steps = ["Power the machine off fully (not a restart), wait ten seconds, and power it on."]
    if hot:
        steps.append("It was hot before: give the card a heat sink and moving air.")
    steps.append("Reseat the card; do without riser, adapter or flat cable if there is one.")
    if "apex-no-answer-at-probe" in names:
        steps.append("In a virtual machine: the host may trap the page that holds the MSI-X table and registers.")
    return Remedy(
        summary="Restart the chip, then see to its seat and its cooling.", steps=tuple(steps), commands=(look,)
    )


def _link_errors(machine: Machine, address: str, lines: list[KernelMessage]) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity_of(lines),
        confidence="likely",
        title=f"PCIe link errors at {address} although its power management (ASPM) is off: the connection is bad",
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(*line_facts(lines), *aspm_facts(machine, address)),
        remedy=Remedy(
            summary="See to the connection of the card.",
            steps=(
                "Power off, reseat the card, do without riser, adapter or flat cable.",
                "Set the slot to a lower PCIe generation in the firmware set-up; one lane of Gen1 is enough to test.",
            ),
        ),
    )


def _controllers(machine: Machine) -> Iterator[Finding]:
    for address, lines in controller_lines(machine, CONTROLLER_DEATHS).items():
        concerns = on_controller(machine, address)
        if concerns or may_be_missing(machine):
            yield _controller(address, lines, concerns)


def _controller(address: str, lines: list[KernelMessage], concerns: tuple[str, ...]) -> Finding:
    confidence: Confidence = "likely" if concerns else "possible"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error" if concerns else "warning",
        confidence=confidence,
        title=f"{_name(address)} died, and every device on it was lost",
        subject=address,
        concerns=concerns,
        facts=line_facts(lines),
        remedy=Remedy(
            summary="Restart the machine; if it happens again, update its firmware.",
            steps=(
                "Use sockets of another USB controller, if there is one, or a USB card.",
                "Update the firmware of the board, and of the USB controller where the maker offers one.",
            ),
        ),
    )


def _name(address: str) -> str:
    return "A USB controller" if address == "machine" else f"USB controller {address}"


def _slots(machine: Machine) -> Iterator[Finding]:
    """A slot without a link means nothing as long as the Edge TPUs that should be there are."""
    lines = log_lines(machine, ("pcie-slot-link-down",))
    if not lines or not may_be_missing(machine):
        return
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="possible",
        title="The PCIe slot has no link: nothing is in it, or the card is not connected",
        subject="machine",
        facts=line_facts(lines),
        remedy=Remedy(
            summary="If a PCIe Edge TPU should be there, see to its connection.",
            steps=(
                "Power off, reseat card and flat cable (contacts the right way round); see that the adapter has power.",
                "Raspberry Pi 5: dtparam=pciex1 must be in /boot/firmware/config.txt.",
            ),
        ),
    )
