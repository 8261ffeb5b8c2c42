"""Plain ``lsusb`` and ``lsusb -v``: one header line for each device, with or without descriptors below it.

``Bus 002 Device 005: ID 18d1:9302 Google Inc. `` (usbutils lsusb.c; BusyBox prints the same without a name).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import msgspec.structs

from etpu_doctor.evidence.formats.lsusb_verbose import NOTICES, VerboseBlock
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from etpu_doctor.evidence.formats.base import Line, Sink

_NAME_LIMIT = 256
_ROOT_HUB_VENDOR = 0x1D6B
_ROOT_HUB_PRODUCTS = (1, 2, 3)


class Lsusb:
    """Reads both listings; a device is handed over when the next one comes or the block ends."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._device: UsbDevice | None = None
        self._seen: tuple[str, int] = ("", 0)
        self._block = VerboseBlock()

    def starts(self, text: str) -> bool:
        """Whether this is a header line; or, before the first one, where a log file has it, an error of lsusb."""
        if _may_be_header(text) and _header().search(text) is not None:
            return True
        return self._device is None and text.startswith(NOTICES)

    def feed(self, line: Line) -> bool:
        """Take a header line, or a line below one."""
        if _may_be_header(line.text):
            headers = _header().finditer(line.text)
            first = next(headers, None)
            if first is not None:
                self.close()
                self._take_headers(line, first, headers)
                return True
        if self._device is None:
            return line.text.startswith(NOTICES)
        return self._block.feed(line.text)

    def close(self) -> None:
        """Hand over the device that is pending."""
        device, self._device = self._device, None
        if device is None:
            return
        verbose = self._block.described
        self._sink.cover("usb", "usb-ids", *(("usb-power",) if self._block.shows_power else ()))
        file, number = self._seen
        seen = (Seen("lsusb-v" if verbose else "lsusb", file, number),)
        self._sink.usb(_with_place(self._block.describe(device) if verbose else device, seen))

    def _take_headers(self, line: Line, first: re.Match[str], others: Iterator[re.Match[str]]) -> None:
        """Take the header on this line, or all of them where a paste has lost its line ends."""
        if _is_removed(line.text[: first.start()]):
            self._sink.ignore(line, "removed line of a diff")
            return
        lead = line.text[:1024]
        indent = len(lead) - len(lead.lstrip())
        current = first
        for following in others:
            self._open(line, current, following.start(), indent)
            self.close()
            current = following
        self._open(line, current, len(line.text), indent)

    def _open(self, line: Line, header: re.Match[str], end: int, indent: int) -> None:
        self._seen = (line.file, line.number)
        self._block = VerboseBlock(indent)
        self._device = UsbDevice(
            busnum=int(header[1]),
            devnum=int(header[2]),
            vendor_id=int(header[3], 16),
            product_id=int(header[4], 16),
            vendor_name=_name(line.text[header.end() : min(end, header.end() + _NAME_LIMIT)]),
        )


def _may_be_header(text: str) -> bool:
    """Cheap test to keep the pattern away from most lines."""
    return "Bus" in text and "Device" in text


@functools.cache
def _header() -> re.Pattern[str]:
    return re.compile(
        r"\bBus\s{1,8}([0-9]{1,3})\s{1,8}Device\s{1,8}([0-9]{1,3})\s{0,8}:\s{0,8}ID\s{1,8}"
        r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?![0-9A-Za-z])"
    )


def _is_removed(lead: str) -> bool:
    """Whether a diff says that the line is gone: ``-Bus``, ``< Bus``. ``- Bus`` is the item of a Markdown list."""
    return lead.lstrip() == "-" or lead.strip() == "<"


def _name(rest: str) -> str | None:
    """Name after the ids, without what a Markdown table or a quotation put around it."""
    # "ID 1a6e:089a. Never changes." is a sentence, and its rest no name.
    return rest.strip().strip("`|\"'").strip() or None if rest[:1].isspace() else None


def _with_place(device: UsbDevice, seen: tuple[Seen, ...]) -> UsbDevice:
    """Add where it was read; and for root hubs, which the kernel gives ids of its own, the place in the tree."""
    is_root = device.vendor_id == _ROOT_HUB_VENDOR and device.product_id in _ROOT_HUB_PRODUCTS
    if not is_root:
        return msgspec.structs.replace(device, seen=seen)
    # The serial number of a root hub is the name of its controller (Linux drivers/usb/core/hcd.c).
    return msgspec.structs.replace(device, seen=seen, port_chain=(), controller=device.serial)
