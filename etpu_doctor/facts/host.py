"""The machine around the buses."""

from __future__ import annotations

import msgspec


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the host; ``None`` where it is not.

    ``board_model`` is the firmware's name of the board (``/proc/device-tree/model``, or DMI vendor and product).
    """

    hostname: str | None = None
    kernel_release: str | None = None
    architecture: str | None = None
    os_name: str | None = None
    board_model: str | None = None
    page_size_bytes: int | None = None
