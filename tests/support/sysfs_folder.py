"""A small machine as sysfs shows it, hand-written: as a folder on the disk, and as a tree in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from etpu_doctor.evidence.sysfs import MemoryTree, resolve

XHCI = "/devices/pci0000:00/0000:00:14.0"
ROOT = f"{XHCI}/usb2"
HUB = f"{ROOT}/2-1"
TPU = f"{HUB}/2-1.4"
BRIDGE = "/devices/pci0000:00/0000:00:1c.0"
CARD = f"{BRIDGE}/0000:01:00.0"
APEX = f"{CARD}/apex/apex_0"
DMI = "/devices/virtual/dmi/id"

SERIAL = "SN0123456789AB"
UNIQUE = "c0ffee0badf00d42"

HUB_DESCRIPTORS = bytes.fromhex(
    "120100030900030910211708900001020001 09021900010100e000 09040000010900000007 058103020010"
)
TPU_DESCRIPTORS = bytes.fromhex("1201100300000009d118029300010000000109 021200010100c00c 0904000000ffffff00")
CONFIG = bytes.fromhex("c11a9a080600100000000000") + bytes(40) + b"\x40" + bytes(11) + b"\x11\x00\x7f\x80" + bytes(188)

FILES: dict[str, bytes] = {
    f"{XHCI}/class": b"0x0c0330\n",
    f"{XHCI}/vendor": b"0x8086\n",
    f"{XHCI}/device": b"0xa36d\n",
    f"{ROOT}/speed": b"5000\n",
    f"{ROOT}/devnum": b"1\n",
    f"{ROOT}/busnum": b"2\n",
    f"{ROOT}/idVendor": b"1d6b\n",
    f"{ROOT}/idProduct": b"0003\n",
    f"{ROOT}/maxchild": b"2\n",
    f"{ROOT}/serial": b"0000:00:14.0\n",
    f"{ROOT}/product": b"xHCI Host Controller\n",
    f"{ROOT}/manufacturer": b"Linux 6.1.0-18-amd64 xhci-hcd\n",
    f"{ROOT}/bConfigurationValue": b"1\n",
    f"{ROOT}/bNumInterfaces": b" 1\n",
    f"{ROOT}/bMaxPower": b"0mA\n",
    f"{ROOT}/bmAttributes": b"e0\n",
    f"{ROOT}/2-0:1.0/bInterfaceClass": b"09\n",
    f"{ROOT}/2-0:1.0/usb2-port1/connect_type": b"hotplug\n",
    f"{ROOT}/2-0:1.0/usb2-port1/location": b"0x80000101\n",
    f"{ROOT}/2-0:1.0/usb2-port1/over_current_count": b"3\n",
    f"{ROOT}/2-0:1.0/usb2-port1/state": b"configured\n",
    f"{ROOT}/2-0:1.0/usb2-port1/disable": b"0\n",
    f"{ROOT}/2-0:1.0/usb2-port2/connect_type": b"not used\n",
    f"{HUB}/speed": b"5000\n",
    f"{HUB}/devnum": b"2\n",
    f"{HUB}/busnum": b"2\n",
    f"{HUB}/descriptors": HUB_DESCRIPTORS,
    f"{HUB}/maxchild": b"4\n",
    f"{HUB}/serial": SERIAL.encode() + b"\n",
    f"{HUB}/product": b"USB3.0 Hub\n",
    f"{HUB}/manufacturer": "Größe & Söhne\n".encode(),
    f"{HUB}/bConfigurationValue": b"1\n",
    f"{HUB}/bMaxPower": b"0mA\n",
    f"{HUB}/bmAttributes": b"e0\n",
    f"{HUB}/removable": b"removable\n",
    f"{HUB}/authorized": b"1\n",
    f"{HUB}/power/control": b"auto\n",
    f"{HUB}/power/runtime_status": b"active\n",
    f"{HUB}/power/autosuspend_delay_ms": b"2000\n",
    f"{HUB}/2-1:1.0/bInterfaceClass": b"09\n",
    f"{HUB}/2-1:1.0/2-1-port4/connect_type": b"hotplug\n",
    f"{HUB}/2-1:1.0/2-1-port4/over_current_count": b"0\n",
    f"{TPU}/speed": b"5000\n",
    f"{TPU}/devnum": b"7\n",
    f"{TPU}/busnum": b"2\n",
    f"{TPU}/rx_lanes": b"1\n",
    f"{TPU}/tx_lanes": b"1\n",
    f"{TPU}/descriptors": TPU_DESCRIPTORS,
    f"{TPU}/maxchild": b"0\n",
    f"{TPU}/bConfigurationValue": b"1\n",
    f"{TPU}/bMaxPower": b"96mA\n",
    f"{TPU}/bmAttributes": b"c0\n",
    f"{TPU}/2-1.4:1.0/bInterfaceClass": b"ff\n",
    f"{TPU}/2-1.4:1.0/bNumEndpoints": b"06\n",
    f"{BRIDGE}/class": b"0x060400\n",
    f"{BRIDGE}/vendor": b"0x8086\n",
    f"{BRIDGE}/device": b"0xa338\n",
    f"{BRIDGE}/current_link_speed": b"5.0 GT/s PCIe\n",
    f"{BRIDGE}/current_link_width": b"1\n",
    f"{BRIDGE}/max_link_speed": b"8.0 GT/s PCIe\n",
    f"{BRIDGE}/max_link_width": b"4\n",
    f"{BRIDGE}/secondary_bus_number": b"1\n",
    f"{BRIDGE}/subordinate_bus_number": b"1\n",
    f"{CARD}/class": b"0x0880ff\n",
    f"{CARD}/vendor": b"0x1ac1\n",
    f"{CARD}/device": b"0x089a\n",
    f"{CARD}/subsystem_vendor": b"0x1ac1\n",
    f"{CARD}/subsystem_device": b"0x089a\n",
    f"{CARD}/revision": b"0x00\n",
    f"{CARD}/current_link_speed": b"5 GT/s\n",
    f"{CARD}/current_link_width": b"1\n",
    f"{CARD}/max_link_speed": b"5.0 GT/s PCIe\n",
    f"{CARD}/max_link_width": b"1\n",
    f"{CARD}/resource": (
        b"0x0000000091800000 0x0000000091803fff 0x000000000014220c\n"
        b"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        b"0x0000000091700000 0x00000000917fffff 0x000000000014220c\n"
    ),
    f"{CARD}/config": CONFIG,
    f"{APEX}/pci_address": b"0000:01:00.0\n",
    f"{APEX}/temp": b"41800\n",
    f"{APEX}/status": b"ALIVE\n",
    f"{APEX}/unique_id": UNIQUE.encode() + b"\n",
    f"{DMI}/sys_vendor": b"Intel\n",
    f"{DMI}/product_name": b"NUC8i7BEH\n",
}

LINKS: dict[str, str] = {
    "/bus/usb/devices/usb2": f"../../..{ROOT}",
    "/bus/usb/devices/2-0:1.0": f"../../..{ROOT}/2-0:1.0",
    "/bus/usb/devices/2-1": f"../../..{HUB}",
    "/bus/usb/devices/2-1:1.0": f"../../..{HUB}/2-1:1.0",
    "/bus/usb/devices/2-1.4": f"../../..{TPU}",
    "/bus/usb/devices/2-1.4:1.0": f"../../..{TPU}/2-1.4:1.0",
    "/bus/pci/devices/0000:00:14.0": f"../../..{XHCI}",
    "/bus/pci/devices/0000:00:1c.0": f"../../..{BRIDGE}",
    "/bus/pci/devices/0000:01:00.0": f"../../..{CARD}",
    "/class/apex/apex_0": f"../..{APEX}",
    "/class/dmi/id": f"../..{DMI}",
    f"{XHCI}/driver": "../../../bus/pci/drivers/xhci_hcd",
    f"{CARD}/driver": "../../../../bus/pci/drivers/apex",
    f"{HUB}/2-1:1.0/driver": "../../../../../../bus/usb/drivers/hub",
    f"{TPU}/2-1.4:1.0/driver": "../../../../../../../bus/usb/drivers/usbfs",
    f"{ROOT}/2-0:1.0/usb2-port1/peer": "../../../usb1/1-0:1.0/usb1-port3",
}


def write_folder(root: Path, files: Mapping[str, bytes] = FILES, links: Mapping[str, str] = LINKS) -> Path:
    """Write a machine's sysfs below a folder; returns the folder."""
    for path, content in files.items():
        place = root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for path, target in links.items():
        place = root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, place)
    return root


def memory_tree(
    changes: Mapping[str, bytes | None] | None = None,
    files: Mapping[str, bytes] = FILES,
    links: Mapping[str, str] = LINKS,
) -> MemoryTree:
    """A machine's sysfs in memory; ``changes`` puts other attributes there, or takes some away (``None``)."""
    tree = MemoryTree()
    for path, content in {**files, **(changes or {})}.items():
        if content is not None:
            tree.add_file(path, content)
    for path, link in links.items():
        target = resolve(path.rpartition("/")[0], link)
        assert target is not None
        tree.add_link(path, target)
    return tree
