"""The machine: USB and PCI nodes in one tree, the Edge TPUs on it, and what the person asked for."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Clock
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice

Transport = Literal["usb", "pci"]
TpuState = Literal["dfu", "ready", "unconfigured", "possible"]
Limiter = Literal["device-port", "hub", "hub-uplink", "cable-or-socket", "pcie-link", "unknown"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the person said: the clock their runtime uses, and how many Edge TPUs there should be."""

    clock: Clock | None = None
    expect_tpus: int | None = None


class UsbNode(msgspec.Struct, kw_only=True):
    """A USB device in its place.

    ``id`` is the sysfs name (``usb2``, ``2-1.4``; ``?-1.4`` where the bus is not known, ``bus2-dev5`` where the
    port is not known). ``twin`` is the other half of the same physical hub. ``children`` are ids in port order.
    """

    id: str
    device: UsbDevice
    parent: str | None = None
    children: list[str] = []
    twin: str | None = None
    twin_basis: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether this is a root hub."""
        return self.device.port_chain == ()

    @property
    def is_hub(self) -> bool:
        """Whether this is a hub, root hubs included."""
        return bool(self.device.port_count) or self.device.device_class == 9 or self.is_root

    @property
    def port(self) -> int | None:
        """Port number on the parent."""
        chain = self.device.port_chain
        return chain[-1] if chain else None


class PciNode(msgspec.Struct, kw_only=True):
    """A PCI function in its place; ``children`` are addresses of functions below a bridge."""

    id: str
    function: PciFunction
    parent: str | None = None
    children: list[str] = []


class LimitedBy(msgspec.Struct, frozen=True, kw_only=True):
    """The one hop that keeps a link below what the device can.

    ``hop`` is the id of the node that owns the hop (a hub, a root hub, a bridge); ``port`` its port.
    """

    kind: Limiter
    hop: str | None = None
    port: int | None = None


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One link between an Edge TPU and the root complex, nearest first.

    ``capable_mbps`` is what both ends can, where known; ``negotiated_mbps`` what they do. PCIe links are given in
    Mb/s of usable line rate (GT/s times lanes times coding).
    """

    upper: str
    lower: str
    bus: Transport
    negotiated_mbps: float | None = None
    capable_mbps: float | None = None


class EdgeTpu(msgspec.Struct, kw_only=True):
    """One Edge TPU, or what may be one.

    * ``id``: the node's id (``2-1.4`` or ``0000:03:00.0``).
    * ``state``: ``dfu`` (boot loader, before first use), ``ready``, ``unconfigured`` (no configuration or driver),
      ``possible`` (the evidence shows no ids); ``None`` where the evidence does not tell.
    * ``place_certain``: false where the port is not known, or was rebuilt from a listing that lost its indentation.
    * ``in_use``: whether a process holds it, as far as the bound driver tells.
    * ``expected_speed_mbps``: the best this place allows: the least of device, every hub and port above.
    * ``delegate_device``: the string for ``load_delegate`` that means this device *now*; ``None`` where the order is
      not known. ``delegate_device_any`` is its ``:N`` form, ``delegate_device_after_firmware`` what it will be once
      every stick has its firmware, ``delegate_device_without_udev`` what it is where libusb was built without
      udev (Frigate's container).
    * ``device_path``: what ``edgetpu_list_devices`` calls it. ``device_node``: the file a program opens.
    """

    id: str
    transport: Transport
    state: TpuState | None = None
    busnum: int | None = None
    devnum: int | None = None
    port_chain: str | None = None
    pci_address: str | None = None
    identity: str | None = None
    place_certain: bool = True
    in_use: bool | None = None
    speed_mbps: float | None = None
    expected_speed_mbps: float | None = None
    limited_by: LimitedBy | None = None
    controller: str | None = None
    hops: list[Hop] = []
    delegate_device: str | None = None
    delegate_device_any: str | None = None
    delegate_device_after_firmware: str | None = None
    delegate_device_without_udev: str | None = None
    delegate_unknown_because: str | None = None
    device_path: str | None = None
    device_node: str | None = None


class FreePort(msgspec.Struct, frozen=True, kw_only=True):
    """A port with nothing on it. ``is_socket`` is false where the evidence cannot tell a socket from a spare pin."""

    hub: str
    port: int
    is_socket: bool


class Machine(msgspec.Struct, kw_only=True):
    """Everything the rules judge. ``usb`` and ``pci`` are in tree order, parents first; ``usb_roots`` the root hubs."""

    evidence: Evidence
    options: Options
    usb: dict[str, UsbNode]
    pci: dict[str, PciNode]
    edge_tpus: list[EdgeTpu]
    usb_roots: list[str]
    roots_of_controller: dict[str, list[str]]
    unpaired_superspeed_roots: list[str] = []
    unpaired_superspeed_vendors: set[int | None] = set()
    """SuperSpeed root hubs, and vendors of SuperSpeed hubs on root ports, whose other half was not found."""

    free_ports: dict[str, list[FreePort]] = {}
    """Free ports of the hubs that were asked for so far (``topology.free_ports``)."""

    def usb_ancestors(self, node_id: str) -> list[UsbNode]:
        """Nodes above a USB node, nearest first, ending with the root hub where it is known."""
        found = []
        parent = self.usb[node_id].parent
        while parent is not None:
            node = self.usb[parent]
            found.append(node)
            parent = node.parent
        return found

    def pci_ancestors(self, address: str) -> list[PciNode]:
        """Bridges above a PCI function, nearest first."""
        found = []
        parent = self.pci[address].parent if address in self.pci else None
        while parent is not None:
            node = self.pci[parent]
            found.append(node)
            parent = node.parent
        return found

    def covers(self, name: str) -> bool:
        """Whether the evidence would have shown it (see ``Evidence.covers``)."""
        return name in self.evidence.covers
