"""What a container needs, in the words that Docker, Compose and Podman share."""

from __future__ import annotations

from etpu_doctor.remedies.devices import (
    BOTH_IDENTITIES,
    USB_MAJOR,
    apex_nodes,
    general_note,
    missing_notes,
    wants_pci,
    wants_usb,
)
from etpu_doctor.report.report import Report

USB_VOLUME = "/dev/bus/usb:/dev/bus/usb"
USB_RULE = f"c {USB_MAJOR}:* rmw"
"""USB nodes are character devices of this major number; the minor one changes with the node."""

SEE_UDEV = "A program that is not root in the container needs rights on the nodes of the host: etpu-doctor setup udev"


def device_mappings(report: Report) -> tuple[str, ...]:
    """``/dev/apex_0:/dev/apex_0`` for each PCIe Edge TPU with a node."""
    return tuple(f"{node}:{node}" for node in apex_nodes(report)) if wants_pci(report) else ()


def notes(report: Report) -> tuple[str, ...]:
    """What holds for every kind of container."""
    usb = (
        (
            f"{BOTH_IDENTITIES} So the whole folder is bound and every USB node allowed: --device of one node, or of "
            "the folder, gives the container the nodes of the moment it starts, and it loses the Edge TPU with the "
            "first use."
        ),
    )
    pci = ("The driver of a PCIe Edge TPU belongs on the host; the container needs only the node.",)
    return (
        *general_note(report),
        *missing_notes(report),
        *(usb if wants_usb(report) else ()),
        *(pci if wants_pci(report) else ()),
        SEE_UDEV,
    )
