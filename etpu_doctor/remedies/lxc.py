"""Raw configuration lines of LXC.

Sources: lxc.container.conf(5); Frigate's documentation (LXC).
"""

from __future__ import annotations

from collections.abc import Callable

from etpu_doctor.remedies.devices import (
    APEX_MAJOR,
    APPLICATION,
    BOOT_LOADER,
    BOTH_IDENTITIES,
    USB_MAJOR,
    apex_nodes,
    general_note,
    ids,
    missing_notes,
    wants_pci,
    wants_usb,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "lxc"
SUMMARY = "raw configuration lines of LXC"


def build(report: Report) -> Setup:
    """Lines for exactly the Edge TPUs found."""
    lines = raw_lines(report, "{} = {}".format)
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(SetupFile(path="/var/lib/lxc/NAME/config", content=lines, fragment=True),) if lines else (),
        text=(*notes(report), _INCUS),
        commands=(
            Command(
                command="sudo lxc-stop --name NAME",
                why="the lines count from the next start on; put the container's name in place of NAME",
                needs_root=True,
            ),
            Command(command="sudo lxc-start --name NAME", why="starts it again", needs_root=True),
        ),
        undo=("Take the lines out again and restart the container.",),
    )


def raw_lines(report: Report, setting: Callable[[str, str], str]) -> str:
    """The lines, each made by ``setting`` of a key and a value: LXC's own file and Proxmox's differ in that only."""
    lines = []
    if wants_usb(report):
        lines += [
            "# Edge TPUs on USB",
            setting("lxc.cgroup2.devices.allow", f"c {USB_MAJOR}:* rwm"),
            setting("lxc.mount.entry", "/dev/bus/usb dev/bus/usb none bind,optional,create=dir 0 0"),
        ]
    nodes = apex_nodes(report) if wants_pci(report) else ()
    if nodes:
        lines += ["# Edge TPUs on PCIe", setting("lxc.cgroup2.devices.allow", f"c {APEX_MAJOR}:* rwm")]
        lines += [
            setting("lxc.mount.entry", f"{node} {node.lstrip('/')} none bind,optional,create=file 0 0")
            for node in nodes
        ]
    return "\n".join([*lines, ""])


def notes(report: Report) -> tuple[str, ...]:
    """What holds for LXC wherever it runs."""
    pci = (
        (
            "The driver of a PCIe Edge TPU belongs on the host. Its major number is the first of the two that "
            f"ls -l /dev/apex_0 shows; the driver asks for {APEX_MAJOR}."
        ),
    )
    return (
        *general_note(report),
        *missing_notes(report),
        *((f"{BOTH_IDENTITIES} So the whole folder is bound.",) if wants_usb(report) else ()),
        *(pci if wants_pci(report) else ()),
        (
            "In an unprivileged container the nodes belong to nobody: they must be writable for everybody on the host "
            "(MODE 0666 in the rules of etpu-doctor setup udev), or lxc.idmap must map their group."
        ),
        "Hosts with cgroup v1 alone (before Debian 11, Proxmox VE 7) call the key lxc.cgroup.devices.allow.",
    )


_INCUS = (
    "LXD and Incus keep their own configuration, a device for each identity: incus config device add NAME etpu-boot "
    f"usb vendorid={BOOT_LOADER[:4]} productid={BOOT_LOADER[5:]}, and NAME etpu-ready usb vendorid={APPLICATION[:4]} "
    f"productid={APPLICATION[5:]}; for PCIe NAME apex0 unix-char source=/dev/apex_0 path=/dev/apex_0."
)
