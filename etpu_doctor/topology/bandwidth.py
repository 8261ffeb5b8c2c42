"""What shared links can carry, and what hangs below them.

Every figure here is an estimate and is printed as one: usable rates are about 70 % of the line rate, the demand of an
Edge TPU is what MobileNet v1 sends at the rate that Coral publishes for it.
"""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.identity import usb_state
from etpu_doctor.topology.link import HIGH_SPEED_MBPS, narrowest, pci_hops
from etpu_doctor.topology.machine import Hop, Machine, UsbNode

TPU_DEMAND_MB_S = 95.0
"""238,112 bytes an inference (87,584 instructions and 150,528 input, seen on the wire) at 400 inferences a second."""

DEMAND_BASIS = "MobileNet v1 at 400 inferences/s: 238,112 bytes each"

_USABLE_MB_S: dict[float, float] = {1.5: 0.1, 12: 1.0, 480: 35.0, 5000: 350.0, 10000: 800.0, 20000: 1600.0}
PCIE_EFFICIENCY = 0.8

_STORAGE, _VIDEO, _COMMUNICATION = 0x08, 0x0E, 0x02
_HIGH_SPEED_VIDEO_MB_S = 24.0
"""Three transactions of 1024 bytes in each of 8000 microframes: the most one isochronous endpoint gets (USB 2.0)."""

_NETWORK_MB_S = {
    "r8152": 312.0,
    "ax88179_178a": 125.0,
    "cdc_ncm": 312.0,
    "cdc_ether": 125.0,
    "aqc111": 625.0,
    "lan78xx": 125.0,
    "smsc95xx": 12.5,
    "asix": 12.5,
}
"""Line rate of the fastest adapter that each driver serves."""

_SHARES_WHOLE_BUS = frozenset({"ehci-pci", "ehci_hcd", "ehci-platform", "dwc2", "dwc_otg", "ohci-pci", "uhci_hcd"})
"""Controllers with one transaction schedule for all root ports; xHCI root ports are independent."""


def usable_mb_s(speed_mbps: float | None) -> float | None:
    """What bulk transfers get out of a USB link; ``None`` for an unknown speed."""
    return None if speed_mbps is None else _USABLE_MB_S.get(speed_mbps)


def hop_mb_s(hop: Hop) -> float | None:
    """What bulk transfers get out of one link; ``None`` where its rate is not known."""
    if hop.negotiated_mbps is None:
        return None
    return usable_mb_s(hop.negotiated_mbps) if hop.bus == "usb" else hop.negotiated_mbps / 8 * PCIE_EFFICIENCY


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """Another device that can load a link: what it is, and the most it can ask for."""

    id: str
    what: str
    worst_mb_s: float


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What sits below a link."""

    tpus: tuple[str, ...]
    tpus_mb_s: float
    neighbours: tuple[Neighbour, ...]

    @property
    def total_mb_s(self) -> float:
        """Edge TPUs and neighbours together, all at their worst."""
        return self.tpus_mb_s + sum(neighbour.worst_mb_s for neighbour in self.neighbours)


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that several devices share. ``lower`` and ``upper`` are node ids; ``pci`` tells a PCIe link."""

    lower: str
    upper: str
    pci: bool
    rate_mbps: float
    usable_mb_s: float
    load: Load


def neighbour_of(node: UsbNode) -> Neighbour | None:
    """A device that can saturate a link: storage, camera, network; ``None`` for all others."""
    usable = usable_mb_s(node.device.speed_mbps)
    if usable is None or node.is_hub:
        return None
    kind = _heavy_kind(node.device)
    if kind is None:
        return None
    what, most = kind
    return Neighbour(id=node.id, what=what, worst_mb_s=min(most, usable))


def _heavy_kind(device: UsbDevice) -> tuple[str, float] | None:
    for interface in device.interfaces or ():
        if interface.class_code == _STORAGE:
            return "mass storage", float("inf")
        if interface.class_code == _VIDEO:
            fast = device.speed_mbps is not None and device.speed_mbps > 480
            return "camera", float("inf") if fast else _HIGH_SPEED_VIDEO_MB_S
        rate = _NETWORK_MB_S.get(interface.driver or "")
        if rate is not None:
            return "network adapter", rate
    return None


def _tpu_demand(node: UsbNode) -> float:
    own = usable_mb_s(node.device.speed_mbps)
    return TPU_DEMAND_MB_S if own is None else min(TPU_DEMAND_MB_S, own)


