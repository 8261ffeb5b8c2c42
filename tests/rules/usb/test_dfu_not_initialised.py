"""ETD112: still in the boot loader."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.usb.dfu_not_initialised import check
from tests.support.facts import card, judged, maybe, root, tpu, values


def test_before_the_first_use() -> None:
    """It is a note, for certain, with the place where the id was read."""
    (found,) = judged(check, root(2), tpu("2-1", dfu=True))
    assert ("info", "certain", "2-1") == (found.severity, found.confidence, found.subject)
    assert "normal before its first use" in found.title
    assert {"identity": "1a6e:089a", "plugged into": "root port 1 of bus 2"} == values(found)
    assert "/sys/bus/usb/devices/2-1/idVendor" == found.facts[0].where


def test_numbers_that_will_change() -> None:
    """Where the delegate string changes with the firmware, both are said, for the sticks it concerns."""
    found = judged(check, root(2), tpu("2-1", dfu=True), tpu("2-2"))
    assert ["2-1"] == [each.subject for each in found]
    assert {"delegate string now": "usb:0", "once all have firmware": "usb:1"}.items() <= values(found[0]).items()


def test_numbers_that_stay() -> None:
    """Where it does not change, nothing is said of it."""
    (found,) = judged(check, root(2), tpu("2-1"), tpu("2-2", dfu=True))
    assert "delegate string now" not in values(found)


@pytest.mark.parametrize(
    "fact", [tpu("2-1"), maybe("2-1"), card("0000:01:00.0"), tpu("2-1", dfu=True, configured=False)]
)
def test_silent(fact: Any) -> None:
    """Silent with firmware, without ids, on PCIe, and where the kernel refused the stick, which is another matter."""
    assert [] == judged(check, root(2), fact)
