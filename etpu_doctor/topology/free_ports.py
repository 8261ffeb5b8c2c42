"""Free ports that suit an Edge TPU, nearest first."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.topology.link import port_has_superspeed, port_of
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed, peer_hub

NO_SOCKET = frozenset({"not used", "hardwired"})
"""``connect_type`` of ports that lead to no socket (Linux ABI ``usb_port connect_type``)."""

_SECONDARY_TIER = 2


class FreePort(msgspec.Struct, frozen=True, kw_only=True):
    """A port with nothing on it. ``is_socket`` is false where the evidence cannot tell a socket from a spare pin."""

    hub: str
    port: int
    is_socket: bool


def tier_of_hub(hub: UsbNode) -> int | None:
    """How many hubs stand above: 0 for a root hub, 1 for a hub on a root port; ``None`` if not known."""
    chain = hub.device.port_chain
    return None if chain is None else len(chain)


def is_secondary_port(hub: UsbNode, port: int) -> bool:
    """Whether a port is one of those that Coral's documentation excludes: not the first of a hub behind a hub."""
    tier = tier_of_hub(hub)
    return tier is not None and tier >= _SECONDARY_TIER and port != 1


def free_ports(machine: Machine, hub: UsbNode) -> list[FreePort]:
    """Ports of a hub with nothing on either half, that lead to a socket as far as the evidence tells."""
    taken = {machine.usb[child].port for child in hub.children}
    found = []
    for number in range(1, min(hub.device.port_count or 0, 255) + 1):
        record = port_of(hub, number)
        if number in taken or (record is not None and record.connect_type in NO_SOCKET):
            continue
        if _twin_taken(machine, hub, number):
            continue
        is_socket = not hub.is_root or (record is not None and record.connect_type == "hotplug")
        found.append(FreePort(hub=hub.id, port=number, is_socket=is_socket))
    return found


def _twin_taken(machine: Machine, hub: UsbNode, number: int) -> bool:
    """Whether the USB 2 half of the same socket has a device (a keyboard in a blue socket, say)."""
    record = port_of(hub, number)
    place = peer_hub(record.peer) if record is not None and record.peer else None
    if place is None and hub.twin is not None and not hub.is_root:
        place = (hub.twin, number)
    other = machine.usb.get(place[0]) if place else None
    return other is not None and any(machine.usb[child].port == place[1] for child in other.children if place)


def suitable_ports(machine: Machine, start: UsbNode, *, fast: bool = True) -> Iterator[FreePort]:
    """Free ports fit for an Edge TPU, nearest to ``start`` first, the host's own ports last.

    Fit: no secondary port of a sub-hub, no port of a hub that declares to be bus-powered, and with ``fast`` a
    SuperSpeed port.
    """
    seen: set[str] = set()
    for node in (start, *machine.usb_ancestors(start.id)):
        if node.is_hub:
            yield from _suitable_of(machine, node, fast=fast, seen=seen)
            for child in node.children:
                if machine.usb[child].is_hub:
                    yield from _suitable_of(machine, machine.usb[child], fast=fast, seen=seen)
    for root in machine.usb_roots:
        yield from _suitable_of(machine, machine.usb[root], fast=fast, seen=seen)


def _suitable_of(machine: Machine, hub: UsbNode, *, fast: bool, seen: set[str]) -> Iterator[FreePort]:
    if hub.id in seen:
        return
    seen.add(hub.id)
    if hub.device.self_powered is False and not hub.is_root:
        return
    for port in free_ports(machine, hub):
        if is_secondary_port(hub, port.port):
            continue
        if not fast or is_superspeed(hub) or port_has_superspeed(machine, hub, port.port):
            yield port
