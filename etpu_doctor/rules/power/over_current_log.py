"""ETD203 over-current, from the kernel's log."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Confidence, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import Place, hub_above, line_facts, may_be_missing, times, usb_places
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.link import port_of
from etpu_doctor.topology.machine import Machine
from etpu_doctor.topology.pairing import is_superspeed

INFO = RuleInfo(
    code="ETD203",
    name="over-current",
    severity="warning",
    summary="The kernel logged an over-current on a port that an Edge TPU is fed through.",
    documentation="""\
## What it means
A hub cut the power of one of its ports, or of all, because too much current flowed, and the kernel wrote it down.

## Why it matters
What hangs there lost its power at that moment: an Edge TPU is gone and comes back without its firmware.

## How to fix
Use a powered hub or another port, move other devices that draw much (disks) to another hub, and look for a damaged
cable or socket.

## What it cannot see
Which device drew too much. An ordinary log does not show every event; the port's counter does (ETD202), and where it
speaks this rule is silent.

## Source
Linux `drivers/usb/core/hub.c`.
""",
)

_NAMES = frozenset({"usb-over-current"})


def check(machine: Machine) -> Iterator[Finding]:
    """A warning for ports that feed an Edge TPU or may have, a note for those of which it is not known."""
    for place in usb_places(machine, _NAMES):
        judged = _judge(machine, place)
        whole, of_port = _split(place)
        if judged is not None and whole.lines and not _is_counted_inside(machine, place.node):
            yield _finding(machine, whole, *judged)
        if judged is not None and of_port.lines and not _is_counted(machine, place.node):
            yield _finding(machine, of_port, *judged)


def _split(place: Place) -> tuple[Place, Place]:
    """What a hub said of all its own ports (``hub 2-1:1.0: over-current condition``), and what of the port above."""
    whole = tuple(line for line in place.lines if line.usb_port is None)
    others = tuple(line for line in place.lines if line.usb_port is not None)
    return msgspec.structs.replace(place, lines=whole), msgspec.structs.replace(place, lines=others)


def _is_whole(place: Place) -> bool:
    return all(line.usb_port is None for line in place.lines)


def _is_counted_inside(machine: Machine, node: str) -> bool:
    hub = machine.usb.get(node)
    return hub is not None and any(port.over_current_count for port in hub.device.ports or ())


def _is_counted(machine: Machine, node: str) -> bool:
    hub = hub_above(machine, node)
    chain = node.partition("-")[2].rpartition(".")[2]
    record = port_of(hub, int(chain)) if hub is not None and chain.isdecimal() else None
    return record is not None and bool(record.over_current_count)


def _judge(machine: Machine, place: Place) -> tuple[Severity, Confidence] | None:
    if place.standing in ("edge-tpu", "feeds"):
        return "warning", "certain" if place.concerns else "likely"
    if place.standing == "other":
        return None
    if not machine.usb or may_be_missing(machine):
        return "warning", "possible"
    return "info", "likely"


def _where(place: Place) -> str:
    if _is_whole(place):
        feeds = f", which feeds {join_words(list(place.concerns))}" if place.concerns else ""
        return f"on hub {place.node}, of all its ports together{feeds}"
    if place.standing == "edge-tpu":
        return f"on the port of Edge TPU {place.node}"
    if place.concerns:
        return f"on the port of {place.node}, which feeds {join_words(list(place.concerns))}"
    return f"on the port of {place.node}"


def _finding(machine: Machine, place: Place, severity: Severity, confidence: Confidence) -> Finding:
    whole = _is_whole(place)
    hub = machine.usb.get(place.node) if whole else hub_above(machine, place.node)
    steps = ["Unplug what else hangs on that hub, disks first, and see whether it comes back."]
    if hub is not None and severity == "warning":
        fast = bool(is_superspeed(hub))
        failed: dict[str, str] = {"not_below": hub.id} if whole else {"failed_port": place.node}
        elsewhere = where_to_plug(machine, hub, fast=fast, **failed)
        steps += elsewhere[:1]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"Over-current {times(len(place.lines))} {_where(place)}",
        subject=place.node if place.present or hub is None else hub.id,
        concerns=place.concerns,
        facts=line_facts(place.lines),
        remedy=Remedy(summary="Feed it from a hub with its own supply, or from another port.", steps=tuple(steps)),
    )
