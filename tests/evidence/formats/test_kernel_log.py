"""Kernel logs in pasted text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.collector import MESSAGES_LIMIT, Collector
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.kernel_log import KernelLogText
from etpu_doctor.facts.kernel_log import KernelMessage
from tests.support.kernel_log import HAND_OVER

DMESG = """\
[    2.118472]   with arguments:
[    4.167324] usb 1-4: new high-speed USB device number 2 using xhci_hcd
[    4.299847] usb 1-4: device descriptor read/64, error -71
               If you want to keep using the local clock, then add:
[ 9102.651481] systemd-journald[435]: rotating.
"""


def read(text: str) -> tuple[Collector, list[int]]:
    """Feed a text as the reader does; give the sink and the lines that were not taken."""
    sink = Collector()
    parser = KernelLogText(sink)
    refused, is_open = [], False
    for number, line in enumerate(text.splitlines(), start=1):
        is_open = is_open or parser.starts(line)
        if not (is_open and parser.feed(Line("paste.txt", number, line))):
            refused.append(number)
    parser.close()
    return sink, refused


def test_a_log() -> None:
    """Every line of a log is understood, those that are known are handed over, and what is no line of it is refused."""
    sink, refused = read(DMESG)
    assert ([4], 4) == (refused, sink.kernel_line_count)
    assert [("usb-new-device", "paste.txt:2", 4.167324), ("usb-descriptor-unreadable", "paste.txt:3", 4.299847)] == [
        (message.message, message.where, message.seconds) for message in sink.kernel_messages
    ]


def test_a_log_covers_the_kernel_log() -> None:
    """A single line of a log, of whatever content, is evidence of a log; none is none."""
    assert "kernel-log" in read("[    2.118472]   with arguments:")[0].covers
    assert "kernel-log" not in read("Bus 002 Device 002: ID 18d1:9302 Google Inc.")[0].covers


def test_lines_out_of_their_log() -> None:
    """Lines cut out of a log without their time are known by driver and device."""
    sink, refused = read(
        "it says\nusb 1-4: device descriptor read/64, error -71\nusb 1-4: Product: Stick\nand that is it\n"
    )
    assert ([1, 4], 2) == (refused, sink.kernel_line_count)
    assert ["usb-descriptor-unreadable"] == [message.message for message in sink.kernel_messages]


def test_the_hand_over_of_the_firmware() -> None:
    """All lines of a normal first use are known, and none speaks for a cause."""
    messages = read(HAND_OVER)[0].kernel_messages
    assert len(HAND_OVER.splitlines()) == len(messages)
    assert {None} == {message.cause for message in messages}


@pytest.mark.parametrize(
    "line",
    [
        "pcieport 0000:00:1c.0: AER: Corrected error received: 0000:02:00.0",
        "apex: Unknown symbol gasket_register_device (err -2)",
        "Under-voltage detected! (0x00050005)",
        "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7",
    ],
)
def test_known_messages_alone(line: str) -> None:
    """Speakers that other programs may resemble are believed for what they are known to say."""
    assert KernelLogText(Collector()).starts(line)


@pytest.mark.parametrize(
    "line",
    [
        "Bus 002 Device 002: ID 18d1:9302 Google Inc.",
        "/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/4p, 5000M",
        "    |__ Port 1: Dev 2, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M",
        "02:00.0 System peripheral: Global Unichip Corp. Coral Edge TPU (prog-if ff)",
        "0000:02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]",
        "\tKernel driver in use: apex",
        "\tKernel modules: apex",
        "+-1c.0-[02]----00.0",
        "Slot:\t02:00.0",
        "Device:\t18d1:9302",
        "    device: usb:0",
        "apex: something else",
        "qemu-system-x86_64: vfio 0000:02:00.0: failed to set up",
        "[2026-11-24 09:34:38] frigate.detectors INFO : TPU found",
        "",
    ],
)
def test_other_listings_are_left_alone(line: str) -> None:
    """No line of another format is taken."""
    assert not KernelLogText(Collector()).starts(line)


@given(st.lists(st.sampled_from(HAND_OVER.splitlines()), max_size=20), st.text(max_size=40))
def test_lines_stand_for_themselves(lines: list[str], noise: str) -> None:
    """Lines in any order, with anything between them, are read as each of them alone."""
    alone: list[KernelMessage] = [message for line in lines for message in read(line)[0].kernel_messages]
    mixed = read(f"\n{noise}\n".join(lines))[0].kernel_messages
    texts = [message.text for message in mixed if message.text in HAND_OVER]
    assert [message.text for message in alone] == texts[: len(alone)] or noise.strip()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """No text raises."""
    read(text)


def test_beyond_the_limit_lines_are_counted_and_no_longer_taken_apart() -> None:
    """A log of a loop that resets all night is understood to its end, and its first messages are kept."""
    line = "[    4.1] usb 1-4: new high-speed USB device number 2 using xhci_hcd\n"
    sink, refused = read(line * (MESSAGES_LIMIT + 10))
    assert (MESSAGES_LIMIT, MESSAGES_LIMIT + 10, []) == (len(sink.kernel_messages), sink.kernel_line_count, refused)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[    4.1] usb 1-4: new high-speed USB device number 2 using xhci_hcd", (True, True)),
        ("usb 1-4: new high-speed USB device number 2 using xhci_hcd", (True, False)),
        ("the usb stick: it does not work", (False, False)),
    ],
)
def test_whether_a_stamp_tells_a_line_of_the_log_is_known(line: str, expected: tuple[bool, bool]) -> None:
    """A message without a stamp may be quoted in a sentence, so the two are told apart."""
    parser = KernelLogText(Collector())
    assert expected == (parser.starts(line), parser.is_stamped)
