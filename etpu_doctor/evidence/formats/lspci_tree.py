r"""``lspci -t``: the tree of buses, the only listing that says which bridge a function sits behind.

Shape: pciutils ``ls-tree.c``. It prints depth first: ``+-`` opens or continues the devices of one bus, ``\-`` is the
last of them, ``--`` an only one, ``[02-04]`` the buses behind a bridge, ``[0000:00]`` a bus without a bridge line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.evidence.formats.lspci_common import hex_value, parse_named
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen

if TYPE_CHECKING:
    from etpu_doctor.evidence.formats.base import Line, Sink

_BLANKS = " \t|"
_MARKS = "-+\\`["
_DEVICE = len("00.0")
_WIDEST = 2048  # ls-tree.c cuts its lines at 1024 (LINE_BUF_SIZE); a paste may have indented them
_BEGINNINGS = _MARKS + "\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
_TYPOGRAPHY = {0x2013: "-", 0x2212: "-", 0x00A0: " "}  # en dash, minus sign, no-break space
_DEEPEST = 256  # as many buses as a domain has
_DOUBLE_SPACED = 2  # a paste may have got a blank line after each line
_NOT_PLACED = "lspci -t: the line does not say which bus this is on, and the lines before it do not either"


class _Bus(msgspec.Struct, frozen=True, gc=False):
    """A bus: ``number`` is ``None`` above the root buses. ``bridge`` leads to it, if ``bridge_known``."""

    domain: str
    number: str | None
    bridge: str | None
    bridge_known: bool
    domain_assumed: bool = False


class _Branch:
    """A bus whose devices are not all printed yet: the column of its marks, and the device printed last."""

    def __init__(self, column: int, bus: _Bus | None) -> None:
        self.column = column
        self.bus = bus
        self.last = ""

    def expects(self, device: str | None) -> bool:
        """Whether this device, or with ``None`` a bus in brackets, may come next; lspci sorts devices."""
        if device is None:
            return self.bus is None or self.bus.number is None
        return device > self.last and (self.bus is None or self.bus.number is not None)


_TOP = _Bus("0000", None, None, bridge_known=True)


def _device_at(text: str, at: int) -> str | None:
    """``1f.2`` at this place, in lower case."""
    word = text[at : at + _DEVICE].lower()
    fits = word[2:3] == "." and hex_value(word[:2], 2) is not None and word[:2] <= "1f" and word[3:] in set("01234567")
    return word if fits else None


def _lost_backslash(text: str) -> bool:
    r"""Whether this is the last device of a bus, ``\-1f.3``, after Markdown took the backslash for an escape."""
    return text.startswith("-") and _device_at(text, 1) is not None


def _bracket_at(text: str, at: int) -> str:
    """What stands in the brackets at this place; empty if there are none of a sensible length."""
    if text[at : at + 1] != "[":
        return ""
    inside, end, _ = text[at + 1 : at + 16].partition("]")
    return inside.lower() if end else ""


def _root_bus(inside: str) -> tuple[str, str] | None:
    """Domain and bus of ``0000:00``."""
    domain, _, bus = inside.partition(":")
    fits = len(domain) >= len("0000") and hex_value(domain, len(domain)) is not None and hex_value(bus, 2) is not None
    return (domain, bus) if fits else None


def _bus_range(inside: str) -> tuple[str, str] | None:
    """First and last bus of ``02-04`` or ``02``."""
    first, _, last = inside.partition("-")
    last = last or first
    return (first, last) if hex_value(first, 2) is not None and hex_value(last, 2) is not None else None


def _plain(text: str) -> str:
    """The line with the typographic dashes and tree marks of forums and word processors put back."""
    if text.isascii():
        return text
    return text.replace("\N{EM DASH}", "--").translate(_TYPOGRAPHY)


class LspciTree:
    """Parser of the tree. Every function is handed over as soon as its line is read."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._open: list[_Branch] = []
        self._last: Line | None = None

    def starts(self, text: str) -> bool:
        """Whether the line is one of a tree; outside of a tree only one that names a bus can be told."""
        if text.lstrip(_BLANKS + "\N{NO-BREAK SPACE}")[:1] not in _BEGINNINGS:
            # Nearly every line that anybody pastes.
            return False
        rest = _plain(text[:_WIDEST]).lstrip(_BLANKS)
        if rest[:1] not in _MARKS or not rest:
            return False
        begin = rest.lstrip("-+\\`")
        inside = _bracket_at(begin, 0)
        if _root_bus(inside) is not None:
            return begin[len(f"[{inside}]") :].startswith("-")
        return rest[0] in "+\\`" and _device_at(begin, 0) is not None and (bool(self._open) or "-[" in begin)

    def feed(self, line: Line) -> bool:
        """Take a line of the tree; one that cannot be placed is set aside."""
        known = self.starts(line.text)
        text = _plain(line.text[:_WIDEST]).expandtabs()
        if self._last is None or self._last.file != line.file or line.number > self._last.number + _DOUBLE_SPACED:
            self._open.clear()
        if not known and not (self._open and _lost_backslash(text.lstrip(_BLANKS))):
            return False
        self._last = line
        self._walk(line, text)
        return True

    def close(self) -> None:
        """Nothing is pending. What is open stays so for the next line: the reader may close after every line."""

    def _walk(self, line: Line, text: str) -> None:
        at, branch, bus = self._enter(text)
        placed = False
        while at < len(text):
            if text[at] in "-\\`":
                at += 1
            elif text[at] == "+":
                branch = self._push(at, bus)
                at += 1
            elif text[at] == "[":
                inside = _bracket_at(text, at)
                bus = _below(_root_bus(inside), bus)
                branch, placed, at = None, bus is not None, at + len(f"[{inside}]")
            elif (device := _device_at(text, at)) is not None:
                if branch is not None:
                    branch.last = device
                step = _read_device(line, text[at + _DEVICE :], device, bus)
                for function in step.functions:
                    self._hand_over(function)
                branch, bus, at = None, step.bus, at + _DEVICE + step.length
                placed |= bool(step.functions)
            else:
                break
        if not placed:
            self._sink.ignore(line, _NOT_PLACED)

    def _hand_over(self, function: PciFunction) -> None:
        self._sink.cover("pci", "pci-tree")
        self._sink.pci(function)

    def _enter(self, text: str) -> tuple[int, _Branch | None, _Bus | None]:
        """Where a line begins: behind its first mark, on the bus that the mark continues."""
        at = len(text) - len(text.lstrip(_BLANKS))
        lost_backslash = _lost_backslash(text[at:])
        if text[at] in "-[" and not lost_backslash:
            self._open.clear()
            return at, None, _TOP
        branch = self._find(at, _device_at(text, at + (1 if lost_backslash else len("+-"))))
        if branch is None:
            return at + 1, None, None
        if text[at] != "+":
            self._open.pop()
        return at + 1, branch, branch.bus

    def _find(self, column: int, device: str | None) -> _Branch | None:
        """The open branch that a mark in this column continues; what is deeper has ended.

        Where indentation shrank on the way, no column fits. The order is depth first, so the innermost open branch is
        meant. A mark further right than any open branch belongs to a line that was left out.
        """
        for index in reversed(range(len(self._open))):
            if self._open[index].column == column and (device is None or self._open[index].expects(device)):
                del self._open[index + 1 :]
                return self._open[index]
        if not self._open or column > self._open[-1].column:
            return None
        while device is None and len(self._open) > 1 and not self._open[-1].expects(None):
            self._open.pop()
        return self._open[-1] if self._open[-1].expects(device) else None

    def _push(self, column: int, bus: _Bus | None) -> _Branch:
        branch = _Branch(column, bus)
        if len(self._open) < _DEEPEST:
            self._open.append(branch)
        return branch


