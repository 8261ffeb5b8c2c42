"""ETD115: enumeration errors in the kernel's log."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.usb.cable_or_port_signal import check
from tests.support.facts import TEXT, XHCI, hub, judged, port, root, steps, storage, strings, tpu, values, xhci
from tests.support.kernel_log import HAND_OVER, said, verdict

ERROR = "[  1.5] usb {}: device descriptor read/64, error -71"
GAVE_UP = "[  9.5] usb {}: unable to enumerate USB device"
THREE = "\n".join([ERROR] * 3)
SOCKETS = (root(1, 480), root(2, ports=(port(1), port(2), port(3))))


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, *SOCKETS, tpu("2-1"))


def test_the_first_use_is_normal() -> None:
    """Resets, the change of firmware and the disconnect of a first use are no errors."""
    assert [] == said(check, HAND_OVER, *SOCKETS, tpu("2-1"))


def test_an_edge_tpu_with_many_errors() -> None:
    """Several errors of a stick that is there are a warning, with the lines and what the numbers mean."""
    (found,) = said(check, THREE.format(*["2-1"] * 3), *SOCKETS, tpu("2-1"))
    assert ("warning", "likely", "2-1", ("2-1",)) == verdict(found)
    assert "The kernel had trouble 3 times with Edge TPU 2-1" == found.title
    assert {
        "kernel log, 3 times": "usb 2-1: device descriptor read/64, error -71",
        "garbled answers (-71)": 3,
    } == values(found)
    assert "dmesg:1" == found.facts[0].where


def test_a_single_error_is_a_note() -> None:
    """A stick that came up in the end is not blamed for one error."""
    (found,) = said(check, ERROR.format("2-1"), *SOCKETS, tpu("2-1"))
    assert ("info", "likely", "2-1", ("2-1",)) == verdict(found)
    assert () == steps(found)


def test_an_edge_tpu_that_is_gone() -> None:
    """A stick that the log found and that is on no bus now is an error."""
    text = f"[ 1.0] usb 2-1: New USB device found, idVendor=18d1, idProduct=9302\n{ERROR.format('2-1')}"
    (found,) = said(check, text, *SOCKETS)
    assert ("error", "likely", "2-1", ()) == verdict(found)


def test_the_same_without_a_listing() -> None:
    """Where no listing tells whether it is there, it is not said to be gone."""
    text = f"[ 1.0] usb 2-1: New USB device found, idVendor=18d1, idProduct=9302\n{THREE.format(*['2-1'] * 3)}"
    (found,) = said(check, text, covers=())
    assert ("warning", "likely", "2-1", ()) == verdict(found)


def test_a_hub_that_leads_to_an_edge_tpu() -> None:
    """Errors of a hub concern what hangs behind it."""
    (found,) = said(check, f"{ERROR.format('2-1')}\n{GAVE_UP.format('2-1')}", *SOCKETS, hub("2-1"), tpu("2-1.2"))
    assert ("warning", "likely", "2-1", ("2-1.2",)) == verdict(found)
    assert "The kernel had trouble twice with 2-1, which leads to 2-1.2 and gave up" == found.title


def test_another_device_is_left_alone() -> None:
    """Errors of a disk are nobody's business here."""
    assert [] == said(check, THREE.format(*["2-2"] * 3), *SOCKETS, tpu("2-1"), storage("2-2"))


def test_an_unknown_device_beside_a_healthy_edge_tpu() -> None:
    """What does not enumerate on another port is a note if the kernel gave up, and silence if it did not."""
    (found,) = said(check, f"{ERROR.format('1-4')}\n{GAVE_UP.format('usb1-port4')}", *SOCKETS, tpu("2-1"))
    assert ("info", "possible", "1-4", ()) == verdict(found)
    assert [] == said(check, ERROR.format("1-4"), *SOCKETS, tpu("2-1"))


@pytest.mark.parametrize("expected", [None, 2])
def test_an_unknown_device_while_one_is_missing(expected: int | None) -> None:
    """If an Edge TPU is missing, it may be the one: possible, and first of all look what is plugged in there."""
    sticks = (tpu("2-1"),) if expected else ()
    (found,) = said(check, ERROR.format("1-4"), *SOCKETS, *sticks, expect_tpus=expected)
    assert ("warning", "possible", "1-4", ()) == verdict(found)
    assert "See what is plugged in there" in steps(found)[0]


def test_none_is_expected() -> None:
    """Whoever expects no Edge TPU gets a note at most."""
    assert [] == said(check, ERROR.format("1-4"), *SOCKETS, expect_tpus=0)


def test_a_log_alone() -> None:
    """A log without any tree: it may be an Edge TPU."""
    (found,) = said(check, ERROR.format("1-4"), covers=TEXT[:0])
    assert ("warning", "possible", "1-4", ()) == verdict(found)
    assert "Try another socket of the computer." in steps(found)


def test_device_and_port_are_one_place() -> None:
    """Lines about a port and about the device on it make one finding."""
    text = f"{ERROR.format('1-4')}\n[ 2.0] usb usb1-port4: attempt power cycle\n{GAVE_UP.format('usb1-port4')}"
    (found,) = said(check, text, *SOCKETS)
    assert "The kernel had trouble 3 times with a device on 1-4 that it could not identify and gave up" == found.title
    assert 3 == sum(1 for fact in found.facts if fact.where)


def test_where_else_to_plug() -> None:
    """The remedy names the cable first, then to do without the hub, then a free socket."""
    (found,) = said(check, THREE.format(*["2-1.2"] * 3), *SOCKETS, hub("2-1"), tpu("2-1.2"))
    assert "cable" in steps(found)[0]
    assert "without the hub" in steps(found)[1]
    assert any(step.startswith("Plug it into ") for step in steps(found))
    assert found.remedy is not None
    assert ["sudo dmesg --follow"] == [command.command for command in found.remedy.commands]


def test_a_controller_that_reaches_nothing() -> None:
    """Errors that name the controller only count while an Edge TPU is missing."""
    text = f"[ 1.0] xhci_hcd {XHCI}: Setup ERROR: setup context command for slot 4."
    (found,) = said(check, text, xhci(), *SOCKETS)
    assert ("warning", "possible", XHCI, ()) == verdict(found)
    assert [] == said(check, text, xhci(), *SOCKETS, tpu("2-1"))


@pytest.mark.parametrize(
    ("errno", "meaning"),
    [("-71", "garbled"), ("-110", "no answer in time"), ("-32", "refusals"), ("-62", "error -62")],
)
def test_error_numbers_are_explained(errno: str, meaning: str) -> None:
    """A person reads what a number means, and the number where its meaning is not known."""
    (found,) = said(check, f"usb 2-1: device not accepting address 4, error {errno}", *SOCKETS, tpu("2-1"))
    assert meaning in strings(found)


@pytest.mark.parametrize(
    "line",
    [
        "usb 2-1: can't set config #1, error -71",
        "usb 2-1: unable to read config index 0 descriptor/start: -71",
        "usb usb2-port1: Cannot enable. Maybe the USB cable is bad?",
        "usb usb2-port1: cannot reset (err = -110)",
        "usb usb2-port1: connect-debounce failed",
        "usb usb2-port1: disabled by hub (EMI?), re-enabling...",
        "hub 2-0:1.0: Cannot enable port 1.  Maybe the USB cable is bad?",
    ],
)
def test_every_kind_of_line(line: str) -> None:
    """Each message of a bad link is about the stick on that port."""
    (found,) = said(check, line, *SOCKETS, tpu("2-1"))
    assert ("2-1", ("2-1",)) == (found.subject, found.concerns)
