"""ETD904 autosuspend-or-reset, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD904",
    name="autosuspend-or-reset",
    severity="error",
    summary="An Edge TPU left the bus, or was reset, while it was in use.",
    documentation="""\
## What it means
The transfer ended because the device was gone: it was unplugged, it lost its power or its link, or another process
reset its port.

## Why it matters
The runtime ends the whole process (SIGABRT) when that happens; an application restarts again and again.

## How to fix
Another cable, another port, a hub with its own supply. If another program uses Edge TPUs on this machine, give each
its own device string.

## What it cannot see
Which of them it was; the kernel's log tells more.

## Source
libedgetpu `driver/usb/usb_driver.cc`: LOG(FATAL) on a failed transfer; transfer status 5 is
LIBUSB_TRANSFER_NO_DEVICE.
""",
)

_REMEDY = Remedy(
    summary="Try another cable, another port, or a hub with its own supply.",
    steps=("Make sure that no other program opens this Edge TPU meanwhile: opening resets it.",),
    commands=(Command(command="sudo dmesg --ctime | tail -n 40", why="shows how it left", needs_root=True),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
