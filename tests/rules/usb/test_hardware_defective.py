"""ETD117: what points at the device itself."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.kernel_log import KernelLog
from etpu_doctor.rules.usb.hardware_defective import check
from tests.support.facts import judged, root, storage, tpu, values
from tests.support.kernel_log import HAND_OVER, log, said, verdict

GAVE_UP = "[  9.5] usb usb{}-port{}: unable to enumerate USB device"
DAMAGED = "[  1.5] usb 2-1: config index 0 descriptor too short (expected 70, got 9)"
ROOTS = (root(1, 480), root(2))


def gave_up(*ports: tuple[int, int]) -> str:
    """The kernel gave up on these ports."""
    return "\n".join(GAVE_UP.format(bus, port) for bus, port in ports)


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, *ROOTS)


def test_the_first_use_is_normal() -> None:
    """A normal first use shows no defect."""
    assert [] == said(check, HAND_OVER, *ROOTS, tpu("2-1"))


def test_three_sockets() -> None:
    """What fails on three sockets may be the device; it is possible and no more."""
    (found,) = said(check, gave_up((1, 1), (1, 2), (2, 3)), *ROOTS)
    assert ("warning", "possible", "machine", ()) == verdict(found)
    assert "none of 3 sockets" in found.title
    assert "1-1, 1-2, 2-3" == values(found)["places where the kernel gave up"]


def test_two_sockets_are_not_enough() -> None:
    """Two sockets can be two bad sockets, or one bad cable."""
    assert [] == said(check, gave_up((1, 1), (2, 2)), *ROOTS)


def test_the_halves_of_a_socket_count_once() -> None:
    """The same number on both buses may be one socket; the same line again is the same place."""
    assert [] == said(check, gave_up((1, 1), (2, 1), (1, 2), (2, 2), (2, 2)), *ROOTS)


def test_two_computers() -> None:
    """Logs of two computers that end alike are more than sockets."""
    logs = [log(gave_up((1, 1)), "desktop.log"), log(gave_up((1, 1)), "laptop.log")]
    joined = KernelLog(origin="text", line_count=2, messages=tuple(each for one in logs for each in one.messages))
    (found,) = said(check, joined, covers=())
    assert "none of 2 computers" in found.title


def test_an_edge_tpu_that_works() -> None:
    """While an Edge TPU is there, what fails elsewhere is something else."""
    assert [] == said(check, gave_up((1, 1), (1, 2), (1, 3)), *ROOTS, tpu("2-1"))


def test_places_of_known_devices_do_not_count() -> None:
    """A port on which a disk is now did not fail for an Edge TPU."""
    assert [] == said(check, gave_up((1, 1), (1, 2), (2, 3)), *ROOTS, storage("2-3"))


@pytest.mark.parametrize(
    "line",
    [
        "usb usb1-port4: over-current condition",
        "hwmon hwmon1: Undervoltage detected!",
        "usb 1-4: rejected 1 configuration due to insufficient available bus power",
    ],
)
def test_power_trouble_excludes_it(line: str) -> None:
    """As long as the supply may be the reason, the device is not accused."""
    assert [] == said(check, f"{gave_up((1, 1), (1, 2), (2, 3))}\n{line}", *ROOTS)
    assert [] == said(check, f"{DAMAGED}\n{DAMAGED}\n{line}", *ROOTS, tpu("2-1"))


def test_damaged_descriptors() -> None:
    """A stick that sends damaged descriptors again and again is suspect."""
    (found,) = said(check, f"{DAMAGED}\n{DAMAGED}", *ROOTS, tpu("2-1"))
    assert ("warning", "possible", "2-1", ("2-1",)) == verdict(found)


def test_damaged_descriptors_once_or_of_others() -> None:
    """Once is a slip; and other devices are left alone."""
    assert [] == said(check, DAMAGED, *ROOTS, tpu("2-1"))
    assert [] == said(check, f"{DAMAGED}\n{DAMAGED}", *ROOTS, storage("2-1"))
