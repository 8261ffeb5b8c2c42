"""What the three dialects of ``lspci`` share: slots, class names, identifiers."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

EDGE_TPU_IDS = (0x1AC1, 0x089A)
"""Vendor and device of the PCIe Edge TPU (pci.ids: ``Global Unichip Corp.``, ``Coral Edge TPU``)."""

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_FUNCTIONS = frozenset("01234567")
_SHORT_SLOT = len("00:00.0")
_LONGEST_SLOT = len("01234567:00:00.0")
_BEFORE_A_SLOT = " \t-*>`|•"
_COMMENT_MARKS = ("<-", "<=", "←", "//", "  #")

# Names of base class and subclass in pci.ids, lower case because older releases wrote "USB Controller".
CLASS_CODES = {
    "unclassified device": 0x0000,
    "non-vga unclassified device": 0x0000,
    "vga compatible unclassified device": 0x0001,
    "image coprocessor": 0x0005,
    "scsi storage controller": 0x0100,
    "ide interface": 0x0101,
    "floppy disk controller": 0x0102,
    "ipi bus controller": 0x0103,
    "raid bus controller": 0x0104,
    "ata controller": 0x0105,
    "sata controller": 0x0106,
    "serial attached scsi controller": 0x0107,
    "non-volatile memory controller": 0x0108,
    "universal flash storage controller": 0x0109,
    "mass storage controller": 0x0180,
    "ethernet controller": 0x0200,
    "token ring network controller": 0x0201,
    "fddi network controller": 0x0202,
    "atm network controller": 0x0203,
    "isdn controller": 0x0204,
    "worldfip controller": 0x0205,
    "picmg controller": 0x0206,
    "infiniband controller": 0x0207,
    "fabric controller": 0x0208,
    "network controller": 0x0280,
    "vga compatible controller": 0x0300,
    "xga compatible controller": 0x0301,
    "3d controller": 0x0302,
    "display controller": 0x0380,
    "multimedia video controller": 0x0400,
    "multimedia audio controller": 0x0401,
    "computer telephony device": 0x0402,
    "audio device": 0x0403,
    "multimedia controller": 0x0480,
    "ram memory": 0x0500,
    "flash memory": 0x0501,
    "cxl": 0x0502,
    "memory controller": 0x0580,
    "host bridge": 0x0600,
    "isa bridge": 0x0601,
    "eisa bridge": 0x0602,
    "microchannel bridge": 0x0603,
    "pci bridge": 0x0604,
    "pcmcia bridge": 0x0605,
    "nubus bridge": 0x0606,
    "cardbus bridge": 0x0607,
    "raceway bridge": 0x0608,
    "semi-transparent pci-to-pci bridge": 0x0609,
    "infiniband to pci host bridge": 0x060A,
    "bridge": 0x0680,
    "serial controller": 0x0700,
    "parallel controller": 0x0701,
    "multiport serial controller": 0x0702,
    "modem": 0x0703,
    "gpib controller": 0x0704,
    "smard card controller": 0x0705,
    "smart card controller": 0x0705,
    "communication controller": 0x0780,
    "pic": 0x0800,
    "dma controller": 0x0801,
    "timer": 0x0802,
    "rtc": 0x0803,
    "pci hot-plug controller": 0x0804,
    "sd host controller": 0x0805,
    "iommu": 0x0806,
    "system peripheral": 0x0880,
    "timing card": 0x0899,
    "keyboard controller": 0x0900,
    "digitizer pen": 0x0901,
    "mouse controller": 0x0902,
    "scanner controller": 0x0903,
    "gameport controller": 0x0904,
    "input device controller": 0x0980,
    "generic docking station": 0x0A00,
    "docking station": 0x0A80,
    "power pc": 0x0B20,
    "mips": 0x0B30,
    "co-processor": 0x0B40,
    "firewire (ieee 1394)": 0x0C00,
    "access bus": 0x0C01,
    "ssa": 0x0C02,
    "usb controller": 0x0C03,
    "fibre channel": 0x0C04,
    "smbus": 0x0C05,
    "infiniband": 0x0C06,
    "ipmi interface": 0x0C07,
    "ipmi smic interface": 0x0C07,
    "sercos interface": 0x0C08,
    "canbus": 0x0C09,
    "serial bus controller": 0x0C80,
    "irda controller": 0x0D00,
    "consumer ir controller": 0x0D01,
    "rf controller": 0x0D10,
    "bluetooth": 0x0D11,
    "broadband": 0x0D12,
    "802.1a controller": 0x0D20,
    "802.1b controller": 0x0D21,
    "wireless controller": 0x0D80,
    "i2o": 0x0E00,
    "satellite tv controller": 0x0F01,
    "satellite audio communication controller": 0x0F02,
    "satellite voice communication controller": 0x0F03,
    "satellite data communication controller": 0x0F04,
    "network and computing encryption device": 0x1000,
    "entertainment encryption device": 0x1010,
    "encryption controller": 0x1080,
    "dpio module": 0x1100,
    "performance counters": 0x1101,
    "communication synchronizer": 0x1110,
    "signal processing management": 0x1120,
    "signal processing controller": 0x1180,
    "processing accelerators": 0x1200,
}


class Slot(NamedTuple):
    """Where a function sits. ``domain_assumed`` if the text printed none and 0000 was taken."""

    address: str
    domain_assumed: bool


class Named(NamedTuple):
    """A name as ``lspci`` prints it, with the numbers that stand in it or follow from it."""

    name: str | None
    vendor_id: int | None
    device_id: int | None


def hex_value(text: str, digits: int) -> int | None:
    """The value of exactly ``digits`` hexadecimal digits; ``int`` alone would take signs, blanks and ``_``."""
    return int(text, 16) if len(text) == digits and _HEX_DIGITS.issuperset(text) else None


def parse_slot(word: str) -> Slot | None:
    """Read ``02:00.0``, ``0000:02:00.0`` or, with the long domain of a VMD controller, ``10000:02:00.0``."""
    domain, bus, device, function = word[:-8], word[-7:-5], word[-4:-2], word[-1:]
    if len(word) > _LONGEST_SLOT or word[-5:-4] != ":" or word[-2:-1] != "." or function not in _FUNCTIONS:
        return None
    if not (_HEX_DIGITS.issuperset(bus) and _HEX_DIGITS.issuperset(device) and device[0] in "01"):
        return None
    if len(word) == _SHORT_SLOT:
        return Slot(f"0000:{word.lower()}", domain_assumed=True)
    if len(domain) < len("0000") or word[-8] != ":" or not _HEX_DIGITS.issuperset(domain):
        return None
    return Slot(word.lower(), domain_assumed=False)


def leading_slot(text: str) -> tuple[Slot, str] | None:
    """The slot a line begins with, and what follows it; list marks and a shell prompt before it are passed over."""
    found = _slot_at_start(text.lstrip(_BEFORE_A_SLOT))
    for mark in ("$ ", "# "):
        if found is None and mark in text[:80]:
            found = _slot_at_start(text.partition(mark)[2].lstrip())
    return found


def _slot_at_start(text: str) -> tuple[Slot, str] | None:
    if text[:1] not in _HEX_DIGITS:
        return None
    word = text[: _LONGEST_SLOT + 1].split(None, 1)[0]
    slot = parse_slot(word)
    return None if slot is None else (slot, text[len(word) :].strip())


@cache
def _id_pair() -> re.Pattern[str]:
    return re.compile(r"\[([0-9a-fA-F]{4}):([0-9a-fA-F]{4})\]")


def parse_named(text: str) -> Named:
    """Vendor and device as printed in one string.

    The dialects are ``Name [vvvv:dddd]`` (-nn), ``Name``, ``vvvv:dddd`` (-n) and ``Device vvvv:dddd`` (not in pci.ids).
    What follows ``(rev`` or ``(prog-if``, the numbers, or a comment mark is not part of the name.
    """
    pair = _id_pair().search(text)
    if pair is not None:
        return Named(_clean_name(text[: pair.start()]), int(pair[1], 16), int(pair[2], 16))
    name = _clean_name(text)
    if name is None:
        return Named(None, None, None)
    vendor, _, device = name.removeprefix("Device ").partition(":")
    vendor_id, device_id = hex_value(vendor, 4), hex_value(device, 4)
    if vendor_id is not None and device_id is not None:
        return Named(None, vendor_id, device_id)
    return Named(name, *edge_tpu_ids(name))


def edge_tpu_ids(name: str) -> tuple[int, int] | tuple[None, None]:
    """The numbers of the one device that may be told by its name in pci.ids, old or new."""
    if "Coral Edge TPU" in name or ("Global Unichip" in name and "089a" in name.lower()):
        return EDGE_TPU_IDS
    return None, None


def _clean_name(text: str) -> str | None:
    for mark in (" (rev ", " (prog-if ", *_COMMENT_MARKS):
        text = text.partition(mark)[0]
    name = text.strip(" \t`|")
    return None if name in {"", "Device", "Vendor"} or name.startswith(("...", "…", "(rev ", "(prog-if ")) else name


def parse_class(text: str) -> tuple[str | None, int | None]:
    """Name and number of a class: ``System peripheral [0880]``, ``System peripheral``, ``0880``, ``Class 0880``."""
    name, bracket, number = text.strip().rpartition("[")
    code = hex_value(number.removesuffix("]"), 4) if bracket else None
    if code is None:
        name = text.strip()
        code = hex_value(name.removeprefix("Class "), 4)
        if code is not None:
            return None, code
        code = CLASS_CODES.get(name.lower())
    name = name.strip()
    return (None if name in {"", "Class"} else name), code


def hex_after(text: str, mark: str, digits: int = 2) -> int | None:
    """The hexadecimal number that stands directly behind ``mark``."""
    _, found, rest = text.partition(mark)
    return hex_value(rest[:digits], digits) if found else None


def parse_id_name(text: str) -> tuple[str | None, int | None]:
    """One name with its number: ``Coral Edge TPU [089a]``, ``Coral Edge TPU``, ``089a``, ``Device 089a``."""
    # What stands behind the number is a remark of the person who pasted it.
    name, bracket, number = text.rpartition("]")[0].rpartition("[")
    value = hex_value(number, 4) if bracket else None
    if value is None:
        name = text
        value = hex_value(text.strip().removeprefix("Device ").removeprefix("Vendor "), 4)
        if value is not None:
            return None, value
    return _clean_name(name), value
