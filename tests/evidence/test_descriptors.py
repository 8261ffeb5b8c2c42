"""Binary descriptors: real ones, broken ones and ones built for the test."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.descriptors import Bos, Configuration, Descriptors, container_id, parse_bos, parse_descriptors
from etpu_doctor.facts.usb import UsbInterface

# The Edge TPU in its boot-loader identity at SuperSpeed, as an emulated device gave it to a Linux 6.1 kernel.
BOOT_LOADER = bytes.fromhex(
    "12011003000000096e1a9a0800010000000109021b0001010080700904000000fe01020009210fe80300080101"
)
# The Edge TPU at high speed with a power of 498 mA.
HIGH_SPEED = bytes.fromhex(
    "1201100200000040d118029300010000000109022e0001010080f90904000004ffffff00"
    "0705010200020007058102000200070582020002000705830340000a"
)
ROOT_HUB = bytes.fromhex(
    "12010003090003096b1d030001060302010109021f00010100e0000904000001090000000705810302000c063000000200"
)
# A configuration that says 70 bytes and ends after 9, with no interface.
CUT = bytes.fromhex("1201100300000009d1180293000100000001090246000101008070")
# An Edge TPU's object store: link power management at USB 2, high speed and SuperSpeed.
BOS = bytes.fromhex("050f16000207100202000000" + "0a1003000c0002000000")
GUID = bytes.fromhex("5cf3ee30d5074925b001802d79434c30")
GUID_PRINTED = "30eef35c07d52549b001802d79434c30"


def device_descriptor(bcd_usb: int = 0x0310, configurations: int = 1) -> bytes:
    """A device descriptor of an Edge TPU."""
    return struct.pack("<BBHBBBBHHHBBBB", 18, 1, bcd_usb, 0, 0, 0, 9, 0x18D1, 0x9302, 0x0100, 0, 0, 0, configurations)


def interface_descriptor(number: int, alternate: int, endpoints: int, code: tuple[int, int, int]) -> bytes:
    """An interface descriptor and its endpoints."""
    endpoint = bytes([7, 5, 0x81, 2, 0, 4, 0])
    return bytes([9, 4, number, alternate, endpoints, *code, 0]) + endpoint * endpoints


def configuration_descriptor(value: int, attributes: int, power: int, count: int, body: bytes) -> bytes:
    """A configuration descriptor with the right total length."""
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), count, value, 0, attributes, power) + body


def bos(*capabilities: bytes) -> bytes:
    """A binary object store with the right total length."""
    body = b"".join(capabilities)
    return struct.pack("<BBHB", 5, 15, 5 + len(body), len(capabilities)) + body


def test_boot_loader_identity_is_read() -> None:
    """Every field of a real device comes out, power in units of 8 mA at SuperSpeed."""
    expected = Descriptors(
        bcd_usb=0x0310,
        vendor_id=0x1A6E,
        product_id=0x089A,
        bcd_device=0x0100,
        device_class=0,
        device_subclass=0,
        device_protocol=0,
        configurations=(
            Configuration(
                value=1,
                attributes=0x80,
                self_powered=False,
                max_power_raw=0x70,
                max_power_ma=896,
                interfaces=(
                    UsbInterface(number=0, class_code=0xFE, subclass_code=1, protocol_code=2, endpoint_count=0),
                ),
            ),
        ),
    )
    assert expected == parse_descriptors(BOOT_LOADER)


def test_hub_is_read() -> None:
    """A root hub has class 9, protocol 3 and powers itself."""
    found = parse_descriptors(ROOT_HUB)
    assert found is not None
    assert (9, 0, 3, 0x0601) == (found.device_class, found.device_subclass, found.device_protocol, found.bcd_device)
    assert [(True, 0, True)] == [(each.self_powered, each.max_power_ma, each.complete) for each in found.configurations]


@pytest.mark.parametrize(
    ("data", "superspeed", "expected_ma"),
    [(HIGH_SPEED, None, 498), (HIGH_SPEED, False, 498), (BOOT_LOADER, None, 896), (BOOT_LOADER, False, 224)],
)
def test_power_unit_follows_the_speed(data: bytes, superspeed: bool | None, expected_ma: int) -> None:
    """Power counts in 8 mA if the device runs at SuperSpeed; without its speed, if it calls itself USB 3."""
    found = parse_descriptors(data, superspeed=superspeed)
    assert found is not None
    assert [expected_ma] == [each.max_power_ma for each in found.configurations]


def test_alternate_settings_are_left_out() -> None:
    """Only the default setting of each interface counts, and that is no contradiction."""
    body = interface_descriptor(0, 0, 1, (9, 0, 1)) + interface_descriptor(0, 1, 1, (9, 0, 2))
    found = parse_descriptors(device_descriptor() + configuration_descriptor(1, 0xE0, 0, 1, body))
    assert found is not None
    (configuration,) = found.configurations
    assert [1] == [each.protocol_code for each in configuration.interfaces]
    assert configuration.complete


def test_cut_configuration_is_incomplete() -> None:
    """A total length beyond the data leaves the device readable and the configuration marked."""
    found = parse_descriptors(CUT)
    assert found is not None
    assert [(896, (), False)] == [(each.max_power_ma, each.interfaces, each.complete) for each in found.configurations]


@pytest.mark.parametrize(
    "body",
    [
        bytes([0, 4, 0, 0]),
        bytes([1, 4]),
        bytes([9, 4, 0]),
        interface_descriptor(0, 0, 2, (255, 255, 255))[:-7],
        interface_descriptor(0, 0, 0, (1, 1, 1)) + interface_descriptor(1, 0, 0, (1, 1, 1)),
        b"",
    ],
    ids=["length 0", "length 1", "beyond the end", "endpoint missing", "interface too many", "interface missing"],
)
def test_contradictions_make_a_configuration_incomplete(body: bytes) -> None:
    """A descriptor that cannot be, or a count that does not hold, marks the configuration."""
    found = parse_descriptors(device_descriptor() + configuration_descriptor(1, 0x80, 1, 1, body))
    assert found is not None
    assert [False] == [each.complete for each in found.configurations]


def test_next_configuration_is_found_after_a_cut_one() -> None:
    """A configuration that ends early, as the kernel stores it, does not hide the one behind it."""
    cut = struct.pack("<BBHBBBBB", 9, 2, 200, 1, 1, 0, 0x80, 1)
    whole = configuration_descriptor(2, 0xC0, 2, 1, interface_descriptor(0, 0, 1, (255, 0, 0)))
    found = parse_descriptors(device_descriptor() + cut + whole)
    assert found is not None
    assert [(1, False), (2, True)] == [(each.value, each.complete) for each in found.configurations]


def test_next_configuration_is_found_after_a_broken_one() -> None:
    """A descriptor of length 0 ends its configuration; the total length says where the next begins."""
    broken = configuration_descriptor(1, 0x80, 1, 1, bytes([0, 0, 0, 0]))
    whole = configuration_descriptor(2, 0xC0, 2, 0, b"")
    found = parse_descriptors(device_descriptor() + broken + whole)
    assert found is not None
    assert [(1, False), (2, True)] == [(each.value, each.complete) for each in found.configurations]


@pytest.mark.parametrize("data", [b"", BOOT_LOADER[:17], bytes(18), BOOT_LOADER[18:]])
def test_no_device_descriptor_gives_nothing(data: bytes) -> None:
    """Without a whole device descriptor at the start there is nothing to say."""
    assert parse_descriptors(data) is None


def test_device_descriptor_alone_is_enough() -> None:
    """A device whose configurations cannot be read is still a device."""
    found = parse_descriptors(BOOT_LOADER[:26])
    assert found is not None
    assert () == found.configurations


def test_object_store_of_an_edge_tpu_is_read() -> None:
    """An Edge TPU can run at SuperSpeed and knows link power management; it has no Container ID."""
    assert Bos(container_id=None, superspeed_capable=True, usb2_lpm=True) == parse_bos(BOS)


def test_container_id_is_in_the_order_of_lsusb() -> None:
    """The first three groups of the Container ID are little-endian numbers."""
    found = parse_bos(bos(bytes([20, 0x10, 4, 0]) + GUID))
    assert Bos(container_id=GUID_PRINTED, superspeed_capable=False, usb2_lpm=False) == found


def test_superspeed_needs_its_bit() -> None:
    """A SuperSpeed capability without the 5 Gb/s bit does not make a device capable of it."""
    assert parse_bos(bos(bytes([10, 0x10, 3, 0, 0x06, 0, 1, 0, 0, 0]))).superspeed_capable is False


def test_cut_object_store_leaves_the_rest_unknown() -> None:
    """What stood behind the cut is not known to be absent."""
    assert Bos(usb2_lpm=True) == parse_bos(BOS[:14])


@pytest.mark.parametrize("data", [b"", BOS[:4], bytes(22), BOOT_LOADER])
def test_what_is_no_object_store_says_nothing(data: bytes) -> None:
    """Other bytes give an object store of unknowns."""
    assert Bos() == parse_bos(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{30eef35c-07d5-2549-b001-802d79434c30}", GUID_PRINTED),
        (GUID_PRINTED.upper(), GUID_PRINTED),
        ("{00000000-0000-0000-0000-000000000000}", None),
        ("{30eef35c-07d5-2549-b001-802d79434c3}", None),
        ("{30eef35c-07d5-2549-b001-802d79434c3g}", None),
        ("", None),
    ],
)
def test_container_id_has_one_form(text: str, expected: str | None) -> None:
    """Braces, hyphens and case do not matter; zeros and anything else name nothing."""
    assert expected == container_id(text)


codes = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
interface_lists = st.lists(st.tuples(st.integers(0, 5), codes), max_size=4)


@given(
    bcd_usb=st.integers(0, 0xFFFF),
    configurations=st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), interface_lists), max_size=3
    ),
)
def test_what_was_built_is_read_back(
    bcd_usb: int, configurations: list[tuple[int, int, int, list[tuple[int, tuple[int, int, int]]]]]
) -> None:
    """Descriptors built from values give these values, and are complete."""
    data = device_descriptor(bcd_usb, len(configurations))
    for value, attributes, power, interfaces in configurations:
        body = b"".join(interface_descriptor(i, 0, count, code) for i, (count, code) in enumerate(interfaces))
        data += configuration_descriptor(value, attributes, power, len(interfaces), body)
    found = parse_descriptors(data)
    assert found is not None
    assert bcd_usb == found.bcd_usb
    expected = [
        (value, attributes, power, True, [(count, *code) for count, code in interfaces])
        for value, attributes, power, interfaces in configurations
    ]
    actual = [
        (
            each.value,
            each.attributes,
            each.max_power_raw,
            each.complete,
            [(one.endpoint_count, one.class_code, one.subclass_code, one.protocol_code) for one in each.interfaces],
        )
        for each in found.configurations
    ]
    assert expected == actual


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    """No bytes raise, with or without a device descriptor or the head of an object store before them."""
    parse_descriptors(data)
    parse_descriptors(device_descriptor() + data)
    parse_bos(data)
    parse_bos(BOS[:5] + data)


@given(
    st.sampled_from([BOOT_LOADER, HIGH_SPEED, ROOT_HUB, BOS]),
    st.lists(st.tuples(st.integers(0, 63), st.integers(0, 255)), max_size=6),
    st.integers(0, 64),
)
def test_damaged_descriptors_are_survived(data: bytes, changes: list[tuple[int, int]], length: int) -> None:
    """Real descriptors with some bytes changed and the end cut off do not raise, nor give more than they hold."""
    damaged = bytearray(data)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    raw = bytes(damaged[:length])
    parse_bos(raw)
    found = parse_descriptors(raw)
    assert found is None or len(found.configurations) * 9 + 18 <= len(raw)
