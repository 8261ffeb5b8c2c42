"""Which devices are Edge TPUs, and in which state."""

from __future__ import annotations

from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.machine import TpuState

DFU_ID = (0x1A6E, 0x089A)
"""Boot loader, from power-on until a program opens it (libedgetpu ``beagle_usb_driver_provider.cc``)."""

READY_ID = (0x18D1, 0x9302)
"""Firmware runs (same source)."""

PCI_ID = (0x1AC1, 0x089A)
"""PCIe Edge TPU (gasket-driver ``apex_driver.c``)."""

ONBOARD_USB2_HUBS = frozenset({(0x2109, 0x3431)})
"""USB 2 hubs soldered behind USB 3 sockets, whose SuperSpeed contacts go past the hub to the controller: the one of
the Raspberry Pi 4. A device behind it at 480 Mb/s may sit in a USB 3 socket all the same."""

VENDOR_SPECIFIC = 0xFF
APPLICATION_SPECIFIC = 0xFE

_UNCLAIMED = frozenset({None, "usbfs", "usb"})
"""No kernel driver binds to an Edge TPU: its interface is free, or held by a program through usbfs."""


def is_onboard_hub(device: UsbDevice) -> bool:
    """Whether a hub is only the USB 2 half of the host's own sockets."""
    return (device.vendor_id, device.product_id) in ONBOARD_USB2_HUBS


def id_text(vendor: int | None, product: int | None) -> str | None:
    """``18d1:9302`` as ``lsusb`` prints it."""
    return None if vendor is None or product is None else f"{vendor:04x}:{product:04x}"


def usb_state(device: UsbDevice) -> TpuState | None:
    """State of a USB Edge TPU, ``None`` if the device is none."""
    identity = (device.vendor_id, device.product_id)
    if identity == DFU_ID:
        return "unconfigured" if device.configured is False else "dfu"
    if identity == READY_ID:
        return "unconfigured" if device.configured is False else "ready"
    if device.vendor_id is None and _may_be_edge_tpu(device):
        return "possible"
    return None


def _may_be_edge_tpu(device: UsbDevice) -> bool:
    """A leaf with one vendor-specific interface (or one in DFU mode) that no kernel driver holds."""
    interfaces = device.interfaces
    if device.port_count or not interfaces or len(interfaces) != 1:
        return False
    interface = interfaces[0]
    if interface.class_code not in (VENDOR_SPECIFIC, APPLICATION_SPECIFIC):
        return False
    return interface.driver_known and interface.driver in _UNCLAIMED


def usb_in_use(device: UsbDevice) -> bool | None:
    """``Driver=usbfs`` means that a program holds the interface right now."""
    if not device.interfaces or not device.interfaces[0].driver_known:
        return None
    return device.interfaces[0].driver == "usbfs"


def is_pci_edge_tpu(function: PciFunction) -> bool:
    """By id: the class is rewritten by a kernel quirk and is not the same everywhere."""
    return (function.vendor_id, function.device_id) == PCI_ID


def pci_state(function: PciFunction) -> TpuState | None:
    """``ready`` with the apex driver bound, ``unconfigured`` with another or none, ``None`` where it is not known."""
    if not function.driver_known:
        return None
    return "ready" if function.driver == "apex" else "unconfigured"
