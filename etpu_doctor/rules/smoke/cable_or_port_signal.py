"""ETD905 cable-or-port-signal, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD905",
    name="cable-or-port-signal",
    severity="error",
    summary="Transfers with an Edge TPU failed in a smoke test.",
    documentation="""\
## What it means
The device is there, and a transfer to it failed or got no answer: the link is bad, the supply dips, or the device
hangs.

## Why it matters
The runtime ends the whole process when a transfer fails.

## How to fix
Another cable and another port, straight on the computer; then a hub with its own supply; then another computer.

## What it cannot see
Whether the cable, the supply or the device is to blame.

## Source
libedgetpu `driver/usb/usb_driver.cc`; libusb error and transfer numbers.
""",
)

_REMEDY = Remedy(
    summary="Try another cable and another port, straight on the computer.",
    steps=("If it fails there too, try it on another computer: then it is the device.",),
    commands=(Command(command="sudo dmesg --ctime | tail -n 40", why="shows what the kernel saw", needs_root=True),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
