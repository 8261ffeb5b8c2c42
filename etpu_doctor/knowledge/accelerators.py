"""Accelerators that are no Edge TPUs but are taken for one."""

from __future__ import annotations

from functools import cache

import msgspec

from etpu_doctor.knowledge import load


class Accelerator(msgspec.Struct, frozen=True, kw_only=True):
    """One foreign accelerator: its bus (``usb`` or ``pci``), id, name, what drives it, and how ``lspci`` names it."""

    bus: str
    id: str
    name: str
    runtime: str
    source: str
    listed_as: str | None = None


@cache
def accelerators() -> dict[tuple[str, str], Accelerator]:
    """By bus and id (``("usb", "03e7:2485")``)."""
    entries = msgspec.convert(load("accelerators.toml")["accelerator"], list[Accelerator])
    return {(entry.bus, entry.id): entry for entry in entries}
