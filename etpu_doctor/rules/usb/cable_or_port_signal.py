"""ETD115 cable-or-port-signal."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import (
    WATCH,
    Place,
    controller_lines,
    hub_above,
    line_facts,
    may_be_missing,
    on_controller,
    times,
    usb_places,
)
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD115",
    name="cable-or-port-signal",
    severity="warning",
    summary="The kernel's log shows enumeration errors of a link that is electrically bad.",
    documentation="""\
## What it means
The kernel could not read a device's descriptors, give it an address, or enable its port. Error -71 is a garbled
answer, -110 none in time, -32 a refusal. It tries again, switches the port's power, and gives up in the end.

## Why it matters
A stick on such a link appears late, at USB 2 speed, or not at all; if it appears, transfers may fail later.

## How to fix
Change one thing at a time: the cable, the socket, then do without the hub. If another cable and another computer's
socket give the same lines, the device is suspect.

## What it cannot see
Which of cable, socket, hub and supply it is. What does not enumerate has no identity: on a port where the tree shows
nothing, it may be another device. A few errors before a device appears for good are noted, not blamed.

## Source
Linux `drivers/usb/core/hub.c`, `drivers/usb/core/config.c`, `drivers/usb/host/xhci.c`.
""",
)

MESSAGES = frozenset(
    {
        "usb-descriptor-unreadable",
        "usb-address-refused",
        "usb-not-enumerated",
        "usb-power-cycled",
        "usb-port-not-enabled",
        "usb-port-not-reset",
        "usb-contact-unstable",
        "usb-port-disabled",
        "usb-not-configured",
        "usb-configuration-unreadable",
        "usb-host-cannot-reach-device",
    }
)
_GAVE_UP = frozenset({"usb-not-enumerated", "usb-not-configured"})
_MANY = 3
_ERRNO = {"-71": "garbled answers (-71)", "-110": "no answer in time (-110)", "-32": "refusals (-32)"}


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each place with errors that is an Edge TPU's, leads to one, or may be one's."""
    for place in usb_places(machine, MESSAGES):
        judged = _judge(machine, place)
        if judged is not None:
            yield _finding(machine, place, *judged)
    for address, lines in controller_lines(machine, MESSAGES).items():
        if may_be_missing(machine):
            place = Place(
                node=address, standing="unknown", concerns=on_controller(machine, address), lines=tuple(lines)
            )
            yield _finding(machine, place, "warning", "possible")


def _judge(machine: Machine, place: Place) -> tuple[Severity, Confidence] | None:
    severe = len(place.lines) >= _MANY or any(line.message in _GAVE_UP for line in place.lines)
    if place.standing == "other":
        return None
    if place.standing == "unknown":
        if not machine.usb or may_be_missing(machine):
            return "warning", "possible"
        return ("info", "possible") if severe else None
    if place.standing == "edge-tpu" and not place.present and machine.covers("usb"):
        return "error", "likely"
    return ("warning", "likely") if severe else ("info", "likely")


def _finding(machine: Machine, place: Place, severity: Severity, confidence: Confidence) -> Finding:
    gave_up = any(line.message == "usb-not-enumerated" for line in place.lines)
    end = " and gave up" if gave_up else ""
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"The kernel had trouble {times(len(place.lines))} with {_who(place)}{end}",
        subject=place.node,
        concerns=place.concerns,
        facts=(*line_facts(place.lines), *_errors(place)),
        remedy=_remedy(machine, place, severity),
    )


def _who(place: Place) -> str:
    if place.standing == "edge-tpu":
        return f"Edge TPU {place.node}"
    if place.standing == "feeds":
        return f"{place.node}, which leads to {', '.join(place.concerns)}"
    return f"a device on {place.node} that it could not identify"


def _errors(place: Place) -> Iterator[Fact]:
    counts: dict[str, int] = {}
    for line in place.lines:
        errno = line.values.get("errno")
        if errno is not None:
            counts[errno] = counts.get(errno, 0) + 1
    for errno, count in sorted(counts.items()):
        yield Fact(name=_ERRNO.get(errno, f"error {errno}"), value=count)


def _remedy(machine: Machine, place: Place, severity: Severity) -> Remedy:
    if severity == "info" and place.standing != "unknown":
        return Remedy(summary="It came up in the end; look at the cable if the lines come back.", commands=(WATCH,))
    hub = hub_above(machine, place.node)
    steps = ["Use another cable, a short one that is known to work with a USB 3 disk, and push it fully home."]
    if hub is not None and not hub.is_root:
        steps.append("Plug the device straight into the computer, without the hub.")
    if hub is not None:
        steps += where_to_plug(machine, hub, failed_port=place.node)[:1]
    else:
        steps.append("Try another socket of the computer.")
    steps.append("If the same lines come with another cable on another computer, the device itself is suspect.")
    if place.standing == "unknown":
        steps.insert(0, "See what is plugged in there; if it is no Edge TPU, this finding is about that device.")
    summary = "Change the cable, then the socket, and watch the log while you do."
    return Remedy(summary=summary, steps=tuple(steps), commands=(WATCH,))
