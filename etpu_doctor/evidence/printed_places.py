"""Places of sticks that programs print one by one: sysfs, udev, uhubctl, ``system_profiler`` of macOS, libedgetpu."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from etpu_doctor.evidence.formats.base import Line

IDENTITIES = {"1a6e:089a": (0x1A6E, 0x089A), "18d1:9302": (0x18D1, 0x9302)}
_SPEEDS_MBPS = {"5gbps": 5000.0, "highspeed": 480.0, "fullspeed": 12.0}
_UNITS_MBPS = {"gb": 1000.0, "mb": 1.0}


class Mention(NamedTuple):
    """An identity (vendor and product, ``None`` where only a place is named), where it is said to be, and how fast."""

    identity: tuple[int, int] | None
    bus: int | None
    device: int | None
    chain: tuple[int, ...] | None
    file: str
    line: int
    speed_mbps: float | None = None


class PrintedPlaces:
    """Follows lines of which each says a part: an attribute, a property, a port below its hub."""

    def __init__(self) -> None:
        self._wanted: tuple[int, int] | None = None
        self._attributes: dict[tuple[str, str], str] = {}
        self._properties: dict[str, str] = {}
        self._hub: str | None = None
        self._profiled: dict[str, str] = {}

    def feed(self, line: Line, text: str, lowered: str) -> list[Mention] | None:
        """The sticks that a line places, ``None`` if it is no line of these programs. ``text`` is its beginning."""
        if "EnumerateDevices" in text:
            return self._take_enumeration(line, text)
        if lowered.startswith("/sys/bus/usb/devices/"):
            return _listed_in(line, lowered)
        if "ID_" in text or "DEVPATH" in text:
            return self._take_property(line, text)
        if "status for hub" in lowered:
            hub = _hub_of_uhubctl().search(lowered)
            self._hub = hub[1] if hub is not None else None
            return []
        if "0x" in text or "speed: up to" in lowered:
            profiled = self._take_profile(line, lowered)
            if profiled is not None:
                return profiled
        return self._take_port(line, lowered) if self._hub is not None and "port " in lowered else None

    def take_attribute(self, line: Line) -> Mention | None:
        """Take ``/sys/bus/usb/devices/2-1/speed: 5000``: what is known of the place by now."""
        match = _attribute().match(line.text)
        if match is None:
            return None
        node, name, value = match.groups()
        self._attributes[node, name] = value
        vendor, product = self._attributes.get((node, "idVendor")), self._attributes.get((node, "idProduct"))
        bus, _, chain = node.partition("-")
        speed = float(value) if name == "speed" else None
        identity = IDENTITIES.get(f"{vendor}:{product}")
        return Mention(identity, int(bus), None, _ports(chain), line.file, line.number, speed)

    def _take_enumeration(self, line: Line, text: str) -> list[Mention]:
        """First the identity that libedgetpu looks for, then the place of each that it finds."""
        wanted = _wanted().search(text)
        if wanted is not None:
            self._wanted = (int(wanted[1], 16), int(wanted[2], 16))
        found = _enumerated().search(text)
        if found is None or self._wanted is None:
            return []
        return [Mention(self._wanted, int(found[1]), None, _ports(found[2]), line.file, line.number)]

    def _take_port(self, line: Line, text: str) -> list[Mention] | None:
        """A port that ``uhubctl`` lists below its hub."""
        match = _port_of_uhubctl().match(text)
        identity = IDENTITIES.get(match[3]) if match is not None else None
        if match is None or identity is None or self._hub is None:
            return None if match is None else []
        bus, _, chain = self._hub.partition("-")
        ports = (*_ports(chain), int(match[1]))
        return [Mention(identity, int(bus), None, ports, line.file, line.number, _SPEEDS_MBPS.get(match[2]))]

    def _take_profile(self, line: Line, text: str) -> list[Mention] | None:
        """An attribute of a device as ``system_profiler SPUSBDataType`` prints it: product, vendor, then the speed."""
        match = _profiled().match(text)
        if match is None:
            return None
        if match["name"] == "product":
            self._profiled = {}
        if match["name"] is not None:
            self._profiled[match["name"]] = match["number"]
        identity = IDENTITIES.get(f"{self._profiled.get('vendor')}:{self._profiled.get('product')}")
        if identity is None:
            return []
        speed = float(match["speed"]) * _UNITS_MBPS[match["unit"]] if match["speed"] is not None else None
        return [Mention(identity, None, None, None, line.file, line.number, speed)]

    def _take_property(self, line: Line, text: str) -> list[Mention] | None:
        """A property as ``udevadm info`` and Home Assistant's list of hardware print it."""
        found = _property().findall(text)
        if "DEVPATH" in text:
            # The next device: both programs print the path before what they say of the identity.
            self._properties = {}
        self._properties.update(found)
        vendor, product = self._properties.get("ID_VENDOR_ID"), self._properties.get("ID_MODEL_ID")
        identity = IDENTITIES.get(f"{vendor}:{product}")
        if identity is None:
            return [] if found else None
        place, node = _last_place().search(self._properties.get("DEVPATH", "")), _node().search(text)
        self._properties = {}
        if place is not None:
            return [Mention(identity, int(place[1]), None, _ports(place[2]), line.file, line.number)]
        bus, number = (int(node[1]), int(node[2])) if node is not None else (None, None)
        return [Mention(identity, bus, number, None, line.file, line.number)]


