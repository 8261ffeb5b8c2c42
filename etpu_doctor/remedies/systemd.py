"""Services that wait for the Edge TPUs.

Sources: systemd.device(5) (the udev tag ``systemd``, ``SYSTEMD_ALIAS``), systemd.unit(5).
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import (
    APPLICATION,
    BOOT_LOADER,
    apex_nodes,
    general_note,
    ids,
    missing_notes,
    usb_ports,
    usb_tpus,
    wants_pci,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import systemd_path
from etpu_doctor.remedies.udev import reload_commands, usb_match
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "systemd"
SUMMARY = "a service that waits for the Edge TPUs"

UNIT = "etpu-ready.target"
RULES_PATH = "/etc/udev/rules.d/61-etpu-doctor-systemd.rules"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
DROP_IN_PATH = "/etc/systemd/system/your-program.service.d/etpu-ready.conf"

_ALIAS = "/sys/subsystem/usb/devices/"


def build(report: Report) -> Setup:
    """A target that waits for every Edge TPU, what makes them visible to systemd, and a drop-in for a service."""
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(
            SetupFile(path=RULES_PATH, content=_rules()),
            SetupFile(path=UNIT_PATH, content=_unit(device_units(report))),
            SetupFile(path=DROP_IN_PATH, content=_DROP_IN),
        ),
        text=(*general_note(report), *missing_notes(report), *_unplaced(report), *_NOTES),
        commands=(
            *reload_commands(),
            Command(command="sudo systemctl daemon-reload", why="has systemd read the units", needs_root=True),
            Command(
                command=f"sudo systemctl start {UNIT}",
                why="returns when all Edge TPUs are there, or after 90 s",
                needs_root=True,
            ),
            Command(command="systemctl list-units --type=device '*usb-devices*' '*apex*'", why="shows who is there"),
        ),
        undo=(f"sudo rm {RULES_PATH} {UNIT_PATH} {DROP_IN_PATH} and run the same commands but the start.",),
    )


def device_units(report: Report) -> tuple[str, ...]:
    """Names of the device units: a USB one by its port, a PCIe one by its node."""
    paths = [f"{_ALIAS}{place}" for place in usb_ports(report)]
    paths += apex_nodes(report) if wants_pci(report) else ()
    if not report.edge_tpus:
        paths = [f"{_ALIAS}2-1", *paths]
    return tuple(f"{systemd_path(path)}.device" for path in paths)


def _unplaced(report: Report) -> tuple[str, ...]:
    placed = usb_ports(report)
    return tuple(
        f"{for_terminal(tpu.id)} is not waited for: the evidence does not show its port for certain."
        for tpu in usb_tpus(report)
        if tpu.id not in placed
    )


def _rules() -> str:
    return "\n".join(
        [
            "# Makes Edge TPUs known to systemd. Written by etpu-doctor (etpu-doctor setup systemd).",
            'SUBSYSTEM=="apex", TAG+="systemd"',
            *map(_usb_rule, (BOOT_LOADER, APPLICATION)),
            "",
        ]
    )


def _usb_rule(identity: str) -> str:
    return f'{usb_match(identity)}, TAG+="systemd", ENV{{SYSTEMD_ALIAS}}+="{_ALIAS}%k"'


def _unit(devices: tuple[str, ...]) -> str:
    waits = [f"Wants={' '.join(devices)}", f"After={' '.join(devices)}"] if devices else []
    return "\n".join(["[Unit]", "Description=Edge TPUs", *waits, ""])


_DROP_IN = f"""\
[Unit]
Wants={UNIT}
After={UNIT}
"""

_NOTES = (
    (
        "Put your service's name in place of your-program. Containers: make it docker.service, or the service that "
        "starts the container."
    ),
    (
        "Wants and not Requires or BindsTo: a stick disconnects for a moment when its firmware is loaded, and would "
        "take the service down with it. A missing Edge TPU delays the service by 90 s (DefaultDeviceTimeoutSec) and "
        "no more."
    ),
    "USB sticks are awaited at the port they are plugged into now; after moving one, make the configuration anew.",
)
