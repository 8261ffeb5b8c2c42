"""``lspci`` for people: one line a device, with or without numbers, with -k or -v lines below it; and ``-mm``.

Shapes: pciutils ``lspci.c`` (``show_terse``, ``show_verbose``, ``show_machine``). The tree and ``-vmm`` have modules of
their own, offered here under one roof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from etpu_doctor.evidence.formats.lspci_common import (
    Slot,
    edge_tpu_ids,
    hex_after,
    leading_slot,
    parse_class,
    parse_id_name,
    parse_named,
)
from etpu_doctor.evidence.formats.lspci_machine import LspciMachine
from etpu_doctor.evidence.formats.lspci_tree import LspciTree
from etpu_doctor.evidence.formats.lspci_verbose import Details
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen, SeenKind

if TYPE_CHECKING:
    from etpu_doctor.evidence.formats.base import Line, Sink

_ALL_ONES = 0xFF  # lspci reads the revision from the configuration space; a card that is gone gives this for it
_LONGEST_CLASS = 80
_ELISIONS = frozenset({"--", "...", "…", "[...]", "(...)", "[…]", "<snip>", "[snip]", "--More--"})
_TAIL_STARTS = ("(rev ", "(prog-if ")


def parse_header(text: str) -> PciFunction | None:
    """Read the line that opens a device, or ``None`` for any other line.

    A time of day such as ``12:30.5`` has the shape of a slot, so more is demanded behind it: a class that is known by
    name or given by number, or else the numbers, the revision or the name of the Edge TPU.
    """
    found = leading_slot(text) if "." in text and ":" in text else None
    if found is None:
        return None
    slot, rest = found
    return _parse_quoted(slot, rest) if rest.startswith('"') else _parse_plain(slot, rest)


def _parse_plain(slot: Slot, rest: str) -> PciFunction | None:
    printed_class, printed_name = _split_class(rest)
    if not printed_class or len(printed_class) > _LONGEST_CLASS:
        return None
    class_name, class_code = parse_class(printed_class)
    name, vendor_id, device_id = parse_named(printed_name)
    revision = hex_after(printed_name, "(rev ")
    if class_code is None and vendor_id is None and revision is None:
        return None
    return PciFunction(
        address=slot.address,
        domain_assumed=slot.domain_assumed,
        vendor_id=vendor_id,
        device_id=device_id,
        class_code=class_code,
        prog_if=hex_after(printed_name, "(prog-if "),
        revision=revision,
        class_name=class_name,
        vendor_name=name,
        config_all_ones=True if revision == _ALL_ONES else None,
    )


def _split_class(rest: str) -> tuple[str, str]:
    """The class and what follows it; a colon that was lost is forgiven if the class has its number."""
    printed_class, colon, name = rest.partition(": ")
    if colon:
        return printed_class, name
    if rest.endswith(":"):
        return rest[:-1], ""
    printed_class, bracket, name = rest.partition("]")
    return (f"{printed_class}]", name) if bracket else ("", "")


def _parse_quoted(slot: Slot, rest: str) -> PciFunction | None:
    """``-mm``: class, vendor, device, subsystem's vendor and device in quotes; ``-rXX`` and ``-pXX`` anywhere."""
    fields, options = _split_quoted(rest)
    if len(fields) < len(("class", "vendor", "device")):
        return None
    class_name, class_code = parse_class(fields[0])
    vendor_name, vendor_id = parse_id_name(fields[1])
    device_name, device_id = parse_id_name(fields[2])
    if vendor_id is None or device_id is None:
        vendor_id, device_id = edge_tpu_ids(f"{fields[1]} {fields[2]}")
    subsystem = [parse_id_name(field)[1] for field in fields[3:5]]
    revision = hex_after(options, "-r")
    return PciFunction(
        address=slot.address,
        domain_assumed=slot.domain_assumed,
        vendor_id=vendor_id,
        device_id=device_id,
        subsystem_vendor_id=subsystem[0] if subsystem else None,
        subsystem_device_id=subsystem[1] if len(subsystem) > 1 else None,
        class_code=class_code,
        prog_if=hex_after(options, "-p"),
        revision=revision,
        class_name=class_name,
        vendor_name=vendor_name,
        device_name=device_name,
        config_all_ones=True if revision == _ALL_ONES else None,
    )


