"""ETD919 wrong-device-string, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD919",
    name="wrong-device-string",
    severity="error",
    summary="A device string does not mean the Edge TPU that was asked for.",
    documentation="""\
## What it means
The string route (load_delegate with a device string) opened nothing, while the path route knows the device.

## Why it matters
Numbers move when a stick gets its firmware, and with every other stick.

## How to fix
Initialise all sticks first, then use the string that etpu-doctor devices prints; or open by path.

## What it cannot see
What your application passes.

## Source
libedgetpu `tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc`.
""",
)

_REMEDY = Remedy(
    summary="Use the string that etpu-doctor devices prints once every stick has its firmware.",
    steps=(),
    commands=(Command(command="etpu-doctor devices", why="shows the strings"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
