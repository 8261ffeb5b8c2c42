"""Picks out of a report what a configuration may name.

Nodes and places come from a kernel, or from a capture or a text that somebody sent. Only names of the form that the
kernel gives are used: some files (udev, LXC, Proxmox) have no way to quote anything else. What is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterable

from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.report import Report
from etpu_doctor.topology.delegate_index import folder_order
from etpu_doctor.topology.identity import DFU_ID, READY_ID, id_text
from etpu_doctor.topology.machine import EdgeTpu

APPLICATION = id_text(*READY_ID) or ""
"""The identity of a USB Edge TPU whose firmware runs."""

BOOT_LOADER = id_text(*DFU_ID) or ""
"""Its identity from power-on until a program first opens it."""

USB_MAJOR, APEX_MAJOR = 189, 120
"""Major device numbers (Linux ``Documentation/admin-guide/devices.txt``; gasket-driver ``apex_driver.c``)."""

NONE_HERE = "No Edge TPU was found here: this is the general configuration. Leave out what you do not have."
BOTH_IDENTITIES = (
    f"A USB Edge TPU has two identities: {BOOT_LOADER} from power-on, {APPLICATION} once a program has loaded its "
    "firmware. At that moment it disconnects and comes back as another device, with another node below /dev/bus/usb."
)

_MAXIMUM_PORTS = 7


def usb_tpus(report: Report) -> tuple[EdgeTpu, ...]:
    """The Edge TPUs on USB."""
    return tuple(tpu for tpu in report.edge_tpus if tpu.transport == "usb")


def pci_tpus(report: Report) -> tuple[EdgeTpu, ...]:
    """The Edge TPUs on PCIe."""
    return tuple(tpu for tpu in report.edge_tpus if tpu.transport == "pci")


def wants_usb(report: Report) -> bool:
    """Whether a configuration should have its part for USB: there is one, or there is none at all."""
    return bool(usb_tpus(report)) or not report.edge_tpus


def wants_pci(report: Report) -> bool:
    """The same for PCIe."""
    return bool(pci_tpus(report)) or not report.edge_tpus


def apex_nodes(report: Report) -> tuple[str, ...]:
    """Device nodes of the PCIe Edge TPUs that have one; ``/dev/apex_0`` in a general configuration."""
    if not report.edge_tpus:
        return ("/dev/apex_0",)
    nodes = (tpu.device_node for tpu in pci_tpus(report))
    return tuple(dict.fromkeys(node for node in nodes if node is not None and is_apex_node(node)))


def usb_ports(report: Report) -> tuple[str, ...]:
    """Places (``2-1.4``) of the USB Edge TPUs whose port is known for certain."""
    return tuple(tpu.id for tpu in usb_tpus(report) if tpu.place_certain and is_usb_place(tpu.id))


def pci_addresses(report: Report) -> tuple[str, ...]:
    """Addresses of the PCIe Edge TPUs."""
    return tuple(tpu.id for tpu in pci_tpus(report) if pci_parts(tpu.id) is not None)


def device_paths(report: Report) -> tuple[tuple[EdgeTpu, str], ...]:
    """Edge TPUs with the path by which libedgetpu's own interface knows them."""
    return tuple(
        (tpu, tpu.device_path)
        for tpu in report.edge_tpus
        if tpu.device_path is not None and is_device_path(tpu.device_path)
    )


def is_apex_node(path: str) -> bool:
    """Whether a path is ``/dev/apex_N``."""
    return _is_number(path.removeprefix("/dev/apex_")) and path.startswith("/dev/apex_")


def is_usb_place(name: str) -> bool:
    """Whether a name is that of a USB device in sysfs: bus, dash, ports with dots between."""
    bus, dash, chain = name.partition("-")
    ports = chain.split(".")
    return bool(dash) and _is_number(bus) and len(ports) <= _MAXIMUM_PORTS and all(map(_is_number, ports))


