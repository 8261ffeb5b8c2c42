"""ETD204: the kernel refused something for want of power."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.host import Host
from etpu_doctor.rules.power.power_refused import check
from tests.support.facts import hub, judged, root, steps, storage, strings, tpu, values
from tests.support.kernel_log import HAND_OVER, said, verdict

REJECTED = (
    "[ 3.9] usb {0}: rejected 1 configuration due to insufficient available bus power\n"
    "[ 3.9] usb {0}: no configuration chosen from 1 choice"
)
FOUND = "[ 3.8] usb {0}: New USB device found, idVendor=1a6e, idProduct=089a"
WEAK = "hub 2-1:1.0: insufficient power available to use all downstream ports"
NO_HUB = "usb 2-1.2: can't connect bus-powered hub to this port"
BUDGET = "usb 2-1-port2: 896mA is over 150mA budget!"


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, root(2), tpu("2-1"))


def test_a_normal_log() -> None:
    """A normal first use is refused nothing."""
    assert [] == said(check, HAND_OVER, root(2), tpu("2-1"))


def test_a_refused_stick() -> None:
    """A stick that the kernel did not configure is an error, for certain."""
    stick = tpu("2-1.4", dfu=True, configured=False)
    (found,) = said(check, REJECTED.format("2-1.4"), root(2), hub("2-1"), stick)
    assert ("error", "certain", "2-1.4", ("2-1.4",)) == verdict(found)
    assert "The kernel refused Edge TPU 2-1.4: its port may not deliver the current it asks for" == found.title
    assert 500 == values(found)["needed by each Edge TPU"]
    assert "supply of the hub" in steps(found)[0]


def test_a_stick_that_was_refused_earlier() -> None:
    """A stick that is configured now was refused before something was changed: a note."""
    (found,) = said(check, REJECTED.format("2-1.4"), root(2), hub("2-1"), tpu("2-1.4"))
    assert ("info", "certain", "2-1.4", ("2-1.4",)) == verdict(found)
    assert "earlier" in found.title


def test_a_stick_that_was_refused_and_is_gone() -> None:
    """A stick that is not there now is no present error."""
    (found,) = said(check, f"{FOUND}\n{REJECTED}".format("2-1.4"), root(2), hub("2-1"))
    assert ("warning", "likely", "2-1.4", ()) == verdict(found)


def test_a_stick_that_no_listing_shows() -> None:
    """The log alone is enough where it names the stick's identity."""
    (found,) = said(check, f"{FOUND}\n{REJECTED}".format("2-1.4"), covers=())
    assert ("error", "certain", "2-1.4", ()) == verdict(found)


@pytest.mark.parametrize(
    ("line", "said_of_it"),
    [(WEAK, "Hub 2-1 has too little power"), (NO_HUB, "refused the hub at 2-1.2"), (BUDGET, "power budget at 2-1.2")],
)
def test_hubs_that_lead_to_a_stick(line: str, said_of_it: str) -> None:
    """A hub without enough power concerns the sticks behind it."""
    tree = (root(2), hub("2-1"), hub("2-1.2"), tpu("2-1.2.1"))
    (found,) = said(check, line, *tree)
    assert ("warning", "likely", ("2-1.2.1",)) == (found.severity, found.confidence, found.concerns)
    assert said_of_it in found.title


@pytest.mark.parametrize("line", [WEAK, NO_HUB, BUDGET])
def test_while_a_stick_is_missing(line: str) -> None:
    """If none is there it may hang on what was refused: possible."""
    (found,) = said(check, line, root(2), hub("2-1"))
    assert ("warning", "possible") == (found.severity, found.confidence)


@pytest.mark.parametrize("line", [WEAK, REJECTED.format("2-2"), NO_HUB])
def test_other_devices_are_left_alone(line: str) -> None:
    """While all Edge TPUs are there, others' power is nobody's business here."""
    assert [] == said(check, line, root(2), root(1, 480), hub("2-1"), storage("2-2"), tpu("1-1", 480))


def test_a_choice_without_a_reason_says_nothing() -> None:
    """That no configuration was chosen has other reasons too."""
    line = "usb 2-1: no configuration chosen from 1 choice"
    assert [] == said(check, line, root(2), tpu("2-1", configured=False))


def test_the_maximum_clock_needs_more() -> None:
    """What is needed follows the clock of the installed library."""
    stick = tpu("2-1", configured=False)
    (found,) = said(check, REJECTED.format("2-1"), root(2), stick, Host(libedgetpu_clock="maximum"))
    assert "900" in strings(found)
