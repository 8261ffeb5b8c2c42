"""ETD910 usb2-link, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD910",
    name="usb2-link",
    severity="warning",
    summary="A smoke test was slow because of a USB 2 link.",
    documentation="""\
## What it means
The stick answers right, and later than it would on a 5 Gb/s link.

## Why it matters
Every inference moves its inputs, its instructions and its outputs over the link; at 480 Mb/s that dominates.

## How to fix
A USB 3 cable and a USB 3 port; the finding names the hop that limits.

## What it cannot see
What your model would gain: that depends on its size.

## Source
Coral's published latencies against reports on USB 2.
""",
)

_REMEDY = Remedy(
    summary="Plug it into a USB 3 port with a USB 3 cable.",
    steps=(),
    commands=(Command(command="etpu-doctor tree", why="shows the limiting hop"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
