"""ETD915 dfu-not-initialised, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD915",
    name="dfu-not-initialised",
    severity="error",
    summary="An Edge TPU did not get its firmware.",
    documentation="""\
## What it means
It is still in its boot loader (1a6e:089a) after something tried to use it: the download failed, or the firmware did
not start.

## Why it matters
It cannot compute before it has its firmware.

## How to fix
Another cable and port; then another computer.

## What it cannot see
Whether the link or the chip is to blame.

## Source
libedgetpu `driver/usb/usb_driver.cc`; a refused download under a real kernel.
""",
)

_REMEDY = Remedy(
    summary="Unplug it for ten seconds, then try another cable and port.",
    steps=(),
    commands=(Command(command="lsusb", why="shows which identity it has now"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
