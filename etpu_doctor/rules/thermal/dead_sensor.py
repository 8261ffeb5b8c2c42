"""ETD802 pcie-link-or-slot, from the temperature."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import pci_concerns
from etpu_doctor.rules.thermal.throttled import is_alive, reading
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD802",
    name="pcie-link-or-slot",
    severity="error",
    summary="The temperature of a PCIe Edge TPU is an impossible value: the card no longer answers.",
    documentation="""\
## What it means
A card that fell off the bus reads as all ones everywhere. The driver turns that into a temperature of -89.7 °C.

## Why it matters
`/dev/apex_0` is still there and the driver still bound, but the chip is gone; programs hang or end with HIB errors.

## How to fix
Power the machine off fully, not only a restart, and see to the card's seat, adapter and cooling. If it comes back after
idle times, try `pcie_aspm=off`.

## What it cannot see
Why it went: heat, supply, a bad contact and power management of the link look the same.

## Source
gasket-driver `src/apex_driver.c` (conversion of the reading); google-coral/edgetpu issue 741.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each node whose reading cannot be a temperature."""
    for node in machine.evidence.apex:
        now = reading(node)
        if now is not None and not is_alive(now):
            yield _finding(machine, node, now)


def _finding(machine: Machine, node: ApexNode, now: int) -> Finding:
    name = node.pci_address or node.name
    where = first_seen(node.seen)
    status = node.attributes.get("status")
    facts = [Fact(name="temperature", value=now / 1000, unit="°C", where=where and f"{where}/temp")]
    if status is not None:
        facts.append(Fact(name="status", value=status, where=where and f"{where}/status"))
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence="certain",
        title=f"Edge TPU {name} no longer answers: its temperature reads {now / 1000:g} °C",
        subject=node.pci_address or "machine",
        concerns=pci_concerns(machine, node.pci_address),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Power the machine off fully, and see to the card's seat and cooling.",
            steps=(
                "Power off (not a restart), wait ten seconds, reseat the card, do without riser or adapter.",
                "See to its cooling: a chip that its board switched off at 100 °C looks the same.",
                "If it comes back after idle times, start once with the kernel argument pcie_aspm=off.",
            ),
            commands=(
                Command(
                    command="sudo lspci -vv -d 1ac1:089a", why="'Unknown header type 7f' if it is gone", needs_root=True
                ),
            ),
        ),
    )
