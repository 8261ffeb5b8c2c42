"""Lines of the kernel's log that are known, what each speaks for, and how to recognise it."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.knowledge import load

Speaker = Literal["usb", "hub", "host", "apex", "pci", "pcie-host", "hwmon", "usbfs", "module", "lockdown", "none"]
"""What stands before a message: ``usb 2-1.4:``, ``hub 2-1:1.0:``, ``xhci_hcd 0000:00:14.0:`` ..., or nothing."""


class KnownMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of line; the keys are explained at the top of ``kernel_messages.toml``."""

    name: str
    said_by: tuple[Speaker, ...]
    needle: str
    pattern: str
    causes: tuple[str, ...]
    source: str
    matches: tuple[str, ...]
    not_matches: tuple[str, ...]


@cache
def known_messages() -> dict[Speaker, tuple[KnownMessage, ...]]:
    """Known lines by what stands before them, in the order in which they are to be tried."""
    entries = msgspec.convert(load("kernel_messages.toml")["message"], list[KnownMessage])
    found: dict[Speaker, list[KnownMessage]] = {}
    for entry in entries:
        for speaker in entry.said_by:
            found.setdefault(speaker, []).append(entry)
    return {speaker: tuple(known) for speaker, known in found.items()}


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, compiled when a line first calls for it: most are never needed."""
    return re.compile(pattern)
