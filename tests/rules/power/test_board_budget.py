"""ETD206: what a board's own sockets may deliver together."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.board import Board
from etpu_doctor.facts.host import Host
from etpu_doctor.knowledge.boards import board_named
from etpu_doctor.rules.power.board_budget import board_load, check
from tests.support.driver import judged, machine
from tests.support.facts import hub, ports, root, steps, storage, tpu, usb, values

MAXIMUM = Host(libedgetpu_clock="maximum")


def board(name: str = "raspberry-pi-4", **fields: Any) -> Board:
    """A board of the table."""
    return Board(name=name, **fields)


def test_within_the_limit() -> None:
    """Two sticks at the standard clock are within what a Pi 4 gives."""
    assert [] == judged(check, root(2), tpu("2-1"), tpu("2-2"), board=board())


def test_beyond_the_limit() -> None:
    """At the maximum clock they are not."""
    (found,) = judged(check, root(2), tpu("2-1"), tpu("2-2"), MAXIMUM, board=board())
    assert ("warning", "likely", "machine", ("2-1", "2-2")) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert "2-1 and 2-2 and all else that is plugged in ask for 1800 mA; the board gives 1200 mA" == found.title
    assert {
        "all sockets together may deliver": 1200,
        "Edge TPUs (2 at the maximum clock)": 1800,
        "other devices (declared)": 0,
    } == values(found)
    assert "hub with its own supply" in steps(found)[0]


def test_others_count() -> None:
    """A disk on the board's sockets takes its declared part."""
    (found,) = judged(check, root(2), tpu("2-1"), storage("2-2", max_power_ma=896), board=board())
    assert 896 == values(found)["other devices (declared)"]


def test_soldered_hubs_let_pass() -> None:
    """Behind the hub on a Pi 4's board hang its own sockets; the hub itself takes none of their current."""
    soldered = usb("1-1", "2109:3431", 480, device_class=9, port_count=4, self_powered=True, max_power_ma=100)
    facts: list[Any] = [root(1, 480), soldered, tpu("1-1.1", 480), tpu("1-1.2", 480), tpu("1-1.3", 480)]
    (found,) = judged(check, *facts, board=board())
    assert (3, 0) == (len(found.concerns), values(found)["other devices (declared)"])


def test_the_network_of_a_pi_3() -> None:
    """What is soldered to the board besides is no load of a socket."""
    soldered = usb("1-1", "0424:9514", 480, device_class=9, port_count=5, self_powered=True, max_power_ma=2)
    network = usb("1-1.1", "0424:ec00", 480, max_power_ma=2)
    built = machine(root(1, 480), soldered, network, tpu("1-1.2", 480), storage("1-1.3", 480, max_power_ma=500))
    known = board_named("raspberry-pi-3")
    assert known is not None
    assert (("1-1.2",), 500) == (board_load(built, known).tpus, board_load(built, known).others_ma)


def test_a_hub_with_its_own_supply() -> None:
    """What hangs on it is fed by it; only its own draw counts."""
    facts: list[Any] = [root(2), hub("2-1", max_power_ma=100), *(tpu(f"2-1.{port}") for port in (1, 2, 3, 4)), MAXIMUM]
    assert [] == judged(check, *facts, board=board())


def test_a_hub_without_a_supply() -> None:
    """What hangs on it is fed through it, and its two halves draw once."""
    facts: list[Any] = [
        root(1, 480, ports=ports("usb2-port1")),
        root(2, ports=ports("usb1-port1")),
        hub("1-1", 480, self_powered=False, max_power_ma=100),
        hub("2-1", self_powered=False, max_power_ma=224),
        tpu("2-1.1"),
        storage("1-1.2", 480, max_power_ma=500),
    ]
    built = machine(*facts)
    known = board_named("raspberry-pi-4")
    assert known is not None
    assert "2-1" == built.usb["1-1"].twin
    assert (("2-1.1",), 724) == (board_load(built, known).tpus, board_load(built, known).others_ma)


def test_what_declares_nothing() -> None:
    """A device without a declaration counts with nothing: the sum is a lower bound."""
    built = machine(root(2), tpu("2-1"), storage("2-2"), hub("2-3", self_powered=None, max_power_ma=None), tpu("2-3.1"))
    known = board_named("raspberry-pi-4")
    assert known is not None
    # Whether that hub feeds what hangs on it is not known: it is not held against the board.
    assert (("2-1",), 0) == (board_load(built, known).tpus, board_load(built, known).others_ma)


@pytest.mark.parametrize(
    ("lifted", "sticks", "expected"),
    [
        (False, 1, None),
        (False, 2, ("warning", 600)),
        (True, 2, None),
        (True, 3, None),
        (True, 4, ("warning", 1600)),
        (None, 1, None),
        (None, 2, ("info", 600)),
        (None, 4, ("warning", 1600)),
    ],
)
def test_a_pi_5(lifted: bool | None, sticks: int, expected: tuple[str, int] | None) -> None:
    """600 mA, or 1600 mA with the strong supply; where that is not known, only a possibility below the larger."""
    controller = "1f00200000.usb"
    facts: list[Any] = [root(2, controller=controller), *(tpu(f"2-{port}") for port in range(1, sticks + 1))]
    found = judged(check, *facts, board=board("raspberry-pi-5", usb_max_current_enabled=lifted))
    given = [(each.severity, values(each)["all sockets together may deliver"]) for each in found]
    assert ([] if expected is None else [expected]) == given
    for each in found:
        assert ("usb_max_current_enable=1" in " ".join(steps(each))) is (expected == (each.severity, 600))


def test_a_usb_card_in_a_pi_5() -> None:
    """Sockets of a card on PCIe are not the board's own."""
    facts: list[Any] = [root(2, controller="0001:01:00.0"), tpu("2-1"), tpu("2-2"), tpu("2-3"), MAXIMUM]
    assert [] == judged(check, *facts, board=board("raspberry-pi-5", usb_max_current_enabled=False))


@pytest.mark.parametrize("name", [None, "raspberry-pi-cm4", "raspberry-pi-9"])
def test_boards_without_a_limit(name: str | None) -> None:
    """Other machines, boards whose limit is the carrier's, and unknown names are not judged."""
    facts: list[Any] = [root(2), *(tpu(f"2-{port}") for port in (1, 2, 3, 4)), MAXIMUM]
    assert [] == judged(check, *facts, board=Board(name=name))
    assert [] == judged(check, *facts)


def test_no_edge_tpu() -> None:
    """Disks alone are not this program's business."""
    assert [] == judged(check, root(2), storage("2-1", max_power_ma=5000), board=board())
