"""ETD402: one chip of a Dual."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.pci.dual_tpu_single_lane import check
from tests.support.facts import bridge, card, judged, root, tpu, values, xhci


def adapter(*cards: Any, identity: str = "1b21:1182", **options: Any) -> list[Finding]:
    """What is said of cards behind a packet switch with two ports."""
    return judged(
        check,
        bridge("0000:00:1c.0", 1),
        bridge("0000:01:00.0", 2, identity=identity, parent="0000:00:1c.0"),
        bridge("0000:02:03.0", 3, identity=identity, parent="0000:01:00.0"),
        bridge("0000:02:07.0", 4, identity=identity, parent="0000:01:00.0"),
        *cards,
        **options,
    )


FIRST = card("0000:03:00.0", "0000:02:03.0")
SECOND = card("0000:04:00.0", "0000:02:07.0")


def test_one_chip_on_the_known_adapter() -> None:
    """Behind the switch of the known adapter an empty port is a warning, with where both were read."""
    (found,) = adapter(FIRST)
    assert ("warning", "likely", "0000:03:00.0") == (found.severity, found.confidence, found.subject)
    assert {"switch": "1b21:1182", "empty port of the switch": "0000:02:07.0"} == values(found)
    assert ["/sys/devices/0000:01:00.0", "/sys/devices/0000:02:07.0"] == [fact.where for fact in found.facts]


def test_one_chip_on_another_switch() -> None:
    """Behind any other switch it is a note."""
    (found,) = adapter(FIRST, identity="1b21:2806")
    assert ("info", "possible") == (found.severity, found.confidence)


def test_fewer_than_expected() -> None:
    """A single card where more were expected may be half a Dual."""
    (found,) = judged(check, bridge("0000:00:1c.0", 1), card("0000:01:00.0", "0000:00:1c.0"), expect_tpus=2)
    assert ("warning", "possible") == (found.severity, found.confidence)
    assert {"expected": 2, "found": 1} == values(found)
    assert "--expect-tpus" == found.facts[0].where


def test_said_once() -> None:
    """An empty port of the switch says it; the number adds nothing."""
    assert 1 == len(adapter(FIRST, expect_tpus=2))


@pytest.mark.parametrize("cards", [(), (FIRST, SECOND)])
def test_both_or_none(cards: tuple[Any, ...]) -> None:
    """Silent with both chips, and without any."""
    assert [] == adapter(*cards, expect_tpus=4)


def test_a_card_below_a_root_port() -> None:
    """The other root ports of the host are not the ports of a switch."""
    others = [bridge("0000:00:1c.4", 2), bridge("0000:00:1c.5", 3)]
    assert [] == judged(check, bridge("0000:00:1c.0", 1), *others, card("0000:01:00.0", "0000:00:1c.0"))


def test_a_port_with_something_else() -> None:
    """A port of the switch that carries something else is not empty."""
    assert [] == adapter(FIRST, xhci("0000:04:00.0", parent="0000:02:07.0"))


def test_a_card_of_unknown_place() -> None:
    """Without the bridges above nothing is concluded."""
    assert [] == judged(check, card("0000:03:00.0", parent_known=False))


@pytest.mark.parametrize("expected", [None, 1, 2])
def test_as_many_as_expected(expected: int | None) -> None:
    """A card and a stick where two were expected are complete."""
    assert [] == judged(check, card("0000:01:00.0"), root(2), tpu("2-1"), expect_tpus=expected)
