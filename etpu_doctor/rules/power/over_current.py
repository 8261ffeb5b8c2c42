"""ETD202 over-current."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import port_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import join_words, port_text
from etpu_doctor.topology.link import port_of
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed, peer_hub
from etpu_doctor.topology.power import halves

INFO = RuleInfo(
    code="ETD202",
    name="over-current",
    severity="warning",
    summary="The kernel counted an over-current on a port that an Edge TPU is fed through.",
    documentation="""\
## What it means
A hub cut the power of one of its ports because too much current flowed, and the kernel counted it since boot.

## Why it matters
The device behind that port lost its power at that moment. The kernel's message is of debug level and does not
appear in an ordinary log; this counter is the only trace.

## How to fix
Use a powered hub or another port; look for a damaged cable or a device that draws too much on the same hub.

## What it cannot see
When it happened, and events before the hub was plugged in or the machine booted.

## Source
Linux `drivers/usb/core/port.c` (`over_current_count`), `drivers/usb/core/hub.c`.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """A warning for ports that feed an Edge TPU now, a note for all others: what hung there then is not known."""
    feeding = _feeding_ports(machine)
    for hub in machine.usb.values():
        for port in hub.device.ports or ():
            if port.over_current_count:
                concerns = feeding.get((hub.id, port.number), [])
                yield _finding(machine, hub, port.number, port.over_current_count, concerns)


def _feeding_ports(machine: Machine) -> dict[tuple[str, int], list[str]]:
    """Ports by the Edge TPUs that are fed through them, both halves of a socket."""
    feeding: dict[tuple[str, int], list[str]] = {}
    for tpu in machine.edge_tpus:
        node = machine.usb.get(tpu.id)
        while node is not None and node.parent is not None:
            hub = machine.usb[node.parent]
            for place in _both_halves(machine, hub, node.port or 0):
                feeding.setdefault(place, []).append(tpu.id)
            node = hub
    return feeding


def _both_halves(machine: Machine, hub: UsbNode, port: int) -> list[tuple[str, int]]:
    record = port_of(hub, port)
    place = peer_hub(record.peer) if record is not None and record.peer else None
    if place is not None:
        return [(hub.id, port), place]
    if hub.is_root:
        return [(hub.id, port)]
    return [(half.id, port) for half in halves(machine, hub)]


def _finding(machine: Machine, hub: UsbNode, port: int, count: int, concerns: list[str]) -> Finding:
    times = "once" if count == 1 else f"{count} times"
    # Where no Edge TPU is concerned there is none to move.
    elsewhere = where_to_plug(machine, hub, fast=bool(is_superspeed(hub)))[:1] if concerns else []
    through = f", which feeds {join_words(concerns)}" if concerns else ""
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning" if concerns else "info",
        title=f"Over-current {times} on {port_text(hub, port)}{through}",
        subject=hub.id,
        concerns=tuple(concerns),
        facts=(
            Fact(
                name="over-current events since boot",
                value=count,
                where=port_origin(hub.device, port, "over_current_count"),
            ),
        ),
        remedy=Remedy(
            summary="Feed the Edge TPU from a powered hub or another port."
            if concerns
            else "No Edge TPU is fed by it.",
            steps=("Unplug what else hangs on that hub and watch the counter.", *elsewhere) if concerns else (),
        ),
    )
