"""Free ports that suit an Edge TPU, nearest first."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.usb import UsbPort
from etpu_doctor.topology.identity import is_onboard_hub
from etpu_doctor.topology.link import HIGH_SPEED_MBPS, port_has_superspeed, port_of
from etpu_doctor.topology.machine import EdgeTpu, FreePort, Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed, peer_hub

NO_SOCKET = frozenset({"not used", "hardwired"})
"""``connect_type`` of ports that lead to no socket (Linux ABI ``usb_port connect_type``)."""

_VIRTUAL_DRIVERS = frozenset({"vhci_hcd", "dummy_hcd"})
"""Root hubs without sockets (Linux ``drivers/usb/usbip``, ``drivers/usb/gadget/udc/dummy_hcd.c``)."""

_SECONDARY_TIER = 2
_PORTS_LIMIT = 255

_ROOTS_LIMIT = 32
"""So many root hubs are searched for a free port; no real host has more."""


def tier_of_hub(hub: UsbNode) -> int | None:
    """How many hubs stand above: 0 for a root hub, 1 for a hub on a root port; ``None`` if not known."""
    chain = hub.device.port_chain
    return None if chain is None else len(chain)


def is_secondary_port(hub: UsbNode, port: int) -> bool:
    """Whether a port is one of those that Coral's documentation excludes: not the first of a hub behind a hub."""
    tier = tier_of_hub(hub)
    return tier is not None and tier >= _SECONDARY_TIER and port != 1


def is_on_secondary_port(machine: Machine, tpu: EdgeTpu) -> bool:
    """Whether an Edge TPU is plugged into such a port; false where its place is not known."""
    node = machine.usb.get(tpu.id)
    hub = machine.usb.get(node.parent) if node is not None and node.parent else None
    return node is not None and hub is not None and node.port is not None and is_secondary_port(hub, node.port)


def free_ports(machine: Machine, hub: UsbNode) -> list[FreePort]:
    """Ports of a hub with nothing on either half, that lead to a socket as far as the evidence tells."""
    known = machine.free_ports.get(hub.id)
    if known is None:
        known = machine.free_ports[hub.id] = list(_find_free(machine, hub))
    return known


def _find_free(machine: Machine, hub: UsbNode) -> Iterator[FreePort]:
    taken = {machine.usb[child].port for child in hub.children}
    records = {record.number: record for record in hub.device.ports or ()}
    for number in range(1, min(hub.device.port_count or 0, _PORTS_LIMIT) + 1):
        record = records.get(number)
        leads_nowhere = record is not None and record.connect_type in NO_SOCKET
        if number in taken or leads_nowhere or _twin_taken(machine, hub, number, record):
            continue
        is_socket = not hub.is_root or (record is not None and record.connect_type == "hotplug")
        yield FreePort(hub=hub.id, port=number, is_socket=is_socket)


def _twin_taken(machine: Machine, hub: UsbNode, number: int, record: UsbPort | None) -> bool:
    """Whether the USB 2 half of the same socket has a device (a keyboard in a blue socket, say)."""
    place = peer_hub(record.peer) if record is not None and record.peer else None
    if place is None and hub.twin is not None and not hub.is_root:
        place = (hub.twin, number)
    other = machine.usb.get(place[0]) if place else None
    if other is None or place is None:
        return False
    there = (machine.usb[child] for child in other.children if machine.usb[child].port == place[1])
    # The hub of a Raspberry Pi 4 hangs on the USB 2 half of a socket and leaves its other half free.
    return any(not is_onboard_hub(node.device) for node in there)


def suitable_ports(machine: Machine, start: UsbNode, *, fast: bool = True) -> Iterator[list[FreePort]]:
    """Free ports fit for an Edge TPU, a list a hub, nearest to ``start`` first, the host's own ports last.

    Fit: no secondary port of a sub-hub, no port of a hub that declares to be bus-powered, no bus below high speed, and
    with ``fast`` a SuperSpeed port. A socket with two halves is named once, by its SuperSpeed half.
    """
    seen: set[str] = set()
    for hub in _nearest_hubs(machine, start):
        for half in _fast_half_first(machine, hub):
            if half.id not in seen:
                seen.add(half.id)
                ports = _suitable_of(machine, half, fast=fast)
                if ports:
                    yield ports


def _nearest_hubs(machine: Machine, start: UsbNode) -> Iterator[UsbNode]:
    for node in (start, *machine.usb_ancestors(start.id)):
        if node.is_hub:
            yield node
            yield from (machine.usb[child] for child in node.children if machine.usb[child].is_hub)
    yield from (machine.usb[root] for root in machine.usb_roots[:_ROOTS_LIMIT])


def _fast_half_first(machine: Machine, hub: UsbNode) -> list[UsbNode]:
    twin = machine.usb.get(hub.twin) if hub.twin else None
    return [hub] if twin is None else [twin, hub] if is_superspeed(twin) else [hub, twin]


def _suitable_of(machine: Machine, hub: UsbNode, *, fast: bool) -> list[FreePort]:
    if (hub.device.self_powered is False and not hub.is_root) or _carries_no_stick(hub):
        return []
    return [
        port
        for port in free_ports(machine, hub)
        if not is_secondary_port(hub, port.port)
        and not _is_slow_half(hub, port.port)
        and (not fast or is_superspeed(hub) or port_has_superspeed(machine, hub, port.port))
    ]


def _carries_no_stick(hub: UsbNode) -> bool:
    """A bus below high speed, or one that a driver makes up (usbip, gadget tests): no use, or no socket at all."""
    speed = hub.device.speed_mbps
    return (speed is not None and speed < HIGH_SPEED_MBPS) or hub.device.root_driver in _VIRTUAL_DRIVERS


def _is_slow_half(hub: UsbNode, number: int) -> bool:
    """Whether a port is the USB 2 half of a socket whose other half is suggested already."""
    if hub.twin is None or is_superspeed(hub):
        return False
    record = port_of(hub, number)
    return not hub.is_root or (record is not None and record.peer is not None)
