"""Link speeds: what a place allows, what holds a link back, and the narrowest hop from a device to the host."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbPort
from etpu_doctor.topology.identity import is_onboard_hub
from etpu_doctor.topology.machine import Hop, LimitedBy, Limiter, Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed

EDGE_TPU_USB_MBPS = 5000
"""A USB Accelerator announces high speed and SuperSpeed, nothing faster (BOS of the firmware in libedgetpu)."""

EDGE_TPU_PCIE_GTS = 5.0
"""PCIe Gen2 x1 (Coral data sheets)."""

HIGH_SPEED_MBPS = 480
_CODING_CHANGES_AT_GTS = 8.0


def pcie_line_rate_mbps(speed_gts: float, width: int) -> float:
    """Line rate after coding, in Mb/s: 8b/10b up to 5 GT/s, 128b/130b from 8 GT/s on (PCI Express base spec.)."""
    coding = 0.8 if speed_gts < _CODING_CHANGES_AT_GTS else 128 / 130
    return round(speed_gts * 1000 * width * coding)


def port_of(node: UsbNode, number: int | None) -> UsbPort | None:
    """The record of a hub's port, where the evidence has one."""
    return next((port for port in node.device.ports or () if port.number == number), None)


def port_has_superspeed(machine: Machine, hub: UsbNode, number: int | None) -> bool | None:
    """Whether a port of a hub has a SuperSpeed half that is connected to the host; ``None`` if not known."""
    if is_superspeed(hub):
        return True
    if is_onboard_hub(hub.device):
        return None
    port = port_of(hub, number)
    if port is not None and port.peer_known:
        return port.peer is not None
    if hub.twin is not None and not hub.is_root:
        return True
    if hub.is_root:
        # A controller without a SuperSpeed bus has no such port; with one, only some of its ports may have it.
        open_question = hub.twin is not None or machine.unpaired_superspeed_roots or _may_be_a_part(machine, hub)
        return None if open_question else False
    return _hub_has_superspeed(machine, hub)


def _hub_has_superspeed(machine: Machine, hub: UsbNode) -> bool | None:
    """Whether an external hub without a known other half may have one all the same.

    Behind a pair of hubs the halves stand on the same port, so the other half would have been found. On root ports
    the numbers of the halves differ on most PCs: any SuperSpeed hub there may be the one.
    """
    parent = machine.usb.get(hub.parent) if hub.parent else None
    if not machine.covers("usb-tree") or parent is None:
        return None
    if not parent.is_root:
        return False if parent.twin is not None else port_has_superspeed(machine, parent, hub.port)
    if hub.device.superspeed_capable is False or port_has_superspeed(machine, parent, hub.port) is False:
        return False
    candidates = machine.unpaired_superspeed_vendors
    vendor = hub.device.vendor_id
    return None if candidates and (vendor is None or not candidates.isdisjoint((vendor, None))) else False


def has_superspeed_root(machine: Machine) -> bool | None:
    """Whether the machine has a SuperSpeed bus at all; ``None`` where no root hub was seen."""
    roots = [machine.usb[root] for root in machine.usb_roots]
    known = [is_superspeed(root) for root in roots]
    if any(known):
        return True
    part = any(_may_be_a_part(machine, root) for root in roots)
    return False if known and None not in known and not part else None


