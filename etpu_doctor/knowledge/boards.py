"""Boards with limits of their own: what their USB sockets may draw, and what they offer of PCIe."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.knowledge import load

PciePort = Literal["none", "off", "carrier", "not-working"]


class KnownBoard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board; the keys are explained at the top of ``boards.toml``."""

    name: str
    models: tuple[str, ...]
    usb_total_ma: int
    usb_total_lifted_ma: int
    lifted_by: str
    usb_on_pci: bool
    onboard_hubs: tuple[str, ...]
    onboard_devices: tuple[str, ...]
    pcie: PciePort
    source: str


@cache
def known_boards() -> tuple[KnownBoard, ...]:
    """All boards, read once."""
    return msgspec.convert(load("boards.toml")["board"], tuple[KnownBoard, ...])


def board_of(model: str) -> KnownBoard | None:
    """The board that a device tree's model names."""
    fits = [(len(start), board) for board in known_boards() for start in board.models if model.startswith(start)]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def board_named(name: str | None) -> KnownBoard | None:
    """The board of that name."""
    return next((board for board in known_boards() if board.name == name), None) if name is not None else None
