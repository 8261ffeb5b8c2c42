"""Where a fact was read."""

from __future__ import annotations

from typing import Literal

import msgspec

SeenKind = Literal[
    "sysfs", "lsusb-t", "lsusb", "lsusb-v", "lspci", "lspci-v", "lspci-t", "lspci-vmm", "kernel-log", "words"
]


class Seen(msgspec.Struct, frozen=True):
    """One place that speaks of a device: a sysfs folder, or a line of a text.

    ``file`` is a folder below ``/sys`` for ``sysfs`` and a file name for a text; ``line`` counts from 1 and is
    ``None`` for ``sysfs``.
    """

    kind: SeenKind
    file: str
    line: int | None = None
