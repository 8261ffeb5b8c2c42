"""Gathers what the parsers of text formats say, and joins it by bus and device number into one list of devices."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from etpu_doctor.evidence.formats.base import NOT_READ, NOT_UNDERSTOOD, SUPERSEDED, Line
from etpu_doctor.facts.application import Application, DetectorConfig, RuntimeMessage
from etpu_doctor.facts.driver import DkmsState
from etpu_doctor.facts.evidence import Ignored
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface

IGNORED_RUNS_LIMIT = 200
MESSAGES_LIMIT = 2000
SAME_MESSAGE_LIMIT = 50
_TEXT_LIMIT = 120

UsbPair = tuple[int | None, int | None]
UsbKey = tuple[int | None, int | None, tuple[int, ...] | None]

_HARMLESS = (NOT_UNDERSTOOD, NOT_READ, SUPERSEDED)
"""Lines set aside that leave a tree whole."""

_SPEEDS_MBPS = frozenset({1.5, 12, 480, 5000, 10000, 20000})
_LONGEST_CHAIN = 6
"""Root hub, five hubs, a device: the seven tiers of the USB specification (Linux ``MAX_TOPO_LEVEL``)."""


class Collector:
    """The sink of all parsers (``formats.base.Sink``).

    Memory stays bounded by what a bus can hold: a record replaces an earlier one of the same kind and device.
    """

    def __init__(self) -> None:
        self.covers: set[str] = set()
        self.ignored: list[Ignored] = []
        self.ignored_count = 0
        self._trees: dict[int | None, dict[UsbKey, UsbDevice]] = {}
        self._lists: dict[UsbPair, UsbDevice] = {}
        self._listing: dict[UsbPair, UsbDevice] = {}
        self._listing_end = ("", 0)
        self._listed_buses: set[int | None] = set()
        self._details: dict[UsbPair, UsbDevice] = {}
        self._functions: dict[tuple[str, str], PciFunction] = {}
        self._tree_is_damaged = False
        self.kernel_messages: list[KernelMessage] = []
        self.kernel_line_count = 0
        self.configurations: dict[str, tuple[DetectorConfig, ...]] = {}
        self.program_messages: list[RuntimeMessage] = []
        self._program_counts: dict[str, int] = {}
        self.dkms_state: DkmsState | None = None

    def cover(self, *names: str) -> None:
        self.covers.update(names)

    def usb(self, device: UsbDevice) -> None:
        device = self._plausible(device)
        kind = device.seen[0].kind
        if kind == "lsusb-t":
            self._add_to_tree(device)
        elif kind == "lsusb":
            self._add_to_listing(device)
        else:
            self._details[device.busnum, device.devnum] = device

    def _plausible(self, device: UsbDevice) -> UsbDevice:
        """Say what no USB device can be; the rest of the record is kept."""
        if len(device.port_chain or ()) > _LONGEST_CHAIN:
            self._remark(device, "deeper than the seven tiers of USB")
        if device.speed_mbps is not None and device.speed_mbps not in _SPEEDS_MBPS:
            self._remark(device, f"no USB speed: {device.speed_mbps:g} Mb/s")
            device = msgspec.structs.replace(device, speed_mbps=None)
        return device

    def _remark(self, device: UsbDevice, why: str) -> None:
        seen = device.seen[0]
        self.ignore(Line(seen.file, seen.line or 1, f"bus {device.busnum} device {device.devnum}"), why)

    def _add_to_tree(self, device: UsbDevice) -> None:
        if device.port_chain == ():
            # A root line opens a new listing of its bus: what an earlier listing said of the bus is out of date.
            self._trees[device.busnum] = {}
        self._trees.setdefault(device.busnum, {})[device.busnum, device.devnum, device.port_chain] = device

    def _add_to_listing(self, device: UsbDevice) -> None:
        key = (device.busnum, device.devnum)
        seen = device.seen[0]
        file, line = self._listing_end
        goes_on = seen.file == file and (seen.line or 0) - line in (0, 1)
        if not goes_on or key in self._listing or device.busnum in self._listed_buses:
            self._end_listing()
        if device.port_chain == () and any(bus == device.busnum for bus, _ in self._listing):
            # usbutils up to 015 lists backwards: with its root hub a bus is complete, what follows is of a new listing.
            self._listed_buses.add(device.busnum)
        self._listing[key] = device
        self._listing_end = (seen.file, seen.line or 0)

    def _end_listing(self) -> None:
        """A run of lines ended. If it shows a bus anew, root hub and all, what was said of that bus is out of date."""
        listing, self._listing = self._listing, {}
        self._listed_buses.clear()
        renewed = {
            bus for bus, number in listing if (bus, number) in self._lists and listing[bus, number].port_chain == ()
        }
        for key in [key for key in self._lists if key[0] in renewed]:
            old = self._lists.pop(key)
            if key not in listing:
                self._remark(old, "gone from a later listing of the same bus")
        self._lists.update(listing)

    def pci(self, function: PciFunction) -> None:
        self._functions[function.seen[0].kind, function.address] = function

    def kernel(self, message: KernelMessage) -> None:
        if len(self.kernel_messages) < MESSAGES_LIMIT:
            self.kernel_messages.append(message)

    def kernel_lines(self, count: int) -> None:
        self.kernel_line_count += count
        self.covers.add("kernel-log")

    def detectors(self, file: str, configs: tuple[DetectorConfig, ...]) -> None:
        self.configurations[file] = configs

    def dkms(self, state: DkmsState) -> None:
        self.dkms_state = state if self.dkms_state is None else join_dkms(state, self.dkms_state)

    def program(self, message: RuntimeMessage) -> None:
        count = self._program_counts[message.message] = self._program_counts.get(message.message, 0) + 1
        # A loop that prints one message all night must not push out what comes after it.
        if count <= SAME_MESSAGE_LIMIT and len(self.program_messages) < MESSAGES_LIMIT:
            self.program_messages.append(message)

    def ignore(self, line: Line, why: str) -> None:
        self._tree_is_damaged |= why not in _HARMLESS
        self.ignored_count += 1
        last = self.ignored[-1] if self.ignored else None
        if last and last.file == line.file and last.why == why and last.last_line in (line.number, line.number - 1):
            self.ignored[-1] = msgspec.structs.replace(last, last_line=line.number)
        elif len(self.ignored) < IGNORED_RUNS_LIMIT:
            text = line.text.strip()
            short = text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"
            entry = Ignored(file=line.file, line=line.number, last_line=line.number, text=short, why=why)
            self.ignored.append(entry)

    def usb_devices(self) -> list[UsbDevice]:
        """Every USB device of the texts, each once."""
        self._end_listing()
        tree = [device for bus in self._trees.values() for device in bus.values()]
        joined = join_usb([*tree, *self._lists.values(), *self._details.values()])
        return joined if self._tree_is_damaged else _mark_unprinted(joined, tree)

    def kernel_log(self) -> KernelLog | None:
        """The recognised lines of the kernel logs in the texts, ``None`` if there was no such log."""
        if not self.kernel_line_count:
            return None
        return KernelLog(origin="text", line_count=self.kernel_line_count, messages=tuple(self.kernel_messages))

    def application(self) -> Application | None:
        """What the texts say of applications."""
        detectors = tuple(each for configs in self.configurations.values() for each in configs)
        if not detectors and not self.program_messages:
            return None
        return Application(detectors=detectors, messages=tuple(self.program_messages))

    def pci_functions(self) -> list[PciFunction]:
        """Every PCI function of the texts, each once."""
        return join_pci(self._functions.values())


def join_dkms(first: DkmsState, second: DkmsState) -> DkmsState:
    """What two looks at DKMS say; what the first says counts where both do. A failed build is one whole fact."""
    changes = _fill(first, second, ("status", "build_error", "build_error_where", "build_kernel"))
    if first.build_error is None:
        changes.update(
            build_error=second.build_error,
            build_error_where=second.build_error_where,
            build_kernel=second.build_kernel,
        )
    return msgspec.structs.replace(first, status={**second.status, **first.status}, **changes)


def _mark_unprinted(devices: list[UsbDevice], tree: list[UsbDevice]) -> list[UsbDevice]:
    """A device that ``lsusb`` lists and ``lsusb -t`` leaves out has no usable configuration.

    usbutils up to 015 prints a line for each interface, hence none for such a device. Only believed where all else
    on the bus agrees, i.e. where both listings are of one moment.
    """
    whole = {device.busnum for device in tree if device.port_chain == ()}
    listed = {(device.busnum, device.devnum) for device in devices if device.vendor_id is not None}
    whole -= {device.busnum for device in tree if (device.busnum, device.devnum) not in listed}
    return [
        msgspec.structs.replace(device, configured=False)
        if device.busnum in whole and device.port_chain is None and device.configured is None
        else device
        for device in devices
    ]


def join_usb(partial: Iterable[UsbDevice]) -> list[UsbDevice]:
    """Join records of the same bus and device number; what comes first wins where both say something."""
    joined: dict[UsbKey, UsbDevice] = {}
    for device in partial:
        known = device.busnum is not None and device.devnum is not None
        key = (device.busnum, device.devnum, None if known else device.port_chain)
        other = joined.get(key)
        joined[key] = device if other is None else _merge_usb(other, device)
    return list(joined.values())


def _merge_usb(first: UsbDevice, second: UsbDevice) -> UsbDevice:
    changes = _fill(first, second, ("interfaces",))
    # How sure a field is goes with the field.
    if "port_chain" in changes:
        changes["chain_certain"] = second.chain_certain
    if "speed_mbps" in changes:
        changes["speed_inferred"] = second.speed_inferred
    if first.interfaces and second.interfaces:
        changes["interfaces"] = _merge_interfaces(first.interfaces, second.interfaces)
    elif first.interfaces is None:
        changes["interfaces"] = second.interfaces
    return msgspec.structs.replace(first, seen=_all_seen(first.seen, second.seen), **changes)


def _all_seen(first: tuple[Seen, ...], second: tuple[Seen, ...]) -> tuple[Seen, ...]:
    return first + tuple(place for place in second if place not in first)


def _fill(first: msgspec.Struct, second: msgspec.Struct, apart: tuple[str, ...]) -> dict[str, object]:
    """What ``second`` knows and ``first`` does not."""
    return {
        name: getattr(second, name)
        for name in first.__struct_fields__
        if name not in apart and getattr(first, name) is None and getattr(second, name) is not None
    }


def _merge_interfaces(first: tuple[UsbInterface, ...], second: tuple[UsbInterface, ...]) -> tuple[UsbInterface, ...]:
    others = {interface.number: interface for interface in second}
    merged = [_merge_interface(interface, others.pop(interface.number, None)) for interface in first]
    # A listing that was cut short may lack some.
    return (
        tuple(sorted([*merged, *others.values()], key=lambda interface: interface.number)) if others else tuple(merged)
    )


def _merge_interface(first: UsbInterface, second: UsbInterface | None) -> UsbInterface:
    if second is None:
        return first
    changes = _fill(first, second, ("driver",))
    if not first.driver_known and second.driver_known:
        changes.update(driver=second.driver, driver_known=True)
    return msgspec.structs.replace(first, **changes)


def join_pci(partial: Iterable[PciFunction]) -> list[PciFunction]:
    """Join records of the same address; a listing without domains is matched to the one domain that has the slot."""
    joined: dict[str, PciFunction] = {}
    addresses: dict[str, list[str]] = {}
    for function in sorted(partial, key=lambda function: function.domain_assumed):
        address = function.address
        same_slot = addresses.setdefault(address.partition(":")[2], [])
        if not function.domain_assumed and address not in joined:
            same_slot.append(address)
        elif address not in joined and len(same_slot) == 1:
            address = same_slot[0]
        other = joined.get(address)
        joined[address] = function if other is None else _merge_pci(other, function)
    return list(joined.values())


def _merge_pci(first: PciFunction, second: PciFunction) -> PciFunction:
    changes = _fill(first, second, ("driver", "parent"))
    if not first.driver_known and second.driver_known:
        changes.update(driver=second.driver, driver_known=True)
    if not first.parent_known and second.parent_known:
        changes.update(parent=second.parent, parent_known=True)
    if not first.modules and second.modules:
        changes["modules"] = second.modules
    return msgspec.structs.replace(
        first,
        seen=_all_seen(first.seen, second.seen),
        domain_assumed=first.domain_assumed and second.domain_assumed,
        **changes,
    )
