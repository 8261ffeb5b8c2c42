"""The part of ``lsusb -v`` below a device's header line.

Lines are told apart by their first word, so that a paste without indentation, or one cut down with grep, reads the
same. Field names are those which usbutils prints (lsusb.c). The first value of a field counts: the device qualifier
and further configurations repeat names of the device and of its first configuration.

Not read: the port status of hubs, which lsusb decodes wrongly for USB 3.1 and 3.2 hubs (it asks for bcdUSB 3.00
exactly). Not told: that the kernel chose a configuration, because lsusb prints one that the kernel refused for want
of power like any other. Only a configuration without interfaces, or one that cannot be read, is certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec.structs

from etpu_doctor.evidence.descriptors import container_id
from etpu_doctor.facts.usb import UsbInterface

if TYPE_CHECKING:
    from collections.abc import Callable

    from etpu_doctor.facts.usb import UsbDevice

NOTICES = (
    "Couldn't open device",
    "Couldn't get configuration descriptor",
    "Couldn't get device capability descriptors",
    "can't get debug descriptor",
    "can't get device qualifier",
    "can't get hub descriptor",
    "cannot read device status",
    "cannot read port ",
    "incomplete hub descriptor",
)
"""What lsusb says on standard error, where no device is named."""

_TEXT_LIMIT = 256
_HEADING_LIMIT = 80
_BYTE_MAX = 0xFF
_CLASS_HUB = 9
_SELF_POWERED_ATTRIBUTE = 0x40
_SELF_POWERED_STATUS = 0x01
_RUNS_AT_5_GBPS = 0x08
_CONFIGURATION = "Configuration Descriptor:"
_UNREADABLE = "Couldn't get configuration descriptor 0"
_SUPERSPEED = "SuperSpeed USB Device Capability:"
_HEADING_ENDS = ("Descriptor:", "Capability:", "Association:")
_PORT_STATUS = "Hub Port Status:"
_OTHER_HEADINGS = frozenset({_PORT_STATUS, "Device Qualifier (for other device speed):"})
_PHRASES = (
    "Self Powered",
    "(Bus Powered)",
    "Remote Wakeup",
    "Transfer Type ",
    "Synch Type ",
    "Usage Type ",
    "Device can operate at ",
    "Lowest fully-functional device speed",
    "BESL Link Power Management",
    "HIRD Link Power Management",
    "** UNRECOGNIZED",
)
_UNDERSTOOD = (*_PHRASES, *NOTICES)
_OF_CONFIGURATION = frozenset({"bNumInterfaces", "MaxPower", "bmAttributes"})
_OF_INTERFACE = frozenset(
    {
        "bInterfaceNumber",
        "bAlternateSetting",
        "bNumEndpoints",
        "bInterfaceClass",
        "bInterfaceSubClass",
        "bInterfaceProtocol",
    }
)
_FIELD_PREFIXES = frozenset({"b", "w", "i", "n", "t", "bm", "ba", "dw", "id", "bcd", "bma", "guid"})
_FIELD_PREFIX_MAX = 4
# Low speed is printed as "1Mbps" (usbutils since 018).
_SPEEDS_MBPS = {
    "(1Mbps)": 1.5,
    "(1.5Mbps)": 1.5,
    "(12Mbps)": 12.0,
    "(480Mbps)": 480.0,
    "(5Gbps)": 5000.0,
    "(10Gbps)": 10000.0,
    "(20Gbps)": 20000.0,
}


class VerboseBlock:
    """What ``lsusb -v`` says of one device, gathered line by line.

    ``indent`` is the number of blanks before the header line. Keeps a bounded number of values, whatever is fed.
    """

    __slots__ = (
        "_configurations",
        "_indent",
        "_interface",
        "_interfaces",
        "_number",
        "_numbers",
        "_section",
        "_superspeed",
        "_texts",
        "_unreadable",
    )

    def __init__(self, indent: int = 0) -> None:
        self._indent = indent
        self._section = ""
        self._configurations = 0
        self._superspeed = False
        self._unreadable = False
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._interfaces: dict[int, dict[str, int]] = {}
        self._number = -1
        self._interface: dict[str, int] = {}

    @property
    def described(self) -> bool:
        """Whether anything of a descriptor was seen, so that this is more than a line of plain ``lsusb``."""
        return bool(self._section or self._numbers or self._texts or self._interfaces)

    @property
    def shows_power(self) -> bool:
        """Whether a configuration descriptor, which declares the power, was seen."""
        return self._configurations > 0 or "MaxPower" in self._numbers

    def feed(self, text: str) -> bool:
        """Take a line; false if it cannot be told to belong to the device."""
        line = text.strip()
        if not line:
            return True
        if line[-1] == ":" and self._take_heading(line):
            return True
        word, *rest = line.split(None, 1)
        value = rest[0] if rest else ""
        if self._take(word, value) or _is_field(word, value):
            return True
        if line.startswith(_UNDERSTOOD):
            self._unreadable = self._unreadable or line.startswith(_UNREADABLE)
            return True
        return self.described and len(text) - len(text.lstrip()) > self._indent

    def describe(self, device: UsbDevice) -> UsbDevice:
        """Add what was gathered to what the header line says."""
        numbers, texts = self._numbers, self._texts
        return msgspec.structs.replace(
            device,
            vendor_name=device.vendor_name or texts.get("iManufacturer"),
            product_name=texts.get("iProduct"),
            serial=texts.get("iSerial"),
            bcd_usb=numbers.get("bcdUSB"),
            bcd_device=numbers.get("bcdDevice"),
            device_class=numbers.get("bDeviceClass"),
            device_protocol=numbers.get("bDeviceProtocol"),
            speed_mbps=_SPEEDS_MBPS.get(texts.get("speed", "")),
            configured=False if self._has_no_configuration() else None,
            max_power_ma=numbers.get("MaxPower"),
            self_powered=self._self_powered(),
            interfaces=self._usb_interfaces(),
            port_count=numbers.get("nNbrPorts"),
            container_id=texts.get("ContainerID"),
            superspeed_capable=self._superspeed_capable(),
        )

    def _take(self, word: str, value: str) -> bool:
        """Take a field by its first word; false if it is none of those that are read."""
        if word in _OF_CONFIGURATION:
            self._take_of_configuration(word, value)
        elif word in _OF_INTERFACE:
            self._take_of_interface(word, value)
        elif word in _NUMBERS:
            self._take_number(word, value)
        elif word in _TEXTS:
            self._take_text(word, value)
        else:
            return self._take_special(word, value)
        return True

    def _take_special(self, word: str, value: str) -> bool:
        """Take a line whose first word is also a word of prose."""
        if word == "Device" and value.startswith("Status:"):
            self._take_status(value)
        elif word == "Negotiated" and value.startswith("speed:"):
            self._texts.setdefault("speed", value[:_TEXT_LIMIT].rpartition(" ")[2])
        else:
            # A port's status, "Port 1: 0000.0100 power", is known for what it is and not read.
            return self._section == _PORT_STATUS and word == "Port"
        return True

    def _take_heading(self, line: str) -> bool:
        """Note which descriptor begins; false if the line only looks like a heading."""
        if len(line) > _HEADING_LIMIT or not (line.endswith(_HEADING_ENDS) or line in _OTHER_HEADINGS):
            return False
        self._section = line
        if line == _CONFIGURATION:
            self._configurations += 1
        elif line == _SUPERSPEED:
            self._superspeed = True
        return True

    def _take_number(self, word: str, value: str) -> None:
        number = _NUMBERS[word](value)
        if number is not None:
            self._numbers.setdefault("nNbrPorts" if word == "bNbrPorts" else word, number)

    def _take_text(self, word: str, value: str) -> None:
        text = _TEXTS[word](value)
        if text is not None:
            self._texts.setdefault(word, text)

    def _take_of_configuration(self, word: str, value: str) -> None:
        # Endpoints, capabilities and DFU have a bmAttributes too.
        if self._configurations <= 1 and (word != "bmAttributes" or self._section == _CONFIGURATION):
            self._take_number(word, value)

    def _take_of_interface(self, word: str, value: str) -> None:
        number = _byte(value)
        if number is None or self._configurations > 1:
            return
        if word == "bInterfaceNumber":
            self._open_interface(number)
        elif word != "bAlternateSetting":
            self._interface.setdefault(word, number)
        elif number and self._interfaces.get(self._number) is self._interface:
            del self._interfaces[self._number]

    def _open_interface(self, number: int) -> None:
        """Begin an interface; one that was there before is an alternate setting, and goes nowhere."""
        self._number, self._interface = number, {}
        self._interfaces.setdefault(number, self._interface)

    def _take_status(self, value: str) -> None:
        """``Device Status:     0x0001``: what the device answers now, in contrast to what it declares."""
        number = _hexadecimal(value[:_TEXT_LIMIT].partition(":")[2].strip())
        if number is not None:
            self._numbers.setdefault("Status", number)

    def _self_powered(self) -> bool | None:
        """Self-powered now for hubs, as the kernel asks them; else as declared, which is what sysfs has as well."""
        status, attributes = self._numbers.get("Status"), self._numbers.get("bmAttributes")
        is_hub = self._numbers.get("bDeviceClass") == _CLASS_HUB or "nNbrPorts" in self._numbers
        if status is not None and (is_hub or attributes is None):
            return bool(status & _SELF_POWERED_STATUS)
        return None if attributes is None else bool(attributes & _SELF_POWERED_ATTRIBUTE)

    def _has_no_configuration(self) -> bool:
        """Whether it is certain that the device has none with interfaces.

        Through a pipe, errors land in the block of another device; that one shows a configuration all the same.
        """
        if self._configurations > 1:
            return False
        return self._numbers.get("bNumInterfaces") == 0 or (self._unreadable and not self.shows_power)

    def _superspeed_capable(self) -> bool | None:
        speeds = self._numbers.get("wSpeedsSupported", _RUNS_AT_5_GBPS if self._superspeed else None)
        return None if speeds is None else bool(speeds & _RUNS_AT_5_GBPS)

    def _usb_interfaces(self) -> tuple[UsbInterface, ...] | None:
        """Interfaces of the first configuration; ``()`` only where it says itself that it has none."""
        if not self._interfaces and self._numbers.get("bNumInterfaces") != 0:
            return None
        return tuple(_usb_interface(number, self._interfaces[number]) for number in sorted(self._interfaces))


def _usb_interface(number: int, fields: dict[str, int]) -> UsbInterface:
    return UsbInterface(
        number=number,
        class_code=fields.get("bInterfaceClass"),
        subclass_code=fields.get("bInterfaceSubClass"),
        protocol_code=fields.get("bInterfaceProtocol"),
        endpoint_count=fields.get("bNumEndpoints"),
    )


def _is_field(word: str, value: str) -> bool:
    """Whether this is a descriptor field by the looks of it: ``wTotalLength 0x0046``, ``bmaControls( 0) 0x03``."""
    if not value or value[0] not in "0123456789{(":
        return False
    for size in range(1, _FIELD_PREFIX_MAX + 1):
        if word[size : size + 1].isupper():
            return word[:size] in _FIELD_PREFIXES
    return False


def _byte(value: str) -> int | None:
    """Read ``9 Hub``: a byte in decimal and its name."""
    number = _decimal(value)
    return number if number is not None and number <= _BYTE_MAX else None


def _decimal(value: str) -> int | None:
    """Read a number of up to five digits that may carry a unit: ``96mA``."""
    head = value[:6]
    digits = head[: len(head) - len(head.lstrip("0123456789"))]
    return int(digits) if 0 < len(digits) < 6 else None


def _hexadecimal(value: str) -> int | None:
    """Read ``0xc0``."""
    number = value[:12].split(" ", 1)[0]
    return _hex_digits(number[2:]) if number.startswith("0x") else None


def _bcd(value: str) -> int | None:
    """Read ``3.10`` as 0x0310, binary-coded decimal as in the descriptor."""
    major, dot, minor = value[:8].split(" ", 1)[0].partition(".")
    high, low = _hex_digits(major), _hex_digits(minor)
    if not dot or high is None or low is None or max(high, low) > _BYTE_MAX:
        return None
    return high << 8 | low


def _hex_digits(digits: str) -> int | None:
    # int() alone would take signs, underscores and digits of other scripts.
    return int(digits, 16) if digits and not digits.strip("0123456789abcdefABCDEF") else None


def _string(value: str) -> str | None:
    """Read ``2 xHCI Host Controller``: index of a string and the string; index 0 means that there is none."""
    index, *rest = value[:_TEXT_LIMIT].split(None, 1) or [""]
    text = rest[0].strip() if rest else ""
    return text if _decimal(index) and text and text != "(error)" else None


_NUMBERS: dict[str, Callable[[str], int | None]] = {
    "bcdUSB": _bcd,
    "bcdDevice": _bcd,
    "bDeviceClass": _byte,
    "bDeviceProtocol": _byte,
    "bNumInterfaces": _byte,
    "MaxPower": _decimal,
    "bmAttributes": _hexadecimal,
    "nNbrPorts": _byte,
    "bNbrPorts": _byte,
    "wSpeedsSupported": _hexadecimal,
}
_TEXTS: dict[str, Callable[[str], str | None]] = {
    "iManufacturer": _string,
    "iProduct": _string,
    "iSerial": _string,
    "ContainerID": container_id,
}
