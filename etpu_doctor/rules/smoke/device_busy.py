"""ETD903 device-busy, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD903",
    name="device-busy",
    severity="error",
    summary="Another process holds an Edge TPU.",
    documentation="""\
## What it means
Another process has the device open, or took it during the test.

## Why it matters
Opening a USB Edge TPU resets its port: the process that holds it dies, even if it was idle. So a device in use is not
tested.

## How to fix
Stop the process that the finding names, then repeat the test; or be content: who uses it proves that it works.

## What it cannot see
Holders in other containers and those of other users, unless it runs as root; a USB device shows its use only after
the first two seconds.

## Source
libedgetpu `driver/usb/usb_driver.cc`; two processes and one device under a real kernel.
""",
)

_REMEDY = Remedy(
    summary="Stop what uses it and repeat the test.",
    steps=(),
    commands=(Command(command="etpu-doctor smoke", why="repeats the test"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY, skipped="info")
