"""Header lines of lsusb, as they come and as people paste them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.lsusb_list import Lsusb
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice
from tests.support.recorder import Recorder, fed

LISTING = """\
Bus 002 Device 002: ID 18d1:9302 Google Inc. 
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
Bus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub
"""  # noqa: W291 - lsusb leaves a blank where it knows no product
TPU = "Bus 002 Device 005: ID 18d1:9302 Google Inc."


def read(text: str) -> tuple[Recorder, list[str]]:
    """Feed a text; give the sink and the lines that were not taken."""
    sink = fed(Lsusb, text)
    return sink, sink.left


def one(text: str) -> UsbDevice:
    """The only device of a text."""
    (device,) = read(text)[0].devices
    return device


def test_plain_listing_is_read() -> None:
    """Each line is a device with its numbers, ids and name, in the order of the listing."""
    sink, _ = read(LISTING)
    expected = [
        UsbDevice(
            busnum=2,
            devnum=2,
            vendor_id=0x18D1,
            product_id=0x9302,
            vendor_name="Google Inc.",
            seen=(Seen("lsusb", "paste.txt", 1),),
        ),
        UsbDevice(
            busnum=2,
            devnum=1,
            port_chain=(),
            vendor_id=0x1D6B,
            product_id=3,
            vendor_name="Linux Foundation 3.0 root hub",
            seen=(Seen("lsusb", "paste.txt", 2),),
        ),
        UsbDevice(
            busnum=1,
            devnum=1,
            port_chain=(),
            vendor_id=0x1D6B,
            product_id=2,
            vendor_name="Linux Foundation 2.0 root hub",
            seen=(Seen("lsusb", "paste.txt", 3),),
        ),
    ]
    assert expected == sink.devices
    assert {"usb", "usb-ids"} == sink.covers
    assert [] == sink.ignored


@pytest.mark.parametrize(
    "line",
    [
        TPU,
        TPU + " ",
        "      " + TPU,
        "\t" + TPU,
        "+" + TPU,
        "- " + TPU,
        "* " + TPU,
        "$ lsusb | grep Google " + TPU,
        "host: " + TPU,
        "- host: `lsusb` -> " + TPU,
        "`" + TPU + " `",
        "| " + TPU + " |",
        TPU.replace("18d1", "18D1"),
        TPU.replace(" ", "\u00a0"),
        TPU.replace(" ", "  ", 4),
        TPU.replace("002", "2").replace("005", "5"),
        TPU + "\r",
    ],
)
def test_what_stands_around_a_line_does_not_matter(line: str) -> None:
    """Prompts, list marks, quotes, table bars, added lines of a diff and odd blanks leave the device as it is."""
    device = one(line)
    assert (2, 5, 0x18D1, 0x9302) == (device.busnum, device.devnum, device.vendor_id, device.product_id)
    assert "Google Inc." == (device.vendor_name or "").replace("\u00a0", " ")


@pytest.mark.parametrize("line", ["-" + TPU, "  -" + TPU, "<" + TPU, "< " + TPU])
def test_removed_line_of_a_diff_is_set_aside(line: str) -> None:
    """What a diff takes away is no device, and is not lost silently."""
    sink, refused = read(line)
    assert ([], []) == (sink.devices, refused)
    assert [(1, "removed line of a diff")] == sink.ignored
    assert Lsusb(Recorder()).starts(line)


@pytest.mark.parametrize("rest", ["", " ", ". Never changes. Container is privileged", ")", "`"])
def test_missing_name_stays_unknown(rest: str) -> None:
    """BusyBox prints no name, and the rest of a sentence is none."""
    device = one("Bus 004 Device 004: ID 1a6e:089a" + rest)
    assert (0x1A6E, None) == (device.vendor_id, device.vendor_name)


def test_lost_line_ends_are_found_again() -> None:
    """Several devices on one line are several devices, each with its own name."""
    sink, _ = read(LISTING.replace("\n", " "))
    assert [(2, 2), (2, 1), (1, 1)] == [(each.busnum, each.devnum) for each in sink.devices]
    assert "Linux Foundation 3.0 root hub" == sink.devices[1].vendor_name


@pytest.mark.parametrize(
    "line",
    [
        "    ID 18d1:9302 Google Inc. ",
        "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M",
        "Coral found at Bus 003 Device 002 (1a6e:089a)",
        "Bus 002 Device 005: ID 18d1:93021",
        "Bus 002 Device 005: ID 18d1:930",
        "Bus 002 Device 0005: ID 18d1:9302",
        "Bus 002 Device 005: ID",
        "T:  Bus=02 Lev=01 Prnt=01 Port=03 Cnt=01 Dev#=  5 Spd=5000 MxCh= 0",
        "",
    ],
)
def test_other_lines_are_not_taken(line: str) -> None:
    """Lines of other listings, prose and lines cut within the ids start nothing."""
    sink, refused = read(line)
    assert ([], [line]) == (sink.devices, refused)
    assert not Lsusb(Recorder()).starts(line)


def test_only_the_kernels_ids_make_a_root_hub() -> None:
    """Other devices of the Linux Foundation, gadgets, may be plugged in anywhere."""
    assert one("Bus 001 Device 002: ID 1d6b:0104 Linux Foundation Multifunction Composite Gadget").port_chain is None
    assert () == one("Bus 003 Device 001: ID 1d6b:0001 Linux Foundation 1.1 root hub").port_chain


def test_wrapped_name_is_not_guessed() -> None:
    """A name that went to the next line is not taken from there."""
    sink, refused = read("Bus 002 Device 005: ID 18d1:9302\n  Google Inc.")
    assert [None] == [each.vendor_name for each in sink.devices]
    assert ["  Google Inc."] == refused


def test_long_rest_is_cut() -> None:
    """What follows the ids on an endless line is not kept as a name."""
    assert 256 > len(one(TPU + "x" * 1_000_000).vendor_name or "")


def test_device_is_handed_over_as_soon_as_the_next_comes() -> None:
    """No more than one device is held back."""
    sink = Recorder()
    parser = Lsusb(sink)
    parser.feed(Line("a", 1, TPU))
    assert [] == sink.devices
    parser.feed(Line("a", 2, TPU.replace("005", "006")))
    assert [5] == [each.devnum for each in sink.devices]
    parser.close()
    parser.close()
    assert [5, 6] == [each.devnum for each in sink.devices]


def test_errors_before_the_first_device_are_known() -> None:
    """A log file has standard error first; below a device it starts nothing new."""
    notice = "Couldn't open device, some information will be missing"
    parser = Lsusb(Recorder())
    assert parser.starts(notice)
    assert parser.feed(Line("a", 1, notice))
    assert parser.feed(Line("a", 2, TPU))
    assert not parser.starts(notice)
    assert parser.feed(Line("a", 3, notice))


@given(
    busnum=st.integers(0, 999),
    devnum=st.integers(0, 999),
    ids=st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
    name=st.text("abcXYZ ,.()/0123", max_size=40),
)
def test_what_lsusb_prints_is_read_back(busnum: int, devnum: int, ids: tuple[int, int], name: str) -> None:
    """Numbers, ids and name survive, whether the line has a name or only the blanks around it."""
    device = one(f"Bus {busnum:03} Device {devnum:03}: ID {ids[0]:04x}:{ids[1]:04x} {name} ")
    assert (busnum, devnum, *ids) == (device.busnum, device.devnum, device.vendor_id, device.product_id)
    assert (name.strip() or None) == device.vendor_name


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from([*LISTING.split("\n"), "-" + TPU])), max_size=30))
def test_any_text_is_survived(lines: list[str]) -> None:
    """No text raises, and a line that starts a block is always taken."""
    sink = Recorder()
    parser = Lsusb(sink)
    for number, text in enumerate(lines):
        started = parser.starts(text)
        assert parser.feed(Line("any", number, text)) or not started
    parser.close()
    assert all(each.vendor_id is not None for each in sink.devices)
