"""Writes facts as a umockdev device description: only the attributes that are read of sysfs."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator

from etpu_doctor.facts.pci import ApexNode, PciBar, PciFunction
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort

_SUPERSPEED_MBPS = 5000


def describe(
    usb: Iterable[UsbDevice], pci: Iterable[PciFunction], apex: Iterable[ApexNode], drivers: dict[str, str]
) -> str:
    """The whole description: controllers, then USB devices, then apex nodes, each in the order given."""
    blocks = [
        *(_block(path, "platform", [_driver(path, "platform", driver)]) for path, driver in drivers.items()),
        *(_block(_path(function), "pci", _pci_lines(function)) for function in pci),
        *(block for device in usb for block in _usb_blocks(device)),
        *(_block(node.seen[0].file, "apex", [_a(*item) for item in node.attributes.items()]) for node in apex),
    ]
    return "\n".join(blocks)


def _block(path: str, subsystem: str, lines: Iterable[str | None]) -> str:
    body = [line for line in lines if line is not None]
    return "".join(f"{line}\n" for line in (f"P: {path}", f"E: SUBSYSTEM={subsystem}", *body))


def _path(fact: UsbDevice | PciFunction) -> str:
    return fact.sysfs_devpath or ""


def _a(name: str, value: object) -> str | None:
    """An attribute, with the line end that the kernel prints."""
    return None if value is None else f"A: {name}={value}\\n"


def _h(name: str, content: bytes) -> str:
    return f"H: {name}={content.hex().upper()}"


def _driver(path: str, bus: str, driver: str | None) -> str | None:
    if driver is None:
        return None
    return f"L: driver={os.path.relpath(f'/bus/{bus}/drivers/{driver}', path)}"


def _usb_blocks(device: UsbDevice) -> Iterator[str]:
    yield _block(_path(device), "usb", _usb_lines(device))
    base = _path(device).rpartition("/")[2]
    base = f"{device.busnum}-0" if not device.port_chain else base
    for interface in device.interfaces or ():
        path = f"{_path(device)}/{base}:1.{interface.number}"
        ports = device.ports or () if interface.number == 0 else ()
        lines = [line for port in ports for line in _port_lines(device, path, port)]
        yield _block(path, "usb", [_driver(path, "usb", interface.driver), *lines])


def _usb_lines(device: UsbDevice) -> Iterator[str | None]:
    refused = device.configured is False
    yield _a("devnum", device.devnum)
    yield _a("speed", f"{device.speed_mbps:g}")
    yield _h("descriptors", _descriptors(device))
    if device.superspeed_capable:
        yield _h("bos_descriptors", _bos(device.container_id))
    yield _a("bConfigurationValue", "" if refused else 1)
    yield _a("bNumInterfaces", "" if refused else f"{len(device.interfaces or ()):2}")
    yield _a("bMaxPower", "" if refused else f"{device.max_power_ma}mA")
    yield _a("bmAttributes", "" if refused else f"{_attributes(device):02x}")
    yield _a("maxchild", device.port_count)
    yield _a("manufacturer", device.vendor_name)
    yield _a("product", device.product_name)
    yield _a("serial", device.serial)
    yield _a("rx_lanes", device.rx_lanes)
    yield _a("tx_lanes", device.tx_lanes)
    yield _a("authorized", int(bool(device.authorized)))
    yield _a("removable", device.removable)
    yield _a("power/control", device.runtime_control)
    yield _a("power/runtime_status", device.runtime_status)
    yield _a("power/autosuspend_delay_ms", device.autosuspend_delay_ms)


def _port_lines(device: UsbDevice, interface: str, port: UsbPort) -> Iterator[str | None]:
    name = f"{_path(device).rpartition('/')[2]}-port{port.number}"
    yield _a(f"{name}/connect_type", port.connect_type)
    yield _a(f"{name}/location", f"0x{port.location or 0:08x}")
    yield _a(f"{name}/over_current_count", port.over_current_count)
    yield _a(f"{name}/state", port.state)
    if port.peer is not None:
        # Readers take the name of the target alone, so any folder does.
        yield f"L: {name}/peer={os.path.relpath(f'/bus/usb/ports/{port.peer}', f'{interface}/{name}')}"


def _attributes(device: UsbDevice) -> int:
    return 0xC0 if device.self_powered else 0x80


def _descriptors(device: UsbDevice) -> bytes:
    """A device descriptor and one configuration; endpoints are counted and not described."""
    fast = (device.speed_mbps or 0) >= _SUPERSPEED_MBPS
    interfaces = device.interfaces or _asked(device)
    head = struct.pack(
        "<BBHBBBBHHHBBBB",
        18,
        1,
        device.bcd_usb or 0,
        device.device_class or 0,
        0,
        device.device_protocol or 0,
        9 if fast else 64,
        device.vendor_id or 0,
        device.product_id or 0,
        device.bcd_device or 0,
        0,
        0,
        0,
        1,
    )
    power = (device.max_power_ma or 0) // (8 if fast else 2)
    length = 9 + 9 * len(interfaces)
    configuration = struct.pack("<BBHBBBBB", 9, 2, length, len(interfaces), 1, 0, _attributes(device), power)
    return head + configuration + b"".join(map(_interface, interfaces))


def _asked(device: UsbDevice) -> tuple[UsbInterface, ...]:
    """What a device offers whose configuration the kernel refused: one vendor-specific interface."""
    return (UsbInterface(number=0, class_code=0xFF),) if device.configured is False else ()


def _interface(interface: UsbInterface) -> bytes:
    codes = (interface.class_code or 0, interface.subclass_code or 0, interface.protocol_code or 0)
    return bytes((9, 4, interface.number, 0, interface.endpoint_count or 0, *codes, 0))


def _bos(container: str | None) -> bytes:
    """USB 2 extension and SuperSpeed capability as in the Edge TPU's firmware; a container id where there is one."""
    capabilities = bytes((7, 0x10, 2, 2, 0, 0, 0)) + bytes((10, 0x10, 3, 0, 0x0C, 0, 2, 0, 0, 0))
    count = 2
    if container is not None:
        raw = bytes.fromhex(container)
        guid = raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]
        capabilities += bytes((20, 0x10, 4, 0)) + guid
        count = 3
    return struct.pack("<BBHB", 5, 0x0F, 5 + len(capabilities), count) + capabilities


