"""ETD401: link, address space, and a card that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.pci import PciBar
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.pci.pcie_link_or_slot import check
from tests.support.facts import bridge, card, judged, link, pci, root, tpu, values

SLOT = "0000:00:1c.0"


def in_slot(slot: dict[str, Any], **fields: Any) -> list[Finding]:
    """What is said of a card in a slot."""
    return judged(check, bridge(SLOT, 1, **slot), card("0000:01:00.0", SLOT, **fields))


def test_a_slow_link() -> None:
    """Gen1 between two ends that can Gen2 is a warning, for certain, with what each end can."""
    (found,) = in_slot(link(2.5, 1, 8, 4), **link(2.5, 1, 5, 1))
    assert ("warning", "certain", "0000:01:00.0") == (found.severity, found.confidence, found.subject)
    assert "2.5 GT/s x1" in found.title
    assert {"link": "2.5 GT/s x1", "the card can": "5 GT/s x1", f"the slot ({SLOT}) can": "8 GT/s x4"} == values(found)
    assert "/sys/bus/pci/devices/0000:01:00.0/current_link_speed" == found.facts[0].where


def test_unassigned_memory() -> None:
    """A BAR without address is an error that names it."""
    bars = (PciBar(index=0, assigned=True), PciBar(index=2, assigned=False))
    (found,) = in_slot(link(5, 1, 5, 1), bars=bars)
    assert ("error", "Edge TPU 0000:01:00.0 was given no memory: BAR 2 has no address") == (found.severity, found.title)
    assert {"BAR 2": "unassigned"} == values(found)
    assert "/sys/bus/pci/devices/0000:01:00.0/resource" == found.facts[0].where


def test_a_card_that_fell_off() -> None:
    """All ones in the configuration space are an error, and nothing else is judged of such a card."""
    bars = (PciBar(index=0, assigned=False),)
    (found,) = in_slot(link(2.5, 1, 8, 4), bars=bars, config_all_ones=True, **link(2.5, 1, 5, 1))
    assert "fell off the bus" in found.title
    assert ("error", "certain") == (found.severity, found.confidence)
    assert "/sys/bus/pci/devices/0000:01:00.0/config" == found.facts[0].where


def test_two_faults_are_two_findings() -> None:
    """A card without memory on a slow link has both."""
    bars = (PciBar(index=2, assigned=False),)
    found = in_slot(link(2.5, 1, 8, 4), bars=bars, **link(2.5, 1, 5, 1))
    assert ["error", "warning"] == [each.severity for each in found]


def test_every_card_is_judged() -> None:
    """Each card has its own findings."""
    cards = [card(f"0000:0{number}:00.0", config_all_ones=True) for number in (1, 2)]
    assert ["0000:01:00.0", "0000:02:00.0"] == [each.subject for each in judged(check, *cards)]


@pytest.mark.parametrize(
    ("slot", "fields"),
    [
        (link(5, 1, 8, 4), {}),
        (link(2.5, 1, 2.5, 1), link(2.5, 1, 5, 1)),
        ({}, link(2.5, 1, 5, 1)),
        (link(2.5, 1, 8, 4), dict.fromkeys(link(1, 1, 1, 1))),
        (link(5, 1, 8, 4), {"bars": (PciBar(index=0, assigned=True), PciBar(index=2, assigned=None))}),
        (link(5, 1, 8, 4), {"config_all_ones": False}),
    ],
)
def test_silent(slot: dict[str, Any], fields: dict[str, Any]) -> None:
    """Silent at full speed, where the slot cannot do more or does not say, and where nothing could be read."""
    assert [] == in_slot(slot, **fields)


def test_other_functions_are_not_judged() -> None:
    """Neither a slow network card nor a USB stick is this rule's concern."""
    slow = pci("0000:01:00.0", "8086:1533", parent=SLOT, **link(2.5, 1, 5, 1))
    assert [] == judged(check, bridge(SLOT, 1, **link(2.5, 1, 8, 4)), slow, root(2), tpu("2-1"))
