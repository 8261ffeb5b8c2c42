"""ETD203: over-current in the kernel's log."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.power.over_current_log import check
from tests.support.facts import hub, judged, port, root, steps, storage, tpu, values
from tests.support.kernel_log import HAND_OVER, said, verdict

LINE = "[ 9120.91] usb {}: over-current change #2"


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, root(2), tpu("2-1"))


def test_a_normal_log() -> None:
    """A normal first use has no over-current."""
    assert [] == said(check, HAND_OVER, root(2), tpu("2-1"))


def test_on_the_port_of_a_stick() -> None:
    """It is a warning that names the stick and shows the line."""
    (found,) = said(check, LINE.format("2-1-port3"), root(2), hub("2-1"), tpu("2-1.3"))
    assert ("warning", "certain", "2-1.3", ("2-1.3",)) == verdict(found)
    assert "Over-current once on the port of Edge TPU 2-1.3" == found.title
    assert {"kernel log": "usb 2-1-port3: over-current change #2"} == values(found)
    assert "disks first" in steps(found)[0]


def test_on_a_port_above() -> None:
    """A port further up feeds all that hangs below."""
    text = f"{LINE}\n{LINE}".format("usb2-port1", "usb2-port1")
    (found,) = said(check, text, root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"))
    assert "Over-current twice on the port of 2-1, which feeds 2-1.1 and 2-1.2" == found.title
    assert ("2-1", ("2-1.1", "2-1.2")) == (found.subject, found.concerns)


def test_a_stick_that_is_gone() -> None:
    """The stick that the log found there and that is there no more is meant."""
    text = f"[ 1.0] usb 2-1: New USB device found, idVendor=1a6e, idProduct=089a\n{LINE.format('usb2-port1')}"
    (found,) = said(check, text, root(2))
    assert ("warning", "likely", "usb2", ()) == verdict(found)


@pytest.mark.parametrize(
    "line", ["hub 2-1:1.0: over-current condition on port 3", "usb 2-1-port3: over-current condition"]
)
def test_old_and_new_wording(line: str) -> None:
    """Older kernels name the hub and the port, newer ones the port."""
    (found,) = said(check, line, root(2), hub("2-1"), tpu("2-1.3"))
    assert ("2-1.3",) == found.concerns


def test_the_counter_speaks_already() -> None:
    """Where the port's counter shows it, another rule reports it."""
    ports = tuple(port(number, over_current_count=2 if number == 3 else 0) for number in (1, 2, 3))
    tree = (root(2), hub("2-1", ports=ports), tpu("2-1.3"), tpu("2-1.1"))
    assert [] == said(check, LINE.format("2-1-port3"), *tree)
    assert 1 == len(said(check, LINE.format("2-1-port1"), *tree))


def test_an_empty_port_beside_a_healthy_stick() -> None:
    """What hung there then is not known: a note."""
    (found,) = said(check, LINE.format("usb2-port3"), root(2), tpu("2-1"))
    assert ("info", "likely", "usb2", ()) == verdict(found)


def test_an_empty_port_while_one_is_missing() -> None:
    """If no Edge TPU is there, it may have been on that port."""
    (found,) = said(check, LINE.format("usb2-port3"), root(2))
    assert ("warning", "possible") == (found.severity, found.confidence)


def test_another_device() -> None:
    """A disk's over-current on a port of its own is left alone."""
    assert [] == said(check, LINE.format("usb2-port2"), root(2), storage("2-2"), tpu("2-1"))


def test_a_log_alone() -> None:
    """Without a tree the port is named as the log does."""
    (found,) = said(check, LINE.format("usb4-port1"), covers=())
    assert ("warning", "possible", "4-1", ()) == verdict(found)


WHOLE = "[ 88.1] hub {}:1.0: over-current condition"


def test_a_whole_hub() -> None:
    """A hub that speaks of no port speaks of all its own; the way out is a port that is not below it."""
    text = f"{WHOLE}\n{WHOLE}".format("2-1", "2-1")
    (found,) = said(check, text, root(2), hub("2-1"), tpu("2-1.4"), storage("2-1.2"))
    assert "Over-current twice on hub 2-1, of all its ports together, which feeds 2-1.4" == found.title
    assert ("warning", "certain", "2-1", ("2-1.4",)) == verdict(found)
    assert "root port 2, 3 or 4 of bus 2" in steps(found)[1]


def test_a_whole_hub_and_the_port_above() -> None:
    """Both are places of their own."""
    text = f"{WHOLE.format('2-1')}\n{LINE.format('usb2-port1')}"
    titles = [found.title for found in said(check, text, root(2), hub("2-1"), tpu("2-1.4"))]
    assert ["on hub 2-1, of all", "on the port of 2-1"] == [title[18:36] for title in titles]


def test_a_whole_hub_whose_ports_counted() -> None:
    """Where a port of the hub counted it, another rule reports it."""
    counted = hub("2-1", ports=(port(1, over_current_count=1),))
    assert [] == said(check, WHOLE.format("2-1"), root(2), counted, tpu("2-1.4"))


def test_a_whole_hub_in_a_log_alone() -> None:
    """Without a tree the hub is named as the log does."""
    (found,) = said(check, WHOLE.format("4-1"), covers=())
    assert "Over-current once on hub 4-1, of all its ports together" == found.title
