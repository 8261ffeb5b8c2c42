"""Devices of a libvirt domain.

Sources: libvirt's "Domain XML format" (host device assignment, ``startupPolicy``); libvirt looks up vendor and product
when the device is attached and uses bus and device number from then on.
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import (
    APPLICATION,
    BOOT_LOADER,
    BOTH_IDENTITIES,
    general_note,
    ids,
    pci_addresses,
    pci_parts,
    usb_tpus,
    wants_pci,
    wants_usb,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import shell
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "libvirt"
SUMMARY = "devices of a libvirt virtual machine (XML)"


def build(report: Report) -> Setup:
    """A file for each device, for ``virsh attach-device``."""
    files = (*(_usb_files() if wants_usb(report) else ()), *_pci_files(report))
    return Setup(
        target=NAME,
        devices=ids(report),
        files=files,
        text=(
            *general_note(report),
            *(_usb_notes(report) if wants_usb(report) else ()),
            *(_PCI_NOTES if wants_pci(report) else ()),
        ),
        commands=_commands(files),
        undo=tuple(f"{_virsh('detach-device', file.path)} --config" for file in files),
    )


def _usb_files() -> tuple[SetupFile, ...]:
    return (
        SetupFile(path="etpu-usb-boot.xml", content=usb_xml(BOOT_LOADER)),
        SetupFile(path="etpu-usb-ready.xml", content=usb_xml(APPLICATION)),
    )


def usb_xml(identity: str) -> str:
    """A USB device by its identity. ``optional``: one of the two is always missing."""
    vendor, _, product = identity.partition(":")
    return (
        "<hostdev mode='subsystem' type='usb' managed='yes'>\n"
        "  <source startupPolicy='optional'>\n"
        f"    <vendor id='0x{vendor}'/>\n"
        f"    <product id='0x{product}'/>\n"
        "  </source>\n"
        "</hostdev>\n"
    )


def _pci_files(report: Report) -> tuple[SetupFile, ...]:
    parts = [known for address in pci_addresses(report) if (known := pci_parts(address)) is not None]
    if not report.edge_tpus:
        parts = [(0, 1, 0, 0)]
    return tuple(
        SetupFile(path=f"etpu-pci-{index}.xml", content=pci_xml(*numbers)) for index, numbers in enumerate(parts)
    )


def pci_xml(domain: int, bus: int, slot: int, function: int) -> str:
    """A PCI function."""
    address = f"domain='0x{domain:04x}' bus='0x{bus:02x}' slot='0x{slot:02x}' function='0x{function:x}'"
    return (
        "<hostdev mode='subsystem' type='pci' managed='yes'>\n"
        "  <source>\n"
        f"    <address {address}/>\n"
        "  </source>\n"
        "</hostdev>\n"
    )


def _usb_notes(report: Report) -> tuple[str, ...]:
    notes = [
        (
            f"{BOTH_IDENTITIES} libvirt attaches what is there when the machine starts and does not follow that "
            "change: after the first use in the virtual machine, run on the host: "
            f"{_virsh('attach-device', 'etpu-usb-ready.xml')} --live (until the Edge TPU next loses power)."
        ),
        (
            "Surest is to pass the whole USB controller (a file like that for PCIe, with its address): then the "
            "virtual machine itself sees both identities. Everything on that controller goes along, keyboards too."
        ),
    ]
    controllers = {tpu.controller for tpu in usb_tpus(report) if tpu.controller and pci_parts(tpu.controller)}
    if controllers:
        notes.append(f"USB controllers of the Edge TPUs here: {', '.join(sorted(filter(None, controllers)))}")
    if len(usb_tpus(report)) > 1:
        notes.append(
            "Several sticks have the same identity, and libvirt refuses to choose one of them: pass their controllers."
        )
    return tuple(notes)


_PCI_NOTES = (
    (
        "PCIe needs an IOMMU that is switched on in the firmware and the kernel, and the machine type q35. The driver "
        "belongs into the virtual machine then. lspci -D -d 1ac1: shows the addresses."
    ),
)


def _commands(files: tuple[SetupFile, ...]) -> tuple[Command, ...]:
    return tuple(
        Command(
            command=f"{_virsh('attach-device', file.path)} --config",
            why="from the next start of the virtual machine on; put its name in place of DOMAIN",
            needs_root=True,
        )
        for file in files
    )


def _virsh(verb: str, path: str) -> str:
    return shell("sudo", "virsh", verb, "DOMAIN", path)