def usb_loads(machine: Machine) -> dict[str, Load]:
    """Load below every USB node that has any, by id, in one pass from the leaves up."""
    tpus: dict[str, list[str]] = {}
    demand: dict[str, float] = {}
    neighbours: dict[str, list[Neighbour]] = {}
    for node in reversed(machine.usb.values()):
        state = usb_state(node.device)
        if state is not None and state != "unconfigured":
            tpus.setdefault(node.id, []).append(node.id)
            demand[node.id] = demand.get(node.id, 0.0) + _tpu_demand(node)
        elif state is None:
            neighbour = neighbour_of(node)
            if neighbour is not None:
                neighbours.setdefault(node.id, []).append(neighbour)
        _pass_up(node, tpus, demand, neighbours)
    return {
        name: Load(
            tpus=tuple(sorted(tpus.get(name, ()))),
            tpus_mb_s=demand.get(name, 0.0),
            neighbours=tuple(neighbours.get(name, ())),
        )
        for name in reversed(machine.usb)
        if name in tpus or name in neighbours
    }


def _pass_up(
    node: UsbNode, tpus: dict[str, list[str]], demand: dict[str, float], neighbours: dict[str, list[Neighbour]]
) -> None:
    if node.parent is None:
        return
    if node.id in tpus:
        tpus.setdefault(node.parent, []).extend(tpus[node.id])
        demand[node.parent] = demand.get(node.parent, 0.0) + demand[node.id]
    if node.id in neighbours:
        neighbours.setdefault(node.parent, []).extend(neighbours[node.id])


def shared_uplinks(machine: Machine) -> list[Uplink]:
    """Links with an Edge TPU and something else that can load them, the nearest to the devices first."""
    loads = usb_loads(machine)
    found = []
    for name, load in loads.items():
        node = machine.usb[name]
        if node.is_hub and load.tpus and len(load.tpus) + len(load.neighbours) > 1:
            uplink = _usb_uplink(node, load)
            if uplink is not None:
                found.append(uplink)
    found += _controller_uplinks(machine, loads)
    found += _card_uplinks(machine)
    return found


def _usb_uplink(node: UsbNode, load: Load) -> Uplink | None:
    if node.is_root and node.device.root_driver not in _SHARES_WHOLE_BUS:
        return None
    speed = node.device.speed_mbps
    usable = usable_mb_s(speed)
    # Below high speed nothing works at all, which is another finding.
    if speed is None or usable is None or speed < HIGH_SPEED_MBPS:
        return None
    upper = node.parent or node.device.controller or "host"
    return Uplink(lower=node.id, upper=upper, pci=False, rate_mbps=speed, usable_mb_s=usable, load=load)


def _controller_uplinks(machine: Machine, loads: dict[str, Load]) -> list[Uplink]:
    found = []
    for controller, roots in machine.roots_of_controller.items():
        below = [loads[root] for root in roots if root in loads]
        load = _sum(below)
        uplink = _pcie_uplink(machine, controller, load) if len(load.tpus) + len(load.neighbours) > 1 else None
        if uplink is not None and load.tpus:
            found.append(uplink)
    return found


def _sum(loads: list[Load]) -> Load:
    return Load(
        tpus=tuple(tpu for load in loads for tpu in load.tpus),
        tpus_mb_s=sum(load.tpus_mb_s for load in loads),
        neighbours=tuple(neighbour for load in loads for neighbour in load.neighbours),
    )


def _pcie_uplink(machine: Machine, address: str, load: Load) -> Uplink | None:
    """The narrowest PCIe link above a function: on small boards it is less than the USB ports below it."""
    hop = narrowest(pci_hops(machine, address)) if address in machine.pci else None
    if hop is None or hop.negotiated_mbps is None:
        return None
    usable = hop.negotiated_mbps / 8 * PCIE_EFFICIENCY
    return Uplink(
        lower=hop.lower, upper=hop.upper, pci=True, rate_mbps=hop.negotiated_mbps, usable_mb_s=usable, load=load
    )


def _card_uplinks(machine: Machine) -> list[Uplink]:
    """Links of PCIe switches with several Edge TPUs below."""
    below: dict[tuple[str, str], list[str]] = {}
    rates: dict[tuple[str, str], float] = {}
    for tpu in machine.edge_tpus:
        if tpu.transport != "pci":
            continue
        for hop in tpu.hops:
            if hop.negotiated_mbps is not None:
                below.setdefault((hop.lower, hop.upper), []).append(tpu.id)
                rates[hop.lower, hop.upper] = hop.negotiated_mbps
    return [
        Uplink(
            lower=lower,
            upper=upper,
            pci=True,
            rate_mbps=rates[lower, upper],
            usable_mb_s=rates[lower, upper] / 8 * PCIE_EFFICIENCY,
            load=Load(tpus=tuple(tpus), tpus_mb_s=TPU_DEMAND_MB_S * len(tpus), neighbours=()),
        )
        for (lower, upper), tpus in below.items()
        if len(tpus) > 1
    ]
