"""A service of Docker Compose.

Source: the Compose specification (``devices``, ``volumes``, ``device_cgroup_rules``).
"""

from __future__ import annotations

from etpu_doctor.remedies import containers
from etpu_doctor.remedies.devices import ids, wants_usb
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import double_quoted
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "compose"
SUMMARY = "a service of Docker Compose (YAML)"


def build(report: Report) -> Setup:
    """The keys that a service needs for exactly the Edge TPUs found."""
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(SetupFile(path="compose.yaml", content=_content(report), fragment=True),),
        text=(
            *containers.notes(report),
            "your-program stands for the service that is to use the Edge TPUs: add the keys below it to that one.",
        ),
        commands=(
            Command(command="docker compose config --quiet", why="says nothing if the file is right"),
            Command(command="docker compose up --detach", why="makes the containers that have changed anew"),
        ),
        undo=("Take the keys out again and run docker compose up --detach.",),
    )


def _content(report: Report) -> str:
    lines = ["services:", "  your-program:"]
    mappings = containers.device_mappings(report)
    if mappings:
        lines += ["    devices:", *_items(mappings)]
    if wants_usb(report):
        lines += ["    volumes:", *_items([containers.USB_VOLUME])]
        lines += ["    device_cgroup_rules:", *_items([containers.USB_RULE])]
    if len(lines) == 2:
        # A service without a value would be null, which Compose refuses.
        lines[1] += " {}"
    return "\n".join([*lines, ""])


def _items(values: tuple[str, ...] | list[str]) -> list[str]:
    return [f"      - {double_quoted(value)}" for value in values]
