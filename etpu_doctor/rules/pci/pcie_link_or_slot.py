"""ETD401 pcie-link-or-slot."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import pci_origin
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.identity import is_pci_edge_tpu
from etpu_doctor.topology.link import pcie_capable_mbps, pcie_line_rate_mbps
from etpu_doctor.topology.machine import Machine, PciNode

INFO = RuleInfo(
    code="ETD401",
    name="pcie-link-or-slot",
    severity="warning",
    summary="A PCIe Edge TPU's link is slower than both ends can, has no address space, or fell off the bus.",
    documentation="""\
## What it means
One of three: the link runs slower or narrower than card and slot both can; the firmware assigned no memory to one of
the card's base address registers; or the configuration space reads all ones, i.e. the card no longer answers.

## Why it matters
A slow link halves the rate at which input arrives. Without memory space the driver cannot start. A card that
fell off the bus is gone until it is powered off and on.

## How to fix
Slow: set the slot to Gen2 or Auto in the firmware set-up, reseat the card, do without riser or adapter. No memory:
enable "Above 4G decoding", or boot with `pci=realloc`. Fell off: power off fully, reseat, cool; if it returns after
a while of idleness, try `pcie_aspm=off`.

## What it cannot see
A slot's wiring. Without `lspci -vv` as root or sysfs, link speeds and address space are not shown.

## Source
gasket-driver; Coral data sheets (PCIe Gen2 x1); pciutils; google-coral/edgetpu issues 741, 742.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """Findings for each PCIe Edge TPU; a card that does not answer is not judged further."""
    for node in machine.pci.values():
        if not is_pci_edge_tpu(node.function):
            continue
        if node.function.config_all_ones:
            yield _off_the_bus(node)
            continue
        yield from _unassigned(node)
        yield from _slow_link(machine, node)


def _off_the_bus(node: PciNode) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        title=f"Edge TPU {node.id} fell off the bus: its configuration space reads all ones",
        subject=node.id,
        concerns=(node.id,),
        facts=(Fact(name="configuration space", value="all ones", where=pci_origin(node.function, "config_all_ones")),),
        remedy=Remedy(
            summary="Power the machine off fully (not a reboot), reseat the card, and see to its cooling.",
            steps=(
                "Do without riser, adapter or extension cable if there is one.",
                "If it comes back after idle times, boot once with the kernel argument pcie_aspm=off.",
            ),
        ),
    )


def _unassigned(node: PciNode) -> Iterator[Finding]:
    missing = [bar for bar in node.function.bars or () if bar.assigned is False]
    if not missing:
        return
    names = ", ".join(str(bar.index) for bar in missing)
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        title=f"Edge TPU {node.id} was given no memory: BAR {names} has no address",
        subject=node.id,
        concerns=(node.id,),
        facts=tuple(
            Fact(name=f"BAR {bar.index}", value="unassigned", where=pci_origin(node.function, "bars"))
            for bar in missing
        ),
        remedy=Remedy(
            summary="Let the firmware or the kernel assign it.",
            steps=(
                "Enable 'Above 4G decoding' in the firmware set-up, or boot once with the kernel argument pci=realloc.",
            ),
            commands=(
                Command(command="sudo dmesg | grep -i 'BAR'", why="says why no space was found", needs_root=True),
            ),
        ),
    )


def _slow_link(machine: Machine, node: PciNode) -> Iterator[Finding]:
    function = node.function
    bridge = machine.pci[node.parent].function if node.parent in machine.pci else None
    speed, width = function.current_link_speed_gts, function.current_link_width
    capable = pcie_capable_mbps(function, bridge)
    if not speed or not width or capable is None or pcie_line_rate_mbps(speed, width) >= capable:
        return
    limits = [Fact(name="the card can", value=_link(function.max_link_speed_gts, function.max_link_width))]
    if bridge is not None:
        limits.append(
            Fact(name=f"the slot ({bridge.address}) can", value=_link(bridge.max_link_speed_gts, bridge.max_link_width))
        )
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="certain" if bridge is not None else "likely",
        title=f"Edge TPU {node.id} runs at PCIe {_link(speed, width)}, less than it can",
        subject=node.id,
        concerns=(node.id,),
        facts=(
            Fact(name="link", value=_link(speed, width), where=pci_origin(function, "current_link_speed_gts")),
            *limits,
        ),
        remedy=Remedy(
            summary="Set the slot to Gen2 or Auto in the firmware set-up, then reseat the card.",
            steps=("Do without riser or adapter; an M.2 adapter may be wired for Gen1 only.",),
        ),
    )


def _link(speed_gts: float | None, width: int | None) -> str:
    return f"{'?' if speed_gts is None else f'{speed_gts:g}'} GT/s x{'?' if width is None else width}"
