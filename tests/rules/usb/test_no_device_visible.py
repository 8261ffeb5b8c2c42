"""ETD101: no Edge TPU on any bus."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.usb.no_device_visible import check
from tests.support.facts import LIVE, TEXT, card, judged, maybe, root, storage, tpu, values, xhci


@pytest.mark.parametrize(
    ("covers", "confidence", "buses"),
    [(LIVE, "certain", "USB or PCI"), (TEXT, "likely", "USB"), (("pci",), "likely", "PCI")],
)
def test_none_on_the_buses_that_were_seen(covers: tuple[str, ...], confidence: str, buses: str) -> None:
    """It is an error, certain only if both buses were seen."""
    (found,) = judged(check, root(2), storage("2-1"), xhci(), covers=covers)
    assert ("error", confidence, "machine") == (found.severity, found.confidence, found.subject)
    assert f"No Edge TPU on the {buses} bus" == found.title


def test_what_was_seen_is_counted() -> None:
    """The numbers of devices on both buses show that something was read."""
    (found,) = judged(check, root(2), storage("2-1"), xhci())
    assert {"USB devices seen": 2, "PCI functions seen": 1} == values(found)


def test_an_empty_bus_was_seen() -> None:
    """Zero devices on a bus that was seen is not the same as a bus that was not."""
    (found,) = judged(check, covers=("pci",))
    assert {"PCI functions seen": 0} == values(found)


def test_no_bus_seen() -> None:
    """Without any listing nothing is a fault: it could not be told, and the commands that would show it are named."""
    (found,) = judged(check, covers=("host",))
    assert "unknown" == found.severity
    assert found.remedy is not None
    assert ["lsusb -t; lsusb", "lspci -nn"] == [command.command for command in found.remedy.commands]


def test_the_bus_that_is_missing_is_asked_for() -> None:
    """``lspci`` is only asked for where the PCI bus was not seen."""
    for covers, expected in ((TEXT, 2), (LIVE, 1)):
        (found,) = judged(check, covers=covers)
        assert found.remedy is not None
        assert expected == len(found.remedy.commands)


@pytest.mark.parametrize("fact", [tpu("2-1"), tpu("2-1", configured=False), maybe("2-1"), card("0000:01:00.0")])
def test_silent(fact: Any) -> None:
    """Silent as soon as one is there, usable or not, certain or not."""
    assert [] == judged(check, root(2), fact)