def _listed_in(line: Line, text: str) -> list[Mention] | None:
    """What a loop over sysfs prints: path, identity, speed."""
    match = _listed().match(text)
    if match is None:
        return None
    identity = IDENTITIES.get(match[3])
    if identity is None:
        return []
    return [Mention(identity, int(match[1]), None, _ports(match[2]), line.file, line.number, float(match[4]))]


def _ports(chain: str) -> tuple[int, ...]:
    return tuple(map(int, filter(None, chain.split("."))))


@cache
def _node() -> re.Pattern[str]:
    return re.compile(r"/dev/bus/usb/(\d{3})/(\d{3})\b")


@cache
def _attribute() -> re.Pattern[str]:
    return re.compile(
        r"/sys/bus/usb/devices/(\d{1,3}-(?:\d{1,2}\.){0,5}\d{1,2})/"
        r"(?:(?=speed: (?:1\.5|12|480|5000|10000|20000)$)|(?=id))(idVendor|idProduct|speed): ([0-9a-f.]{1,5})$"
    )


@cache
def _hub_of_uhubctl() -> re.Pattern[str]:
    return re.compile(r"current status for hub (\d{1,3}(?:-(?:\d{1,2}\.){0,5}\d{1,2})?) \[")


@cache
def _port_of_uhubctl() -> re.Pattern[str]:
    return re.compile(r"\s{0,8}port (\d{1,2}): [0-9a-f]{4} power (\w{0,12})[^\[\n]{0,60}\[([0-9a-f]{4}:[0-9a-f]{4})")


@cache
def _profiled() -> re.Pattern[str]:
    return re.compile(
        r"\s{0,40}(?:(?P<name>product|vendor) id: 0x(?P<number>[0-9a-f]{4})\b"
        r"|speed: up to (?P<speed>\d{1,3}(?:\.\d)?) (?P<unit>[gm]b)/s$)"
    )


@cache
def _property() -> re.Pattern[str]:
    return re.compile(r"\b(DEVPATH|ID_VENDOR_ID|ID_MODEL_ID)\s{0,2}[:= ]\s{0,2}'?([\w/:.-]{1,300})'?")


@cache
def _last_place() -> re.Pattern[str]:
    return re.compile(r"/(\d{1,3})-((?:\d{1,2}\.){0,5}\d{1,2})$")


@cache
def _listed() -> re.Pattern[str]:
    return re.compile(
        r"/sys/bus/usb/devices/(\d{1,3})-((?:\d{1,2}\.){0,5}\d{1,2})\W{1,4}([0-9a-f]{4}:[0-9a-f]{4})\W{1,4}(12|480|5000)\b"
    )


@cache
def _wanted() -> re.Pattern[str]:
    return re.compile(r"EnumerateDevices: vendor:0x([0-9a-f]{1,4}), product:0x([0-9a-f]{1,4})\b")


@cache
def _enumerated() -> re.Pattern[str]:
    return re.compile(r"EnumerateDevices: found \[/sys/bus/usb/devices/(\d{1,3})-((?:\d{1,2}\.){0,5}\d{1,2})\]")
