"""Boards with limits of their own, and what they report of power and temperature."""

from __future__ import annotations

import msgspec


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is the key in ``knowledge/boards.toml`` (``raspberry-pi-5``); ``None`` for a board that is not listed.

    ``usb_max_current_enabled``: the firmware lifts the limit of the USB ports. ``undervoltage_now``: hwmon's alarm.
    ``throttled``: the bits of ``vcgencmd get_throttled``. ``firmware_config``: the lines of ``config.txt`` that matter
    (PCIe, page size, USB current). ``appliance``: ``synology``, ``unraid``, ``truenas``, ``proxmox``, ``haos`` ...
    """

    name: str | None = None
    model: str | None = None
    usb_max_current_enabled: bool | None = None
    undervoltage_now: bool | None = None
    throttled: int | None = None
    firmware_config: tuple[str, ...] | None = None
    firmware_config_path: str | None = None
    appliance: str | None = None