def is_device_path(path: str) -> bool:
    """Whether a path is one that ``edgetpu_list_devices`` gives."""
    folder, _, name = path.rpartition("/")
    return is_apex_node(path) or (folder == "/sys/bus/usb/devices" and is_usb_place(name))


def pci_parts(address: str) -> tuple[int, int, int, int] | None:
    """Domain, bus, device and function of a PCI address; ``None`` if it is none."""
    head, _, function = address.rpartition(".")
    parts = [*head.split(":"), function]
    if len(parts) != 4 or not all(part and set(part) <= set("0123456789abcdef") for part in parts):
        return None
    domain, bus, device, number = (int(part, 16) for part in parts)
    fits = len(parts[0]) <= 8 and bus <= 0xFF and device <= 0x1F and number <= 7
    return (domain, bus, device, number) if fits else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5


def is_fresh(tpu: EdgeTpu) -> bool:
    """Whether it waits for its firmware."""
    return tpu.identity == BOOT_LOADER or tpu.state == "dfu"


def delegate_string(tpu: EdgeTpu) -> str | None:
    """The string for ``load_delegate`` that holds once every stick has its firmware."""
    return tpu.delegate_device_after_firmware or tpu.delegate_device


def delegate_strings_without_udev(report: Report) -> tuple[tuple[EdgeTpu, str], ...]:
    """Strings that hold where libusb was built without udev, once every stick has its firmware: PCIe, then USB."""
    pci = [(tpu, tpu.delegate_device) for tpu in pci_tpus(report)]
    usb = [tpu for tpu in usb_tpus(report) if tpu.delegate_device_without_udev is not None]
    if len(usb) > 1:
        usb = folder_order([tpu for tpu in usb if is_usb_place(tpu.id)])
    numbered = [(tpu, f"usb:{index}") for index, tpu in enumerate(usb)]
    return tuple((tpu, string) for tpu, string in _by_string([*pci, *numbered]) if is_delegate_string(string))


def _by_string(pairs: Iterable[tuple[EdgeTpu, str | None]]) -> list[tuple[EdgeTpu, str]]:
    known = [(tpu, string) for tpu, string in pairs if string is not None]
    return sorted(known, key=lambda pair: string_key(pair[1]))


def string_key(string: str) -> tuple[str, int]:
    """Orders ``pci:0`` before ``usb:0``, and ``usb:2`` before ``usb:10``."""
    kind, _, number = string.partition(":")
    return kind, int(number) if _is_number(number) else 0


def is_delegate_string(string: str) -> bool:
    """Whether libedgetpu would understand it as one certain device."""
    kind, colon, number = string.partition(":")
    return bool(colon) and kind in ("", "pci", "usb") and _is_number(number)


def unnumbered(report: Report, numbered: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Ids of the Edge TPUs that are not among the numbered ones, and why, both fit for a note."""
    known = set(numbered)
    for tpu in report.edge_tpus:
        if tpu.id not in known:
            reason = tpu.delegate_unknown_because or "its number is not known"
            yield for_terminal(tpu.id), for_terminal(reason)


def ids(report: Report) -> tuple[str, ...]:
    """Ids of all Edge TPUs."""
    return tuple(tpu.id for tpu in report.edge_tpus)


def general_note(report: Report) -> tuple[str, ...]:
    """Says that no Edge TPU was found, where that is so."""
    return () if report.edge_tpus else (NONE_HERE,)


def missing_notes(report: Report) -> tuple[str, ...]:
    """Says which PCIe Edge TPUs have no node that could be given to anybody."""
    without = [tpu.id for tpu in pci_tpus(report) if tpu.device_node is None]
    odd = [tpu.device_node for tpu in pci_tpus(report) if tpu.device_node and not is_apex_node(tpu.device_node)]
    return (
        *_listed(without, "has no device node: its driver is not there; etpu-doctor check says why"),
        *_listed(odd, "is no name that the driver gives, and was left out"),
    )


def _listed(names: Iterable[str], what: str) -> Iterable[str]:
    return (f"{for_terminal(name)} {what}." for name in names)
