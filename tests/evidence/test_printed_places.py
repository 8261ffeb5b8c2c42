"""Programs print places of sticks bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.printed_places import IDENTITIES, Mention, PrintedPlaces

READY, FRESH = IDENTITIES["18d1:9302"], IDENTITIES["1a6e:089a"]


def places(*lines: str) -> list[Mention]:
    """What a text of these lines places."""
    printed = PrintedPlaces()
    found = [printed.feed(Line("t", number, text), text, text.lower()) for number, text in enumerate(lines, start=1)]
    return [mention for mentions in found if mentions for mention in mentions]


def test_udev_properties_are_joined() -> None:
    """The path comes first, the identity below it."""
    lines = (
        "P: /devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3.4/2-3.4.2",
        "E: DEVPATH=/devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3.4/2-3.4.2",
        "E: ID_MODEL_ID=9302",
        "E: ID_VENDOR_ID=18d1",
    )
    assert [Mention(READY, 2, None, (3, 4, 2), "t", 4)] == places(*lines)


def test_a_list_of_home_assistant_is_read() -> None:
    """With colons and quotes."""
    lines = ("  DEVPATH: /devices/x/usb2/2-3/2-3.1", "  ID_MODEL_ID: '9302'", "  ID_VENDOR_ID: 18d1")
    assert [Mention(READY, 2, None, (3, 1), "t", 3)] == places(*lines)


def test_another_device_begins_with_its_path() -> None:
    """The identity of one device is not joined with the path of the one before."""
    lines = (
        "DEVPATH: /devices/x/usb2/2-3",
        "ID_VENDOR_ID: 18d1",
        "DEVPATH: /devices/x/usb1/1-4",
        "ID_MODEL_ID: '9302'",
    )
    assert [] == places(*lines)


def test_a_node_and_an_identity_in_one_line() -> None:
    """As people copy it from a page."""
    line = "/dev/bus/usb/002/003, ID_VENDOR_ID 1a6e, ID_MODEL_ID 089a"
    assert [Mention(FRESH, 2, 3, None, "t", 1)] == places(line)


def test_ports_of_uhubctl_are_below_their_hub() -> None:
    """The hub is named once, its ports below it."""
    lines = (
        "Current status for hub 2-1.4 [2109:0817 VIA Labs, Inc. USB3.0 Hub, USB 3.20, 4 ports, ppps]",
        "  Port 2: 02a0 power 5gbps Rx.Detect",
        "  Port 3: 0203 power 5gbps U0 enable connect [18d1:9302]",
    )
    assert [Mention(READY, 2, None, (1, 4, 3), "t", 3, 5000.0)] == places(*lines)


def test_a_port_of_a_root_hub() -> None:
    """The chain of a root hub is empty."""
    lines = ("Current status for hub 1 [1d6b:0002 Linux]", "  Port 4: 0503 power highspeed enable connect [1a6e:089a]")
    assert [Mention(FRESH, 1, None, (4,), "t", 2, 480.0)] == places(*lines)


def test_other_devices_of_uhubctl_are_none() -> None:
    """A hub below a hub is no stick."""
    lines = ("Current status for hub 2 [x]", "  Port 1: 0203 power 5gbps U0 enable connect [2109:0817 VIA Labs]")
    assert [] == places(*lines)


@pytest.mark.parametrize("line", ["port 4 of my hub", "the ID_VENDOR is unknown", "/sys/bus/usb/devices/2-1 is empty"])
def test_sentences_are_left_to_others(line: str) -> None:
    """``None`` says that it is no line of these programs."""
    assert PrintedPlaces().feed(Line("t", 1, line), line, line.lower()) is None


@given(st.lists(st.text(alphabet="DEVPATHI_usb/1-2.:= 0189aport[]hub", max_size=60), max_size=8))
def test_any_lines_are_read(lines: list[str]) -> None:
    """No text stops it."""
    for mention in places(*lines):
        assert mention.file == "t"


PROFILE = [
    "          Product ID: 0x089a",
    "          Vendor ID: 0x1a6e  (Global Unichip Corp.)",
    "          Version: 1.00",
    "          Speed: Up to 5 Gb/s",
]


def test_system_profiler_names_a_stick_and_its_speed() -> None:
    """MacOS prints the product before the vendor, and no bus."""
    found = places(*PROFILE)
    assert {(FRESH, None, None)} == {(mention.identity, mention.bus, mention.chain) for mention in found}
    assert 5000 == found[-1].speed_mbps
    assert 480 == places(*PROFILE[:3], "          Speed: Up to 480 Mb/s")[-1].speed_mbps


def test_another_product_is_no_stick() -> None:
    """The vendor of one device is not joined with the product of the next."""
    assert [] == places("Product ID: 0x9302", "Vendor ID: 0x05ac", *PROFILE[3:])
    assert [] == places(PROFILE[0], "Product ID: 0x1234", PROFILE[1])
