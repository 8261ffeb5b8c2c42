"""ETD204 hub-power-budget, from the kernel's log."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import Place, hub_above, line_facts, may_be_missing, usb_places
from etpu_doctor.topology.machine import Machine
from etpu_doctor.topology.power import tpu_demand

INFO = RuleInfo(
    code="ETD204",
    name="hub-power-budget",
    severity="error",
    summary="The kernel refused a device or a hub because the port may not deliver what it asks for.",
    documentation="""\
## What it means
A device declares how much current it may draw. If that is more than the port may give, the kernel does not configure
it: it is listed by `lsusb`, but nothing can use it. An Edge TPU in its boot loader asks for 896 mA at USB 3; a port of
a hub without its own supply may give 150 mA (100 mA at USB 2).

## Why it matters
A refused stick cannot be opened; a refused hub hides everything behind it.

## How to fix
Use a hub with its own supply and see that the supply is plugged in, or the computer's own sockets.

## What it cannot see
What the supply really delivers. Lines that are older than the present state are noted only: the tree decides.

## Source
Linux `drivers/usb/core/generic.c`, `drivers/usb/core/hub.c`; descriptors of the Edge TPU's boot loader.
""",
)

_NAMES = frozenset(
    {
        "usb-configuration-rejected-for-power",
        "usb-no-configuration-chosen",
        "usb-hub-too-weak",
        "usb-bus-powered-hub-refused",
        "usb-over-budget",
    }
)
_REFUSED = frozenset({"usb-configuration-rejected-for-power", "usb-bus-powered-hub-refused"})


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each place with a refusal that concerns an Edge TPU, or may."""
    for place in usb_places(machine, _NAMES):
        if not any(line.message != "usb-no-configuration-chosen" for line in place.lines):
            # Alone it says nothing of power.
            continue
        judged = _judge(machine, place)
        if judged is not None:
            yield _finding(machine, place, *judged)


def _judge(machine: Machine, place: Place) -> tuple[Severity, Confidence] | None:
    refused = any(line.message in _REFUSED for line in place.lines)
    if place.standing == "edge-tpu":
        node = machine.usb.get(place.node)
        if node is not None and node.device.configured:
            return "info", "certain"
        if node is None and machine.covers("usb"):
            # It was refused and is gone since: what would happen now is not known.
            return "warning", "likely"
        return ("error", "certain") if refused else ("warning", "likely")
    if place.standing == "feeds":
        return "warning", "likely"
    is_hub = place.present and machine.usb[place.node].is_hub
    if not machine.usb or (may_be_missing(machine) and (place.standing == "unknown" or is_hub)):
        return "warning", "possible"
    return None


def _finding(machine: Machine, place: Place, severity: Severity, confidence: Confidence) -> Finding:
    demand = tpu_demand(machine)
    over = " earlier (it is configured now)" if severity == "info" else ""
    hub = hub_above(machine, place.node)
    steps = ["Plug in the supply of the hub, if it has a socket for one, then unplug and replug the hub."]
    if hub is not None:
        steps += where_to_plug(machine, hub, fast=demand.clock == "maximum")[:1]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"{_what(place)}{over}",
        subject=place.node,
        concerns=place.concerns,
        facts=(
            *line_facts(place.lines),
            Fact(name="needed by each Edge TPU", value=demand.ma, unit="mA", where=demand.basis),
        ),
        remedy=Remedy(
            summary="Give the hub its own power supply, or plug the Edge TPU into the computer.",
            steps=tuple(steps),
            commands=(Command(command="lsusb -t", why="a refused device is missing in it, or has no driver line"),),
        ),
    )


def _what(place: Place) -> str:
    names = {line.message for line in place.lines}
    who = f"Edge TPU {place.node}" if place.standing == "edge-tpu" else f"the device at {place.node}"
    if "usb-configuration-rejected-for-power" in names:
        return f"The kernel refused {who}: its port may not deliver the current it asks for"
    if "usb-bus-powered-hub-refused" in names:
        return f"The kernel refused the hub at {place.node}: a hub without a supply behind another one"
    if "usb-hub-too-weak" in names:
        return f"Hub {place.node} has too little power for all its ports"
    return f"The power budget at {place.node} is exceeded"
