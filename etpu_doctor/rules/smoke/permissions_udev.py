"""ETD906 permissions-udev, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD906",
    name="permissions-udev",
    severity="error",
    summary="This user may not open the device.",
    documentation="""\
## What it means
The device's file may be read and written by root or by a group only, and this user is in no such group.

## Why it matters
libedgetpu tries for 25 seconds and then says nothing but "Failed to load delegate".

## How to fix
Add the udev rules for both USB identities, join the group, and log in again.

## What it cannot see
What a container's or a service's user may do; test as that user.

## Source
libedgetpu retries an open 25 times, once a second; Coral's packages ship `60-libedgetpu1-*.rules`.
""",
)

_REMEDY = Remedy(
    summary="Give this user access to the device.",
    steps=(
        "Run etpu-doctor setup udev and do what it prints, then unplug the device and plug it in again.",
        "If your group is new, log out and in again.",
    ),
    commands=(Command(command="id", why="shows the groups of this session"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
