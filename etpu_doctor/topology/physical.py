"""Recognises hubs with more sockets than one chip has: two or three 4-port chips chained in one case."""

from __future__ import annotations

import msgspec

from etpu_doctor.topology.machine import Machine, UsbNode


class HubCase(msgspec.Struct, frozen=True, kw_only=True):
    """Hub chips that seem to share a case.

    ``chips`` are hub ids, the one nearest to the host first; ``sockets`` what is left for the user; ``same_ids``
    whether all chips carry the same vendor and product id (else only their port counts agree).
    """

    chips: tuple[str, ...]
    sockets: int
    same_ids: bool


def case_of(machine: Machine, hub: UsbNode) -> HubCase | None:
    """The case that a hub chip belongs to, or ``None`` if it seems to stand alone."""
    first = hub
    while True:
        parent = machine.usb.get(first.parent) if first.parent else None
        if parent is None or parent.is_root or not _alike(first, parent):
            break
        first = parent
    chips = _chips_below(machine, first)
    if len(chips) < 2:
        return None
    ports = sum(machine.usb[chip].device.port_count or 0 for chip in chips)
    same = all(_identity(machine.usb[chip]) is not None for chip in chips)
    return HubCase(chips=tuple(chips), sockets=ports - (len(chips) - 1), same_ids=same)


def _chips_below(machine: Machine, first: UsbNode) -> list[str]:
    chips, waiting = [first.id], [first]
    while waiting and len(chips) < 8:
        node = waiting.pop()
        for child in node.children:
            other = machine.usb[child]
            if other.is_hub and _alike(other, node):
                chips.append(child)
                waiting.append(other)
    return chips


def _identity(hub: UsbNode) -> tuple[int, int] | None:
    vendor, product = hub.device.vendor_id, hub.device.product_id
    return None if vendor is None or product is None else (vendor, product)


def _alike(one: UsbNode, other: UsbNode) -> bool:
    """The same chip twice; where ids are not known, the usual four ports at the same speed."""
    ids = (_identity(one), _identity(other))
    if None not in ids:
        return ids[0] == ids[1]
    ports = {one.device.port_count, other.device.port_count}
    return ports == {4} and one.device.speed_mbps == other.device.speed_mbps
