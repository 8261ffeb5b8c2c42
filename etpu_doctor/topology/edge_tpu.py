"""Finds the Edge TPUs of a machine and says of each where it sits and what its link is worth."""

from __future__ import annotations

from etpu_doctor.topology.identity import id_text, is_pci_edge_tpu, pci_state, usb_in_use, usb_state
from etpu_doctor.topology.link import EDGE_TPU_USB_MBPS, judge_place, pci_hops, pcie_line_rate_mbps, usb_hops
from etpu_doctor.topology.machine import EdgeTpu, LimitedBy, Machine, PciNode, TpuState, UsbNode
from etpu_doctor.topology.pairing import is_superspeed


def find_edge_tpus(machine: Machine) -> list[EdgeTpu]:
    """PCIe Edge TPUs by address, then USB ones by bus and port."""
    apex = {node.pci_address: node.name for node in machine.evidence.apex}
    found = [
        _from_pci(machine, node, apex.get(node.id)) for node in machine.pci.values() if is_pci_edge_tpu(node.function)
    ]
    for node in machine.usb.values():
        state = usb_state(node.device)
        if state is not None:
            found.append(_from_usb(machine, node, state))
    return found


def _from_usb(machine: Machine, node: UsbNode, state: TpuState) -> EdgeTpu:
    device = node.device
    speed = device.speed_mbps if device.speed_mbps is not None else _speed_from_bus(machine, node)
    place = judge_place(machine, node, speed)
    chain = ".".join(map(str, device.port_chain)) if device.port_chain is not None else None
    has_node = device.busnum is not None and device.devnum is not None
    return EdgeTpu(
        id=node.id,
        transport="usb",
        state=state,
        busnum=device.busnum,
        devnum=device.devnum,
        port_chain=chain,
        identity=id_text(device.vendor_id, device.product_id),
        place_certain=device.chain_certain and chain is not None,
        in_use=usb_in_use(device),
        speed_mbps=speed,
        expected_speed_mbps=place.expected_mbps,
        limited_by=place.limited_by,
        controller=_controller(machine, node),
        hops=usb_hops(machine, node, speed, place.expected_mbps),
        device_path=f"/sys/bus/usb/devices/{node.id}" if chain and device.busnum is not None else None,
        device_node=f"/dev/bus/usb/{device.busnum:03d}/{device.devnum:03d}" if has_node else None,
    )


def _speed_from_bus(machine: Machine, node: UsbNode) -> float | None:
    """A SuperSpeed bus carries nothing slower, and an Edge TPU runs no faster than 5 Gb/s."""
    root = machine.usb.get(f"usb{node.device.busnum}")
    return EDGE_TPU_USB_MBPS if root is not None and is_superspeed(root) else None


def _controller(machine: Machine, node: UsbNode) -> str | None:
    if node.device.controller is not None:
        return node.device.controller
    root = machine.usb.get(f"usb{node.device.busnum}")
    return root.device.controller if root is not None else None


def _from_pci(machine: Machine, node: PciNode, apex: str | None) -> EdgeTpu:
    function = node.function
    hops = pci_hops(machine, node.id)
    limit = None
    own = hops[0] if hops and hops[0].lower == node.id else None
    if own is not None and own.capable_mbps is not None and (own.negotiated_mbps or 0) < own.capable_mbps:
        limit = LimitedBy(kind="pcie-link", hop=own.upper)
    speed, width = function.current_link_speed_gts, function.current_link_width
    return EdgeTpu(
        id=node.id,
        transport="pci",
        state="unconfigured" if function.config_all_ones else pci_state(function),
        pci_address=node.id,
        identity=id_text(function.vendor_id, function.device_id),
        speed_mbps=pcie_line_rate_mbps(speed, width) if speed and width else None,
        expected_speed_mbps=own.capable_mbps if own is not None else None,
        limited_by=limit,
        hops=hops,
        device_path=f"/dev/{apex}" if apex else None,
        device_node=f"/dev/{apex}" if apex else None,
    )
