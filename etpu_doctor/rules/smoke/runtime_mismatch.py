"""ETD902 runtime-mismatch, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD902",
    name="runtime-mismatch",
    severity="error",
    summary="The runtime crashed or failed in a way that two unfitting versions explain.",
    documentation="""\
## What it means
libedgetpu and the TFLite runtime exchange structures whose layout differs between versions of TensorFlow. Loading the
library and even opening the device succeed; then the process dies, hangs, or reports an operator that it cannot
resolve.

## Why it matters
Nothing runs, and the message (if there is one) speaks of something else.

## How to fix
Use a pair that fits: the finding names one. The official libedgetpu 16.0 works with tflite-runtime up to 2.9.1 and
with ai-edge-litert from 2.2 on; rebuilt libraries with the version in their name.

## What it cannot see
A crash of the same kind by broken memory or a damaged library file.

## Source
Runs of the official 16.0 with each package; see `knowledge/runtimes.toml`.
""",
)

_REMEDY = Remedy(
    summary="Use a libedgetpu and a TFLite runtime that fit each other.",
    steps=(
        "Run python3 -m pip install 'ai-edge-litert>=2.2,<3' in the application's environment.",
        "Or install a libedgetpu that was built for the runtime that is there.",
    ),
    commands=(Command(command="etpu-doctor check --only runtime-mismatch", why="shows which versions are there"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
