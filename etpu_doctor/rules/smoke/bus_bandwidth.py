"""ETD911 bus-bandwidth, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD911",
    name="bus-bandwidth",
    severity="warning",
    summary="Edge TPUs slowed each other down on a shared link.",
    documentation="""\
## What it means
Alone each was faster; together they wait for the link that they share.

## Why it matters
More Edge TPUs behind one uplink give less than their number promises.

## How to fix
Plug them into different root ports, or better different controllers.

## What it cannot see
Other traffic on the link at that moment.

## Source
The same test alone and together.
""",
)

_REMEDY = Remedy(
    summary="Plug them into different root ports or controllers.",
    steps=(),
    commands=(Command(command="etpu-doctor tree", why="shows what they share"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
