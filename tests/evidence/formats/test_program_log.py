"""Messages of programs are picked up from any text, and leave the listings around them whole."""

from __future__ import annotations

from etpu_doctor.evidence.collector import SAME_MESSAGE_LIMIT, Collector
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.program_log import ProgramLog, messages_in
from etpu_doctor.evidence.text import Watcher, read_lines

BUSY = (
    "Failed to open device [Apex (USB)] at [/sys/bus/usb/devices/2-1]: Deadline exceeded: USB error -6 [ClaimInterface]"
)
TREE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 2: Dev 3, If 0, Class=Hub, Driver=hub/4p, 5000M
OSError: libedgetpu.so.1: cannot open shared object file: No such file or directory
        |__ Port 1: Dev 4, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
"""


def test_a_message_is_kept_with_its_line() -> None:
    """Name, cause, kind and place."""
    (message,) = messages_in(Line("x.log", 7, BUSY))
    assert ("usb-claim-busy", "device-busy", "fault", "x.log:7") == (
        message.message,
        message.cause,
        message.kind,
        message.where,
    )


def test_a_message_of_many_causes_keeps_them_all() -> None:
    """None of them is the cause."""
    (message,) = messages_in(Line("x", 1, "ValueError: Failed to load delegate from libedgetpu.so.1"))
    assert message.cause is None
    assert len(message.causes) > 3


def test_two_messages_of_one_line_are_both_kept() -> None:
    """People quote several in one sentence."""
    names = [
        message.message for message in messages_in(Line("x", 1, "Segmentation fault, and before: Could not mmap: x"))
    ]
    assert {"segfault", "apex-not-mapped"} == set(names)


def test_a_line_without_a_message_is_not_taken() -> None:
    """The rest of a log is of no interest."""
    assert not ProgramLog(Collector()).feed(Line("x", 1, "INFO: all is well"))


def test_a_message_between_the_lines_of_a_tree_leaves_it_whole() -> None:
    """Standard error is mixed into listings."""
    collector = Collector()
    assert 4 == read_lines("x", TREE.splitlines(), collector)
    assert [(), (2,), (2, 1)] == [device.port_chain for device in collector.usb_devices()]
    assert ["library-not-found"] == [message.message for message in collector.program_messages]


def test_a_loop_does_not_push_out_what_follows() -> None:
    """One message, printed all night, is kept some times only."""
    collector = Collector()
    read_lines("x", [BUSY] * 5000 + ["Segmentation fault"], collector)
    names = [message.message for message in collector.program_messages]
    assert SAME_MESSAGE_LIMIT == names.count("usb-claim-busy")
    assert "segfault" in names


def test_a_long_line_is_quoted_short() -> None:
    """What is kept of a line has a limit."""
    (message,) = messages_in(Line("x", 1, f"{BUSY} {'x' * 5000}"))
    assert len(message.text) <= 300


def test_a_watcher_is_shown_every_line_and_who_took_it() -> None:
    """Lines of formats, of programs, and the rest."""
    seen: list[tuple[int, str | None]] = []
    watcher = Watcher(
        lambda line, taken_by: seen.append((line.number, None if taken_by is None else type(taken_by).__name__)),
        (),
        lambda _count: None,
    )
    text = ["Bus 002 Device 003: ID 18d1:9302 Google", "Segmentation fault", "hello"]
    read_lines("x", text, Collector(), watcher)
    assert [(1, "Lsusb"), (2, "ProgramLog"), (3, None)] == seen
