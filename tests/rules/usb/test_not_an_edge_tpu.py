"""ETD103: another accelerator."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.knowledge.accelerators import accelerators
from etpu_doctor.rules.usb.not_an_edge_tpu import check
from tests.support.facts import card, judged, maybe, pci, root, tpu, usb, values


@pytest.mark.parametrize(("bus", "identity"), sorted(accelerators()))
def test_every_known_one_is_named(bus: str, identity: str) -> None:
    """It says what the device is and what it works with, as a warning, with the place where it was read."""
    fact = usb("2-1", identity) if bus == "usb" else pci("0000:01:00.0", identity)
    (found,) = judged(check, root(2), fact)
    known = accelerators()[bus, identity]
    assert ("warning", "2-1" if bus == "usb" else "0000:01:00.0") == (found.severity, found.subject)
    assert f"This is a {known.name}, not an Edge TPU" == found.title
    assert {"id": identity} == values(found)
    assert found.facts[0].where == f"/sys/devices/{found.subject}"
    assert found.remedy is not None
    assert known.runtime in found.remedy.summary


def test_each_has_its_own_finding() -> None:
    """Two foreign accelerators are two findings."""
    found = judged(check, usb("2-1", "03e7:2485"), pci("0000:01:00.0", "1e60:2864"))
    assert ["2-1", "0000:01:00.0"] == [each.subject for each in found]


def test_a_listing_without_numbers_is_enough() -> None:
    """``lspci`` without ``-nn`` names the maker and the model."""
    name = "Hailo Technologies Ltd. Hailo-8 AI Processor"
    (found,) = judged(check, pci("0000:01:00.0", "1e60:2864", vendor_id=None, vendor_name=name))
    assert "This is a Hailo-8 or Hailo-8L, not an Edge TPU" == found.title


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (root(2), usb("2-1", "046d:c077")),
        (usb("2-1", "1e60:2864"),),
        (usb("2-1", "03e7:2485"), tpu("2-2")),
        (usb("2-1", "03e7:2485"), card("0000:01:00.0")),
        (usb("2-1", "03e7:2485"), maybe("2-2")),
        (pci("0000:01:00.0", "1e60:2864", vendor_id=None),),
    ],
)
def test_silent(facts: tuple[Any, ...]) -> None:
    """Silent without a known one, on the wrong bus, and where an Edge TPU is there as well."""
    assert [] == judged(check, *facts)
