"""ETD912 thermal, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD912",
    name="thermal",
    severity="warning",
    summary="A PCIe Edge TPU lowered its clock during a smoke test.",
    documentation="""\
## What it means
Its driver halves the clock step by step as it gets hot.

## Why it matters
Everything takes longer, and at the last step it is switched off.

## How to fix
Cool it: a heat sink on the module, air in the case.

## What it cannot see
USB sticks: they have no sensor that can be read.

## Source
gasket-driver `apex_driver.c`: trip points.
""",
)

_REMEDY = Remedy(
    summary="Cool the module.",
    steps=("Give the module a heat sink with contact to the case, and air.",),
    commands=(Command(command="etpu-doctor check --only thermal", why="shows temperature and trip points"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
