"""Ready configurations for the Edge TPUs that a report found: a table of targets, each in a module of its own."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.report import Report

TARGETS: tuple[str, ...] = (
    "udev",
    "docker",
    "compose",
    "podman",
    "lxc",
    "proxmox",
    "libvirt",
    "wsl",
    "frigate",
    "python",
    "cpp",
    "systemd",
    "modprobe",
)
"""What ``setup`` knows, in the order in which it is listed."""

APPLICABLE = frozenset({"udev", "modprobe"})
"""The targets whose files ``--apply`` may write."""


class Target(Protocol):
    """What a target's module offers."""

    NAME: str
    SUMMARY: str

    def build(self, report: Report) -> Setup:
        """The configuration for the Edge TPUs of a report."""


def load(name: str) -> Target:
    """The module of a target, imported only now. ``name`` is one of ``TARGETS``."""
    target: Target = import_module(f"etpu_doctor.remedies.{name}")
    return target


__all__ = ["APPLICABLE", "TARGETS", "Target", "load"]