def _may_be_a_part(machine: Machine, root: UsbNode) -> bool:
    """An xHCI controller nearly always has a USB 3 bus as well; a paste that shows only its USB 2 bus is a part."""
    return root.device.root_driver == "xhci_hcd" and not machine.covers("usb-ports")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the place of a USB device allows: the best speed there, and what holds the link below 5 Gb/s."""

    expected_mbps: float | None = None
    limited_by: LimitedBy | None = None


def judge_place(machine: Machine, node: UsbNode, speed_mbps: float | None) -> Place:
    """Expected speed of an Edge TPU where it is plugged, and the one hop that limits it."""
    if speed_mbps is not None and speed_mbps >= EDGE_TPU_USB_MBPS:
        return Place(expected_mbps=EDGE_TPU_USB_MBPS)
    hub = machine.usb.get(node.parent) if node.parent else None
    if hub is None or node.port is None:
        return Place()
    slow = _slow_hub(machine, hub)
    if slow is not None:
        return Place(expected_mbps=slow.device.speed_mbps, limited_by=_limit(slow, None))
    return _judge_port(machine, hub, node.port, speed_mbps)


def _judge_port(machine: Machine, hub: UsbNode, port: int, speed_mbps: float | None) -> Place:
    superspeed = port_has_superspeed(machine, hub, port)
    expected = None if superspeed is None else EDGE_TPU_USB_MBPS if superspeed else HIGH_SPEED_MBPS
    if speed_mbps is None:
        return Place(expected_mbps=expected)
    if superspeed or speed_mbps < HIGH_SPEED_MBPS:
        return Place(expected_mbps=expected, limited_by=LimitedBy(kind="cable-or-socket", hop=hub.id, port=port))
    if superspeed is None:
        return Place(limited_by=LimitedBy(kind="unknown", hop=hub.id, port=port))
    return Place(expected_mbps=expected, limited_by=_without_superspeed(machine, hub, port))


def _without_superspeed(machine: Machine, hub: UsbNode, port: int) -> LimitedBy:
    """The hop nearest to the host that has no SuperSpeed half: mending one below it would change nothing."""
    limit = _limit(hub, port)
    for node in machine.usb_ancestors(hub.id):
        if node.is_root or hub.port is None or port_has_superspeed(machine, node, hub.port) is not False:
            break
        limit, hub = _limit(node, hub.port), node
    return limit


def _slow_hub(machine: Machine, hub: UsbNode) -> UsbNode | None:
    """The slow hub nearest to the host: taking away one below it would change nothing."""
    slow = None
    for node in (hub, *machine.usb_ancestors(hub.id)):
        speed = node.device.speed_mbps
        if speed is not None and speed < HIGH_SPEED_MBPS:
            slow = node
    return slow


def _limit(hub: UsbNode, port: int | None) -> LimitedBy:
    if hub.is_root:
        return LimitedBy(kind="device-port", hop=hub.id, port=port)
    # A USB 3 hub whose SuperSpeed half is missing is held back by its own cable or socket.
    kind: Limiter = "hub-uplink" if hub.device.superspeed_capable else "hub"
    return LimitedBy(kind=kind, hop=hub.id, port=port)


def usb_hops(machine: Machine, node: UsbNode, speed_mbps: float | None, expected_mbps: float | None) -> list[Hop]:
    """Links from a USB device up to the root complex, nearest first."""
    hops = []
    lower, negotiated, capable = node, speed_mbps, expected_mbps
    for upper in machine.usb_ancestors(node.id):
        hops.append(Hop(upper=upper.id, lower=lower.id, bus="usb", negotiated_mbps=negotiated, capable_mbps=capable))
        lower, negotiated, capable = upper, upper.device.speed_mbps, None
    controller = lower.device.controller
    if lower.is_root and controller in machine.pci:
        hops += pci_hops(machine, controller)
    return hops


def pci_hops(machine: Machine, address: str) -> list[Hop]:
    """PCIe links from a function up to the root complex, nearest first; functions without a link are passed over."""
    hops = []
    function = machine.pci[address].function
    for bridge in machine.pci_ancestors(address):
        negotiated = _negotiated_mbps(function)
        if negotiated is not None:
            capable = pcie_capable_mbps(function, bridge.function)
            hop = Hop(
                upper=bridge.id, lower=function.address, bus="pci", negotiated_mbps=negotiated, capable_mbps=capable
            )
            hops.append(hop)
        function = bridge.function
    return hops


def _negotiated_mbps(function: PciFunction) -> float | None:
    speed, width = function.current_link_speed_gts, function.current_link_width
    return pcie_line_rate_mbps(speed, width) if speed and width else None


def pcie_capable_mbps(lower: PciFunction, upper: PciFunction | None) -> float | None:
    """What both ends of a link can, in Mb/s; ``None`` if either end does not say."""
    ends = [lower] if upper is None else [lower, upper]
    speeds = [end.max_link_speed_gts for end in ends]
    widths = [end.max_link_width for end in ends]
    if any(not value for value in (*speeds, *widths)):
        return None
    return pcie_line_rate_mbps(min(s for s in speeds if s), min(w for w in widths if w))


def narrowest(hops: list[Hop]) -> Hop | None:
    """The hop with the least negotiated rate; the nearest to the device where several are equal."""
    known = [hop for hop in hops if hop.negotiated_mbps is not None]
    return min(known, key=lambda hop: hop.negotiated_mbps or 0, default=None)


def usb_payload_mbps(speed_mbps: float) -> float:
    """What is left of a USB link's rate after coding, to compare it with PCIe rates.

    SuperSpeed is coded 8b/10b, SuperSpeedPlus 128b/132b (USB 3.2 specification): a 5 Gb/s link and PCIe Gen2 x1 carry
    the same.
    """
    if speed_mbps < EDGE_TPU_USB_MBPS:
        return speed_mbps
    return speed_mbps * 0.8 if speed_mbps < 2 * EDGE_TPU_USB_MBPS else speed_mbps * 128 / 132


class PathLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The narrowest link between a node and the root complex: between which two nodes, and its rate.

    ``mbps`` is the rate as the bus names it (USB: on the wire; PCIe: after coding), ``payload_mbps`` after coding.
    """

    upper: str
    lower: str
    mbps: float
    payload_mbps: float


def path_limits(machine: Machine) -> dict[str, PathLimit]:
    """The narrowest known link above every node, its own link included, in one pass from the top down."""
    limits: dict[str, PathLimit] = {}
    for pci in machine.pci.values():
        upper = pci.parent
        own = _negotiated_mbps(pci.function) if upper else None
        _narrow(limits, pci.id, upper, own, own)
    for usb in machine.usb.values():
        if usb.parent is None:
            _narrow(limits, usb.id, usb.device.controller, None, None)
        else:
            speed = usb.device.speed_mbps
            _narrow(limits, usb.id, usb.parent, speed, None if speed is None else usb_payload_mbps(speed))
    return limits


def _narrow(
    limits: dict[str, PathLimit], node: str, upper: str | None, mbps: float | None, payload_mbps: float | None
) -> None:
    above = limits.get(upper) if upper else None
    if (
        upper
        and mbps is not None
        and payload_mbps is not None
        and (above is None or payload_mbps <= above.payload_mbps)
    ):
        limits[node] = PathLimit(upper=upper, lower=node, mbps=mbps, payload_mbps=payload_mbps)
    elif above is not None:
        limits[node] = above
