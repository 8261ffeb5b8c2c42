"""What ``lsusb`` and ``lspci`` would print of a built machine.

Names come from the catalogue as they would from usb.ids and pci.ids. ``lsusb -v`` and ``lspci -vv`` are reduced to the
lines that matter and some that must not confuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from etpu_doctor.facts.pci import PciBar, PciFunction
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from tests.support import lspci_text, lsusb_text
from tests.support.catalogue import CLASS_NAMES, PCI_CLASS_NAMES, PCI_PARTS, USB_NAMES, USB_PARTS

_LISTED = {**USB_NAMES, **{part.usb_id: part.listed for part in USB_PARTS.values()}}
_PCI_NAMES = {part.pci_id: (part.vendor_name, part.device_name) for part in PCI_PARTS.values()}
_SPEED_NAMES = {
    1.5: "Low Speed (1Mbps)",
    12: "Full Speed (12Mbps)",
    480: "High Speed (480Mbps)",
    5000: "SuperSpeed (5Gbps)",
    10000: "SuperSpeed+ (10Gbps)",
    20000: "SuperSpeed+ (20Gbps)",
}
_BRIDGE = 0x0604


def listed_name(device: UsbDevice) -> str:
    """What usb.ids calls a device; devices it does not know show their own strings."""
    known = _LISTED.get((device.vendor_id or 0, device.product_id or 0))
    own = " ".join(name for name in (device.vendor_name, device.product_name) if name)
    return own if known is None else known


def lsusb_t(devices: Sequence[UsbDevice], *, padded: bool, verbose: int) -> str:
    """``lsusb -t``."""
    return lsusb_text.render(map(_named, devices), padded=padded, verbose=verbose)


def _named(device: UsbDevice) -> UsbDevice:
    interfaces = tuple(map(_named_interface, device.interfaces or ()))
    return msgspec.structs.replace(device, interfaces=interfaces, vendor_name=listed_name(device), product_name=None)


def _named_interface(interface: UsbInterface) -> UsbInterface:
    return msgspec.structs.replace(interface, class_name=CLASS_NAMES.get(interface.class_code or 0))


def lsusb(devices: Sequence[UsbDevice]) -> str:
    """``lsusb``: the highest bus and device first, as usbutils up to 014 print it."""
    ordered = sorted(devices, key=lambda device: (device.busnum or 0, device.devnum or 0), reverse=True)
    return "".join(f"{_header(device)}\n" for device in ordered)


def _header(device: UsbDevice) -> str:
    place = f"Bus {device.busnum:03} Device {device.devnum:03}"
    return f"{place}: ID {device.vendor_id or 0:04x}:{device.product_id or 0:04x} {listed_name(device)}"


def lsusb_v(devices: Sequence[UsbDevice]) -> str:
    """``sudo lsusb -v``."""
    return "".join("".join(f"{line}\n" for line in ("", _header(device), *_details(device))) for device in devices)


def _details(device: UsbDevice) -> Iterator[str]:
    yield f"Negotiated speed: {_SPEED_NAMES[device.speed_mbps or 0]}"
    yield "Device Descriptor:"
    yield "  bLength                18"
    yield f"  bcdUSB               {_bcd(device.bcd_usb)}"
    yield f"  bDeviceClass            {device.device_class or 0} {CLASS_NAMES.get(device.device_class or 0, '')}"
    yield f"  bDeviceProtocol         {device.device_protocol or 0} "
    yield f"  idVendor           0x{device.vendor_id or 0:04x} {listed_name(device)}"
    yield f"  idProduct          0x{device.product_id or 0:04x} "
    yield f"  bcdDevice            {_bcd(device.bcd_device)}"
    yield from (
        f"  {field:<15}{' ':9}{index if value else 0} {value or ''}"
        for index, (field, value) in enumerate(
            (("iManufacturer", device.vendor_name), ("iProduct", device.product_name), ("iSerial", device.serial)), 1
        )
    )
    yield "  Configuration Descriptor:"
    yield f"    bNumInterfaces          {max(len(device.interfaces or ()), 1)}"
    yield f"    bmAttributes         0x{0xC0 if device.self_powered else 0x80:02x}"
    yield "      Self Powered" if device.self_powered else "      (Bus Powered)"
    yield f"    MaxPower              {device.max_power_ma}mA"
    for interface in device.interfaces or ():
        yield from _interface_lines(interface)
    if device.port_count:
        yield "Hub Descriptor:"
        yield f"  nNbrPorts             {device.port_count}"
    if device.superspeed_capable:
        yield from ("Binary Object Store Descriptor:", "  bNumDeviceCaps          1")
        yield from ("  SuperSpeed USB Device Capability:", "    wSpeedsSupported   0x000c")
        yield "      Device can operate at SuperSpeed (5Gbps)"
    yield f"Device Status:     0x{int(bool(device.self_powered)):04x}"


def _interface_lines(interface: UsbInterface) -> Iterator[str]:
    code = interface.class_code or 0
    yield "    Interface Descriptor:"
    yield f"      bInterfaceNumber        {interface.number}"
    yield "      bAlternateSetting       0"
    yield f"      bNumEndpoints           {interface.endpoint_count or 0}"
    yield f"      bInterfaceClass       {code:3} {CLASS_NAMES.get(code, '')}"
    yield f"      bInterfaceSubClass    {interface.subclass_code or 0:3} "
    yield f"      bInterfaceProtocol    {interface.protocol_code or 0:3} "


def _bcd(value: int | None) -> str:
    return f"{(value or 0) >> 8:2x}.{(value or 0) & 0xFF:02x}"


def lspci_nn(functions: Sequence[PciFunction]) -> str:
    """``lspci -nn``."""
    return lspci_text.list_nn(_ordered(functions))


def lspci_tv(functions: Sequence[PciFunction]) -> str:
    """``lspci -tvnn``."""
    return lspci_text.tree_tv(_ordered(functions))


def lspci_vmm(functions: Sequence[PciFunction]) -> str:
    """``lspci -vmmnnk``."""
    return lspci_text.records_vmmnnk(_ordered(functions))


def lspci_vv(functions: Sequence[PciFunction]) -> str:
    """``sudo lspci -nnvv``."""
    whole = _ordered(functions)
    kinds = _port_types(whole)
    return "".join(
        "".join(f"{line}\n" for line in (*_function_lines(each, whole, kinds[each.address]), "")) for each in whole
    )


def _ordered(functions: Sequence[PciFunction]) -> list[PciFunction]:
    return [_dressed(function) for function in sorted(functions, key=lambda function: _address_key(function.address))]


def _address_key(address: str) -> tuple[int, str]:
    return int(address.partition(":")[0], 16), address


def _dressed(function: PciFunction) -> PciFunction:
    """With the names of pci.ids, and what only texts show of every function."""
    vendor, device = _PCI_NAMES.get((function.vendor_id or 0, function.device_id or 0), ("Some Maker", "Device"))
    return msgspec.structs.replace(
        function,
        class_name=PCI_CLASS_NAMES[function.class_code or 0],
        vendor_name=vendor,
        device_name=device,
        # A card that does not answer has revision ff in all listings.
        revision=0xFF if function.config_all_ones else function.revision or 0,
        prog_if=0xFF if function.config_all_ones else function.prog_if,
        subsystem_vendor_id=function.subsystem_vendor_id or 0,
        subsystem_device_id=function.subsystem_device_id or 0,
    )


def _port_types(functions: Sequence[PciFunction]) -> dict[str, str]:
    """Root Port, Upstream Port, Downstream Port and Endpoint, from the place in the tree."""
    below = {"": "Root Port", "Root Port": "Upstream Port", "Upstream Port": "Downstream Port"}
    kinds = {"": ""}
    for each in sorted(functions, key=lambda function: len(function.sysfs_devpath or "")):
        above = kinds.get(each.parent or "", "")
        kinds[each.address] = below.get(above, "Upstream Port") if each.class_code == _BRIDGE else "Endpoint"
    return kinds


def _function_lines(function: PciFunction, functions: Sequence[PciFunction], kind: str) -> Iterator[str]:
    yield f"{lspci_text.header(function, lspci_text.short_slot(function, functions))} (prog-if {function.prog_if:02x})"
    if function.config_all_ones:
        yield "\t!!! Unknown header type 7f"
    else:
        yield from _answering(function, kind)
    if function.driver is not None:
        yield f"\tKernel driver in use: {function.driver}"


def _answering(function: PciFunction, kind: str) -> Iterator[str]:
    if function.bars is not None:
        signs = ["+" if value else "-" for value in (function.memory_enabled, function.bus_master)]
        yield f"\tControl: I/O- Mem{signs[0]} BusMaster{signs[1]} SpecCycle- MemWINV- VGASnoop-"
        yield from map(_bar, function.bars)
    if function.secondary_bus is not None:
        primary, first, last = function.address.split(":")[1], function.secondary_bus, function.subordinate_bus
        yield f"\tBus: primary={primary}, secondary={first:02x}, subordinate={last:02x}, sec-latency=0"
    if function.max_link_speed_gts is not None:
        most = f"Speed {function.max_link_speed_gts:g}GT/s, Width x{function.max_link_width}"
        now = f"Speed {function.current_link_speed_gts:g}GT/s, Width x{function.current_link_width}"
        yield f"\tCapabilities: [80] Express (v2) {kind}, MSI 00"
        yield f"\t\tLnkCap:\tPort #0, {most}, ASPM L0s L1, Exit Latency L0s <1us, L1 <2us"
        yield f"\t\tLnkSta:\t{now}"
        yield "\t\t\tTrErr- Train- SlotClk+ DLActive- BWMgmt- ABWMgmt-"
    if function.msix_enabled is not None:
        yield f"\tCapabilities: [d0] MSI-X: Enable{'+' if function.msix_enabled else '-'} Count=128 Masked-"


def _bar(bar: PciBar) -> str:
    size = f"{(bar.size_bytes or 0) >> 10}K" if (bar.size_bytes or 0) < 1 << 20 else f"{(bar.size_bytes or 0) >> 20}M"
    where = f"{0x84000000 + (bar.index << 20):x}" if bar.assigned else "<unassigned>"
    return f"\tRegion {bar.index}: Memory at {where} (64-bit, prefetchable) [size={size}]"
