"""Names the place where a fact was read: a file below ``/sys``, or a line of a text."""

from __future__ import annotations

from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice

_USB_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "speed_mbps": ("speed", ("lsusb-t", "lsusb-v")),
    "port_chain": ("devpath", ("lsusb-t",)),
    "vendor_id": ("idVendor", ("lsusb", "lsusb-v", "lsusb-t")),
    "max_power_ma": ("bMaxPower", ("lsusb-v",)),
    "self_powered": ("bmAttributes", ("lsusb-v",)),
    "configured": ("bConfigurationValue", ("lsusb-t", "lsusb-v")),
    "interfaces": ("bNumInterfaces", ("lsusb-t", "lsusb-v")),
    "runtime_control": ("power/control", ()),
    "runtime_status": ("power/runtime_status", ()),
    "autosuspend_delay_ms": ("power/autosuspend_delay_ms", ()),
    "port_count": ("maxchild", ("lsusb-t", "lsusb-v")),
    "root_driver": ("driver", ("lsusb-t",)),
}

_PCI_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vendor_id": ("vendor", ("lspci", "lspci-v", "lspci-vmm", "lspci-t")),
    "driver": ("driver", ("lspci-v", "lspci", "lspci-vmm")),
    "current_link_speed_gts": ("current_link_speed", ("lspci-v",)),
    "current_link_width": ("current_link_width", ("lspci-v",)),
    "max_link_speed_gts": ("max_link_speed", ("lspci-v",)),
    "max_link_width": ("max_link_width", ("lspci-v",)),
    "aspm": ("link", ("lspci-v",)),
    "bars": ("resource", ("lspci-v",)),
    "config_all_ones": ("config", ("lspci-v", "lspci")),
    "msix_enabled": ("config", ("lspci-v",)),
}


def usb_origin(device: UsbDevice, field: str) -> str | None:
    """Where a field of a USB device was read, e.g. ``/sys/bus/usb/devices/2-1/speed`` or ``paste.txt:12``."""
    attribute, kinds = _USB_FIELDS[field]
    return _origin(device.seen, "/sys/bus/usb/devices", attribute, kinds)


def pci_origin(function: PciFunction, field: str) -> str | None:
    """Where a field of a PCI function was read."""
    attribute, kinds = _PCI_FIELDS[field]
    return _origin(function.seen, "/sys/bus/pci/devices", attribute, kinds)


def port_origin(hub: UsbDevice, port: int, attribute: str) -> str | None:
    """The file of a hub port's attribute; ports are only known from sysfs."""
    for seen in hub.seen:
        if seen.kind == "sysfs":
            name = seen.file.rpartition("/")[2]
            interface = f"{name[3:]}-0:1.0" if name.startswith("usb") else f"{name}:1.0"
            return f"/sys/bus/usb/devices/{interface}/{name}-port{port}/{attribute}"
    return None


def _origin(seen: tuple[Seen, ...], folder: str, attribute: str, kinds: tuple[str, ...]) -> str | None:
    for place in seen:
        if place.kind == "sysfs":
            return f"{folder}/{place.file.rpartition('/')[2]}/{attribute}"
    for kind in kinds:
        for place in seen:
            if place.kind == kind:
                return f"{place.file}:{place.line}" if place.line is not None else place.file
    return None


def first_seen(seen: tuple[Seen, ...]) -> str | None:
    """The first place that speaks of a device."""
    if not seen:
        return None
    place = seen[0]
    if place.kind == "sysfs":
        return f"/sys{place.file}"
    return f"{place.file}:{place.line}" if place.line is not None else place.file
