"""USB devices in WSL 2, through usbipd-win.

Sources: usbipd-win's documentation; dorssel/usbipd-win#351, #592, #703 (a device that changes its identity must be
bound in both), #619 (``--hardware-id`` with several equal devices), discussion 910 and #1266 (policies).
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import APPLICATION, BOOT_LOADER, BOTH_IDENTITIES, general_note, pci_tpus, usb_tpus
from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "wsl"
SUMMARY = "WSL 2: the commands of usbipd on Windows"


def build(report: Report) -> Setup:
    """The commands are for Windows, where the identity and not the Linux name of a device counts."""
    return Setup(
        target=NAME,
        devices=tuple(tpu.id for tpu in usb_tpus(report)),
        text=(*general_note(report), *_pci_note(report), *_NOTES),
        commands=_COMMANDS,
        undo=("In a PowerShell as administrator: usbipd detach --busid BUSID, then usbipd unbind --busid BUSID.",),
    )


def _pci_note(report: Report) -> tuple[str, ...]:
    return ("WSL passes no PCIe device of this kind: an Edge TPU on PCIe cannot be used there.",) * bool(
        pci_tpus(report)
    )


_NOTES = (
    f"{BOTH_IDENTITIES} Windows wants each of them bound; one that was never bound is not attached again.",
    (
        "Type the commands in a PowerShell on Windows, bind as administrator. BUSID is what usbipd list shows beside "
        "the Edge TPU (such as 2-3); it is the same for both identities."
    ),
    "With several sticks, bind by --busid instead of --hardware-id, each stick in each identity, and attach each.",
    "usbipd-win before version 4 says: usbipd wsl attach --busid BUSID.",
    (
        "Newer versions can allow both identities beforehand: usbipd policy add --effect Allow --operation AutoBind "
        f"--hardware-id {BOOT_LOADER}, and the same with {APPLICATION} (version 5.2.0 refuses that by mistake)."
    ),
    (
        "Inside WSL the nodes need rights too: etpu-doctor setup udev. Port, speed and power that Linux shows there "
        "are those of a virtual bus."
    ),
)

_COMMANDS = (
    Command(command="usbipd list", why="shows the BUSID of the Edge TPU and its identity"),
    Command(
        command=f"usbipd bind --hardware-id {BOOT_LOADER}",
        why="as administrator, while it shows this identity (from plugging in to the first use)",
        needs_root=True,
    ),
    Command(
        command="usbipd attach --wsl --busid BUSID --auto-attach",
        why="leave it running: it attaches again after the change",
    ),
    Command(
        command=f"usbipd bind --hardware-id {APPLICATION}",
        why="as administrator, once a program in WSL has tried to use it and usbipd list shows this identity",
        needs_root=True,
    ),
)
