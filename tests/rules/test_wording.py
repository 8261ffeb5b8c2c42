"""Names for places."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.wording import bus_text, hub_text, join_words, place_text, port_text, speed_text, tpu_text
from tests.support.facts import hub, machine, maybe, only_tpu, root, tpu


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (1.5, "1.5 Mb/s"),
        (12, "12 Mb/s"),
        (480, "480 Mb/s"),
        (5000, "5 Gb/s"),
        (20000, "20 Gb/s"),
        (2500, "2.5 Gb/s"),
        (None, "an unknown speed"),
    ],
)
def test_speeds(speed: float | None, expected: str) -> None:
    """Gigabits from 1000 on, no trailing zeros, and words for what is not known."""
    assert expected == speed_text(speed)


def test_hubs_and_ports() -> None:
    """External hubs are named with their ids, root hubs as the host's own ports."""
    built = machine(root(2), hub("2-1"), hub("2-2", vendor_id=None), root(3, busnum=None))
    assert "hub 2-1 (2109:0817)" == hub_text(built.usb["2-1"])
    assert "hub 2-2" == hub_text(built.usb["2-2"])
    assert "the host's own ports (bus 2)" == hub_text(built.usb["usb2"])
    assert "port 4 of hub 2-1 (2109:0817)" == port_text(built.usb["2-1"], 4)
    assert "root port ? of bus 2" == port_text(built.usb["usb2"], None)
    assert ("bus 2", "bus ?") == (bus_text(built.usb["usb2"]), bus_text(built.usb["usb?"]))


def test_sticks() -> None:
    """A device that only may be an Edge TPU is called so everywhere."""
    assert "Edge TPU 2-1" == tpu_text(only_tpu(machine(tpu("2-1"))))
    assert "Possible Edge TPU 2-1" == tpu_text(only_tpu(machine(maybe("2-1"))))


def test_places() -> None:
    """A stick is on a port of something, or nowhere that the evidence shows."""
    built = machine(root(2), tpu("2-1"), tpu("9-1"))
    first, second = built.edge_tpus
    assert "root port 1 of bus 2" == place_text(built, first)
    assert "a port that the evidence does not show" == place_text(built, second)


@pytest.mark.parametrize(
    ("words", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_joined_words(words: list[str], expected: str) -> None:
    """Commas between all but the last two."""
    assert expected == join_words(words)


def test_joined_alternatives() -> None:
    """The last joint can be another word."""
    assert "1, 2 or 3" == join_words(["1", "2", "3"], "or")
