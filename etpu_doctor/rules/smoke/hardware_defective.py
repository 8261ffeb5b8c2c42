"""ETD901 hardware-defective, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD901",
    name="hardware-defective",
    severity="error",
    summary="An Edge TPU computed wrong results, or stopped answering, in a smoke test.",
    documentation="""\
## What it means
The device was opened, took the model and the inputs, and then either gave other bytes than it must, or gave nothing
at all.

## Why it matters
A program sees no error: wrong detections, or one that hangs for ever, because the runtime waits without a limit.

## How to fix
Take its power away for ten seconds and repeat the test with another cable and another port. If it comes back there
and on another computer, the device is to be replaced.

## What it cannot see
Why. Heat, a supply that dips and a damaged chip look alike here; a model that its compiler made wrong shows the same
on every Edge TPU.

## Source
libedgetpu `driver/driver.cc` sets no watchdog by default; the smoke test compares every output byte.
""",
)

_REMEDY = Remedy(
    summary="Unplug it for ten seconds and repeat the test on another port with another cable.",
    steps=(
        "Repeat it on another computer: what fails there too is the device.",
        "Feel whether it is hot; an Edge TPU that overheats may fail like this.",
    ),
    commands=(Command(command="etpu-doctor smoke", why="repeats the test"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