def _split_quoted(text: str) -> tuple[list[str], str]:
    """Fields in quotes, and what stands between them. A backslash escapes a quote or itself."""
    fields: list[str] = []
    between: list[str] = []
    for number, part in enumerate(text.replace("\\\\", "\0").replace('\\"', "\1").split('"')):
        target = fields if number % 2 else between
        target.append(part.replace("\0", "\\").replace("\1", '"'))
    return fields, " ".join(between)


def _is_wrapped(text: str, header: PciFunction) -> bool:
    """Whether a header was cut by the terminal: -nn gave the class its number, but the device has none yet."""
    return header.vendor_id is None and "]:" in text[:_LONGEST_CLASS]


def _is_prompt(text: str) -> bool:
    """Whether a line is a shell prompt, a heading or a comment, and so ends the output above it."""
    head = text[:100]
    return text[0] in "$#%" or ("@" in head and ("$ " in head or "# " in head or head[-1] in "$#"))


class _Block:
    """One device: its header and what the lines below said."""

    def __init__(self, line: Line, header: PciFunction) -> None:
        self.line = line
        self.header = header
        self.header_text = line.text
        self.details = Details()
        self.blank = False
        self.elided = False

    def join(self, text: str) -> bool:
        """Take the second half of a header that a terminal wrapped."""
        wrapped = _is_wrapped(self.header_text, self.header)
        if self.details.any_line or self.blank or not (wrapped or text.startswith(_TAIL_STARTS)):
            return False
        joined = f"{self.header_text.rstrip()} {text}"
        header = parse_header(joined)
        if header is None or (wrapped and header.vendor_id is None):
            return False
        self.header, self.header_text = header, joined
        return True

    def finish(self, *, followed: bool) -> PciFunction:
        """All that was read. ``followed``: another device comes next, which proves that this one is whole.

        The last block of a text may have been cut; it counts as whole if the capabilities, which precede the driver,
        were reached and the blank line that lspci prints behind a -v block is there.
        """
        ended = followed or (self.details.capabilities and self.blank)
        complete = self.details.began and ended and not self.elided
        kind: SeenKind = "lspci-v" if self.details.any_line else "lspci"
        seen = Seen(kind, self.line.file, self.line.number)
        function = self.header
        if self.details.any_line or self.details.bad_header:
            function = self.details.apply(function, complete=complete)
        gone = function.config_all_ones and function.revision == _ALL_ONES
        return replace(function, revision=None if gone else function.revision, seen=(seen,))


class Lspci:
    """Parser of ``lspci`` in its forms for people, and of ``-mm``."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._block: _Block | None = None
        self._asked: tuple[str, PciFunction | None] = ("", None)

    def starts(self, text: str) -> bool:
        """Whether the line opens a device. The answer is kept: it tells ``close`` what ended the block."""
        self._asked = (text, parse_header(text))
        return self._asked[1] is not None

    def feed(self, line: Line) -> bool:
        """Take a header, or a line below one."""
        block = self._block
        if block is not None and block.line.file != line.file:
            self._finish(followed=False)
        text, header = self._asked
        if text is not line.text:
            header = parse_header(line.text)
        self._asked = ("", None)
        if header is not None:
            self._finish(followed=True)
            self._block = _Block(line, header)
            return True
        return self._block is not None and self._feed_below(self._block, line.text)

    def close(self) -> None:
        """Hand over the device in hand."""
        self._finish(followed=self._asked[1] is not None)

    def _feed_below(self, block: _Block, text: str) -> bool:
        stripped = text.strip()
        if not stripped:
            block.blank = True
            return True
        if stripped in _ELISIONS:
            block.elided = True
            return True
        if block.details.take(stripped):
            block.blank = False
            return True
        if block.join(stripped) or (not block.blank and _indent(text) > _indent(block.line.text)):
            return True
        if _is_prompt(stripped) or (block.blank and _indent(text) <= _indent(block.line.text)):
            self._finish(followed=False)
        return False

    def _finish(self, *, followed: bool) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        self._sink.cover("pci")
        if block.details.link_status:
            self._sink.cover("pci-links")
        self._sink.pci(block.finish(followed=followed))


def _indent(text: str) -> int:
    blanks = text[: len(text) - len(text.lstrip())]
    return len(blanks.expandtabs()) if len(blanks) < _LONGEST_CLASS else len(blanks)


__all__ = ["Lspci", "LspciMachine", "LspciTree", "parse_header"]
