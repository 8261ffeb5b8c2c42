"""ETD604: somebody has the Edge TPU."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.access import Access
from etpu_doctor.rules.access.device_busy import check
from etpu_doctor.rules.finding import Finding
from tests.support.access import (
    APEX_NODE,
    USB_NODE,
    access,
    apex_node,
    commands,
    found,
    holder,
    judged_with,
    line,
    node,
)
from tests.support.facts import apex, card, interface, root, steps, strings, tpu, values

USED = tpu("2-1", interfaces=(interface(0xFF, "usbfs"),))
IDLE = tpu("2-1")
CARD = (card("0000:02:00.0"), apex(0, "0000:02:00.0"))
STOLEN = line(
    "usb-interface-not-claimed",
    "usb 2-1: usbfs: process 812 (python3) did not claim interface 0 before use",
    usb_node="2-1",
    values={"pid": "812", "process": "python3", "interface": "0"},
)
HELD = line(
    "apex-held",
    "apex 0000:02:00.0: Process 1234 is opening a node held by 812.",
    pci_address="0000:02:00.0",
    values={"pid": "1234", "owner": "812"},
)


def stick(about: Access | None, device: Any = USED, **more: Any) -> list[Finding]:
    """What is said of a stick."""
    return judged_with(check, about, root(2), device, **more)


def on_card(*holders: Any, **more: Any) -> list[Finding]:
    """What is said of a card."""
    return judged_with(check, access(apex_node(), holders=holders), *CARD, **more)


def test_in_use() -> None:
    """By name and number: good to know, and no fault."""
    (busy,) = stick(access(node(), holders=(holder(),)))
    assert ("info", "certain", "2-1", ("2-1",)) == (busy.severity, busy.confidence, busy.subject, busy.concerns)
    assert "Edge TPU 2-1 is in use by frigate (PID 812)" == busy.title
    assert {"held by": "frigate (PID 812)", "driver": "usbfs"} == values(busy)
    assert ["/proc/812/fd", "/sys/bus/usb/devices/2-1:1.0/driver"] == [fact.where for fact in busy.facts]
    assert "would abort the first" in steps(busy)[0]
    assert [f"sudo fuser -v {USB_NODE}"] == commands(busy)


def test_in_use_by_somebody() -> None:
    """``usbfs`` alone says that, and how many processes did not show their files."""
    (busy,) = stick(access(node(), holders_hidden=41))
    assert "info" == busy.severity
    assert busy.title.endswith("in use by a program that is not seen from here")
    assert 41 == values(busy)["processes that do not show their files"]


def test_in_use_outside_of_the_container() -> None:
    """Where not all processes are seen, no number is given."""
    (busy,) = stick(access(node(), holders_hidden=None, container="docker"))
    assert ["driver"] == [fact.name for fact in busy.facts]


def test_open_but_not_claimed() -> None:
    """A program that has just begun holds the node before the driver shows it."""
    (busy,) = stick(access(node(), holders=(holder(),)), IDLE)
    assert "in use by frigate" in busy.title
    assert "driver" not in values(busy)


def test_two_programs() -> None:
    """Two different programs on one stick: the second aborts the first."""
    about = access(node(), holders=(holder(), holder(900, "python3")))
    (busy,) = stick(about)
    assert ("warning", "likely") == (busy.severity, busy.confidence)
    assert "is open in 2 processes: frigate (PID 812) and python3 (PID 900)" in busy.title
    assert "one program" in strings(busy)


def test_parent_and_child() -> None:
    """Two processes of one name may be one program."""
    (busy,) = stick(access(node(), holders=(holder(), holder(813))))
    assert ("warning", "possible") == (busy.severity, busy.confidence)


def test_many_processes_are_cut() -> None:
    """A finding stays readable."""
    (busy,) = stick(access(node(), holders=tuple(holder(pid) for pid in range(100, 150))))
    assert "50 processes" in busy.title
    assert 8 == sum(fact.name == "held by" for fact in busy.facts)


def test_a_card_in_use() -> None:
    """The driver names the owner; root is warned, whom the driver does not refuse."""
    (busy,) = on_card(holder(path=APEX_NODE, alive=True))
    assert ("info", "0000:02:00.0") == (busy.severity, busy.subject)
    assert "/sys/class/apex/apex_0/device_owner" == busy.facts[0].where
    assert "root" in steps(busy)[0]
    assert [f"sudo fuser -v {APEX_NODE}"] == commands(busy)


def test_an_owner_that_ended() -> None:
    """The node is held by what the owner left behind."""
    (busy,) = on_card(holder(path=APEX_NODE, name=None, alive=False))
    assert ("warning", "likely") == (busy.severity, busy.confidence)
    assert "owned by process 812, which no longer runs" in busy.title


def test_an_owner_without_a_name() -> None:
    """Seen from a container: a number of the host, and no name."""
    (busy,) = on_card(holder(path=APEX_NODE, name=None))
    assert "info" == busy.severity
    assert "a program without a name here (PID 812)" in busy.title
    assert "/sys/class/apex/apex_0/device_owner" == busy.facts[0].where


def test_each_its_own() -> None:
    """A holder concerns the node it holds."""
    about = access(node(), node("/dev/bus/usb/002/005", "2-2"), holders=(holder(path="/dev/bus/usb/002/005"),))
    (busy,) = judged_with(check, about, root(2), IDLE, tpu("2-2", devnum=5))
    assert "2-2" == busy.subject


def test_the_log_shows_a_theft() -> None:
    """A program that lost its claim: a second one had reset the stick."""
    (stolen,) = stick(access(node()), IDLE, log=(STOLEN,))
    assert ("warning", "likely", "2-1", ("2-1",)) == (
        stolen.severity,
        stolen.confidence,
        stolen.subject,
        stolen.concerns,
    )
    assert "was reset by another program while python3 (PID 812) used it" in stolen.title
    assert {"kernel log": STOLEN.text} == values(stolen)


def test_the_log_alone() -> None:
    """A pasted log needs no facts on access."""
    (stolen,) = stick(None, IDLE, log=(STOLEN, STOLEN))
    assert "kernel log, 2 times" in values(stolen)


def test_a_theft_from_what_is_gone() -> None:
    """The log still says that an Edge TPU was there."""
    (stolen,) = judged_with(check, None, root(2), log=(found("2-1", "18d1:9302"), STOLEN))
    assert ("machine", ()) == (stolen.subject, stolen.concerns)
    assert "Edge TPU 2-1 was reset" in stolen.title


def test_a_theft_from_another_device() -> None:
    """Other devices have programs of their own."""
    assert [] == judged_with(check, None, root(2), log=(found("2-1", "0951:1666"), STOLEN))


def test_a_theft_and_a_holder() -> None:
    """The log's finding does not hide who holds the stick now."""
    busy = stick(access(node(), holders=(holder(),)), log=(STOLEN,))
    assert ["warning", "info"] == [each.severity for each in busy]
    both = stick(access(node(), holders=(holder(), holder(900, "python3"))), log=(STOLEN,))
    assert 1 == len(both)
    assert "held by" in values(both[0])


def test_a_card_that_was_held() -> None:
    """The driver refused the second program and named the first."""
    (refused,) = on_card(log=(HELD,))
    assert ("warning", "0000:02:00.0") == (refused.severity, refused.subject)
    assert "process 1234 was refused, because 812 held it" in refused.title


def test_a_card_that_was_held_and_is_not_listed() -> None:
    """A log of a machine whose cards nobody listed."""
    (refused,) = judged_with(check, None, log=(HELD,))
    assert "machine" == refused.subject


@pytest.mark.parametrize(
    ("about", "device"),
    [
        (None, USED),
        (Access(), IDLE),
        (access(node()), IDLE),
        (access(node(), holders_hidden=12), IDLE),
        (access(node(), holders=(holder(path="/dev/bus/usb/002/009"),)), IDLE),
        (access(node()), tpu("2-1", interfaces=None)),
    ],
)
def test_silent(about: Access | None, device: Any) -> None:
    """Silent where the stick is free, and where nothing is known of access."""
    assert [] == stick(about, device)
