"""ETD918 vm-passthrough-id-change, from a smoke test."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import outcomes
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD918",
    name="vm-passthrough-id-change",
    severity="error",
    summary="An Edge TPU did not come back after it got its firmware.",
    documentation="""\
## What it means
It got its firmware, left the bus as 1a6e:089a, and did not come back as 18d1:9302: a virtual machine (or container)
was given the first identity alone.

## Why it matters
It never becomes ready.

## How to fix
Pass both identities, or better the whole port or controller.

## What it cannot see
The configuration of the host.

## Source
The hand-over of the identity, watched while the library opened the device.
""",
)

_REMEDY = Remedy(
    summary="Pass both 1a6e:089a and 18d1:9302, or the whole port or controller.",
    steps=("Run etpu-doctor setup proxmox or setup libvirt on the host.",),
    commands=(Command(command="lsusb", why="shows which identity is here now"),),
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose smoke test ended so."""
    return outcomes(machine, INFO, _REMEDY)
