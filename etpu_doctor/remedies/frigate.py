"""Detectors of Frigate, one for each Edge TPU.

Sources: Frigate's documentation (object detectors) and ``docker/main/Dockerfile``, which builds libusb without udev:
with three or more sticks its numbers differ from those of the host.
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import (
    delegate_strings_without_udev,
    general_note,
    ids,
    is_fresh,
    unnumbered,
    usb_tpus,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import comment, double_quoted
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "frigate"
SUMMARY = "detectors of Frigate (YAML), one for each Edge TPU"


def build(report: Report) -> Setup:
    """Detectors with the strings that are true inside Frigate's container."""
    detectors = [(string, tpu.id) for tpu, string in delegate_strings_without_udev(report)]
    if not report.edge_tpus:
        detectors = [("usb:0", "the first on USB; the first on PCIe is pci:0")]
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(SetupFile(path="config.yml", content=_content(detectors), fragment=True),) if detectors else (),
        text=(*general_note(report), *_unnumbered(report), *_fresh_notes(report), *_NOTES),
        commands=(
            Command(command="docker restart frigate", why="has Frigate read its configuration"),
            Command(command="docker logs --tail 50 frigate", why="shows whether each detector found its Edge TPU"),
        ),
        undo=("Take the detectors out again and restart Frigate.",),
    )


def _content(detectors: list[tuple[str, str]]) -> str:
    lines = ["detectors:"]
    for number, (string, place) in enumerate(detectors, start=1):
        lines += [
            f"  edge_tpu_{number}:",
            "    type: edgetpu",
            f"    device: {double_quoted(string)}  # {comment(place)}",
        ]
    return "\n".join([*lines, ""])


def _unnumbered(report: Report) -> tuple[str, ...]:
    numbered = (tpu.id for tpu, _ in delegate_strings_without_udev(report))
    return tuple(f"{place} got no detector: {why}." for place, why in unnumbered(report, numbered))


def _fresh_notes(report: Report) -> tuple[str, ...]:
    """What happens when several sticks wait for their firmware."""
    usb = usb_tpus(report)
    if len(usb) < 2:
        return ()
    fresh = [for_terminal(tpu.id) for tpu in usb if is_fresh(tpu)]
    now = f" Now without firmware: {', '.join(fresh)}." if fresh else ""
    return (
        (
            "The numbers hold once every stick has its firmware, which it loses with its power. Sticks without it are "
            "counted first and move back when a program opens them, so that at a cold start two detectors, which are "
            f"two processes, can take the same stick and one of them fails.{now}"
        ),
        (
            "So have every stick opened once before Frigate starts: edge_tpu_by_path.py of etpu-doctor setup python "
            "does that. Or restart Frigate after a cold start until etpu-doctor devices shows every stick as ready."
        ),
    )


_NOTES = (
    (
        "Never give two detectors the same device, and no detector plain usb or pci, or none, where there are "
        "several: each would take the first."
    ),
    (
        "Frigate's container counts sticks in another order than programs on the host; the strings here are for the "
        "container."
    ),
    "The container must get the devices: etpu-doctor setup compose.",
)
