"""The entries of ``lsusb -t`` in a line of text, wherever they stand in it.

Both dialects are read: usbutils up to 015 (``Port 1: Dev 2``, ``Driver=``) and later ones (``Port 001: Dev 002``,
``Driver=[none]``, devices without interfaces). An entry is found by its head (``Port 1: Dev 2,``), not by the bar
before it, because pasting changes bars; what follows the speed and is no head is a note on the entry.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

BLANKS = " \t\xa0"
"""What indentation is made of."""

BARS = "|\\_`+-*/:├└╰│─━"
"""What may stand before an entry: ``|__``, ``/:``, and what pasting makes of them."""

NOTHING = frozenset({"", "[none]", "[unknown]", "(null)", "(none)"})
"""What usbutils prints for a name that does not exist."""

_INDENT_WINDOW = 256
_TAB_COLUMNS = 8
_PARTIAL_HEAD_WINDOW = 256
# The last characters of ``Bus``, ``Port``, ``Port 1:``, ``Dev``, ``|__``; a cheap test before the exact one.
_PARTIAL_HEAD_ENDS = frozenset("st:v_")
_FIELDS = ("If ", "Class=", "Driver=")
_MAX_DIGITS = 4


class Entry(msgspec.Struct):
    """One entry; a root hub's if ``bus`` is known.

    * ``indent``: columns before the bar; ``glued`` where something else stands before it on the line.
    * ``start``: offset of the entry's indentation in the text; ``note``: the text after its speed.
    * ``interface``: number of the interface; ``None`` for a device without any, and where the entry was cut.
    * ``ports``: the ``/4p`` after the driver.
    * ``whole``: nothing was cut; ``speed_mbps`` then is ``None`` only for ``unknownM``.
    * ``plausible``: what is there of a cut entry is as ``lsusb -t`` would print it.
    """

    bus: int | None
    port: int
    dev: int
    indent: int
    glued: bool
    start: int
    interface: int | None = None
    class_name: str | None = None
    driver: str | None = None
    driver_known: bool = False
    ports: int | None = None
    speed_mbps: float | None = None
    rx_lanes: int | None = None
    tx_lanes: int | None = None
    whole: bool = False
    plausible: bool = True
    note: str = ""


class _Lead(msgspec.Struct, frozen=True, gc=False):
    """What stands before a head: where it starts, the columns before the bar, whether it follows other text."""

    start: int
    indent: int
    glued: bool


@cache
def _head_pattern() -> re.Pattern[str]:
    number = r"([0-9]{1,4})"
    return re.compile(rf"(?:\bBus\s{{1,9}}{number}\.)?Port\s{{1,9}}{number}:\s{{0,9}}Dev\s{{1,9}}{number},")


@cache
def _plain_pattern() -> re.Pattern[str]:
    """The line of an interface exactly as printed; most are, and one match is quicker than looking for everything."""
    fields = r"If ([0-9]{1,4}), Class=([^,]*), Driver=([^,\s]*), ([0-9]{1,6})M"
    return re.compile(r"( {0,200})\|__ Port ([0-9]{1,4}): Dev ([0-9]{1,4}), " + fields)


@cache
def _partial_head_pattern() -> re.Pattern[str]:
    """A head that breaks off at a blank, at the end of a text."""
    port = r"(?:\bBus\s{1,9}[0-9]{1,4}\.|\b)Port(?:\s{1,9}[0-9]{1,4}:(?:\s{0,9}Dev)?)?"
    return re.compile(rf"(?:\bBus|{port}|\|__|/:)\s{{0,9}}$")


@cache
def _speed_pattern() -> re.Pattern[str]:
    speed = r"\s{0,9}(?:([0-9]{1,6}(?:\.[0-9]{1,2})?)|unknown)M(?![A-Za-z])"
    return re.compile(speed + r"(?:/x([0-9]{1,2})|/Tx([0-9]{1,2})\+Rx([0-9]{1,2}))?")


def entry_at_start(text: str) -> bool:
    """Whether the text, which has no indentation, starts with the head of an entry."""
    return _head_pattern().match(text) is not None


def scan(text: str, *, final: bool = False) -> tuple[list[Entry], int | None]:
    """The entries of a text, and the offset where an entry starts that breaks off at its end.

    With ``final`` nothing more is to come, and that last entry is returned for what there is of it.
    """
    plain = _plain_pattern().fullmatch(text)
    if plain is not None:
        return [_plain_entry(plain)], None
    entries = _entries(text)
    if entries and not entries[-1].whole and entries[-1].plausible and not final:
        return [entry for entry in entries[:-1] if _is_entry(entry)], entries[-1].start
    tail = None if final else _partial_head(text)
    if entries and tail is not None:
        last = entries[-1]
        last.note = last.note[: max(0, tail - len(text) + len(last.note))]
    return [entry for entry in entries if _is_entry(entry)], tail


def _plain_entry(line: re.Match[str]) -> Entry:
    indent, port, dev, interface, name, driver, mbps = line.groups()
    bound_driver, ports = _driver_and_ports(driver)
    return Entry(
        bus=None,
        port=int(port),
        dev=int(dev),
        indent=len(indent),
        glued=False,
        start=0,
        interface=int(interface),
        class_name=" ".join(name.split()),
        driver=bound_driver,
        driver_known=True,
        ports=ports,
        speed_mbps=int(mbps),
        rx_lanes=1,
        tx_lanes=1,
        whole=True,
    )


def _entries(text: str) -> list[Entry]:
    """One entry for every head in the text; a head is the end of the entry before it."""
    heads = list(_head_pattern().finditer(text))
    leads: list[_Lead] = []
    floor = 0
    for head in heads:
        leads.append(_lead(text, head.start(), floor))
        floor = head.end()
    ends = [*(lead.start for lead in leads), len(text)][1:]
    entries = []
    for head, lead, end in zip(heads, leads, ends, strict=True):
        bus, port, dev = head.groups()
        entry = Entry(int(bus) if bus else None, int(port), int(dev), lead.indent, lead.glued, lead.start)
        _read_fields(entry, text, head.end(), end)
        entries.append(entry)
    return entries


def _is_entry(entry: Entry) -> bool:
    """Whether the head was that of an entry and not a mention of a port in prose, which names no bus like that."""
    return entry.whole or entry.plausible or entry.interface is not None or entry.bus is not None


def _lead(text: str, head: int, floor: int) -> _Lead:
    """Measure what stands before a head at that offset; nothing before ``floor`` belongs to it."""
    begin = max(floor, head - _INDENT_WINDOW)
    window = text[begin:head]
    bare = window.rstrip(BLANKS)
    lead = bare.rstrip(BARS)
    if lead == bare:
        lead = window
    if not begin and not lead.strip(BLANKS + BARS):
        return _Lead(0, len(lead.expandtabs(_TAB_COLUMNS)), glued=False)
    start = len(lead.rstrip(BLANKS))
    return _Lead(begin + start, len(lead[start:].expandtabs(_TAB_COLUMNS)), glued=True)


def _partial_head(text: str) -> int | None:
    """Where a head starts that breaks off at the end of the text."""
    if text.rstrip()[-1:] not in _PARTIAL_HEAD_ENDS:
        return None
    offset = max(0, len(text) - _PARTIAL_HEAD_WINDOW)
    found = _partial_head_pattern().search(text, offset)
    return _lead(text, found.start(), 0).start if found else None


def _read_fields(entry: Entry, text: str, begin: int, end: int) -> None:
    """Read what follows a head up to the speed; a field counts only if its comma shows that it was not cut."""
    while not _read_speed(entry, text, begin, end):
        comma = text.find(",", begin, end)
        if comma < 0:
            entry.plausible = _may_be_cut_field(text[begin:end].strip())
            return
        if not _read_field(entry, text[begin:comma].strip()):
            entry.plausible = False
            return
        begin = comma + 1


def _read_speed(entry: Entry, text: str, begin: int, end: int) -> bool:
    speed = _speed_pattern().match(text, begin, end)
    if speed is None:
        return False
    mbps, lanes, tx_lanes, rx_lanes = speed.groups()
    if mbps:
        entry.speed_mbps = float(mbps) if "." in mbps else int(mbps)
    entry.tx_lanes = int(tx_lanes or lanes or 1)
    entry.rx_lanes = int(rx_lanes or lanes or 1)
    entry.whole = True
    entry.note = text[speed.end() : end]
    return True


def _read_field(entry: Entry, field: str) -> bool:
    """Read one field between commas; false if ``lsusb -t`` prints no such field, or not twice."""
    if field.startswith("If ") and entry.interface is None:
        entry.interface = _number(field[3:].strip())
        return entry.interface is not None
    if field.startswith("Class=") and entry.class_name is None:
        entry.class_name = " ".join(field[6:].split())
        return True
    # A driver of several words is one that was cut, and a comment behind it.
    if field.startswith("Driver=") and not entry.driver_known and len(field.split(None, 1)) == 1:
        entry.driver, entry.ports = _driver_and_ports(field[7:])
        entry.driver_known = True
        return True
    return False


def _may_be_cut_field(text: str) -> bool:
    return text.startswith(_FIELDS) or text.isdigit() or any(field.startswith(text) for field in _FIELDS)


def _driver_and_ports(value: str) -> tuple[str | None, int | None]:
    """Split ``hub/4p``; either half may be missing."""
    name, slash, ports = value.rpartition("/")
    count = _number(ports[:-1]) if slash and ports.endswith("p") else None
    if count is None:
        name = value
    return (None if name in NOTHING else name), count


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
