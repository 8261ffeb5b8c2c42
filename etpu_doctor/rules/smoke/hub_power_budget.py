"""ETD914 hub-power-budget, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD914",
    name="hub-power-budget",
    severity="error",
    summary="The kernel refused to configure an Edge TPU for lack of bus power.",
    documentation="""\
## What it means
The hub is bus-powered, or says so, and the stick asks for more than it may have.

## Why it matters
It stays on the bus without a configuration, and every open fails.

## How to fix
A hub with its own supply, or a port of the computer.

## What it cannot see
What flows in truth: budgets are declared, not measured.

## Source
libedgetpu fails at ClaimInterface when the kernel chose no configuration.
""",
)

_REMEDY = Remedy(
    summary="Plug it into the computer or into a hub with its own supply.",
    steps=(),
    commands=(Command(command="etpu-doctor check --only hub-power-budget", why="shows the budget of each hop"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
