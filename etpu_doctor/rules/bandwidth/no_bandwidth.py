"""ETD302 bus-bandwidth, from the kernel's log."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Confidence, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import (
    Place,
    controller_lines,
    line_facts,
    may_be_missing,
    on_controller,
    usb_places,
)
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD302",
    name="bus-bandwidth",
    severity="error",
    summary="A USB controller refused a device: no bandwidth or no resources left.",
    documentation="""\
## What it means
A USB controller has to reserve bandwidth for cameras and sound, and has a limited number of endpoints for all devices
together. It said that one or the other is used up.

## Why it matters
The refused device does not work. An Edge TPU reserves no bandwidth, so it is refused only where the controller has too
many devices; mostly it is a camera beside it that is refused.

## How to fix
Plug the refused device into a socket of another controller, or unplug devices; lower resolution or frame rate of
cameras on the same bus.

## What it cannot see
Which devices used it up.

## Source
Linux `drivers/usb/host/xhci.c`, `drivers/usb/core/message.c`, `drivers/usb/core/generic.c`.
""",
)

_NAMES = frozenset({"usb-no-bandwidth", "usb-no-host-resources", "usb-no-resources-to-configure"})


def check(machine: Machine) -> Iterator[Finding]:
    """An error for an Edge TPU, a note for a neighbour on its controller."""
    for place in usb_places(machine, _NAMES):
        judged = _judge(machine, place)
        if judged is not None:
            yield _finding(machine, place, *judged)
    yield from _controllers(machine)


def _judge(machine: Machine, place: Place) -> tuple[Severity, Confidence] | None:
    if place.standing == "edge-tpu":
        node = machine.usb.get(place.node)
        return ("info", "certain") if node is not None and node.device.configured else ("error", "likely")
    if place.standing == "feeds":
        return "warning", "likely"
    if place.standing == "unknown" and (not machine.usb or may_be_missing(machine)):
        return "warning", "possible"
    return ("info", "likely") if _neighbours(machine, place.node) else None


def _neighbours(machine: Machine, node: str) -> tuple[str, ...]:
    """The Edge TPUs on the controller of a place."""
    root = machine.usb.get(f"usb{node.partition('-')[0]}")
    controller = root.device.controller if root is not None else None
    return on_controller(machine, controller) if controller is not None else ()


def _controllers(machine: Machine) -> Iterator[Finding]:
    """Lines that name the controller and no device."""
    for address, lines in controller_lines(machine, _NAMES).items():
        concerns = on_controller(machine, address)
        if concerns or may_be_missing(machine):
            place = Place(node=address, standing="feeds", concerns=concerns, lines=tuple(lines))
            yield _finding(machine, place, "warning", "likely" if concerns else "possible")


def _finding(machine: Machine, place: Place, severity: Severity, confidence: Confidence) -> Finding:
    concerns = place.concerns or (_neighbours(machine, place.node) if severity == "info" else ())
    who = f"Edge TPU {place.node}" if place.standing == "edge-tpu" else place.node
    beside = f", on the controller of {', '.join(concerns)}" if concerns and place.node not in concerns else ""
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"The USB controller had no room left for {who}{beside}",
        subject=place.node,
        concerns=concerns,
        facts=line_facts(place.lines),
        remedy=Remedy(
            summary="Spread the devices over two USB controllers.",
            steps=(
                "Move cameras and sound devices to a socket of another controller, or to a USB card of their own.",
                "Unplug what is not needed, then unplug and replug the device that was refused.",
            ),
        ),
    )
