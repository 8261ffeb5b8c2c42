"""ETD302: the controller has no bandwidth or resources left."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.bandwidth.no_bandwidth import check
from tests.support.facts import XHCI, hub, judged, root, storage, tpu, xhci
from tests.support.kernel_log import HAND_OVER, said, verdict

LINES = [
    "usb {}: Not enough bandwidth for new device state.",
    "usb {}: Not enough bandwidth for altsetting 1",
    "usb {}: Not enough host controller resources for new device state.",
    "usb {}: can't set config #1, error -12",
    "usb {}: can't set config #1, error -28",
]
CONTROLLER = f"xhci_hcd {XHCI}: Not enough host controller resources for new device state."
every_line = pytest.mark.parametrize("line", LINES)


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, root(2), tpu("2-1"))


def test_a_normal_log() -> None:
    """A normal first use lacks nothing."""
    assert [] == said(check, HAND_OVER, root(2), tpu("2-1"))


@every_line
def test_a_refused_stick(line: str) -> None:
    """A stick that could not be configured is an error."""
    (found,) = said(check, line.format("2-1"), root(2), tpu("2-1", configured=False))
    assert ("error", "likely", "2-1", ("2-1",)) == verdict(found)


@every_line
def test_a_stick_that_works_now(line: str) -> None:
    """A stick that is configured now was refused once: a note."""
    (found,) = said(check, line.format("2-1"), root(2), tpu("2-1"))
    assert "info" == found.severity


@every_line
def test_a_neighbour_on_the_same_controller(line: str) -> None:
    """A camera that is refused beside a stick is a note about their controller."""
    tree = (root(1, 480), root(2), tpu("2-1"), storage("1-3", 480))
    (found,) = said(check, line.format("1-3"), *tree)
    assert ("info", "likely", "1-3", ("2-1",)) == verdict(found)
    assert "on the controller of 2-1" in found.title


def test_a_device_on_another_controller() -> None:
    """What happens on another controller is left alone."""
    tree = (root(3, 480, controller="0000:05:00.0"), root(2), tpu("2-1"), storage("3-3", 480))
    assert [] == said(check, LINES[0].format("3-3"), *tree)


def test_a_hub_that_leads_to_a_stick() -> None:
    """A hub that is refused endangers what hangs on it."""
    (found,) = said(check, LINES[2].format("2-1"), root(2), hub("2-1"), tpu("2-1.1"))
    assert ("warning", "likely", "2-1", ("2-1.1",)) == verdict(found)


@pytest.mark.parametrize("covers", [(), ("usb",)])
def test_an_unknown_device(covers: tuple[str, ...]) -> None:
    """Without a tree, or while a stick is missing, it may be the stick."""
    (found,) = said(check, LINES[0].format("2-1"), covers=covers)
    assert ("warning", "possible", "2-1", ()) == verdict(found)


def test_the_controller_itself() -> None:
    """A line that names the controller concerns the sticks on it, or may concern one that is missing."""
    (found,) = said(check, CONTROLLER, xhci(), root(2), tpu("2-1"))
    assert ("warning", "likely", XHCI, ("2-1",)) == verdict(found)
    (found,) = said(check, CONTROLLER, xhci(), root(2))
    assert ("warning", "possible", XHCI, ()) == verdict(found)
    assert [] == said(check, CONTROLLER, xhci(), root(2, controller="0000:05:00.0"), tpu("2-1"))
