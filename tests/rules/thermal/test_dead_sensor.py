"""ETD802: a temperature that cannot be."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.thermal.dead_sensor import check
from tests.support.driver import ADDRESS, judged
from tests.support.facts import card, root, steps, tpu, values


def node(**attributes: str) -> ApexNode:
    """The kernel's node of the card."""
    place = (Seen("sysfs", "/devices/x/apex/apex_0"),)
    return ApexNode(name="apex_0", pci_address=ADDRESS, attributes=attributes, seen=place)


def test_the_card_is_gone() -> None:
    """All ones read as -89.7 °C: an error for certain."""
    (found,) = judged(check, card(ADDRESS), node(temp="-89700", status="ALIVE"))
    assert ("error", "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert "its temperature reads -89.7 °C" in found.title
    assert {"temperature": -89.7, "status": "ALIVE"} == values(found)
    assert "/sys/devices/x/apex/apex_0/status" == found.facts[1].where
    assert "Power off" in steps(found)[0]


def test_too_hot_to_be_true() -> None:
    """Beyond what silicon stands, a reading is none."""
    (found,) = judged(check, card(ADDRESS), node(temp="166050"))
    assert {"temperature": 166.05} == values(found)


@pytest.mark.parametrize("attributes", [{}, {"temp": "x"}, {"temp": "-40000"}, {"temp": "130000"}, {"temp": "41800"}])
def test_silence(attributes: dict[str, str]) -> None:
    """No reading, no number, and temperatures that can be, however unlikely."""
    assert [] == judged(check, card(ADDRESS), node(**attributes))


def test_sticks() -> None:
    """Sticks have no sensor."""
    assert [] == judged(check, root(2), tpu("2-1"))


def test_without_a_place() -> None:
    """A node of which nothing else is known is named as the kernel names it."""
    (found,) = judged(check, ApexNode(name="apex_1", attributes={"temp": "-89700"}))
    assert ("machine", None) == (found.subject, found.facts[0].where)
    assert "apex_1" in found.title
