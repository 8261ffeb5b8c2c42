"""``docker run``.

Sources: Docker's reference of ``docker run`` (``--device-cgroup-rule``), Frigate's documentation,
google-coral/pycoral#94.
"""

from __future__ import annotations

from etpu_doctor.remedies import containers
from etpu_doctor.remedies.devices import ids, wants_usb
from etpu_doctor.remedies.model import Setup
from etpu_doctor.remedies.quoting import shell
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "docker"
SUMMARY = "the command line of docker run"


def build(report: Report) -> Setup:
    """Options for exactly the Edge TPUs found."""
    return Setup(
        target=NAME,
        devices=ids(report),
        text=(*containers.notes(report), "--privileged is not needed.", _GROUPS),
        commands=(
            Command(
                command=f"{shell('docker', 'run', '--rm', '--interactive', '--tty', *options(report))} IMAGE",
                why="starts a program with the Edge TPUs; put its image in place of IMAGE",
            ),
            Command(
                command=shell("docker", "run", "--rm", *options(report), "debian:stable-slim", *_look(report)),
                why="shows which nodes a container gets that way",
            ),
        ),
        undo=("Start the container without these options. Nothing of the host is changed.",),
    )


def options(report: Report) -> tuple[str, ...]:
    """The options of ``docker run``."""
    usb = ("--volume", containers.USB_VOLUME, "--device-cgroup-rule", containers.USB_RULE)
    pci = (word for mapping in containers.device_mappings(report) for word in ("--device", mapping))
    return (*(usb if wants_usb(report) else ()), *pci)


def _look(report: Report) -> tuple[str, ...]:
    nodes = tuple(mapping.partition(":")[0] for mapping in containers.device_mappings(report))
    return ("ls", "-lR", *(("/dev/bus/usb",) if wants_usb(report) else ()), *nodes)


_GROUPS = (
    "A container that runs as another user than root takes the group by number, since names differ inside: "
    '--group-add "$(getent group plugdev | cut -d: -f3)" (apex for PCIe).'
)
