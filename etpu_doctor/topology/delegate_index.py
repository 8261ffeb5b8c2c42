"""Which device ``usb:N``, ``pci:N`` and ``:N`` mean.

The order is libedgetpu's (``driver/beagle/beagle_usb_driver_provider.cc``, ``driver/driver_factory_default.cc``):
PCIe before USB; among USB devices those in the boot loader before those with firmware; within each group the
order of libusb's device list. libusb puts every device it discovers at the head of its list; built with udev it
discovers them sorted by sysfs path, compared component by component, so the list is the reverse of that order.
PCIe nodes come in readdir order of ``/sys/class/apex``.
"""

from __future__ import annotations

from etpu_doctor.topology.controllers import bus_path, usb_path
from etpu_doctor.topology.identity import DFU_ID, id_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

SortKey = tuple[str, ...]

NO_IDS = "the evidence shows no USB ids, so it is not certain which devices are Edge TPUs"
NO_PORTS = "the evidence does not show for certain on which port each Edge TPU sits"
NO_CONTROLLERS = "the order of two USB buses follows from the PCI address of their controllers, which is not shown"
NO_PCI = "PCIe Edge TPUs are counted first, and the evidence does not show the PCI bus"
NO_APEX_ORDER = "the evidence does not show /sys/class/apex, in whose order PCIe Edge TPUs are counted"
NO_APEX = "no apex driver serves it, so libedgetpu does not see it"

_DFU = id_text(*DFU_ID)
_HASH_MULTIPLIER = 0x61C8864680B583EB
_64_BITS = (1 << 64) - 1


def kernfs_hash(name: str) -> int:
    """Hash by which kernfs sorts the names of a directory on a 64-bit kernel (Linux ``fs/kernfs/dir.c``)."""
    value = 0
    for byte in name.encode():
        value = ((value + (byte << 4) + (byte >> 4)) * 11) & _64_BITS
    return ((value * _HASH_MULTIPLIER & _64_BITS) >> 32) & 0x7FFFFFFF


def readdir_order(names: list[str]) -> list[str]:
    """Names in the order in which a 64-bit kernel lists them in a sysfs directory."""
    return sorted(names, key=lambda name: (kernfs_hash(name), name))


def assign_delegate_strings(machine: Machine) -> None:
    """Fill in the delegate strings of every Edge TPU, or why they are not known."""
    pci_count = _assign_pci(machine)
    usb = [tpu for tpu in machine.edge_tpus if tpu.transport == "usb"]
    if not usb:
        return
    reason = _why_unknown(machine, usb)
    if reason is not None:
        for tpu in usb:
            tpu.delegate_unknown_because = reason
        return
    _number_usb(machine, usb, pci_count)


def _number_usb(machine: Machine, usb: list[EdgeTpu], pci_count: int | None) -> None:
    now = _ordered(machine, usb, fresh_first=True)
    for index, tpu in enumerate(now):
        tpu.delegate_device = f"usb:{index}"
        if pci_count is None:
            tpu.delegate_unknown_because = NO_PCI
        else:
            tpu.delegate_device_any = f":{pci_count + index}"
    for index, tpu in enumerate(_ordered(machine, usb, fresh_first=False)):
        tpu.delegate_device_after_firmware = f"usb:{index}"
    for index, tpu in enumerate(_without_udev(usb)):
        tpu.delegate_device_without_udev = f"usb:{index}"


def _why_unknown(machine: Machine, usb: list[EdgeTpu]) -> str | None:
    if any(tpu.state == "possible" for tpu in usb):
        return NO_IDS
    if len(usb) == 1:
        return None
    if any(not tpu.place_certain or tpu.busnum is None for tpu in usb):
        return NO_PORTS
    return None if _sort_keys(machine, usb) is not None else NO_CONTROLLERS


def _sort_keys(machine: Machine, usb: list[EdgeTpu]) -> dict[str, SortKey] | None:
    """What libudev sorts each device by; ``None`` where it depends on a controller that is not known."""
    nodes = [machine.usb[tpu.id] for tpu in usb]
    partial = {node.id: bus_path(node.device.busnum, node.device.port_chain or ()) for node in nodes}
    roots = [machine.usb.get(f"usb{tpu.busnum}") for tpu in usb]
    controllers = {root.device.controller if root is not None else None for root in roots}
    # On one bus, or on the buses of one controller, what stands above is the same for all and decides nothing.
    if len({tpu.busnum for tpu in usb}) == 1 or (len(controllers) == 1 and None not in controllers):
        return partial
    whole = {node.id: usb_path(machine, node) for node in nodes}
    known = {name: path for name, path in whole.items() if path is not None}
    return known if len(known) == len(whole) else None


def _ordered(machine: Machine, usb: list[EdgeTpu], *, fresh_first: bool) -> list[EdgeTpu]:
    keys = _sort_keys(machine, usb) or {}
    ordered = sorted(usb, key=lambda tpu: keys.get(tpu.id, ()), reverse=True)
    return _fresh_first(ordered) if fresh_first else ordered


def _fresh_first(tpus: list[EdgeTpu]) -> list[EdgeTpu]:
    return sorted(tpus, key=lambda tpu: tpu.identity != _DFU)


def folder_order(usb: list[EdgeTpu]) -> list[EdgeTpu]:
    """Order where libusb was built without udev: the raw readdir order of ``/sys/bus/usb/devices``, reversed.

    libusb puts every device that it reads from the folder before those that it has.
    """
    order = {name: index for index, name in enumerate(readdir_order([tpu.id for tpu in usb]))}
    return sorted(usb, key=lambda tpu: order[tpu.id], reverse=True)


def _without_udev(usb: list[EdgeTpu]) -> list[EdgeTpu]:
    if any(tpu.port_chain is None for tpu in usb):
        return usb if len(usb) == 1 else []
    return _fresh_first(folder_order(usb))


def _assign_pci(machine: Machine) -> int | None:
    """Number the PCIe Edge TPUs; returns how many libedgetpu counts before USB, ``None`` if not known."""
    pci = [tpu for tpu in machine.edge_tpus if tpu.transport == "pci"]
    if not machine.covers("apex"):
        return _assign_pci_from_text(machine, pci)
    by_address = {tpu.id: tpu for tpu in pci}
    for index, node in enumerate(machine.evidence.apex):
        tpu = by_address.get(node.pci_address or "")
        if tpu is not None:
            tpu.delegate_device, tpu.delegate_device_any = f"pci:{index}", f":{index}"
            tpu.delegate_device_after_firmware = tpu.delegate_device_without_udev = f"pci:{index}"
    for tpu in pci:
        if tpu.delegate_device is None:
            tpu.delegate_unknown_because = NO_APEX
    return len(machine.evidence.apex)


def _assign_pci_from_text(machine: Machine, pci: list[EdgeTpu]) -> int | None:
    if not machine.covers("pci"):
        return None
    served = [tpu for tpu in pci if tpu.state == "ready"]
    for tpu in pci:
        tpu.delegate_unknown_because = NO_APEX if tpu.state == "unconfigured" else NO_APEX_ORDER
    if any(tpu.state is None for tpu in pci):
        return None
    if len(served) == 1:
        tpu = served[0]
        tpu.delegate_device, tpu.delegate_device_any = "pci:0", ":0"
        tpu.delegate_device_after_firmware = tpu.delegate_device_without_udev = "pci:0"
        tpu.delegate_unknown_because = None
    return len(served)
