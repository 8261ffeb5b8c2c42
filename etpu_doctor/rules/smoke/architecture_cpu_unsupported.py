"""ETD920 architecture-cpu-unsupported, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD920",
    name="architecture-cpu-unsupported",
    severity="error",
    summary="The runtime needs a processor that this is not.",
    documentation="""\
## What it means
The library is for another architecture, or the runtime used an instruction that this CPU lacks.

## Why it matters
The loader says that the file does not exist although it does; or the process dies of an illegal instruction.

## How to fix
Install the library for this architecture; use a runtime that does without the instruction.

## What it cannot see
An "Illegal instruction" may also come from an outdated gasket driver on a PCIe host.

## Source
glibc's loader on a foreign ELF machine; SIGILL.
""",
)

_REMEDY = Remedy(
    summary="Install the libedgetpu and the runtime for this machine.",
    steps=(),
    commands=(
        Command(
            command="etpu-doctor check --only architecture-cpu-unsupported",
            why="shows what is there and what is needed",
        ),
    ),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
