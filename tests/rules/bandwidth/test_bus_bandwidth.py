"""ETD301: links that cannot carry what hangs below."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.bandwidth.bus_bandwidth import check
from tests.support.facts import (
    bridge,
    card,
    hub,
    interface,
    judged,
    link,
    maybe,
    port,
    root,
    steps,
    storage,
    strings,
    tpu,
    usb,
    values,
    xhci,
)

ROOT = root(2, ports=(port(1), port(2)), port_count=2)


def sticks(count: int, on: str = "2-1", speed: float = 5000) -> list[Any]:
    """Edge TPUs on the first ports of a hub."""
    return [tpu(f"{on}.{number}", speed) for number in range(1, count + 1)]


def test_four_sticks_on_one_usb3_hub() -> None:
    """Four ask for 380 MB/s of the 350 that 5 Gb/s carries: a warning with the numbers and the assumption."""
    (found,) = judged(check, ROOT, hub("2-1"), *sticks(4))
    assert ("warning", "likely", "2-1") == (found.severity, found.confidence, found.subject)
    assert "4 Edge TPUs share one USB 5 Gb/s link (uplink of hub 2-1 (2109:0817))" == found.title
    assert {"link": 5000, "usable (estimate)": 350, "Edge TPUs at full rate": 380} == values(found)
    where = {fact.name: fact.where for fact in found.facts}
    assert "/sys/bus/usb/devices/2-1/speed" == where["link"]
    assert "assumed: MobileNet v1" in (where["Edge TPUs at full rate"] or "")
    assert ("2-1.1", "2-1.2", "2-1.3", "2-1.4") == found.concerns


@pytest.mark.parametrize(
    ("count", "speed", "fires"), [(3, 5000, False), (4, 5000, True), (8, 10000, False), (9, 10000, True)]
)
def test_thresholds(count: int, speed: float, fires: bool) -> None:
    """A 5 Gb/s uplink carries three sticks, a 10 Gb/s one eight."""
    assert fires is bool(judged(check, ROOT, hub("2-1", speed, port_count=16), *sticks(count)))


def test_two_sticks_on_a_usb2_hub() -> None:
    """At 480 Mb/s two sticks are one too many."""
    (found,) = judged(check, root(1, 480), hub("1-1", 480), *sticks(2, "1-1", 480))
    assert {"usable (estimate)": 35, "Edge TPUs at full rate": 70}.items() <= values(found).items()


def test_one_stick_beside_a_disk() -> None:
    """One stick beside a disk is a note that names the disk, its worst demand, and its way out."""
    (found,) = judged(check, ROOT, hub("2-1"), tpu("2-1.1"), storage("2-1.2"))
    assert ("info", "2-1", ("2-1.1",)) == (found.severity, found.subject, found.concerns)
    assert found.title.startswith("One Edge TPU and a mass storage share one USB 5 Gb/s link")
    assert 350 == values(found)["mass storage 2-1.2, at most"]
    assert "Move 2-1.2 to another hub or port." == steps(found)[1]


def test_two_sticks_beside_a_camera() -> None:
    """Two sticks and a SuperSpeed camera are a warning."""
    camera = usb("2-1.3", "1234:5678", 5000, interfaces=(interface(0x0E),))
    (found,) = judged(check, ROOT, hub("2-1"), *sticks(2), camera)
    assert ("warning", 350) == (found.severity, values(found)["camera 2-1.3, at most"])


def test_a_link_above_with_the_same_sticks_is_not_repeated() -> None:
    """Two hubs in a row with the same four sticks are one finding, at the inner hub."""
    (found,) = judged(check, ROOT, hub("2-1"), hub("2-1.4"), *sticks(4, "2-1.4"))
    assert "2-1.4" == found.subject


def test_a_link_above_with_more_sticks_is_a_finding_of_its_own() -> None:
    """If more hangs on the outer hub, both are overloaded."""
    found = judged(check, ROOT, hub("2-1"), hub("2-1.4"), *sticks(4, "2-1.4"), tpu("2-1.1"))
    assert ["2-1.4", "2-1"] == [each.subject for each in found]


def test_another_port_is_not_one_of_the_same_hub() -> None:
    """A free port below the same uplink, on either half of the hub, is no way out."""
    devices = [hub("1-1", 480, port_count=8), hub("2-1", port_count=8), *sticks(4)]
    (found,) = judged(check, root(1, 480, port_count=1), root(2, port_count=1), *devices)
    assert "hub 2-1" not in " ".join(steps(found))
    assert "No free USB 3 socket was found" in steps(found)[-1]
    (found,) = judged(check, root(1, 480, port_count=1), ROOT, *devices)
    assert "Plug it into root port 2 of bus 2." == steps(found)[-1]


def small_board(*devices: Any) -> list[Any]:
    """USB 3 ports behind a PCIe link of one lane: all its findings."""
    functions = [bridge("0000:00:00.0", 1), xhci("0000:01:00.0", parent="0000:00:00.0", **link(2.5, 1, 5, 1))]
    return judged(
        check,
        *functions,
        *(root(bus, speed, controller="0000:01:00.0") for bus, speed in ((1, 480), (2, 5000))),
        *devices,
    )


def test_the_pcie_link_above_the_controller() -> None:
    """Sticks on ports of their own can still be too many for the PCIe link above: another port does not help."""
    (found,) = small_board(tpu("2-1"), tpu("2-2"), tpu("2-3"))
    assert ("warning", "0000:01:00.0") == (found.severity, found.subject)
    assert "3 Edge TPUs share one PCIe 2 Gb/s link (0000:01:00.0 to 0000:00:00.0)" == found.title
    assert "/sys/bus/pci/devices/0000:01:00.0/current_link_speed" == found.facts[0].where
    assert "Plug it into" not in strings(found)


def test_a_disk_on_the_other_bus_of_the_controller() -> None:
    """A disk on the USB 2 bus loads the PCIe link as well."""
    (found,) = small_board(tpu("2-1"), tpu("2-2"), storage("1-3", 480))
    assert 35 == values(found)["mass storage 1-3, at most"]


def test_cards_behind_a_slow_switch() -> None:
    """Three cards behind one Gen1 lane are too many."""
    functions = [bridge("0000:00:1c.0", 1), bridge("0000:01:00.0", 2, parent="0000:00:1c.0", **link(2.5, 1, 5, 1))]
    cards = [card(f"0000:0{number}:00.0", "0000:01:00.0") for number in (3, 4, 5)]
    (found,) = judged(check, *functions, *cards)
    assert ("0000:01:00.0", 200) == (found.subject, values(found)["usable (estimate)"])


def test_possible_sticks() -> None:
    """If one of them only may be an Edge TPU, the finding is possible only."""
    (found,) = judged(check, ROOT, hub("2-1"), *sticks(3), maybe("2-1.4"))
    assert "possible" == found.confidence


@pytest.mark.parametrize(
    "facts",
    [
        (ROOT, hub("2-1"), *sticks(2)),
        (ROOT, hub("2-1"), tpu("2-1.1")),
        (ROOT, hub("2-1"), storage("2-1.1"), storage("2-1.2")),
        (ROOT, tpu("2-1"), storage("2-2")),
        (root(1, 480), tpu("1-1", 480), tpu("1-2", 480)),
        (ROOT, hub("2-1"), tpu("2-1.1"), usb("2-1.2", "046d:c077", 1.5, interfaces=(interface(3),))),
    ],
)
def test_silent(facts: tuple[Any, ...]) -> None:
    """Silent where the link suffices, on ports of their own, and beside what is light."""
    assert [] == judged(check, *facts)
