"""ETD102 no-device-visible: fewer Edge TPUs than expected."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD102",
    name="no-device-visible",
    severity="error",
    summary="Fewer or more Edge TPUs are visible than `--expect-tpus` says.",
    documentation="""\
## What it means
The number of Edge TPUs on the buses differs from the number that was given with `--expect-tpus`.

## Why it matters
A stick that dropped off, or a second chip that never came up, is invisible in a listing of what works.

## How to fix
Compare the list with the sticks in your hand; unplug and plug in again the one that is missing, in another port.
A Dual Edge TPU needs a slot with two PCIe lanes: most slots show one of its two chips.

## What it cannot see
Which one is missing: an Edge TPU in use has no serial number, only its port tells it apart.

## Source
The number that you gave.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """Fires if ``--expect-tpus`` was given and does not fit; possible Edge TPUs make the answer uncertain."""
    expected = machine.options.expect_tpus
    possible = sum(tpu.state == "possible" for tpu in machine.edge_tpus)
    found = len(machine.edge_tpus)
    if expected is None or found == expected:
        return
    if found == 0 and (machine.covers("usb") or machine.covers("pci")):
        return  # ETD101 says it already.
    fewer = found < expected
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error" if fewer else "info",
        confidence="possible" if possible else "certain",
        title=f"{found} of {expected} expected Edge TPUs visible"
        if fewer
        else f"{found} Edge TPUs, {expected} expected",
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus),
        facts=(
            Fact(name="expected", value=expected, where="--expect-tpus"),
            Fact(name="found", value=found),
            Fact(name="of these only possible", value=possible),
        ),
        remedy=Remedy(
            summary="Find the one that is missing." if fewer else "Check the number that was given.",
            steps=("Count the sticks and cards, and compare with `etpu-doctor devices`.",) if fewer else (),
        ),
    )
