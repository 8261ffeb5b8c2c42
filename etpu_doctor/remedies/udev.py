"""udev rules: who may open the device nodes.

The identities are those of libedgetpu's ``debian/edgetpu-accelerator.rules``, the line for ``apex`` that of
gasket-driver's ``debian/gasket-dkms.udev``.
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import APPLICATION, BOOT_LOADER, BOTH_IDENTITIES, ids
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "udev"
SUMMARY = "rules that let users open the device nodes, both USB identities and PCIe"

PATH = "/etc/udev/rules.d/60-etpu-doctor.rules"
"""Before 73-seat-late.rules, which turns the tag ``uaccess`` into access; after 50-udev-default.rules and its modes."""

USB_GROUP, APEX_GROUP = "plugdev", "apex"


def build(report: Report) -> Setup:
    """The rules are the same for every machine, so that an Edge TPU plugged in later is served too."""
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(SetupFile(path=PATH, content=rules()),),
        text=_NOTES,
        commands=_commands(),
        undo=(
            (
                f"sudo rm {PATH} and reload the rules as above; nodes get their old rights when the devices are "
                "plugged in again, or at the next boot."
            ),
            f'sudo gpasswd -d "$USER" {USB_GROUP} takes the user out of a group again.',
        ),
    )


def rules() -> str:
    """The content of the file."""
    return "\n".join(
        [
            "# Who may open Edge TPUs. Written by etpu-doctor (etpu-doctor setup udev).",
            '# TAG+="uaccess": whoever is logged in at this computer\'s own screen and keyboard.',
            "# GROUP: everybody else, that is logins over ssh, and services.",
            "",
            "# On USB, from power-on until a program first opens it (boot loader)",
            _usb(BOOT_LOADER),
            "# On USB, once a program has loaded the firmware",
            _usb(APPLICATION),
            "# On PCIe (gasket driver)",
            f'SUBSYSTEM=="apex", MODE="0660", GROUP="{APEX_GROUP}", TAG+="uaccess"',
            "",
        ]
    )


def _usb(identity: str) -> str:
    return f'{usb_match(identity)}, MODE="0664", GROUP="{USB_GROUP}", TAG+="uaccess"'


def usb_match(identity: str) -> str:
    """What a udev rule asks of a USB device of this identity (``1a6e:089a``), without a comma at its end."""
    vendor, _, product = identity.partition(":")
    # ATTR is the device itself; ATTRS would match everything behind it as well.
    return (
        f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}"'
    )


_NOTES = (
    BOTH_IDENTITIES + " A rule for one of them alone makes the first or every later open fail.",
    (
        f"Fedora, Arch and others have no group {USB_GROUP}; udev then ignores the GROUP of a rule. groupadd makes it "
        "(with --force it is content if the group is there already)."
    ),
    (
        "A new group counts from the next login on: log out and in again, restart services, or try it in a shell of "
        f"its own with: newgrp {USB_GROUP}"
    ),
    (
        "An unprivileged LXC container or a rootless one maps no group of the host: there, set MODE to 0666 in these "
        "rules. Then every user and program of the host may use the Edge TPU."
    ),
)


def _commands() -> tuple[Command, ...]:
    return (
        Command(
            command=f"sudo groupadd --system --force {USB_GROUP}",
            why="makes the group of the USB nodes where there is none",
            needs_root=True,
        ),
        Command(
            command=f"sudo groupadd --system --force {APEX_GROUP}",
            why="the same for the nodes on PCIe",
            needs_root=True,
        ),
        Command(
            command=f'sudo usermod -aG {USB_GROUP},{APEX_GROUP} "$USER"',
            why="puts you into both; a service runs as another user, name that one for it",
            needs_root=True,
        ),
        *reload_commands(),
    )


def reload_commands() -> tuple[Command, ...]:
    """What makes new rules count."""
    return (
        Command(command="sudo udevadm control --reload-rules", why="has udev read the rules again", needs_root=True),
        Command(
            command="sudo udevadm trigger",
            why="applies them to devices that are there already; else they count from the next plugging in",
            needs_root=True,
        ),
    )
