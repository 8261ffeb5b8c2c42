"""What the kernel's log says of Edge TPUs, their buses and their driver."""

from __future__ import annotations

import msgspec


class KernelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a pattern of ``knowledge/kernel_messages.toml`` recognised.

    ``message`` is the pattern's name; ``cause`` the name of the closed list it speaks for, ``None`` for lines that are
    normal and must never make a finding. ``usb_node`` (``2-1.4``), ``usb_port`` (``2-1-port3``), ``usb_bus`` and
    ``pci_address`` say which node of the tree the line names. ``seconds`` is the time since boot where it is printed;
    ``values`` are the parts of the line that the pattern names (``errno``: ``-71`` ...).
    """

    message: str
    cause: str | None = None
    text: str
    seconds: float | None = None
    usb_node: str | None = None
    usb_port: str | None = None
    usb_bus: int | None = None
    pci_address: str | None = None
    values: dict[str, str] = {}
    where: str | None = None


class KernelLog(msgspec.Struct, frozen=True, kw_only=True):
    """The recognised lines in order. ``line_count`` counts all lines read; ``origin`` is ``/dev/kmsg``, a file ..."""

    origin: str
    line_count: int = 0
    messages: tuple[KernelMessage, ...] = ()
