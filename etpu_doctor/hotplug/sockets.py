"""Sockets: a USB 3 socket is two ports, one on the USB 2 bus and one on the USB 3 bus, mostly with other numbers."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.usb import UsbDevice, UsbPort
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.pairing import peer_hub


def port_name(device: UsbDevice) -> str | None:
    """The name of the port a device is in, which is that of the device: ``2-1.4``; ``None`` where it is not known."""
    if device.busnum is None or not device.port_chain:
        return None
    return f"{device.busnum}-{'.'.join(map(str, device.port_chain))}"


def port_of_hub(hub: UsbNode, number: int) -> str:
    """The name of a hub's port: port 4 of hub ``2-1`` is ``2-1.4``, port 4 of root hub ``usb2`` is ``2-4``."""
    return f"{hub.id[3:]}-{number}" if hub.is_root else f"{hub.id}.{number}"


def other_halves(machine: Machine) -> dict[str, str]:
    """For each port of which it is known, the port that is the other half of the same socket; both directions."""
    halves: dict[str, str] = {}
    for hub in machine.usb.values():
        if hub.is_hub:
            for one, other in _halves_of(machine, hub):
                halves[one] = other
                halves.setdefault(other, one)
    return halves


def _halves_of(machine: Machine, hub: UsbNode) -> Iterator[tuple[str, str]]:
    records = {record.number: record for record in hub.device.ports or ()}
    for number in range(1, min(hub.device.port_count or 0, 255) + 1):
        place = _other(hub, number, records.get(number))
        other = machine.usb.get(place[0]) if place else None
        if other is not None and place is not None:
            yield port_of_hub(hub, number), port_of_hub(other, place[1])


def _other(hub: UsbNode, number: int, record: UsbPort | None) -> tuple[str, int] | None:
    if record is not None and record.peer:
        return peer_hub(record.peer)
    # Both halves of an external hub count their ports alike; those of a root hub need not.
    return (hub.twin, number) if hub.twin is not None and not hub.is_root else None
