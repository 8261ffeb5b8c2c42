"""ETD111: an Edge TPU on a USB 1.1 link."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.usb.full_speed_link import check
from tests.support.facts import card, hub, judged, maybe, port, root, steps, tpu, values

SOCKET = (port(1), port(2), port(3), port(4))


@pytest.mark.parametrize(("speed", "said"), [(12, "12 Mb/s"), (1.5, "1.5 Mb/s")])
def test_cable_or_socket(speed: float, said: str) -> None:
    """On a fast port, cable or socket are at fault, for certain."""
    (found,) = judged(check, root(1, 480), root(2, ports=SOCKET), tpu("1-1", speed))
    assert ("error", "certain", "1-1") == (found.severity, found.confidence, found.subject)
    assert f"Edge TPU 1-1 is on a {said} link and cannot work: cable, contact or socket" == found.title
    assert "/sys/bus/usb/devices/1-1/speed" == found.facts[0].where
    assert ("Plug it into root port 1, 2, 3 or 4 of bus 2.",) == steps(found)


def test_a_slow_hub_above() -> None:
    """A USB 1.1 hub above is named, the one nearest to the host."""
    (found,) = judged(check, root(1, 480), root(2), hub("1-1", 12), hub("1-1.2", 12), tpu("1-1.2.1", 12))
    assert "hub 1-1 (2109:2817) is that slow itself" in found.title
    assert 12 == values(found)["speed of what it hangs on"]
    assert found.remedy is not None
    assert "Move it off the slow hub." == found.remedy.summary
    assert not any("hub 1-1" in step for step in steps(found))


def test_a_usb3_hub_whose_uplink_is_slow() -> None:
    """A USB 3 hub that came up at 12 Mb/s is what to look at, not the cable of the stick."""
    (found,) = judged(check, root(1, 480), root(2), hub("1-1", 12, superspeed_capable=True), tpu("1-1.2", 12))
    assert "hub 1-1 (2109:2817) is that slow itself" in found.title


def test_a_usb1_bus() -> None:
    """A USB 1.1 controller is named as the host's own ports; a USB 2 socket is better than none."""
    slow = root(5, 12, root_driver="uhci_hcd", controller=None)
    (found,) = judged(check, slow, root(1, 480, root_driver="ehci-pci", ports=SOCKET), tpu("5-1", 12))
    assert "the host's own ports (bus 5) is that slow itself" in found.title
    assert ("Plug it into root port 1, 2, 3 or 4 of bus 1.",) == steps(found)


def test_a_possible_stick() -> None:
    """What only may be an Edge TPU is reported as possible."""
    (found,) = judged(check, root(1, 480), maybe("1-1", 12))
    assert "possible" == found.confidence


@pytest.mark.parametrize("device", [tpu("1-1", 480), tpu("2-1"), tpu("1-1", None), card("0000:01:00.0")])
def test_silent(device: Any) -> None:
    """Silent at high speed and above, where the speed is not known, and on PCIe."""
    assert [] == judged(check, root(1, 480), root(2), device)
