"""Where the sticks of a thread are: listings, the kernel's log and words of the reporter, joined.

A thread shows the same stick many times: under both identities, before and after it was plugged in anew, in a listing
and in the log. Each is to be counted once, at its last place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from etpu_doctor.evidence.printed_places import Mention
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice

DFU, READY = (0x1A6E, 0x089A), (0x18D1, 0x9302)
_EDGE_TPU = frozenset({DFU, READY})
_SPEEDS = (("SuperSpeed", 5000.0), ("high", 480.0), ("full", 12.0), ("low", 1.5))
_APPLICATION_CLASS, _VENDOR_CLASS = 0xFE, 0xFF
_HIGH_SPEED_MBPS = 480
_SUPER_SPEED_MBPS = 5000.0
_ROOT_HUB_VENDOR = 0x1D6B
_HUB_CLASS = 9
_ROOT_SPEEDS = {0x0001: 12.0, 0x0002: 480.0}
_UNCLAIMED = frozenset({None, "usbfs", "usb"})


class LogStick(msgspec.Struct, kw_only=True):
    """A place on the bus as the log tells it: who was there last, and whether it still is."""

    bus: int
    chain: tuple[int, ...]
    number: int | None = None
    identity: tuple[int, int] | None = None
    speed_mbps: float | None = None
    gone: bool = False
    was_beside_another: bool = False
    was_reset: bool = False
    seen: Seen

    def device(self) -> UsbDevice:
        """As a record of a device."""
        vendor, product = self.identity or (None, None)
        return UsbDevice(
            busnum=self.bus,
            devnum=self.number,
            port_chain=self.chain,
            vendor_id=vendor,
            product_id=product,
            speed_mbps=self.speed_mbps,
            seen=(self.seen,),
        )


def log_sticks(messages: Iterable[KernelMessage]) -> list[LogStick]:
    """Places of the log, in the order in which they were last heard of."""
    places: dict[str, LogStick] = {}
    for message in messages:
        node = message.usb_node
        if node is None or "-" not in node or message.usb_bus is None or ":" in node:
            continue
        place = places.get(node)
        if place is None:
            chain = tuple(map(int, node.partition("-")[2].split(".")))
            place = places[node] = LogStick(bus=message.usb_bus, chain=chain, seen=_seen(message))
        _take(place, message)
        _note_company(list(places.values()))
    return list(places.values())


def _note_company(places: list[LogStick]) -> None:
    """Sticks that are on the bus at the same time are not one that was moved."""
    here = [place for place in places if place.identity in _EDGE_TPU and not place.gone]
    for place in here if len(here) > 1 else ():
        place.was_beside_another = True


def _take(place: LogStick, message: KernelMessage) -> None:
    values = message.values
    if message.message in ("usb-new-device", "usb-reset"):
        if message.message == "usb-new-device":
            place.identity, place.gone = None if place.gone else place.identity, False
        place.was_reset = place.was_reset or message.message == "usb-reset"
        number = values.get("number")
        place.number = int(number) if number else place.number
        speed = values.get("speed", "")
        place.speed_mbps = next((mbps for word, mbps in _SPEEDS if speed.startswith(word)), place.speed_mbps)
    elif message.message == "usb-device-found":
        identity = (int(values["vendor"], 16), int(values["product"], 16))
        if identity in _EDGE_TPU or place.identity not in _EDGE_TPU:
            place.identity = identity
            place.seen = _seen(message)
        place.gone = False
    elif message.message == "usb-disconnect":
        place.gone = True


def _seen(message: KernelMessage) -> Seen:
    file, _, line = (message.where or "").rpartition(":")
    return Seen("kernel-log", file, int(line) if line.isdecimal() else None)


def place_devices(
    devices: Sequence[UsbDevice],
    messages: Sequence[KernelMessage],
    mentions: Sequence[Mention],
    *,
    about_a_stick: bool = False,
) -> list[UsbDevice]:
    """The devices of a thread, each stick once. ``about_a_stick``: its words and programs speak of a USB Edge TPU."""
    found = _identify(list(devices), mentions)
    found = _latest(found)
    sticks = log_sticks(messages)
    found = [_with_log(device, sticks, found) for device in found]
    found += _only_in_log(found, sticks)
    if about_a_stick and not any(map(is_stick, found)) and not any(each.identity for each in mentions):
        found += _only_reset(sticks)
    return _with_hubs(_placed_by_log(_with_mentions(found, mentions), sticks))


def _placed_by_log(devices: list[UsbDevice], sticks: list[LogStick]) -> list[UsbDevice]:
    """The one stick that words name is the one device that the log is about."""
    lost = [device for device in devices if is_stick(device)]
    places = [stick for stick in sticks if stick.identity is None or stick.identity in _EDGE_TPU]
    if len(lost) != 1 or lost[0].busnum is not None or len(places) != 1:
        return devices
    place = places[0]
    found = msgspec.structs.replace(
        lost[0],
        busnum=place.bus,
        devnum=place.number,
        port_chain=place.chain,
        speed_mbps=lost[0].speed_mbps if lost[0].speed_mbps is not None else place.speed_mbps,
        seen=(*lost[0].seen, place.seen),
    )
    return [found if device is lost[0] else device for device in devices]


def _with_hubs(devices: list[UsbDevice]) -> list[UsbDevice]:
    """What a stick at 2-1.4 hangs on is a hub, also where no listing shows it."""
    known = {(device.busnum, device.port_chain) for device in devices}
    hubs: dict[tuple[int | None, tuple[int, ...]], UsbDevice] = {}
    for device in devices:
        chain = device.port_chain or ()
        for length in range(1, len(chain)) if is_stick(device) else ():
            key = (device.busnum, chain[:length])
            if key not in known:
                hubs[key] = UsbDevice(busnum=key[0], port_chain=key[1], device_class=_HUB_CLASS, seen=device.seen)
    return [*devices, *hubs.values()]


def is_stick(device: UsbDevice) -> bool:
    """Whether its identity is one of the two of an Edge TPU."""
    return (device.vendor_id, device.product_id) in _EDGE_TPU


def _identify(devices: list[UsbDevice], mentions: Sequence[Mention]) -> list[UsbDevice]:
    """Give devices that a tree shows without ids the identity that the thread, or their class, gives them."""
    named: dict[tuple[int | None, int | None], tuple[int, int]] = {
        (each.bus, each.device): each.identity for each in mentions if each.identity and each.device
    }
    candidates = [device for device in devices if _class_of(device) is not None]
    fast = any((device.speed_mbps or 0) >= _HIGH_SPEED_MBPS for device in candidates)
    result = []
    for device in devices:
        kind = _class_of(device)
        identity = named.get((device.busnum, device.devnum)) or named.get((None, device.devnum))
        if device.vendor_id is not None or device.port_chain in (None, ()) or device.port_count:
            identity = None
        elif kind is None:
            identity = None if device.interfaces and _drivers(device) - _UNCLAIMED else identity
        elif not fast or (device.speed_mbps or 0) >= _HIGH_SPEED_MBPS:
            identity = identity or (DFU if kind == _APPLICATION_CLASS else READY)
        result.append(device if identity is None else _named(device, identity))
    return result


def _named(device: UsbDevice, identity: tuple[int, int]) -> UsbDevice:
    return msgspec.structs.replace(device, vendor_id=identity[0], product_id=identity[1])


def _drivers(device: UsbDevice) -> set[str | None]:
    return {interface.driver for interface in device.interfaces or ()}


def _class_of(device: UsbDevice) -> int | None:
    """The class of a leaf that may be an Edge TPU: one interface that no kernel driver holds."""
    interfaces = device.interfaces
    if device.vendor_id is not None or device.port_count or not interfaces or len(interfaces) != 1:
        return None
    interface = interfaces[0]
    is_free = interface.driver_known and interface.driver in _UNCLAIMED
    return interface.class_code if is_free and interface.class_code in (_APPLICATION_CLASS, _VENDOR_CLASS) else None


def _latest(devices: list[UsbDevice]) -> list[UsbDevice]:
    """Drop what later listings of the same bus show again under another number or identity."""
    runs = _runs(devices)
    dropped: set[int] = set()
    sticks = [device for device in devices if is_stick(device)]
    for device in sticks:
        if device.port_chain is not None:
            continue
        others = [other for other in sticks if other is not device and other.busnum == device.busnum]
        placed = [other for other in others if other.port_chain is not None]
        mates = [other for other in others if runs.get(id(other)) == runs.get(id(device))]
        later = [other for other in others if runs.get(id(other), 0) > runs.get(id(device), 0)]
        if (placed and len(placed) >= len(mates) + 1) or (later and len(later) >= len(mates) + 1):
            dropped.add(id(device))
    return [device for device in devices if id(device) not in dropped]


def _runs(devices: list[UsbDevice]) -> dict[int, int]:
    """For each device of a plain listing the number of the run of lines that it stands in."""
    places = sorted(
        (seen.file, seen.line or 0, id(device)) for device in devices for seen in device.seen if seen.kind == "lsusb"
    )
    runs: dict[int, int] = {}
    number, last = 0, ("", -9)
    for file, line, key in places:
        if (file, line) != last and (file != last[0] or line - last[1] > 1):
            number += 1
        runs[key], last = number, (file, line)
    return runs


def _with_log(device: UsbDevice, sticks: list[LogStick], devices: list[UsbDevice]) -> UsbDevice:
    """Add what the log knows of a stick: the port, and the speed that was not printed elsewhere."""
    if not is_stick(device) or device.busnum is None:
        return device
    here = [stick for stick in sticks if stick.bus == device.busnum]
    same = [stick for stick in here if stick.number == device.devnum and stick.number is not None]
    if device.port_chain is not None:
        same = [stick for stick in here if stick.chain == device.port_chain]
    elif not same:
        known = [stick for stick in here if stick.identity in _EDGE_TPU]
        alone = sum(is_stick(other) and other.busnum == device.busnum for other in devices) == 1
        same = known if len(known) == 1 and alone else []
    if not same:
        return device
    stick = same[-1]
    seen = device.seen if stick.seen in device.seen else (*device.seen, stick.seen)
    speed = device.speed_mbps if device.speed_mbps is not None else stick.speed_mbps
    return msgspec.structs.replace(
        device, port_chain=device.port_chain or stick.chain, speed_mbps=speed, chain_certain=True, seen=seen
    )


def _only_in_log(devices: list[UsbDevice], sticks: list[LogStick]) -> list[UsbDevice]:
    """Sticks that no listing shows; where one does, only those that are still there and on a bus it does not cover."""
    known = {(device.busnum, device.port_chain) for device in devices}
    listed = [device for device in devices if is_stick(device)]
    buses = {device.busnum for device in devices if device.port_chain == ()}
    mine = [stick for stick in sticks if stick.identity in _EDGE_TPU and (stick.bus, stick.chain) not in known]
    if listed:
        return [
            stick.device()
            for stick in mine
            if not stick.gone and stick.bus not in buses and not any(device.busnum == stick.bus for device in listed)
        ]
    alive = [stick for stick in mine if not stick.gone]
    several = [stick for stick in mine if stick.was_beside_another]
    return [stick.device() for stick in alive or several or mine[-1:]]


def _only_reset(sticks: list[LogStick]) -> list[UsbDevice]:
    """The one device of the log that a program resets, or that leaves the bus, where nothing says what it is."""
    unnamed = [stick for stick in sticks if stick.identity is None and (stick.was_reset or stick.gone)]
    if len(unnamed) != 1 or len(sticks) != 1 or unnamed[0].speed_mbps is None:
        return []
    unnamed[0].identity = READY
    return [unnamed[0].device()]


def _with_mentions(devices: list[UsbDevice], mentions: Sequence[Mention]) -> list[UsbDevice]:
    """Sticks that only words name, and ports that only words tell."""
    for mention in mentions:
        if mention.identity is not None and mention.bus is not None and mention.device is not None:
            devices = _mentioned(devices, mention)
    chains = {(each.bus, each.chain) for each in mentions if each.chain is not None}
    devices = _replaced(devices, chains)
    devices = [_with_bus_speed(device, devices) for device in devices]
    result = [_with_speed(_with_chain(device, chains, devices), mentions, devices) for device in devices]
    return result if any(map(is_stick, result)) or not mentions else _bare(result, mentions)


def _replaced(devices: list[UsbDevice], chains: set[tuple[int | None, tuple[int, ...]]]) -> list[UsbDevice]:
    """Sticks of a tree that lost its indentation, at the places that words give: the same socket of another hub."""
    told: dict[int, tuple[int, ...]] = {}
    moved: dict[tuple[int | None, tuple[int, ...]], tuple[int, ...]] = {}
    for device in devices:
        chain = device.port_chain
        if chain and is_stick(device) and not device.chain_certain and (device.busnum, chain) not in chains:
            found = [other for bus, other in chains if bus == device.busnum and other[-1] == chain[-1] and other[:-1]]
            if len(found) == 1:
                told[id(device)], moved[device.busnum, chain[:-1]] = found[0], found[0][:-1]
    return [_moved(device, told, moved) for device in devices]


def _moved(
    device: UsbDevice,
    told: dict[int, tuple[int, ...]],
    moved: dict[tuple[int | None, tuple[int, ...]], tuple[int, ...]],
) -> UsbDevice:
    """A stick at the place that is told of it, a hub where its sticks are."""
    if id(device) in told:
        return msgspec.structs.replace(device, port_chain=told[id(device)], chain_certain=True)
    hub = moved.get((device.busnum, device.port_chain or ()))
    return device if hub is None else msgspec.structs.replace(device, port_chain=hub)


def _with_chain(
    device: UsbDevice, chains: set[tuple[int | None, tuple[int, ...]]], devices: list[UsbDevice]
) -> UsbDevice:
    """The port that words name, where it can only be that of this stick."""
    if not is_stick(device) or device.port_chain is not None:
        return device
    here = [chain for bus, chain in chains if bus == device.busnum]
    alone = sum(is_stick(other) and other.busnum == device.busnum for other in devices) == 1
    if len(here) != 1 or not alone:
        return device
    return msgspec.structs.replace(device, port_chain=here[0], chain_certain=True)


def _with_bus_speed(device: UsbDevice, devices: list[UsbDevice]) -> UsbDevice:
    """A bus of USB 2 carries nothing faster than 480 Mb/s, one of USB 1.1 nothing faster than 12."""
    if not is_stick(device) or device.speed_mbps is not None:
        return device
    if any(other.busnum == device.busnum and (other.speed_mbps or 0) >= _SUPER_SPEED_MBPS for other in devices):
        # A bus of USB 3 carries nothing slower, and the stick itself is no faster.
        return msgspec.structs.replace(device, speed_mbps=_SUPER_SPEED_MBPS, speed_inferred=True)
    roots = [other for other in devices if other.busnum == device.busnum and other.vendor_id == _ROOT_HUB_VENDOR]
    speed = _ROOT_SPEEDS.get(roots[0].product_id or 0) if len(roots) == 1 else None
    return device if speed is None else msgspec.structs.replace(device, speed_mbps=speed, speed_inferred=True)


def _with_speed(device: UsbDevice, mentions: Sequence[Mention], devices: list[UsbDevice]) -> UsbDevice:
    """The speed that words give: beside the place, or the only one of the thread where there is only one stick."""
    if not is_stick(device) or device.speed_mbps is not None:
        return device
    told = [each for each in mentions if each.speed_mbps is not None]
    here = {each.speed_mbps for each in told if each.bus == device.busnum and _names_place(each, device)}
    if not here and sum(map(is_stick, devices)) == 1 and all(each.bus in (None, device.busnum) for each in told):
        here = {each.speed_mbps for each in told}
    return msgspec.structs.replace(device, speed_mbps=here.pop()) if len(here) == 1 else device


def _names_place(mention: Mention, device: UsbDevice) -> bool:
    if mention.chain is not None:
        return mention.chain == device.port_chain
    return mention.device is not None and mention.device == device.devnum


def _mentioned(devices: list[UsbDevice], mention: Mention) -> list[UsbDevice]:
    vendor, product = mention.identity or (0, 0)
    for index, device in enumerate(devices):
        if device.busnum == mention.bus and is_stick(device):
            if device.devnum == mention.device and (device.vendor_id, device.product_id) != mention.identity:
                return [*devices[:index], _named(device, (vendor, product)), *devices[index + 1 :]]
            return devices
    if any(is_stick(device) for device in devices):
        return devices
    seen = (Seen("words", mention.file, mention.line),)
    return [
        *devices,
        UsbDevice(busnum=mention.bus, devnum=mention.device, vendor_id=vendor, product_id=product, seen=seen),
    ]


def _bare(devices: list[UsbDevice], mentions: Sequence[Mention]) -> list[UsbDevice]:
    """An identity in one line and a node in another, where nothing else is named: they belong together."""
    identities = [each for each in mentions if each.identity is not None]
    if not identities:
        return devices
    ports = {(each.bus, each.chain): each for each in identities if each.chain is not None}
    if ports:
        return [*devices, *(_stick_of(each, each.device) for each in ports.values())]
    places = {(each.bus, each.device) for each in mentions if each.bus is not None and each.device is not None}
    if len(places) > 1:
        return devices
    bus, number = next(iter(places), (None, None))
    return [*devices, _stick_of(identities[-1]._replace(bus=bus), number)]


def _stick_of(mention: Mention, number: int | None) -> UsbDevice:
    vendor, product = mention.identity or (0, 0)
    return UsbDevice(
        busnum=mention.bus,
        devnum=number,
        port_chain=mention.chain,
        vendor_id=vendor,
        product_id=product,
        speed_mbps=mention.speed_mbps,
        seen=(Seen("words", mention.file, mention.line),),
    )
