"""What a person wants to know of the places on the buses: free ports and whether they suit, and what each hop bears."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from etpu_doctor.hotplug.sockets import port_of_hub
from etpu_doctor.topology.bandwidth import usable_mb_s, usb_loads
from etpu_doctor.topology.free_ports import free_ports, is_secondary_port, suitable_ports
from etpu_doctor.topology.machine import FreePort, Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed
from etpu_doctor.topology.physical import case_of
from etpu_doctor.topology.power import hub_load, port_budget_ma, sum_loads

PortFault = Literal["secondary-port", "bus-powered-hub", "usb2-only"]

_HUBS_LIMIT = 256
"""More hubs than a controller has addresses for are not searched."""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A free port: its name (``2-1.4``), its hub and number, and what speaks against an Edge TPU there, if anything.

    ``surely``: whether it is known to lead to a socket.
    """

    name: str
    hub: str
    number: int
    surely: bool
    fault: PortFault | None = None


class HopLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub bears: ``None`` where it is not known. Estimates, on the high side.

    ``demand_mb_s`` is what everything below can ask for at once, ``usable_mb_s`` what its uplink carries.
    ``power_ma`` is what hangs on its ports, ``budget_ma`` what it may take from the port above; a hub with a supply of
    its own has no budget that could be read.
    """

    demand_mb_s: float
    usable_mb_s: float | None
    power_ma: int | None
    budget_ma: int | None


def ports_of(machine: Machine) -> tuple[Port, ...]:
    """The free ports of all hubs, in tree order. A socket with two halves is named once, by its SuperSpeed half."""
    hubs = islice((node for node in machine.usb.values() if node.is_hub), _HUBS_LIMIT)
    return tuple(port for hub in hubs for port in _ports(machine, hub))


def _ports(machine: Machine, hub: UsbNode) -> Iterator[Port]:
    groups = islice(suitable_ports(machine, hub, fast=True), 2)
    good = {port.port for group in groups if group[0].hub == hub.id for port in group}
    for port in free_ports(machine, hub):
        fault = None if port.port in good else _fault(hub, port)
        if port.port in good or fault is not None:
            name = port_of_hub(hub, port.port)
            yield Port(name=name, hub=hub.id, number=port.port, surely=port.is_socket, fault=fault)


def _fault(hub: UsbNode, port: FreePort) -> PortFault | None:
    """Why a port is not for an Edge TPU; ``None`` for the slow half of a socket that is named by its other half."""
    slow = not is_superspeed(hub)
    if slow and hub.twin is not None and not hub.is_root:
        return None
    if is_secondary_port(hub, port.port):
        return "secondary-port"
    if hub.device.self_powered is False and not hub.is_root:
        return "bus-powered-hub"
    records = {record.number: record for record in hub.device.ports or ()}
    record = records.get(port.port)
    return None if record is not None and record.peer else "usb2-only" if slow else None


def loads_of(machine: Machine) -> dict[str, HopLoad]:
    """The load of every hub below a root hub that bears an Edge TPU, and of the root hubs above."""
    loads = usb_loads(machine)
    found = {}
    for name, load in loads.items():
        node = machine.usb[name]
        if node.is_hub and load.tpus:
            found[name] = HopLoad(
                demand_mb_s=round(load.total_mb_s, 1),
                usable_mb_s=None if node.is_root else usable_mb_s(node.device.speed_mbps),
                power_ma=_power(machine, node),
                budget_ma=_budget(machine, node),
            )
    return found


def _power(machine: Machine, node: UsbNode) -> int | None:
    """What hangs on a hub; chips that share a case share its supply, so all of it stands at the first of them."""
    if node.is_root:
        return None
    case = case_of(machine, node)
    chips = case.chips if case is not None else (node.id,)
    return sum_loads([hub_load(machine, machine.usb[chip]) for chip in chips]).total_ma if chips[0] == node.id else None


def _budget(machine: Machine, node: UsbNode) -> int | None:
    parent = machine.usb.get(node.parent) if node.parent else None
    if parent is None or node.device.self_powered is not False:
        return None
    return port_budget_ma(parent)
