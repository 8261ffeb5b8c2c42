"""Evidence in, Machine out: places every device in the tree and pairs the halves of USB 3 hubs."""

from __future__ import annotations

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.controllers import attach_controllers
from etpu_doctor.topology.delegate_index import assign_delegate_strings
from etpu_doctor.topology.edge_tpu import find_edge_tpus
from etpu_doctor.topology.machine import Machine, Options, PciNode, UsbNode
from etpu_doctor.topology.pairing import pair_hubs


def build(evidence: Evidence, options: Options | None = None) -> Machine:
    """The machine that the evidence shows. Never raises: what does not fit the tree stands at its top."""
    usb = _usb_tree(evidence.usb)
    pci = _pci_tree(evidence.pci)
    machine = Machine(
        evidence=evidence,
        options=options or Options(),
        usb=usb,
        pci=pci,
        edge_tpus=[],
        usb_roots=[node.id for node in usb.values() if node.is_root],
        roots_of_controller={},
    )
    attach_controllers(machine)
    pair_hubs(machine)
    machine.edge_tpus = find_edge_tpus(machine)
    assign_delegate_strings(machine)
    return machine


def node_id(device: UsbDevice) -> str:
    """Name of a USB device's place, as sysfs would call it."""
    bus = "?" if device.busnum is None else device.busnum
    if device.port_chain is None:
        return f"bus{bus}-dev{'?' if device.devnum is None else device.devnum}"
    if not device.port_chain:
        return f"usb{bus}"
    return f"{bus}-{'.'.join(map(str, device.port_chain))}"


def _usb_order(device: UsbDevice) -> tuple[bool, int, bool, tuple[int, ...], int]:
    chain = device.port_chain
    return (device.busnum is None, device.busnum or 0, chain is None, chain or (), device.devnum or 0)


def _usb_tree(devices: tuple[UsbDevice, ...]) -> dict[str, UsbNode]:
    nodes: dict[str, UsbNode] = {}
    for device in sorted(devices, key=_usb_order):
        name = node_id(device)
        # Two devices in one place can only come from two moments; the kernel counts device numbers up.
        nodes[name] = UsbNode(id=name, device=device, children=[])
    for node in nodes.values():
        parent = _usb_parent(node.device, nodes)
        if parent is not None:
            node.parent = parent.id
            parent.children.append(node.id)
    return nodes


def _usb_parent(device: UsbDevice, nodes: dict[str, UsbNode]) -> UsbNode | None:
    chain = device.port_chain
    if not chain:
        return None
    bus = "?" if device.busnum is None else device.busnum
    above = f"{bus}-{'.'.join(map(str, chain[:-1]))}" if len(chain) > 1 else f"usb{bus}"
    return nodes.get(above)


def _pci_tree(functions: tuple[PciFunction, ...]) -> dict[str, PciNode]:
    ordered = sorted(functions, key=lambda function: _address_key(function.address))
    nodes = {function.address: PciNode(id=function.address, function=function, children=[]) for function in ordered}
    bridge_of_bus: dict[tuple[str, int | None], str] = {
        (_domain(function.address), function.secondary_bus): function.address
        for function in ordered
        if function.secondary_bus
    }
    for node in nodes.values():
        parent = _pci_parent(node.function, bridge_of_bus)
        if parent is not None and parent in nodes and not _is_above(nodes, node.id, parent):
            node.parent = parent
            nodes[parent].children.append(node.id)
    return _parents_first(nodes)


def _parents_first(nodes: dict[str, PciNode]) -> dict[str, PciNode]:
    """By address, but no function before the bridge above it: firmware need not number buses from the top down."""
    ordered: dict[str, PciNode] = {}
    for node in nodes.values():
        above = [node]
        while above[-1].parent is not None and above[-1].parent not in ordered:
            above.append(nodes[above[-1].parent])
        ordered.update((each.id, each) for each in reversed(above))
    return ordered


def _pci_parent(function: PciFunction, bridge_of_bus: dict[tuple[str, int | None], str]) -> str | None:
    if function.parent_known:
        return function.parent
    try:
        bus = int(function.address.split(":")[-2], 16)
        return bridge_of_bus.get((_domain(function.address), bus))
    except (IndexError, ValueError):
        return None


def _is_above(nodes: dict[str, PciNode], address: str, parent: str) -> bool:
    """Whether ``address`` stands above ``parent``: damaged bus numbers can describe a circle."""
    above: str | None = parent
    while above is not None:
        if above == address:
            return True
        above = nodes[above].parent if above in nodes else None
    return False


def _domain(address: str) -> str:
    return address.partition(":")[0]


def _address_key(address: str) -> tuple[int, str]:
    return (len(_domain(address)), address)
