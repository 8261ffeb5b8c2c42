"""What a program may write to say which Edge TPU it wants, and which one that is.

The grammar is libedgetpu's (``tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc``): nothing, ``usb``, ``pci``,
``usb:N``, ``pci:N`` or ``:N``, N as ``absl::SimpleAtoi`` reads it. There is no form for a path. Without a number, PCIe
comes before USB (``tflite/edgetpu_manager_direct.cc``).
"""

from __future__ import annotations

from typing import NamedTuple

from etpu_doctor.topology.delegate_index import NO_APEX, folder_order
from etpu_doctor.topology.machine import EdgeTpu, Machine, Transport

_INT_LIMIT = 1 << 31
_DIGITS_LIMIT = 32
_BLANKS = " \t\n\r\v\f"


class DeviceString(NamedTuple):
    """A string that libedgetpu takes: any of a kind, or the one with a number; ``kind`` ``None`` is any at all."""

    kind: Transport | None
    number: int | None


def parse(text: str | None) -> DeviceString | None:
    """The meaning of a string, ``None`` if libedgetpu refuses it."""
    if not text:
        return DeviceString(None, None)
    kind, colon, number = text.partition(":")
    if kind not in ("", "usb", "pci"):
        return None
    known: Transport | None = "usb" if kind == "usb" else "pci" if kind == "pci" else None
    if not colon:
        return DeviceString(known, None)
    index = _number(number)
    return None if index is None else DeviceString(known, index)


def _number(text: str) -> int | None:
    """A decimal number that is not negative; blanks around it and a plus sign are taken too."""
    digits = text.strip(_BLANKS).removeprefix("+")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > _DIGITS_LIMIT:
        return None
    number = int(digits)
    return number if number < _INT_LIMIT else None


def counted(machine: Machine, kind: Transport) -> list[EdgeTpu] | None:
    """The Edge TPUs of a kind that libedgetpu lists, ``None`` where the evidence does not tell how many there are."""
    if not machine.covers("usb-ids" if kind == "usb" else "pci"):
        return None
    tpus = [tpu for tpu in machine.edge_tpus if tpu.transport == kind]
    if any(tpu.state in (None, "possible") for tpu in tpus):
        return None
    return [tpu for tpu in tpus if tpu.delegate_unknown_because != NO_APEX]


def strings_in_frigate(machine: Machine) -> list[tuple[str, EdgeTpu]]:
    """The strings that mean one Edge TPU each in Frigate's container, once all sticks have their firmware.

    Its libusb is built without udev. Edge TPUs whose number is not known are left out.
    """
    pci = [(tpu.delegate_device, tpu) for tpu in machine.edge_tpus if tpu.transport == "pci"]
    usb = [tpu for tpu in machine.edge_tpus if tpu.transport == "usb" and tpu.delegate_device_without_udev is not None]
    ordered = usb if len(usb) < 2 else folder_order(usb)
    return [
        *sorted(((string, tpu) for string, tpu in pci if string is not None), key=lambda pair: pair[0]),
        *((f"usb:{index}", tpu) for index, tpu in enumerate(ordered)),
    ]


def strings_on_host(machine: Machine) -> list[tuple[str, EdgeTpu]]:
    """The same for programs on the host, with the distribution's libusb."""
    known = ((tpu.delegate_device_after_firmware or tpu.delegate_device, tpu) for tpu in machine.edge_tpus)
    return sorted(((string, tpu) for string, tpu in known if string is not None), key=lambda pair: pair[0])


def target(machine: Machine, wanted: DeviceString) -> tuple[Transport, int] | None:
    """Kind and number of what a string opens on a machine where it opens anything; ``None`` if that is not known."""
    if wanted.kind is not None:
        return wanted.kind, wanted.number or 0
    pci = counted(machine, "pci")
    if pci is None:
        return None
    index = wanted.number or 0
    return ("pci", index) if index < len(pci) else ("usb", index - len(pci))
