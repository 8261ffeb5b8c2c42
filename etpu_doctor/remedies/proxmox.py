"""Proxmox VE: lines and commands for a container (``pct``) and for a virtual machine (``qm``).

Sources: pct.conf(5), qm.conf(5) and the chapters "USB Passthrough" and "PCI(e) Passthrough" of Proxmox VE's reference;
Frigate's documentation (Proxmox).
"""

from __future__ import annotations

from etpu_doctor.remedies import lxc
from etpu_doctor.remedies.devices import (
    APPLICATION,
    BOOT_LOADER,
    apex_nodes,
    ids,
    pci_addresses,
    usb_ports,
    usb_tpus,
    wants_pci,
    wants_usb,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import shell
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "proxmox"
SUMMARY = "Proxmox VE: a container (pct) or a virtual machine (qm)"

_MOST_USB, _MOST_PCI = 14, 16
"""Slots of a virtual machine: usb0 to usb13, hostpci0 to hostpci15."""


def build(report: Report) -> Setup:
    """Both ways; who reads it takes one."""
    settings = vm_settings(report)
    vm_lines = "".join(f"{key}: {value}\n" for key, value in settings)
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(
            *_file("/etc/pve/lxc/CTID.conf", lxc.raw_lines(report, "{}: {}".format)),
            *_file("/etc/pve/qemu-server/VMID.conf", vm_lines),
        ),
        text=(*_NOTES, *lxc.notes(report), *_vm_notes(report)),
        commands=_commands(report, settings),
        undo=(
            (
                "Container: take the lines out again (pct set CTID --delete dev0 for a node given by pct), then pct "
                "reboot CTID."
            ),
            f"Virtual machine: {_delete(settings)}" if settings else "Virtual machine: nothing was given to it.",
        ),
    )


def _file(path: str, content: str) -> tuple[SetupFile, ...]:
    """A part of a file, unless there is nothing to add to it. Proxmox VE gives the mode itself."""
    return (SetupFile(path=path, content=content, mode=0o640, fragment=True),) if content else ()


def vm_settings(report: Report) -> tuple[tuple[str, str], ...]:
    """Keys and values of a virtual machine's configuration."""
    usb = (f"host={host},usb3=1" for host in _usb_hosts(report)[:_MOST_USB])
    pci = (f"{address},pcie=1" for address in pci_addresses(report)[:_MOST_PCI])
    return (
        *((f"usb{index}", value) for index, value in enumerate(usb)),
        *((f"hostpci{index}", value) for index, value in enumerate(pci)),
    )


def _usb_hosts(report: Report) -> tuple[str, ...]:
    """Both identities for one stick; the ports for several, because ids do not tell sticks apart."""
    if not wants_usb(report):
        return ()
    ports = usb_ports(report)
    if len(ports) > 1 and len(ports) == len(usb_tpus(report)):
        return ports
    return (BOOT_LOADER, APPLICATION)


def _vm_notes(report: Report) -> tuple[str, ...]:
    notes = []
    if wants_usb(report):
        notes.append(
            "A virtual machine must get both identities, or the port, whatever is plugged into it. With one identity "
            "it loses the Edge TPU as soon as the firmware is loaded."
        )
    if len(usb_tpus(report)) > max(len(usb_ports(report)), 1):
        notes.append(
            "The evidence does not show the port of every stick, so the two identities are given; they stand for one "
            "stick. etpu-doctor on the Proxmox host itself shows the ports."
        )
    if wants_pci(report):
        notes.append(
            "PCIe needs the machine type q35 and an IOMMU that is switched on in the firmware and the kernel. The "
            "driver belongs into the virtual machine then, and the host and its containers cannot use the Edge TPU."
        )
    if not report.edge_tpus:
        notes.append("For PCIe, with the address that lspci -D -d 1ac1: shows: hostpci0: 0000:01:00.0,pcie=1")
    return tuple(notes)


def _commands(report: Report, settings: tuple[tuple[str, str], ...]) -> tuple[Command, ...]:
    words = [word for key, value in settings for word in (f"--{key}", value)]
    commands = [_as_root("pct reboot CTID", "the lines of a container count from its next start on")]
    nodes = apex_nodes(report) if wants_pci(report) else ()
    if nodes:
        devices = [word for index, node in enumerate(nodes) for word in (f"--dev{index}", f"{node},mode=0666")]
        commands.append(
            _as_root(
                f"pct set CTID {shell(*devices)}",
                "instead of the lines for PCIe, from Proxmox VE 8.2 on; it works in an unprivileged container too",
            )
        )
    if settings:
        commands += [
            _as_root(f"qm set VMID {shell(*words)}", "writes the lines of a virtual machine"),
            _as_root("qm reboot VMID", "gives it the devices"),
        ]
    return tuple(commands)


def _as_root(command: str, why: str) -> Command:
    return Command(command=command, why=why, needs_root=True)


def _delete(settings: tuple[tuple[str, str], ...]) -> str:
    return f"qm set VMID --delete {','.join(key for key, _ in settings)}"


_NOTES = (
    (
        "Choose one: a container (the lines for CTID.conf) shares the Edge TPU's node with the host; a virtual "
        "machine (the lines for VMID.conf, or qm set) takes the device away from it. Put the number in place of CTID "
        "or VMID."
    ),
)
