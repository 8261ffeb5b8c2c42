"""A device of ``lsusb -t`` while its lines come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etpu_doctor.evidence.formats.lsusb_tree_depth import Item, Place
from etpu_doctor.evidence.formats.lsusb_tree_entry import NOTHING, Entry
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface

if TYPE_CHECKING:
    from etpu_doctor.evidence.formats.base import Line

CLASS_CODES = {
    "audio": 0x01,
    "communications": 0x02,
    "human interface device": 0x03,
    "physical interface device": 0x05,
    "imaging": 0x06,
    "printer": 0x07,
    "mass storage": 0x08,
    "hub": 0x09,
    "cdc data": 0x0A,
    "chip/smartcard": 0x0B,
    "content security": 0x0D,
    "video": 0x0E,
    "personal healthcare": 0x0F,
    "audio/video": 0x10,
    "billboard": 0x11,
    "diagnostic": 0xDC,
    "wireless": 0xE0,
    "miscellaneous device": 0xEF,
    "application specific interface": 0xFE,
    "vendor specific class": 0xFF,
}
"""Class codes by their names in ``usb.ids``, in lower case."""

_SYSFS = "/sys/bus/usb/devices/"
_STRINGS = "Manufacturer="
NOTE_STARTS = ("ID ", _SYSFS, _STRINGS)
"""How the lines start that ``-v``, ``-vv`` and ``-vvv`` add."""

# What people write behind a name; no name of usb.ids is expected to have it.
_COMMENT_STARTS = ("  ", "\t", " #", " <-")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_ID_LENGTH = len("18d1:9302")


class TreeDevice:
    """What the lines of one device said of it; ``refused`` is the reason not to hand it over."""

    __slots__ = (
        "entry",
        "interfaces",
        "line",
        "manufacturer",
        "printed_bus",
        "printed_chain",
        "product",
        "product_id",
        "refused",
        "serial",
        "vendor_id",
        "vendor_name",
    )

    def __init__(self, line: Line, entry: Entry) -> None:
        self.line = line
        self.entry = entry
        self.interfaces: dict[int, UsbInterface] = {}
        self.vendor_id: int | None = None
        self.product_id: int | None = None
        self.vendor_name: str | None = None
        self.manufacturer: str | None = None
        self.product: str | None = None
        self.serial: str | None = None
        self.printed_bus: int | None = None
        self.printed_chain: tuple[int, ...] | None = None
        self.refused: str | None = None

    def add_interface(self, entry: Entry) -> bool:
        """Add the interface of a line; false if it has none that is new."""
        number = entry.interface
        if number is None or number in self.interfaces:
            return False
        name = None if entry.class_name in NOTHING else entry.class_name
        self.interfaces[number] = UsbInterface(
            number=number,
            class_code=CLASS_CODES.get(name.lower()) if name else None,
            class_name=name,
            driver=entry.driver,
            driver_known=entry.driver_known,
        )
        return True

    def take_note(self, text: str) -> bool:
        """Take what ``-v``, ``-vv`` and ``-vvv`` print below an entry; false if it is not that."""
        text = text.strip()
        if not text.startswith(NOTE_STARTS):
            return False
        text, strings_mark, strings = text.partition(_STRINGS)
        ids, path_mark, path = text.partition(_SYSFS)
        taken = self._take_ids(ids) if ids.startswith("ID ") else True
        if path_mark:
            taken = self._take_path(path) and taken
        if strings_mark:
            self._take_strings(strings)
        return taken

    def _take_ids(self, text: str) -> bool:
        """Read ``ID 18d1:9302 Google Inc.``; vendor and product names cannot be told apart."""
        ids, names = text[3:].strip()[:_ID_LENGTH], text[3:].strip()[_ID_LENGTH:]
        vendor, colon, product = ids[:4], ids[4:5], ids[5:]
        if colon != ":" or len(product) != len(vendor) or not _HEX_DIGITS.issuperset(vendor + product):
            return False
        self.vendor_id, self.product_id = int(vendor, 16), int(product, 16)
        self.vendor_name = _value(_without_comment(names.replace("[unknown]", "").strip()))
        return True

    def _take_path(self, text: str) -> bool:
        """Read ``2-1.4  /dev/bus/usb/002/005``, unless it is another device's."""
        name, *rest = text.split(None, 2)[:2] or [""]
        printed = _bus_and_chain(name)
        node = rest[0].rpartition("/")[2] if rest and rest[0].startswith("/dev/bus/usb/") else ""
        if printed is None or (_is_number(node) and int(node) != self.entry.dev):
            return False
        bus, chain = printed
        expected = () if self.entry.bus is not None else (self.entry.port,)
        if chain[-1:] != expected or self.entry.bus not in (None, bus):
            return False
        self.printed_bus, self.printed_chain = bus, chain
        return True

    def _take_strings(self, text: str) -> None:
        """Read ``Manufacturer=.. Product=.. Serial=..``, of which the first mark is cut off."""
        text, _, serial = text.partition("Serial=")
        manufacturer, _, product = text.partition("Product=")
        self.manufacturer, self.product, self.serial = _value(manufacturer), _value(product), _value(serial)

    def item(self) -> Item:
        """What tells the device's place in the tree."""
        entry = self.entry
        return Item(entry.indent, entry.port, self._may_be_hub(), entry.ports, entry.speed_mbps)

    def _is_hub(self) -> bool:
        return self.entry.ports is not None or any(
            interface.class_code == CLASS_CODES["hub"] for interface in self.interfaces.values()
        )

    def _may_be_hub(self) -> bool:
        """Also true of an entry that was cut before its class."""
        return self._is_hub() or (not self.entry.whole and self.entry.class_name is None)

    def usb(self, busnum: int | None, spot: Place) -> UsbDevice:
        """The device as it is handed over."""
        entry = self.entry
        is_root = entry.bus is not None
        return UsbDevice(
            busnum=busnum if self.printed_bus is None else self.printed_bus,
            devnum=entry.dev,
            port_chain=spot.chain,
            chain_certain=spot.certain,
            vendor_id=self.vendor_id,
            product_id=self.product_id,
            vendor_name=self.vendor_name or self.manufacturer,
            product_name=self.product,
            serial=self.serial,
            speed_mbps=entry.speed_mbps,
            rx_lanes=entry.rx_lanes,
            tx_lanes=entry.tx_lanes,
            configured=None if is_root else self._configured(),
            interfaces=None if is_root or self._configured() is None else self._sorted_interfaces(),
            port_count=entry.ports if is_root or self._may_be_hub() else 0,
            root_driver=entry.driver if is_root else None,
            seen=(Seen("lsusb-t", self.line.file, self.line.number),),
        )

    def _configured(self) -> bool | None:
        """Whole entries without an interface are those of devices without a configuration (usbutils 016 and later)."""
        return bool(self.interfaces) or (False if self.entry.whole else None)

    def _sorted_interfaces(self) -> tuple[UsbInterface, ...]:
        return tuple(self.interfaces[number] for number in sorted(self.interfaces))


def _bus_and_chain(name: str) -> tuple[int, tuple[int, ...]] | None:
    """Bus and ports in a device's name in sysfs: ``2-1.4``, or ``usb2`` for a root hub."""
    if name.startswith("usb"):
        return (int(name[3:]), ()) if _is_number(name[3:]) else None
    bus, _, ports = name.partition("-")
    chain = ports.split(".")
    if not _is_number(bus) or not all(map(_is_number, chain)):
        return None
    return int(bus), tuple(map(int, chain))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("127")


def _without_comment(text: str) -> str:
    for start in _COMMENT_STARTS:
        text = text.partition(start)[0]
    return text


def _value(text: str) -> str | None:
    """A printed string, ``None`` where it says that there is none."""
    text = text.strip()
    return None if text in NOTHING else text
