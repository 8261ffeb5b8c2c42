"""ETD403 msi-x-interrupts."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import first_seen, pci_origin
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import line_facts, log_lines, pci_concerns
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD403",
    name="msi-x-interrupts",
    severity="error",
    summary="The driver did not get its 13 MSI-X interrupts.",
    documentation="""\
## What it means
The driver asks for exactly 13 MSI-X vectors and has nothing to fall back to. Without them it still creates
`/dev/apex_0`, but the chip's answers never arrive.

## Why it matters
The device opens, and the first inference waits for ever or times out.

## How to fix
Remove `pci=nomsi` from the kernel's command line if it is there. Raspberry Pi 5: `dtoverlay=pciex1-compat-pi5,no-mip`.
Virtual machine: pass the whole device with MSI-X. Else another slot or another host: some small boards, and some
slots behind a bridge, have too few vectors.

## What it cannot see
How many vectors the platform has left. The log goes back to the start of the machine at most.

## Source
gasket-driver `src/gasket_interrupt.c`, `src/gasket_core.c`; Coral M.2 requirements (MSI-X as in PCI 3.0);
raspberrypi/linux pull request 6126.
""",
)

_NAMES = frozenset({"apex-no-interrupts"})
_GENERIC = frozenset({"framework_version", "reset_count"})
"""Attributes of the same list as ``interrupt_counts``: where they are shown, that one would be."""


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each card, from the log, its configuration space and the driver's files together."""
    lines: dict[str, list[KernelMessage]] = {}
    for line in log_lines(machine, _NAMES):
        lines.setdefault(line.pci_address or "machine", []).append(line)
    nodes = {node.pci_address: node for node in machine.evidence.apex if node.pci_address}
    chips = [tpu.id for tpu in machine.edge_tpus if tpu.transport == "pci"]
    for address in dict.fromkeys([*chips, *lines]):
        facts = [*_now(machine, address, nodes.get(address))]
        contradicted = _works_now(machine, address, nodes.get(address))
        if facts or (address in lines and not contradicted):
            confidence: Confidence = "certain" if facts and address in lines else "likely"
            yield _finding(machine, address, (*line_facts(lines.get(address, ())), *facts), confidence)


def _now(machine: Machine, address: str, node: ApexNode | None) -> Iterator[Fact]:
    """What shows at this moment that the interrupts are not set up."""
    function = machine.pci[address].function if address in machine.pci else None
    if function is not None and function.driver == "apex" and function.msix_enabled is False:
        yield Fact(name="MSI-X", value="disabled", where=pci_origin(function, "msix_enabled"))
    if node is not None and node.attributes.keys() >= _GENERIC and "interrupt_counts" not in node.attributes:
        yield Fact(name="interrupt_counts", value="missing", where=first_seen(node.seen))


def _works_now(machine: Machine, address: str, node: ApexNode | None) -> bool:
    """Whether the driver has its interrupts now: a line in the log is then of an earlier attempt."""
    function = machine.pci[address].function if address in machine.pci else None
    enabled = function is not None and function.driver == "apex" and bool(function.msix_enabled)
    return enabled or (node is not None and "interrupt_counts" in node.attributes)


def _finding(machine: Machine, address: str, facts: tuple[Fact, ...], confidence: Confidence) -> Finding:
    command_line = (machine.evidence.driver.command_line if machine.evidence.driver else None) or ()
    nomsi = [word for word in command_line if word.startswith("pci=") and "nomsi" in word]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence="certain" if nomsi else confidence,
        title=f"Edge TPU {address}: the driver did not get its MSI-X interrupts",
        subject=address,
        concerns=pci_concerns(machine, address),
        facts=(*facts, *(Fact(name="kernel command line", value=word, where="/proc/cmdline") for word in nomsi)),
        remedy=_remedy(nomsi=bool(nomsi)),
    )


def _remedy(*, nomsi: bool) -> Remedy:
    if nomsi:
        steps = ["Remove pci=nomsi from the kernel's command line and start the machine anew."]
    else:
        steps = [
            "Raspberry Pi 5: add dtoverlay=pciex1-compat-pi5,no-mip to /boot/firmware/config.txt and restart.",
            "Virtual machine: give it the whole PCI device, with MSI-X.",
            "On ESXi, which traps the page of the card's table and registers, use another host or hypervisor.",
            "Else try another slot, best one that no bridge stands before, or another board.",
        ]
    return Remedy(
        summary="Give the card 13 MSI-X vectors.",
        steps=tuple(steps),
        commands=(
            Command(command="sudo lspci -vv -d 1ac1:089a", why="MSI-X: Enable+ when it works", needs_root=True),
            Command(command="cat /proc/interrupts", why="lists the vectors that the driver got"),
        ),
    )