def _pci_lines(function: PciFunction) -> Iterator[str | None]:
    yield _a("vendor", f"0x{function.vendor_id:04x}")
    yield _a("device", f"0x{function.device_id:04x}")
    yield _a("class", f"0x{function.class_code:04x}{function.prog_if:02x}")
    yield _driver(_path(function), "pci", function.driver)
    yield _a("current_link_speed", _speed(function.current_link_speed_gts, function))
    # A card that does not answer gives a speed code that is not defined, and 63 lanes.
    yield _a("current_link_width", 63 if function.config_all_ones else function.current_link_width)
    yield _a("max_link_speed", _speed(function.max_link_speed_gts, None))
    yield _a("max_link_width", function.max_link_width)
    yield _a("secondary_bus_number", function.secondary_bus)
    yield _a("subordinate_bus_number", function.subordinate_bus)
    if function.bars is None:
        return
    yield _a("subsystem_vendor", f"0x{function.subsystem_vendor_id:04x}")
    yield _a("subsystem_device", f"0x{function.subsystem_device_id:04x}")
    yield _a("revision", f"0x{function.revision:02x}")
    yield _a("resource", "\\n".join(_resources(function.bars)))
    yield _h("config", _config(function))


def _speed(gts: float | None, function: PciFunction | None) -> str | None:
    """``5.0 GT/s PCIe``; ``Unknown`` of a card that does not answer."""
    if gts is None:
        return "Unknown" if function is not None and function.config_all_ones else None
    return f"{gts:.1f} GT/s PCIe"


def _resources(bars: tuple[PciBar, ...]) -> Iterator[str]:
    sizes = {bar.index: (bar.size_bytes or 0, bar.assigned) for bar in bars}
    for index in range(6):
        size, assigned = sizes.get(index, (0, False))
        start = 0x84000000 + (index << 20) if assigned else 0
        end = start + size - 1 if size else 0
        yield f"0x{start:016x} 0x{end:016x} 0x{0x14220C if size else 0:016x}"


def _config(function: PciFunction) -> bytes:
    """What anyone may read of the configuration space, 64 bytes; 256 where MSI-X is to be seen."""
    if function.config_all_ones:
        return b"\xff" * 64
    command = 2 * bool(function.memory_enabled) | 4 * bool(function.bus_master)
    header = struct.pack("<HHHH", function.vendor_id or 0, function.device_id or 0, command, 0x10)
    header += bytes((function.revision or 0, function.prog_if or 0)) + struct.pack("<H", function.class_code or 0)
    header = header.ljust(0x34, b"\0") + b"\x50"
    if function.msix_enabled is None:
        return header.ljust(64, b"\0")
    control = 127 | 0x8000 * function.msix_enabled
    return (header.ljust(0x50, b"\0") + struct.pack("<BBH", 0x11, 0, control)).ljust(256, b"\0")


def write_folder(description: str, root: str) -> None:
    """Make real folders, files and links below ``root`` of a description, as ``/sys`` has them."""
    path = ""
    for line in description.split("\n"):
        key, _, rest = line.partition(": ")
        name, _, value = rest.partition("=")
        if key == "P":
            path = f"{root}{rest}"
            os.makedirs(path, exist_ok=True)
        elif key == "E":
            _link_device(root, path, value)
        elif key == "L":
            _make_link(f"{path}/{name}", value)
        elif key:
            content = bytes.fromhex(value) if key == "H" else value.replace("\\n", "\n").encode()
            os.makedirs(os.path.dirname(f"{path}/{name}"), exist_ok=True)
            with open(f"{path}/{name}", "wb") as handle:
                handle.write(content)


def _link_device(root: str, path: str, subsystem: str) -> None:
    """The link in ``/sys/bus/usb/devices`` or ``/sys/class/apex`` by which a device is found."""
    folder = f"{root}/class/apex" if subsystem == "apex" else f"{root}/bus/{subsystem}/devices"
    _make_link(f"{folder}/{os.path.basename(path)}", os.path.relpath(path, folder))


def _make_link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)
