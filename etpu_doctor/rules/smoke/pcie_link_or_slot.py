"""ETD916 pcie-link-or-slot, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD916",
    name="pcie-link-or-slot",
    severity="error",
    summary="A PCIe Edge TPU does not answer.",
    documentation="""\
## What it means
Reads from the card give all ones, or its driver could not bring it up.

## Why it matters
It fell off the bus: power, seating, power management of the link, or heat.

## How to fix
Switch the machine off and on, reseat the module, try pcie_aspm=off, and cool it.

## What it cannot see
Which of them it is.

## Source
libedgetpu: hib_error_status ffffffffffffffff; gasket-driver.
""",
)

_REMEDY = Remedy(
    summary="Power the machine off and on; then reseat the module.",
    steps=("If it comes back later, try the kernel option pcie_aspm=off, and cool the module.",),
    commands=(
        Command(
            command="sudo dmesg --ctime | grep -iE 'apex|pcieport|AER'",
            why="shows what the kernel saw",
            needs_root=True,
        ),
    ),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
