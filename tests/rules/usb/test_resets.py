"""ETD116: resets and disconnects of an Edge TPU in the kernel's log."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.usb.resets import check
from tests.support.facts import hub, judged, root, steps, storage, tpu, values
from tests.support.kernel_log import HAND_OVER, said, verdict

FOUND = "[{:6}.0] usb 2-1: New USB device found, idVendor=18d1, idProduct=9302, bcdDevice= 1.00"
RESET = "[{:6}.0] usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd"
GONE = "[{:6}.0] usb 2-1: USB disconnect, device number 3"
CHANGED = "[{:6}.0] usb 2-1: device firmware changed"
HERE = (root(2), tpu("2-1"))


def text(*lines: tuple[str, int]) -> str:
    """Lines at their times."""
    return "\n".join(line.format(seconds) for line, seconds in lines)


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, *HERE)


def test_the_first_use_is_normal() -> None:
    """Two resets, a change of firmware, a disconnect and another reset are what a first use looks like."""
    assert [] == said(check, HAND_OVER, *HERE)


def test_the_first_use_of_several_starts_is_normal() -> None:
    """The stick was without power in between: each time the whole hand-over is normal."""
    assert [] == said(check, "\n".join([HAND_OVER] * 3), *HERE)


def test_a_reset_at_each_start_of_a_program_is_normal() -> None:
    """A program that starts once an hour resets the stick once an hour."""
    assert [] == said(check, text((FOUND, 1), *((RESET, 3600 * hour) for hour in range(1, 60))), *HERE)


def test_two_drops() -> None:
    """A stick that leaves the bus twice without new firmware drops off; the time between is told."""
    (found,) = said(check, text((FOUND, 1), (GONE, 100), (FOUND, 101), (GONE, 400), (FOUND, 401)), *HERE)
    assert ("warning", "likely", "2-1", ("2-1",)) == verdict(found)
    assert "Edge TPU 2-1 dropped off the bus twice" == found.title
    assert {"kernel log, 2 times": "usb 2-1: USB disconnect, device number 3", "between first and last": 300} == values(
        found
    )


def test_one_disconnect_of_a_stick_that_is_back() -> None:
    """Unplugged once and plugged in again: nothing to say."""
    assert [] == said(check, text((FOUND, 1), (GONE, 100), (FOUND, 110)), *HERE)


def test_a_stick_that_did_not_come_back() -> None:
    """The last that was heard of it: it left. By hand, or it dropped off; both are said."""
    (found,) = said(check, text((FOUND, 1), (RESET, 90), (GONE, 100)), root(2))
    assert ("warning", "possible", "2-1", ()) == verdict(found)
    assert "Edge TPU 2-1 left the bus and did not come back" == found.title
    assert any("If nobody unplugged it" in step for step in steps(found))


def test_a_stick_that_was_moved() -> None:
    """It left here and is on another port: moved by hand."""
    assert [] == said(check, text((FOUND, 1), (GONE, 100)), root(2), tpu("2-3"))


def test_a_loop_of_resets() -> None:
    """Five resets within a minute are more than programs start; whether a program does it is to be found out."""
    (found,) = said(check, text((FOUND, 1), *((RESET, 100 + 10 * number) for number in range(5))), *HERE)
    assert ("warning", "possible", "2-1", ("2-1",)) == verdict(found)
    assert "Edge TPU 2-1 was reset 5 times in short order" == found.title
    assert steps(found)[0].startswith("Compare the times with the program's own log")


def test_a_loop_of_resets_with_a_drop() -> None:
    """Resets in a row that end in a disconnect are no program."""
    resets = [(RESET, 100 + number) for number in range(5)]
    (found,) = said(check, text((FOUND, 1), *resets, (GONE, 106), (FOUND, 107)), *HERE)
    assert ("warning", "likely") == (found.severity, found.confidence)


@pytest.mark.parametrize(("count", "expected"), [(4, 0), (14, 0), (15, 1)])
def test_without_times(count: int, expected: int) -> None:
    """A log without times needs many more resets to say anything."""
    line = "Oct 02 21:14:08 kiste kernel: usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd"
    assert expected == len(said(check, "\n".join([line] * count), *HERE))


def test_a_log_of_several_starts() -> None:
    """Times that go back (the machine started anew) are not taken for a short time."""
    lines = [(RESET, seconds) for seconds in (9000, 50, 9000, 50, 9000)]
    assert [] == said(check, text((FOUND, 1), *lines), *HERE)


def test_an_announced_disconnect_does_not_excuse_the_next() -> None:
    """One change of firmware explains one disconnect."""
    lines = ((FOUND, 1), (CHANGED, 5), (GONE, 5), (FOUND, 6), (GONE, 60), (FOUND, 61), (GONE, 90), (FOUND, 91))
    (found,) = said(check, text(*lines), *HERE)
    assert "Edge TPU 2-1 dropped off the bus twice" == found.title


def test_other_devices_are_left_alone() -> None:
    """A disk or a hub that drops off is nobody's business here."""
    lines = text((GONE, 1), (GONE, 2), (GONE, 3))
    assert [] == said(check, lines, root(2), storage("2-1"), tpu("2-2"))
    assert [] == said(check, lines, root(2), hub("2-1"), tpu("2-1.1"))
    assert [] == said(check, lines, root(2))


def test_power_management_is_looked_at() -> None:
    """The file that tells of autosuspend is named, where the stick has one."""
    (found,) = said(check, text((FOUND, 1), (GONE, 100), (FOUND, 101), (GONE, 400), (FOUND, 401)), *HERE)
    assert found.remedy is not None
    commands = [command.command for command in found.remedy.commands]
    assert "cat /sys/bus/usb/devices/2-1/power/control" in commands
    (found,) = said(check, text((FOUND, 1), (GONE, 100)), root(2))
    assert found.remedy is not None
    assert ["sudo dmesg --follow"] == [command.command for command in found.remedy.commands]


DEAD = "[{:6}.0] xhci_hcd 0000:03:00.0: HC died; cleaning up"
OTHER_DEAD = "[{:6}.0] xhci_hcd 0000:04:00.0: HC died; cleaning up"


def test_lost_with_its_controller() -> None:
    """A stick that left because its controller died is not blamed, be the bus still known or not."""
    died = text((FOUND, 3), (DEAD, 812), (GONE, 812))
    assert [] == said(check, died, root(4))
    assert [] == said(check, died, root(2, controller="0000:03:00.0"))


def test_another_controller_died() -> None:
    """The death of another controller explains nothing."""
    died = text((FOUND, 3), (OTHER_DEAD, 812), (GONE, 812))
    (found,) = said(check, died, root(2, controller="0000:03:00.0"))
    assert "left the bus and did not come back" in found.title


def test_long_after_a_controller_died() -> None:
    """What leaves minutes later left by itself."""
    assert 1 == len(said(check, text((FOUND, 3), (DEAD, 12), (GONE, 812)), root(4)))


def test_before_a_controller_died() -> None:
    """Drops before the death stay what they were."""
    lines = text((FOUND, 3), (GONE, 10), (FOUND, 11), (GONE, 20), (FOUND, 21), (DEAD, 812), (GONE, 812))
    (found,) = said(check, lines, root(4))
    assert "dropped off the bus twice" in found.title
