"""Pairs the USB 2 and USB 3 halves of one physical hub.

A USB 3 hub is two logical hubs on two buses. The kernel says which belong together by the ``peer`` links of their
ports (Linux ``drivers/usb/core/port.c``); where it is not asked, a container id does (the same UUID in both
halves), and after that only the position: a weaker sign, and marked as such.
"""

from __future__ import annotations

from etpu_doctor.topology.machine import Machine, UsbNode

SUPERSPEED_MBPS = 5000

PEER = "kernel peer link"
CONTAINER = "container id"
CONTROLLER = "same controller"
POSITION = "position"

_ROOT_HUB_SUPERSPEED = (0x1D6B, 0x0003)
_ROOT_HUB_HIGH_SPEED = (0x1D6B, 0x0002)


def is_superspeed(node: UsbNode) -> bool | None:
    """Whether a hub is a SuperSpeed one; root hubs tell it by their id where no speed is known."""
    speed = node.device.speed_mbps
    if speed is not None:
        return speed >= SUPERSPEED_MBPS
    identity = (node.device.vendor_id, node.device.product_id)
    if identity == _ROOT_HUB_SUPERSPEED:
        return True
    return False if identity == _ROOT_HUB_HIGH_SPEED else None


def pair_hubs(machine: Machine) -> None:
    """Set ``twin`` and ``twin_basis`` of every hub whose other half is found."""
    hubs = [node for node in machine.usb.values() if node.is_hub]
    for hub in hubs:
        _pair_by_peer(machine, hub)
    _pair_by_container(hubs)
    _pair_roots(machine, [machine.usb[root] for root in machine.usb_roots])
    # Parents stand before children, so the twin of the hub above is settled when a hub's turn comes.
    for hub in hubs:
        _pair_below_twins(machine, hub)
    _note_unpaired(machine, [hub for hub in hubs if hub.twin is None and is_superspeed(hub)])


def _note_unpaired(machine: Machine, hubs: list[UsbNode]) -> None:
    machine.unpaired_superspeed_roots = [hub.id for hub in hubs if hub.is_root]
    on_root_ports = [hub for hub in hubs if len(hub.device.port_chain or ()) == 1]
    machine.unpaired_superspeed_vendors = {hub.device.vendor_id for hub in on_root_ports}


def _couple(one: UsbNode, other: UsbNode, basis: str) -> None:
    if one is not other and one.twin is None and other.twin is None:
        one.twin, other.twin = other.id, one.id
        one.twin_basis = other.twin_basis = basis


def peer_hub(peer: str) -> tuple[str, int] | None:
    """Hub and port that a peer link names: ``usb2-port1`` -> (``usb2``, 1)."""
    hub, dash, port = peer.rpartition("-port")
    # At most 255 ports; a damaged link must not become an endless number.
    return (hub, int(port)) if dash and port.isdecimal() and len(port) <= 3 else None


def _pair_by_peer(machine: Machine, hub: UsbNode) -> None:
    for port in hub.device.ports or ():
        place = peer_hub(port.peer) if port.peer else None
        other = machine.usb.get(place[0]) if place else None
        if other is not None:
            _couple(hub, other, PEER)
            return


def _pair_by_container(hubs: list[UsbNode]) -> None:
    by_container: dict[str, list[UsbNode]] = {}
    for hub in hubs:
        if hub.device.container_id and not hub.is_root:
            by_container.setdefault(hub.device.container_id, []).append(hub)
    for group in by_container.values():
        fast = [hub for hub in group if is_superspeed(hub)]
        slow = [hub for hub in group if is_superspeed(hub) is False]
        # Two chips of one case share the id as well: only an unmistakable pair is taken.
        if len(fast) == len(slow) == 1:
            _couple(fast[0], slow[0], CONTAINER)


def _pair_roots(machine: Machine, roots: list[UsbNode]) -> None:
    for names in machine.roots_of_controller.values():
        nodes = [machine.usb[name] for name in names]
        fast = [node for node in nodes if is_superspeed(node)]
        slow = [node for node in nodes if is_superspeed(node) is False]
        if len(fast) == len(slow) == 1:
            _couple(fast[0], slow[0], CONTROLLER)
    unpaired = {node.device.busnum: node for node in roots if node.twin is None and node.device.controller is None}
    for busnum, node in unpaired.items():
        # xHCI registers its USB 2 bus first and its USB 3 bus right after it (Linux drivers/usb/host/xhci-pci.c).
        above = unpaired.get(busnum + 1) if busnum is not None else None
        if above is not None and is_superspeed(above) and is_superspeed(node) is False and _same_driver(node, above):
            _couple(node, above, POSITION)


def _same_driver(one: UsbNode, other: UsbNode) -> bool:
    return one.device.root_driver == other.device.root_driver


def _pair_below_twins(machine: Machine, hub: UsbNode) -> None:
    """The kernel's rule for ports of external hubs: if the hubs above are twins, port N is the peer of port N.

    For root hubs the port numbers of the two halves need not agree. Where the kernel's links are known, they decide.
    """
    parent = machine.usb.get(hub.parent) if hub.parent else None
    if hub.twin is not None or parent is None or parent.twin is None or hub.port is None:
        return
    place: tuple[str, int] | None = (parent.twin, hub.port)
    basis = POSITION if parent.is_root else parent.twin_basis or POSITION
    port = next((port for port in parent.device.ports or () if port.number == hub.port), None)
    if port is not None and port.peer_known:
        place, basis = peer_hub(port.peer) if port.peer else None, PEER
    other = _child_at(machine, *place) if place is not None and place[0] in machine.usb else None
    if other is None or not other.is_hub or is_superspeed(other) is is_superspeed(hub):
        return
    if _same_vendor(hub, other):
        _couple(hub, other, basis)


def _same_vendor(one: UsbNode, other: UsbNode) -> bool:
    vendors = (one.device.vendor_id, other.device.vendor_id)
    return None in vendors or vendors[0] == vendors[1]


def _child_at(machine: Machine, hub: str, port: int) -> UsbNode | None:
    return next((machine.usb[child] for child in machine.usb[hub].children if machine.usb[child].port == port), None)
