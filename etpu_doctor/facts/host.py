"""The machine around the buses."""

from __future__ import annotations

from typing import Literal

import msgspec

Clock = Literal["standard", "maximum"]
"""What libedgetpu sets a USB Edge TPU to: 250 MHz (package ``libedgetpu1-std``) or 500 MHz (``libedgetpu1-max``)."""


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
    libedgetpu_path: str | None = None
    libedgetpu_clock: Clock | None = None
