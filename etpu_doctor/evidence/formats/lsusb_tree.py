"""Parser of ``lsusb -t``, with or without ``-v``, as printed and as people paste it.

What is printed, and in which order, follows usbutils ``lsusb-t.c``: a root line a bus, below it one line for every
interface of every device, children after all interfaces of their hub, siblings by ascending port. ``-v`` adds a line
with the ids and the names of ``usb.ids``, ``-vv`` one with the paths in sysfs and devfs, ``-vvv`` one with the device's
own strings. Entries are found by ``lsusb_tree_entry``, their places in the tree by ``lsusb_tree_depth``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etpu_doctor.evidence.formats.base import SUPERSEDED
from etpu_doctor.evidence.formats.lsusb_tree_depth import (
    USUAL_UNIT,
    Item,
    Place,
    indent_unit,
    place,
    place_without_root,
)
from etpu_doctor.evidence.formats.lsusb_tree_device import NOTE_STARTS, TreeDevice
from etpu_doctor.evidence.formats.lsusb_tree_entry import BARS, BLANKS, Entry, entry_at_start, scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etpu_doctor.evidence.formats.base import Line, Sink

_MAX_PENDING_LINES = 3


class LsusbTree:
    """The parser; a bus is handed over when the next one starts or the block ends."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._bus: _Bus | None = None
        self._last: TreeDevice | None = None
        self._pending: list[Line] = []
        self._pending_text = ""
        self._roots: dict[int, Line] = {}
        self._unit = USUAL_UNIT

    def starts(self, text: str) -> bool:
        """Whether this is a root line, or an entry while no listing is open."""
        if _is_cut_root(text):
            return True
        if "Bus" not in text and (self._bus is not None or "Port" not in text):
            return False
        entries, _ = scan(text, final=True)
        return any(entry.bus is not None or self._bus is None for entry in entries)

    def feed(self, line: Line) -> bool:
        """Take a line of the listing, be it entries, a part of one, or what ``-v`` adds."""
        if self._pending and self._continue(line):
            return True
        if not line.text.strip():
            return True
        entries, tail = scan(line.text)
        if not entries and (tail is None or not self._may_open(line.text)):
            return self._last is not None and self._last.take_note(line.text)
        self._take(line, entries)
        self._hold([line], line.text, tail)
        return True

    def close(self) -> None:
        """Hand over the last bus."""
        if self._pending:
            self._give_up()
        self._flush()
        self._last = None

    def _may_open(self, text: str) -> bool:
        """Whether a line that breaks off before it is an entry is to be kept: in a listing, or as its first line."""
        return self._bus is not None or _is_cut_root(text) or bool(scan(text, final=True)[0])

    def _hold(self, lines: list[Line], text: str, tail: int | None) -> None:
        """Keep the end of a text from that offset on, if any, until the next line."""
        self._pending = [] if tail is None else lines
        self._pending_text = "" if tail is None else text[tail:]

    def _continue(self, line: Line) -> bool:
        """Join a line to the entry that broke off before it; false if it is something else."""
        text = line.text.strip()
        if not text:
            return True
        if len(self._pending) < _MAX_PENDING_LINES and self._may_be_rest(text):
            joined = f"{self._pending_text} {text}"
            entries, tail = scan(joined)
            if entries:
                self._take(self._pending[0], entries)
                self._hold([line], joined, tail)
                return True
            if tail is not None:
                self._hold([*self._pending, line], joined, tail)
                return True
        self._give_up()
        return False

    def _may_be_rest(self, text: str) -> bool:
        if text[0] in BARS or text.startswith(NOTE_STARTS):
            return False
        return not (entry_at_start(text) and entry_at_start(self._pending_text.lstrip(BARS + BLANKS)))

    def _give_up(self) -> None:
        """Make the best of an entry whose rest did not come."""
        (first, *others), text = self._pending, self._pending_text
        self._hold([], "", None)
        entries, _ = scan(text, final=True)
        self._take(first, entries)
        if not entries:
            self._sink.ignore(first, "an entry that breaks off")
        for line in others:
            self._sink.ignore(line, "not the rest of the entry above")

    def _take(self, line: Line, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.bus is None:
                self._last = self._add(line, entry)
            else:
                self._last = self._open(line, entry, entry.bus)
            self._last.take_note(entry.note)

    def _open(self, line: Line, entry: Entry, busnum: int) -> TreeDevice:
        """Start a bus with its root hub."""
        self._flush()
        self._sink.cover("usb", "usb-tree")
        if busnum in self._roots:
            self._sink.ignore(self._roots[busnum], SUPERSEDED)
        self._roots[busnum] = line
        root = TreeDevice(line, entry)
        self._bus = _Bus(root)
        return root

    def _add(self, line: Line, entry: Entry) -> TreeDevice:
        """Add an entry to the bus. One with a used number keeps its place, as what is below it is not below another."""
        if self._bus is None:
            self._bus = _Bus(None)
        device = TreeDevice(line, entry)
        device.add_interface(entry)
        known = self._bus.by_number.setdefault(entry.dev, device)
        if known is device:
            self._bus.devices.append(device)
        elif known.entry.bus is not None or known.entry.port != entry.port:
            device.refused = f"device number {entry.dev} is taken by an entry above"
            self._bus.devices.append(device)
            return device
        elif not known.add_interface(entry):
            self._sink.ignore(line, f"device {entry.dev} is printed twice")
        return known

    def _flush(self) -> None:
        """Hand over the bus that was collected."""
        bus, self._bus = self._bus, None
        if bus is None:
            return
        if bus.root:
            self._sink.usb(bus.root.usb(bus.root.entry.bus, Place(())))
        for device, spot in zip(bus.devices, self._places(bus), strict=True):
            why = device.refused or spot.why
            if why:
                self._sink.ignore(device.line, why)
            else:
                self._sink.usb(device.usb(bus.root.entry.bus if bus.root else None, spot))
        if any(device.vendor_id is not None for device in (*bus.devices, *filter(None, [bus.root]))):
            self._sink.cover("usb-ids")

    def _places(self, bus: _Bus) -> list[Place]:
        """Where the devices of a bus are; what ``-vv`` says of it needs no guess."""
        printed = [device.printed_chain for device in bus.devices]
        if None not in printed:
            return [Place(chain) for chain in printed]
        items = [device.item() for device in bus.devices]
        if bus.root is None:
            places = place_without_root(items)
        else:
            places = place(items, _root_item(bus.root, bus.devices[0]), self._unit)
            self._unit = indent_unit(items) or self._unit
        return [spot if chain is None else Place(chain) for spot, chain in zip(places, printed, strict=True)]


class _Bus:
    """A bus while its lines come in; ``root`` is ``None`` for entries whose root line is missing."""

    __slots__ = ("by_number", "devices", "root")

    def __init__(self, root: TreeDevice | None) -> None:
        self.root = root
        self.devices: list[TreeDevice] = []
        self.by_number: dict[int, TreeDevice] = {root.entry.dev: root} if root else {}


def _root_item(root: TreeDevice, first: TreeDevice) -> Item:
    """The root hub as the search wants it. Behind a prompt, its column is not that of the listing."""
    item = root.item()
    return item._replace(hub=True, indent=0 if root.entry.glued and not first.entry.glued else item.indent)


def _is_cut_root(text: str) -> bool:
    """Whether a root line starts here, of which the rest may be on the next line."""
    text = text.lstrip(BLANKS)
    return text.startswith("/:") and text[2:].lstrip(BLANKS)[:3] in {"", "Bus"}
