"""``podman run``, without and with root.

Sources: podman-run(1); containers/podman#18698 (rootless Podman refuses ``--device-cgroup-rule``: no user may set it).
"""

from __future__ import annotations

from etpu_doctor.remedies import containers, docker
from etpu_doctor.remedies.devices import ids, wants_usb
from etpu_doctor.remedies.model import Setup
from etpu_doctor.remedies.quoting import shell
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "podman"
SUMMARY = "the command line of podman run, rootless and as root"


def build(report: Report) -> Setup:
    """Options for exactly the Edge TPUs found."""
    run = ("podman", "run", "--rm", "--interactive", "--tty")
    return Setup(
        target=NAME,
        devices=ids(report),
        text=(*containers.notes(report), *_NOTES),
        commands=(
            Command(
                command=f"{shell(*run, *rootless_options(report))} IMAGE",
                why="starts a program as you; put its image in place of IMAGE",
            ),
            Command(
                command=f"{shell('sudo', *run, *docker.options(report))} IMAGE",
                why="the same as root",
                needs_root=True,
            ),
        ),
        undo=("Start the container without these options. Nothing of the host is changed.",),
    )


def rootless_options(report: Report) -> tuple[str, ...]:
    """Options without root: the rights of the user on the host's nodes decide, no device cgroup does."""
    usb = ("--volume", containers.USB_VOLUME) if wants_usb(report) else ()
    pci = (word for mapping in containers.device_mappings(report) for word in ("--device", mapping))
    return ("--group-add", "keep-groups", *usb, *pci)


_NOTES = (
    (
        "Without root, you must be able to open the nodes on the host, and --group-add keep-groups takes your groups "
        "into the container; it needs the runtime crun."
    ),
    "Rootless Podman refuses --device-cgroup-rule, and needs none.",
    "With SELinux (Fedora, RHEL), also: sudo setsebool -P container_use_devices true",
)
