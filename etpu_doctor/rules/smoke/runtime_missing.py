"""ETD907 runtime-missing, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD907",
    name="runtime-missing",
    severity="error",
    summary="There is nothing to run a smoke test with.",
    documentation="""\
## What it means
libedgetpu, a TFLite runtime in this Python, or a library that one of them needs, is missing or cannot be loaded.

## Why it matters
Every program on this host that is to use an Edge TPU fails in the same way.

## How to fix
Install what is missing; the finding says what.

## What it cannot see
Runtimes in containers and other Python environments; name one with --python.

## Source
The dynamic loader's and Python's own messages.
""",
)

_REMEDY = Remedy(
    summary="Install what is missing, or name the interpreter of your application with --python.",
    steps=(),
    commands=(
        Command(
            command="etpu-doctor check --only runtime-missing",
            why="shows what is there",
        ),
    ),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY, skipped="error")
