"""ETD917 no-device-visible, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD917",
    name="no-device-visible",
    severity="error",
    summary="An Edge TPU was gone before it could be opened.",
    documentation="""\
## What it means
The tree showed it; when the library was to open it, it was no longer there, or the library does not see it.

## Why it matters
Nothing can be said of a device that is away.

## How to fix
Plug it in again; if it keeps leaving, another cable and port.

## What it cannot see
Where it went.

## Source
The library's own list against the tree.
""",
)

_REMEDY = Remedy(
    summary="Plug it in again and repeat the test.",
    steps=(),
    commands=(Command(command="etpu-doctor devices", why="shows what is there now"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY, skipped="error")
