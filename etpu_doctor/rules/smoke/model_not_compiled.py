"""ETD908 model-not-compiled, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD908",
    name="model-not-compiled",
    severity="error",
    summary="The model does not run on an Edge TPU.",
    documentation="""\
## What it means
The model was not compiled for the Edge TPU (or is damaged), so that no part of it runs there.

## Why it matters
The runtime runs such a model on the CPU without a word, and slower by far.

## How to fix
Compile it with edgetpu_compiler, or take the file whose name ends in _edgetpu.tflite.

## What it cannot see
Whether the compiled model computes what it should.

## Source
Operators named DELEGATE after the interpreter was made; the operator edgetpu-custom-op in the file.
""",
)

_REMEDY = Remedy(
    summary="Use a model that was compiled for the Edge TPU.",
    steps=(),
    commands=(Command(command="etpu-doctor model fetch", why="gets the smoke model"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY, skipped="error")
