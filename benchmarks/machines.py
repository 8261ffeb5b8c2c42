"""Inputs of the benchmarks: a capture of a usual size, listings of any size, a very long paste."""

from __future__ import annotations

import os
from collections.abc import Iterator

_HUB_DESCRIPTORS = (
    "12010003090003090921170890010102000109021F00010100E0000904000001090000000705810313000806300000000200"
)
_TPU_DESCRIPTORS = "1201100300000009D118029300010000000109022000010100C00C0904000000FFFFFF00"


def write_capture(folder: str, *, hubs: int = 4, pci_functions: int = 30) -> None:
    """A capture with two root hubs, ``hubs`` hubs with 3 devices each and a few others: 20 USB devices in all."""
    os.makedirs(folder, exist_ok=True)
    controller = "/devices/pci0000:00/0000:00:14.0"
    blocks = [_root(controller, 1, 480), _root(controller, 2, 5000)]
    for hub in range(1, hubs + 1):
        path = f"{controller}/usb2/2-{hub}"
        blocks.append(_device(path, f"2-{hub}", _HUB_DESCRIPTORS, hub + 1, ports=4))
        for port in range(1, 4):
            name = f"2-{hub}.{port}"
            blocks.append(_device(f"{path}/{name}", name, _TPU_DESCRIPTORS, 10 + hub * 4 + port))
    blocks += [_device(f"{controller}/usb1/1-{port}", f"1-{port}", _TPU_DESCRIPTORS, 10 + port) for port in (1, 2)]
    blocks += [_function(index) for index in range(pci_functions)]
    with open(os.path.join(folder, "sysfs.umockdev"), "w", encoding="ascii") as handle:
        handle.write("\n".join(blocks))


def _root(controller: str, bus: int, speed: int) -> str:
    path = f"{controller}/usb{bus}"
    return _device(path, f"{bus}-0", _HUB_DESCRIPTORS, 1, ports=8, speed=speed)


def _device(path: str, name: str, descriptors: str, devnum: int, *, ports: int = 0, speed: int = 5000) -> str:  # noqa: PLR0913 - a row of attributes
    lines = [
        f"P: {path}",
        "E: SUBSYSTEM=usb",
        f"H: descriptors={descriptors}",
        f"A: speed={480 if name.startswith('1-') else speed}\\n",
        f"A: devnum={devnum}\\n",
        f"A: maxchild={ports}\\n",
        "A: bConfigurationValue=1\\n",
        "A: bMaxPower=96mA\\n",
        "A: bmAttributes=c0\\n",
        "A: power/control=on\\n",
        "A: power/runtime_status=active\\n",
        "",
        f"P: {path}/{name}:1.0",
        "E: SUBSYSTEM=usb",
    ]
    for port in range(1, ports + 1):
        folder = f"{os.path.basename(path)}-port{port}"
        lines += [f"A: {folder}/connect_type=hotplug\\n", f"A: {folder}/over_current_count=0\\n"]
    return "\n".join([*lines, ""])


def _function(index: int) -> str:
    address = f"0000:00:{index + 1:02x}.0"
    usb = address == "0000:00:14.0"
    return "\n".join(
        [
            f"P: /devices/pci0000:00/{address}",
            "E: SUBSYSTEM=pci",
            "A: vendor=0x8086\\n",
            f"A: device=0x{index:04x}\\n",
            f"A: class={'0x0c0330' if usb else '0x028000'}\\n",
            "A: current_link_speed=8.0 GT/s PCIe\\n",
            "A: current_link_width=1\\n",
            "A: max_link_speed=8.0 GT/s PCIe\\n",
            "A: max_link_width=1\\n",
            "",
        ]
    )


def tree_listing(devices: int) -> Iterator[str]:
    """Lines of ``lsusb -t`` with so many devices: buses of 65, a sub-hub on each hub, Edge TPUs on the sub-hubs."""
    written = bus = 0
    while written < devices:
        bus += 1
        for line in _bus_lines(bus)[: devices - written]:
            yield line
            written += 1


def _bus_lines(bus: int) -> list[str]:
    lines = [f"/:  Bus {bus:03d}.Port 001: Dev 001, Class=root_hub, Driver=xhci_hcd/16p, 5000M\n"]
    for port in range(1, 9):
        lines.append(_entry(1, port, len(lines) + 1, "Class=Hub, Driver=hub/4p"))
        lines += [_entry(2, inner, len(lines) + inner, "Class=Mass Storage, Driver=uas") for inner in (1, 2, 3)]
        lines.append(_entry(2, 4, len(lines) + 1, "Class=Hub, Driver=hub/4p"))
        first = len(lines)
        lines += [_entry(3, leaf, first + leaf, "Class=Vendor Specific Class, Driver=[none]") for leaf in (1, 2, 3)]
    return lines


def _entry(depth: int, port: int, device: int, rest: str) -> str:
    return f"{' ' * 4 * depth}|__ Port {port:03d}: Dev {device:03d}, If 0, {rest}, 5000M\n"


_VERBOSE_BLOCK = """\

Bus {bus:03d} Device {device:03d}: ID 18d1:9302 Google Inc.
Device Descriptor:
  bLength                18
  bDescriptorType         1
  bcdUSB               3.10
  bDeviceClass            0
  bDeviceSubClass         0
  bDeviceProtocol         0
  bMaxPacketSize0         9
  idVendor           0x18d1 Google Inc.
  idProduct          0x9302
  bcdDevice            1.00
  iManufacturer           0
  iProduct                0
  iSerial                 0
  bNumConfigurations      1
  Configuration Descriptor:
    bLength                 9
    bDescriptorType         2
    wTotalLength       0x0060
    bNumInterfaces          1
    bConfigurationValue     1
    iConfiguration          0
    bmAttributes         0xc0
      Self Powered
    MaxPower               96mA
    Interface Descriptor:
      bLength                 9
      bDescriptorType         4
      bInterfaceNumber        0
      bAlternateSetting       0
      bNumEndpoints           6
      bInterfaceClass       255 Vendor Specific Class
      bInterfaceSubClass    255 Vendor Specific Subclass
      bInterfaceProtocol    255 Vendor Specific Protocol
      iInterface              0
"""


def write_verbose_paste(path: str, megabytes: int) -> None:
    """``lsusb -v`` of so many megabytes."""
    written = number = 0
    with open(path, "w", encoding="ascii") as handle:
        while written < megabytes << 20:
            block = _VERBOSE_BLOCK.format(bus=number // 100 % 200 + 1, device=number % 100 + 2)
            written += handle.write(block)
            number += 1
