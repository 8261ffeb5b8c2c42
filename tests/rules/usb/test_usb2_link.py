"""ETD110: who keeps an Edge TPU at 480 Mb/s."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.usb.usb2_link import check
from tests.support.facts import TEXT, card, hub, judged, maybe, port, ports, root, steps, strings, tpu, values

ROOTS = (
    root(1, 480, ports=(port(1, "usb2-port1"), port(2), port(3), port(4, connect_type="not used"))),
    root(2, ports=ports("usb1-port1", None), port_count=2),
)
"""Root port 1 is a USB 3 socket, 2 and 3 are USB 2 ones, port 2 of bus 2 is a USB 3 socket of its own."""


def only(*devices: Any, **options: Any) -> Finding:
    """The one finding for devices on the PC above."""
    (found,) = judged(check, *ROOTS, *devices, **options)
    return found


def test_a_usb2_socket() -> None:
    """The socket is named as what limits, and USB 3 sockets as the way out."""
    found = only(tpu("1-2", 480))
    assert ("warning", "certain", "1-2", ("1-2",)) == (found.severity, found.confidence, found.subject, found.concerns)
    assert "Edge TPU 1-2 runs at 480 Mb/s: root port 2 of bus 1 is a USB 2 socket" == found.title
    assert {"speed": 480, "expected here": 480, "limited by": "device-port"}.items() <= values(found).items()
    assert ("Plug it into root port 1 or 2 of bus 2.",) == steps(found)


def test_where_each_fact_was_read() -> None:
    """The files of sysfs are named."""
    where = {fact.name: fact.where for fact in only(tpu("1-2", 480)).facts}
    assert "/sys/bus/usb/devices/1-2/speed" == where["speed"]
    assert "/sys/bus/usb/devices/1-2/devpath" == where["plugged into"]
    assert "/sys/bus/usb/devices/1-0:1.0/usb1-port2/peer" == where["limited by"]


def test_where_each_line_was_read() -> None:
    """From a listing, the line is named."""
    seen = (Seen("lsusb-t", "paste.txt", 12),)
    (found,) = judged(check, root(1, 480), root(2), tpu("1-2", 480, seen=seen), covers=TEXT)
    assert "paste.txt:12" == found.facts[0].where


def test_the_cable() -> None:
    """In a USB 3 socket the cable comes first and another socket second; its own is not suggested."""
    found = only(tpu("1-1", 480))
    assert "root port 1 of bus 1 can do 5 Gb/s, so cable or contact" in found.title
    assert {"expected here": 5000, "limited by": "cable-or-socket"}.items() <= values(found).items()
    assert "cable" in steps(found)[0]
    assert "Plug it into root port 2 of bus 2." == steps(found)[1]


def test_a_usb2_hub() -> None:
    """The hub is named, and no port of it is suggested."""
    found = only(hub("1-1", 480, ports=ports(*[None] * 4)), tpu("1-1.2", 480))
    assert "it hangs on USB 2 hub 1-1 (2109:2817)" in found.title
    assert ("Plug it into root port 2 of bus 2.",) == steps(found)


def test_the_uplink_of_a_usb3_hub() -> None:
    """A USB 3 hub on a USB 2 link needs another cable or socket itself."""
    found = only(hub("1-1", 480, ports=ports(*[None] * 4), superspeed_capable=True), tpu("1-1.2", 480))
    assert "the USB 3 hub 1-1 (2109:2817) is itself connected by USB 2" in found.title
    assert "Connect the hub with a USB 3 cable to a USB 3 (blue, SS) socket." == steps(found)[0]


def test_an_unknown_limit() -> None:
    """From a listing it may be the socket or the cable: both are said, with less certainty."""
    (found,) = judged(check, root(1, 480), root(2), tpu("1-2", 480), covers=TEXT)
    assert ("likely", "unknown") == (found.confidence, values(found)["limited by"])
    assert 2 == len(steps(found))


def test_a_place_that_is_not_shown() -> None:
    """A stick without a place is slow all the same."""
    found = only(tpu("1-2", 480, port_chain=None))
    assert "the evidence does not show what limits it" in found.title
    assert "likely" == found.confidence


def test_a_possible_stick() -> None:
    """What only may be an Edge TPU is reported as possible."""
    found = only(maybe("1-2", 480))
    assert ("possible", True) == (found.confidence, found.title.startswith("Possible Edge TPU 1-2"))


def test_half_a_listing() -> None:
    """A paste that shows one bus of an xHCI controller does not show that nothing better exists."""
    (found,) = judged(check, root(1, 480), tpu("1-2", 480), covers=TEXT)
    assert "likely" == found.confidence


@pytest.mark.parametrize(
    "facts",
    [
        (*ROOTS, tpu("2-1")),
        (*ROOTS, tpu("1-2", 12)),
        (*ROOTS, tpu("1-2", None)),
        (*ROOTS, card("0000:01:00.0")),
        (root(1, 480, root_driver="dwc_otg"), tpu("1-1", 480)),
        (root(1, 480, root_driver="ehci-pci"), hub("1-1", 480), tpu("1-1.2", 480)),
    ],
)
def test_silent(facts: tuple[Any, ...]) -> None:
    """Silent at 5 Gb/s, below 480 Mb/s, at an unknown speed, on PCIe, and where nothing better exists."""
    assert [] == judged(check, *facts)


def test_each_stick_has_its_own_finding() -> None:
    """Two slow sticks are two findings."""
    assert ["1-2", "1-3"] == [found.subject for found in judged(check, *ROOTS, tpu("1-2", 480), tpu("1-3", 480))]


def test_taken_sockets_are_not_suggested() -> None:
    """With all USB 3 sockets taken, the step says so."""
    found = only(tpu("1-2", 480), tpu("2-1"), tpu("2-2"))
    assert "No free USB 3 socket was found" in strings(found)
