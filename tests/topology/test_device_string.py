"""What device strings mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.topology.device_string import (
    DeviceString,
    counted,
    parse,
    strings_in_frigate,
    strings_on_host,
    target,
)
from etpu_doctor.topology.machine import Transport
from tests.support.facts import apex, card, machine, maybe, root, tpu

KINDS: tuple[Transport, ...] = ("usb", "pci")
STICKS = (root(2), tpu("2-1"), tpu("2-2"), tpu("2-3"))
CARD = (card("0000:01:00.0"), apex(0, "0000:01:00.0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, None)),
        ("", (None, None)),
        ("usb", ("usb", None)),
        ("pci", ("pci", None)),
        ("usb:0", ("usb", 0)),
        ("pci:12", ("pci", 12)),
        (":3", (None, 3)),
        # As seen on the official library.
        ("usb: 0", ("usb", 0)),
        ("usb:+0", ("usb", 0)),
        ("usb:00", ("usb", 0)),
    ],
)
def test_what_the_library_takes(text: str | None, expected: tuple[str | None, int | None]) -> None:
    """Kind and number; blanks, a plus and leading zeros of the number are taken."""
    assert expected == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(" usb:0", "USB:0", "usb:-1", "usb:x", "usb:", ":", "apex:0", "/dev/apex_0", "usb:0x1", "usb:1.0", "usb:1_0"),
        *("usb:/sys/bus/usb/devices/2-1", "2-1", "coral", "usb:99999999999", "usb:٣", "usb:+", "usb:++1", "usb;0"),
    ],
)
def test_what_the_library_refuses(text: str) -> None:
    """Everything else is refused."""
    assert parse(text) is None


@given(st.sampled_from(["", "usb", "pci"]), st.integers(0, (1 << 31) - 1))
def test_every_number(kind: str, number: int) -> None:
    """All numbers that fit are understood."""
    assert DeviceString(kind or None, number) == parse(f"{kind}:{number}")  # type: ignore[arg-type] # one of the two


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever is written has a meaning or is refused, and a number is never negative."""
    meaning = parse(text)
    assert meaning is None or meaning.number is None or meaning.number >= 0


def test_how_many_there_are() -> None:
    """Cards without a driver are not listed; what is not shown is not counted."""
    both = machine(*STICKS, *CARD)
    assert [["2-1", "2-2", "2-3"], ["0000:01:00.0"]] == [
        [tpu.id for tpu in counted(both, kind) or ()] for kind in ("usb", "pci")
    ]
    assert [] == counted(machine(card("0000:01:00.0", driver=None)), "pci")
    assert counted(machine(root(2), maybe("2-1")), "usb") is None
    assert counted(machine(*STICKS, covers=("usb",)), "usb") is None
    assert counted(machine(*STICKS, covers=("usb-ids",)), "pci") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("usb", ("usb", 0)),
        ("usb:2", ("usb", 2)),
        ("", ("pci", 0)),
        (":0", ("pci", 0)),
        (":1", ("usb", 0)),
        (":3", ("usb", 2)),
    ],
)
def test_what_is_opened(text: str, expected: tuple[str, int]) -> None:
    """Without a kind, cards are counted before sticks."""
    meaning = parse(text)
    assert meaning is not None
    assert expected == target(machine(*STICKS, *CARD), meaning)


def test_what_is_opened_without_a_card() -> None:
    """Without cards the first of all is the first stick; where cards may be, it is not known."""
    anything = DeviceString(None, None)
    assert ("usb", 0) == target(machine(*STICKS), anything)
    assert target(machine(*STICKS, covers=("usb", "usb-ids")), anything) is None


def test_strings_of_host_and_container() -> None:
    """Frigate's libusb counts in the order of the folder, the host's from the highest port down."""
    built = machine(*STICKS, *CARD)
    assert [("pci:0", "0000:01:00.0"), ("usb:0", "2-3"), ("usb:1", "2-2"), ("usb:2", "2-1")] == [
        (string, tpu.id) for string, tpu in strings_on_host(built)
    ]
    inside = {string: tpu.id for string, tpu in strings_in_frigate(built)}
    assert {"pci:0", "usb:0", "usb:1", "usb:2"} == set(inside)
    assert "0000:01:00.0" == inside["pci:0"]
    assert ["2-2", "2-1", "2-3"] == [inside[f"usb:{number}"] for number in range(3)]


def test_firmware_does_not_matter() -> None:
    """The strings are those that hold once every stick has its firmware."""
    fresh = machine(root(2), tpu("2-1", dfu=True), tpu("2-2"), tpu("2-3", dfu=True))
    ready = machine(*STICKS)
    for strings in (strings_in_frigate, strings_on_host):
        assert [(s, t.id) for s, t in strings(ready)] == [(s, t.id) for s, t in strings(fresh)]


def test_one_stick_of_unknown_place() -> None:
    """A single stick is usb:0 wherever it is."""
    assert [("usb:0", "2-1")] == [(s, t.id) for s, t in strings_in_frigate(machine(root(2), tpu("2-1")))]
