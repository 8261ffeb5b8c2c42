"""What people write of devices in their own words: an identity beside a bus and a number, a node, a port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.printed_places import IDENTITIES, Mention, PrintedPlaces

MENTIONS_LIMIT = 200
_LINE_LIMIT = 2000


class Mentions:
    """Collects mentions from the lines that are no listing."""

    def __init__(self) -> None:
        self.found: list[Mention] = []
        self.apex_numbers: dict[int, str] = {}
        self._printed = PrintedPlaces()

    def feed(self, line: Line) -> None:
        """Take a line."""
        text = line.text[:_LINE_LIMIT]
        if "apex_" in text:
            self._take_apex(line, text)
        if len(self.found) >= MENTIONS_LIMIT:
            return
        lowered = text.lower()
        printed = self._printed.feed(line, text, lowered)
        if printed is not None:
            self.found += printed
            return
        identities = [identity for name, identity in IDENTITIES.items() if name in lowered]
        places = _places(lowered)
        speed = None
        if ("speed" in lowered or "00m" in lowered or "80m" in lowered) and not _is_about_hubs(lowered):
            speed = _speed(lowered)
        if not identities and not places and speed is None:
            return
        identity = identities[0] if len(identities) == 1 else None
        if not places and (identity is not None or speed is not None):
            self.found.append(Mention(identity, None, None, None, line.file, line.number, speed))
        for bus, device, chain in places:
            self.found.append(Mention(identity, bus, device, chain, line.file, line.number, speed))

    def take_attribute(self, line: Line) -> bool:
        """Take ``/sys/bus/usb/devices/2-1/speed: 5000``; whether it is of a place that is known to hold an Edge TPU."""
        mention = self._printed.take_attribute(line)
        if mention is not None and len(self.found) < MENTIONS_LIMIT:
            self.found.append(mention)
        return mention is not None and mention.identity is not None

    def _take_apex(self, line: Line, text: str) -> None:
        for match in _apex_nodes().finditer(text):
            self.apex_numbers.setdefault(int(match[1] or match[2] or match[3]), f"{line.file}:{line.number}")


@cache
def _apex_nodes() -> re.Pattern[str]:
    """A node that exists: ``ls`` prints it, with major 120 if asked; a reading names the node and a temperature."""
    return re.compile(
        r"\bc[rw-]{9}\S?\s.{0,60}?\b120, {1,4}\d{1,3}\s.{0,40}?apex_(\d{1,2})\b|\bapex_(\d{1,2}) +\d{4,6}\b"
        r"|(?:^|->) {0,4}/dev/apex_(\d{1,2})(?=[\s.,;]|$)(?!.{0,8}(?:missing|not))"
    )


def _is_about_hubs(text: str) -> bool:
    return "1d6b" in text or "hub" in text


def _speed(text: str) -> float | None:
    """The one speed that a line names."""
    found = {float(match[1] or match[2]) for match in _speeds().finditer(text)}
    return found.pop() if len(found) == 1 else None


@cache
def _speeds() -> re.Pattern[str]:
    return re.compile(r"\bspeed\W{1,4}(480|5000|10000)\b|(?<![\d.])(480|5000|10000) ?m(?:bit|bps|b/s|\b)")


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(r"\bbus\s{0,2}0{0,2}(\d{1,3}),? ?(?:device|dev\.?|port \d{1,3}: ?dev)\s{0,2}0{0,2}(\d{1,3})\b()"),
        re.compile(r"/dev/bus/usb/(\d{3})/(\d{3})\b()"),
        re.compile(r"\b()dev\.?\s{1,2}0{0,2}(\d{1,3})\b()"),
    )


@cache
def _ports() -> re.Pattern[str]:
    """``2-1.4`` behind a blank, a mark, or the path of a device."""
    return re.compile(
        r"(?:(?<![^\s`(])|(?<=/devices/)|(?<=\|__))(\d{1,2})-()((?:\d{1,2}\.){0,5}\d{1,2})(?=[\s:,)/`]|\.?$|\.\s)"
    )


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Whatever looks like a place. Each pattern is only tried where its fixed words are; most lines hold none."""
    if "dev" in text:
        numbered, node, device = _patterns()
        if "bus" in text:
            yield from numbered.finditer(text)
        if "/dev/bus/usb/" in text:
            yield from node.finditer(text)
        yield from device.finditer(text)
    dash = text.find("-")
    while dash >= 0:
        start = dash - 2 if text[dash - 2 : dash].isdigit() and dash > 1 else dash - 1
        if start >= 0 and text[start].isdigit():
            match = _ports().match(text, start)
            if match is not None:
                yield match
        dash = text.find("-", dash + 1)


def _places(text: str) -> list[tuple[int | None, int | None, tuple[int, ...] | None]]:
    found: list[tuple[int | None, int | None, tuple[int, ...] | None]] = []
    taken: set[int] = set()
    for match in _matches(text):
        if match.end() in taken:
            continue
        taken.add(match.end())
        bus, device, chain = match.groups()
        ports = tuple(map(int, chain.split("."))) if chain else None
        if ports is None or (0 < int(bus) < 40 and min(ports) > 0 and max(ports) < 32):
            found.append((int(bus) if bus else None, int(device) if device else None, ports))
    return found[:8]
