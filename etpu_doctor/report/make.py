"""Makes a Report from a machine and its findings."""

from __future__ import annotations

import time
from collections.abc import Sequence

from etpu_doctor import __version__
from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.facts.evidence import SourceKind
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report.diagnosis import diagnose
from etpu_doctor.report.report import (
    Diagnosis,
    PciTreeNode,
    Report,
    ReportError,
    Source,
    Tool,
    Topology,
    UsbTreeNode,
)
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.identity import id_text, is_pci_edge_tpu, usb_state
from etpu_doctor.topology.link import PathLimit, path_limits, pcie_line_rate_mbps
from etpu_doctor.topology.machine import Machine, PciNode, UsbNode

_CLASS_NAMES = {
    0x01: "audio",
    0x02: "communications",
    0x03: "human interface",
    0x06: "imaging",
    0x07: "printer",
    0x08: "mass storage",
    0x09: "hub",
    0x0A: "communications data",
    0x0B: "smart card",
    0x0E: "video",
    0xE0: "wireless",
    0xFE: "application specific",
    0xFF: "vendor specific",
}
"""USB-IF class codes, in the words of usb.ids."""


def timestamp() -> str:
    """Now, in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def make_report(
    machine: Machine, findings: Sequence[Finding], *, kind: SourceKind | None = None, name: str | None = None
) -> Report:
    """The report of a machine. ``kind`` overrides what the evidence says of itself (a replay is a ``demo``)."""
    evidence = machine.evidence
    return Report(
        tool=Tool(version=__version__),
        generated_at=timestamp(),
        source=Source(
            kind=kind or evidence.kind,
            name=name,
            covers=evidence.covers,
            missing=evidence.missing,
            ignored=evidence.ignored,
            ignored_count=evidence.ignored_count,
        ),
        host=evidence.host,
        topology=_topology(machine),
        edge_tpus=tuple(machine.edge_tpus),
        findings=tuple(findings),
        smoke=evidence.smoke,
        diagnosis=diagnose(evidence, machine.edge_tpus, findings),
    )


def error_report(error: ReportError, kind: SourceKind = "live") -> Report:
    """A report that only says why there is none."""
    return Report(
        tool=Tool(version=__version__),
        generated_at=timestamp(),
        source=Source(kind=kind),
        diagnosis=Diagnosis(cause="unknown", confidence="certain", summary=error.message),
        error=error,
    )


def _topology(machine: Machine) -> Topology:
    limits = path_limits(machine)
    return Topology(
        usb=tuple(_usb_node(node, limits) for node in machine.usb.values()),
        pci=tuple(_pci_node(machine, node, limits) for node in machine.pci.values()),
    )


def _usb_node(node: UsbNode, limits: dict[str, PathLimit]) -> UsbTreeNode:
    device = node.device
    return UsbTreeNode(
        id=node.id,
        parent=node.parent,
        kind="root-hub" if node.is_root else "hub" if node.is_hub else "device",
        busnum=device.busnum,
        devnum=device.devnum,
        port=node.port,
        port_chain=None if device.port_chain is None else ".".join(map(str, device.port_chain)),
        usb_id=id_text(device.vendor_id, device.product_id),
        name=_usb_name(device),
        class_name=_class_name(device),
        drivers=_drivers(device),
        speed_mbps=device.speed_mbps,
        port_count=device.port_count,
        max_power_ma=device.max_power_ma,
        self_powered=device.self_powered,
        configured=device.configured,
        twin=node.twin,
        twin_basis=node.twin_basis,
        controller=device.controller,
        edge_tpu=usb_state(device),
        path_limit=limits.get(node.id),
        where=first_seen(device.seen),
    )


def _usb_name(device: UsbDevice) -> str | None:
    names = [name for name in (device.vendor_name, device.product_name) if name]
    return " ".join(names) or None


def _class_name(device: UsbDevice) -> str | None:
    for interface in device.interfaces or ():
        if interface.class_code is not None:
            return _CLASS_NAMES.get(interface.class_code, f"class {interface.class_code:02x}")
        if interface.class_name is not None:
            return interface.class_name.lower()
    return None


def _drivers(device: UsbDevice) -> tuple[str, ...]:
    if device.root_driver is not None:
        return (device.root_driver,)
    found = [interface.driver for interface in device.interfaces or () if interface.driver is not None]
    return tuple(dict.fromkeys(found))


def _pci_node(machine: Machine, node: PciNode, limits: dict[str, PathLimit]) -> PciTreeNode:
    function = node.function
    speed, width = function.current_link_speed_gts, function.current_link_width
    names = [name for name in (function.vendor_name, function.device_name) if name]
    return PciTreeNode(
        id=node.id,
        parent=node.parent,
        pci_id=id_text(function.vendor_id, function.device_id),
        class_code=None if function.class_code is None else f"{function.class_code:04x}",
        name=" ".join(names) or function.class_name,
        driver=function.driver,
        driver_known=function.driver_known,
        link_speed_gts=speed,
        link_width=width,
        max_link_speed_gts=function.max_link_speed_gts,
        max_link_width=function.max_link_width,
        link_mbps=pcie_line_rate_mbps(speed, width) if speed and width else None,
        usb_roots=tuple(machine.roots_of_controller.get(node.id, ())),
        is_edge_tpu=is_pci_edge_tpu(function),
        path_limit=limits.get(node.id),
        where=first_seen(function.seen),
    )
