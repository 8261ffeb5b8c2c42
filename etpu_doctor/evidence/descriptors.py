"""Binary USB descriptors as the kernel hands them out in sysfs.

Layouts are those of the USB 2.0 specification, chapter 9.6, and of the USB 3.2 specification, chapter 9.6. All
numbers of more than a byte are little-endian. Devices with broken firmware give anything, so nothing is trusted:
every read is bounded by the data at hand and every loop moves forward.
"""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.usb import UsbInterface

_DEVICE, _CONFIGURATION, _INTERFACE, _ENDPOINT, _BOS, _CAPABILITY = 1, 2, 4, 5, 0x0F, 0x10
_DEVICE_SIZE, _CONFIGURATION_SIZE, _INTERFACE_SIZE, _BOS_SIZE = 18, 9, 9, 5
_USB2_EXTENSION, _SUPERSPEED, _CONTAINER_ID = 2, 3, 4
_SELF_POWERED = 0x40
_LPM = 0x02
_RUNS_AT_5_GBPS = 0x08
_CONTAINER_ID_DIGITS = 32


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration a device offers.

    * ``value``: what is written to ``bConfigurationValue`` to choose it.
    * ``attributes``: bmAttributes; ``self_powered`` is its bit 6.
    * ``max_power_raw`` in units of 2 mA, or of 8 mA where the device runs at SuperSpeed; ``max_power_ma`` scaled.
    * ``interfaces``: alternate setting 0 only.
    * ``complete``: false where descriptors are cut off or contradict each other.
    """

    value: int
    attributes: int
    self_powered: bool
    max_power_raw: int
    max_power_ma: int
    interfaces: tuple[UsbInterface, ...] = ()
    complete: bool = True


class Descriptors(msgspec.Struct, frozen=True, kw_only=True):
    """A device descriptor and the configurations that follow it; versions are binary-coded decimal (0x0310 = 3.10)."""

    bcd_usb: int
    vendor_id: int
    product_id: int
    bcd_device: int
    device_class: int
    device_subclass: int
    device_protocol: int
    configurations: tuple[Configuration, ...] = ()


class Bos(msgspec.Struct, frozen=True, kw_only=True):
    """What the binary object store says of a device, whatever speed the device runs at now.

    ``superspeed_capable`` and ``usb2_lpm`` are ``None`` where the store is absent or cut off before an answer.
    ``container_id``: see `container_id`.
    """

    container_id: str | None = None
    superspeed_capable: bool | None = None
    usb2_lpm: bool | None = None


def parse_descriptors(data: bytes, *, superspeed: bool | None = None) -> Descriptors | None:
    """Read a sysfs ``descriptors`` file; ``None`` if it does not begin with a whole device descriptor.

    ``superspeed`` says whether the device runs at SuperSpeed now, which sets the unit of its power. Without it the
    USB version of the device decides, as usbutils has it: a device that falls back to USB 2 also says 2.10.
    """
    if len(data) < _DEVICE_SIZE or data[1] != _DEVICE:
        return None
    bcd_usb = _word(data, 2)
    runs_superspeed = bcd_usb >= 0x0300 if superspeed is None else superspeed
    return Descriptors(
        bcd_usb=bcd_usb,
        vendor_id=_word(data, 8),
        product_id=_word(data, 10),
        bcd_device=_word(data, 12),
        device_class=data[4],
        device_subclass=data[5],
        device_protocol=data[6],
        configurations=_configurations(data, 8 if runs_superspeed else 2),
    )


def parse_bos(data: bytes) -> Bos:
    """Read a sysfs ``bos_descriptors`` file (recent kernels only); every field ``None`` if it is not one."""
    if len(data) < _BOS_SIZE or data[0] < _BOS_SIZE or data[1] != _BOS:
        return Bos()
    container: str | None = None
    superspeed: bool | None = None
    lpm: bool | None = None
    end = _word(data, 2)
    positions, stopped = _walk(data, data[0], end)
    for position in positions:
        body = data[position : position + data[position]]
        kind = body[2] if len(body) > 2 and body[1] == _CAPABILITY else None
        if kind == _USB2_EXTENSION and len(body) >= 4:
            lpm = bool(body[3] & _LPM)
        elif kind == _SUPERSPEED and len(body) >= 6:
            superspeed = bool(_word(body, 4) & _RUNS_AT_5_GBPS)
        elif kind == _CONTAINER_ID and len(body) >= 20:
            container = container_id(_guid_digits(body[4:20]))
    if stopped == end:
        # The whole store was read, so what it does not name the device does not have.
        superspeed, lpm = bool(superspeed), bool(lpm)
    return Bos(container_id=container, superspeed_capable=superspeed, usb2_lpm=lpm)


def container_id(text: str) -> str | None:
    """Give a Container ID its one form: 32 lower-case hex digits in the order in which lsusb prints them.

    Both halves of a physical hub carry the same one. All zeros, which some firmware leaves there, names nothing.
    """
    digits = text.strip("{}").replace("-", "").lower()
    if len(digits) != _CONTAINER_ID_DIGITS or digits.strip("0123456789abcdef") or not digits.strip("0"):
        return None
    return digits


def _guid_digits(raw: bytes) -> str:
    """Print 16 bytes as usbutils' ``get_guid`` does: the first three groups are little-endian numbers."""
    return (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex()


def _configurations(data: bytes, unit_ma: int) -> tuple[Configuration, ...]:
    """Read one configuration after the other until something else comes."""
    found: list[Configuration] = []
    position = _DEVICE_SIZE
    while _is_configuration(data, position):
        configuration, position = _configuration(data, position, unit_ma)
        found.append(configuration)
    return tuple(found)


def _configuration(data: bytes, start: int, unit_ma: int) -> tuple[Configuration, int]:
    """Read the configuration at ``start``; also say where the next one begins."""
    end = start + max(_word(data, start + 2), _CONFIGURATION_SIZE)
    # The kernel keeps the length a device claims beside the shorter data it gave: the next one may come early.
    positions, stopped = _walk(data, start + max(data[start], _CONFIGURATION_SIZE), end, stop_at=_CONFIGURATION)
    settings = [at for at in positions if data[at + 1] == _INTERFACE and data[at] >= _INTERFACE_SIZE]
    interfaces: dict[int, UsbInterface] = {}
    for at in settings:
        if data[at + 3] == 0:
            interfaces.setdefault(data[at + 2], _interface(data, at))
    endpoint_count = sum(data[at + 1] == _ENDPOINT for at in positions)
    configuration = Configuration(
        value=data[start + 5],
        attributes=data[start + 7],
        self_powered=bool(data[start + 7] & _SELF_POWERED),
        max_power_raw=data[start + 8],
        max_power_ma=data[start + 8] * unit_ma,
        interfaces=tuple(interfaces[number] for number in sorted(interfaces)),
        complete=stopped == start + _word(data, start + 2)
        and len(interfaces) == data[start + 4]
        and endpoint_count == sum(data[at + 4] for at in settings),
    )
    return configuration, stopped if _is_configuration(data, stopped) else end


def _is_configuration(data: bytes, position: int) -> bool:
    """Whether a whole configuration descriptor, without what belongs to it, is at ``position``."""
    return len(data) - position >= _CONFIGURATION_SIZE and data[position + 1] == _CONFIGURATION


def _walk(data: bytes, position: int, end: int, stop_at: int | None = None) -> tuple[list[int], int]:
    """List where descriptors begin; also say where that stopped.

    That is ``end`` if all is well; else the place of a descriptor of the kind ``stop_at``, or of one that says less
    than its own header, or that reaches beyond ``end`` or the data.
    """
    positions: list[int] = []
    limit = min(end, len(data))
    while position + 2 <= limit and data[position + 1] != stop_at:
        size = data[position]
        if size < 2 or position + size > limit:
            break
        positions.append(position)
        position += size
    return positions, position


def _interface(data: bytes, position: int) -> UsbInterface:
    """Read the interface descriptor at ``position``."""
    return UsbInterface(
        number=data[position + 2],
        class_code=data[position + 5],
        subclass_code=data[position + 6],
        protocol_code=data[position + 7],
        endpoint_count=data[position + 4],
    )


def _word(data: bytes, position: int) -> int:
    """Read a 16-bit little-endian number."""
    return data[position] | data[position + 1] << 8
