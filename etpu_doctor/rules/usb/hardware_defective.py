"""ETD117 hardware-defective."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import WATCH, Place, line_facts, log_lines, usb_places
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD117",
    name="hardware-defective",
    severity="warning",
    summary="What remains is the device itself: it fails in the same way wherever it is plugged.",
    documentation="""\
## What it means
Either the kernel gave up on a device on three or more sockets, or on two computers, while nothing points at the
supply; or a device that names itself an Edge TPU sends damaged descriptors again and again.

## Why it matters
No setting helps a broken stick. But it is a conclusion from what was excluded, never a measurement.

## How to fix
Try it once more on another computer with another cable. If it fails there too, have it replaced.

## What it cannot see
Whether it was the same device each time: what does not enumerate has no identity, and one bad cable that moves
along with the stick looks the same.

## Source
Linux `drivers/usb/core/hub.c`, `drivers/usb/core/config.c`; google-coral/edgetpu issues 70, 413, 494.
""",
)

_GAVE_UP = frozenset({"usb-not-enumerated"})
_DAMAGED = frozenset({"usb-descriptors-damaged"})
_POWER_CAUSES = frozenset({"over-current", "undervoltage", "hub-power-budget"})
_SOCKETS, _COMPUTERS, _READS = 3, 2, 2


def check(machine: Machine) -> Iterator[Finding]:
    """At most one finding for a device that fails everywhere, and one for each that sends damaged descriptors."""
    if any(line.cause in _POWER_CAUSES for line in log_lines(machine)):
        return
    yield from _fails_everywhere(machine)
    for place in usb_places(machine, _DAMAGED):
        if place.standing == "edge-tpu" and len(place.lines) >= _READS:
            yield _damaged(place)


def _fails_everywhere(machine: Machine) -> Iterator[Finding]:
    if machine.edge_tpus:
        return
    places = [place for place in usb_places(machine, _GAVE_UP) if place.standing in ("unknown", "edge-tpu")]
    # The two halves of a socket often have the same number on their buses; they count once.
    sockets = {place.node.partition("-")[2] for place in places}
    logs = {(line.where or "").rpartition(":")[0] for place in places for line in place.lines}
    if len(sockets) < _SOCKETS and len(logs) < _COMPUTERS:
        return
    lines = [line for place in places for line in place.lines]
    where = f"{len(sockets)} sockets" if len(sockets) >= _SOCKETS else f"{len(logs)} computers"
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="possible",
        title=f"A device comes up on none of {where}: if it was the Edge TPU each time, it or its cable is defective",
        subject="machine",
        facts=(
            Fact(name="places where the kernel gave up", value=", ".join(place.node for place in places)[:200]),
            *line_facts(lines),
        ),
        remedy=_remedy("If it was the same device with different cables, have it replaced."),
    )


def _damaged(place: Place) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="possible",
        title=f"Edge TPU {place.node} sends damaged descriptors",
        subject=place.node,
        concerns=place.concerns,
        facts=line_facts(place.lines),
        remedy=_remedy("Take its power away for ten seconds; if the lines come back with another cable, replace it."),
    )


def _remedy(summary: str) -> Remedy:
    return Remedy(
        summary=summary,
        steps=(
            "Plug it into another computer, straight into a socket, with a cable that is known to work.",
            "Look at its LED: fast blinking means that its program crashed, and only unplugging ends that.",
        ),
        commands=(WATCH,),
    )
