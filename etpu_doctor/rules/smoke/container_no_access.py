"""ETD913 container-no-access, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD913",
    name="container-no-access",
    severity="error",
    summary="The container does not let the device be used.",
    documentation="""\
## What it means
Inside this container the device's files are missing, stale or refused, although the bus shows it.

## Why it matters
A USB Edge TPU gets a new device file when its firmware is loaded; a container that was given the old file alone never
sees it again.

## How to fix
Give the container /dev/bus/usb as a whole with the device rule `c 189:* rwm`, or /dev/apex_0 with `c 120:* rwm`.

## What it cannot see
The configuration of the container: it is outside.

## Source
libedgetpu's messages, and the same device under a real kernel.
""",
)

_REMEDY = Remedy(
    summary="Give the container the whole of /dev/bus/usb, or the node /dev/apex_N.",
    steps=("Run etpu-doctor setup compose (or docker, podman, lxc) on the host.",),
    commands=(Command(command="ls -l /dev/bus/usb/* /dev/apex_*", why="shows what the container has"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