class _Step(msgspec.Struct, frozen=True, gc=False):
    """A device that was read: what it gives (nothing if it has no address), the bus behind it, and its length."""

    functions: tuple[PciFunction, ...]
    bus: _Bus | None
    length: int


def _below(root: tuple[str, str] | None, above: _Bus | None) -> _Bus | None:
    if root is None:
        return None
    domain, number = root
    return _Bus(domain, number, above.bridge if above else None, bridge_known=above is not None)


def _read_device(line: Line, rest: str, device: str, bus: _Bus | None) -> _Step:
    """Read what follows the number of a device: ``-[02-04]-`` behind it, or the end of the line with its name."""
    known = bus is not None and bus.number is not None
    address = f"{bus.domain}:{bus.number}:{device}" if bus is not None and known else None
    inside = _bracket_at(rest, 1) if rest.startswith("-") else ""
    buses = _bus_range(inside)
    functions = () if bus is None or address is None else (_function(line, address, bus, buses, rest),)
    if buses is not None:
        domain, assumed = (bus.domain, bus.domain_assumed) if bus is not None else ("0000", True)
        below = _Bus(domain, buses[0], address, bridge_known=address is not None, domain_assumed=assumed)
        return _Step(functions, below, len(f"-[{inside}]"))
    # A bridge without numbers was never set up, and a plain device ends the line: either way no bus follows.
    return _Step(functions, None, 1 if rest.startswith("-") else len(rest))


def _function(line: Line, address: str, bus: _Bus, buses: tuple[str, str] | None, rest: str) -> PciFunction:
    name, vendor_id, device_id = parse_named("" if rest.startswith("-") else rest)
    return PciFunction(
        address=address,
        domain_assumed=bus.domain_assumed,
        vendor_id=vendor_id,
        device_id=device_id,
        vendor_name=name,
        parent=bus.bridge,
        parent_known=bus.bridge_known,
        secondary_bus=int(buses[0], 16) if buses else None,
        subordinate_bus=int(buses[1], 16) if buses else None,
        seen=(Seen("lspci-t", line.file, line.number),),
    )
