"""ETD909 unknown, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD909",
    name="unknown",
    severity="error",
    summary="A smoke test failed, and nothing tells why.",
    documentation="""\
## What it means
The runtime gave up or died without a word that has one meaning.

## Why it matters
The device may be fine; until a test passes nobody knows.

## How to fix
Look at the other findings first, then repeat the test after a new plug-in.

## What it cannot see
What the runtime does not say: load_delegate gives one sentence for a dozen causes.

## Source
libedgetpu returns a null pointer for every failed open.
""",
)

_REMEDY = Remedy(
    summary="Look at the other findings first; then unplug it, plug it in, and repeat the test.",
    steps=(),
    commands=(Command(command="sudo dmesg --ctime | tail -n 40", why="shows what the kernel saw", needs_root=True),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
