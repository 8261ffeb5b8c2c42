"""ETD201: what hubs and ports can supply."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.host import Host
from etpu_doctor.rules.power.hub_power_budget import check
from tests.support.facts import card, hub, judged, maybe, port, ports, root, steps, storage, strings, tpu, usb, values

SOCKETS = (port(1), port(2))


def weak(place: str = "2-1", speed: float = 5000, **fields: Any) -> Any:
    """A hub without a supply of its own."""
    return hub(place, speed, **{"self_powered": False, "max_power_ma": 100, **fields})


def test_a_bus_powered_hub() -> None:
    """A hub that declares to be bus-powered is a warning, with budget, demand and where the hub said so."""
    (found,) = judged(check, root(2), weak(), tpu("2-1.1"))
    assert ("warning", "likely", "2-1", ("2-1.1",)) == (found.severity, found.confidence, found.subject, found.concerns)
    assert "Hub 2-1 (2109:0817) declares to be bus-powered (150 mA a port)" in found.title
    assert {
        "supply (declared)": "bus-powered",
        "budget of a port": 150,
        "needed by each Edge TPU": 500,
        "the hub's own draw (declared)": 100,
        "granted by root port 1 of bus 2": 900,
        "load on the hub (Edge TPUs as Coral asks, others declared)": 500,
    } == values(found)
    assert "/sys/bus/usb/devices/2-1/bmAttributes" == found.facts[0].where


def test_a_usb2_bus_powered_hub() -> None:
    """At USB 2 a port of such a hub has 100 mA."""
    (found,) = judged(check, root(1, 480), weak("1-1", 480), tpu("1-1.1", 480))
    assert (100, 500) == (values(found)["budget of a port"], values(found)["granted by root port 1 of bus 1"])


def test_the_maximum_clock() -> None:
    """At the maximum clock the demand is 900 mA, and only USB 3 sockets are suggested."""
    roots = [root(1, 480, ports=(port(1), port(2))), root(2, ports=(port(1), port(2)), port_count=2)]
    (found,) = judged(check, *roots, weak(), tpu("2-1.1"), clock="maximum")
    assert 900 == values(found)["needed by each Edge TPU"]
    assert "Plug it into root port 2 of bus 2." == steps(found)[1]
    assert "bus 1" not in strings(found)


def test_the_clock_of_the_installed_library() -> None:
    """Unsaid, the installed library decides."""
    (found,) = judged(check, Host(libedgetpu_clock="maximum"), root(2), weak(), tpu("2-1.1"))
    assert 900 == values(found)["needed by each Edge TPU"]


def test_a_refused_stick() -> None:
    """A stick that the kernel refused for power makes it an error, for certain; what it asked for is declared."""
    stick = tpu("2-1.1", dfu=True, configured=False)
    (found,) = judged(check, root(2), weak(), stick, tpu("2-1.2"))
    assert ("error", "certain") == (found.severity, found.confidence)
    assert found.title.endswith("the kernel refused 2-1.1")
    assert 896 == values(found)["2-1.1 asks for (declared)"]
    assert ("2-1.1", "2-1.2") == found.concerns


def test_both_halves_are_one_hub() -> None:
    """Sticks on both halves of a hub are one finding with the sum of both."""
    devices = [weak("1-1", 480), weak(), tpu("2-1.1"), tpu("1-1.2", 480)]
    (found,) = judged(check, root(1, 480), root(2), *devices)
    assert ("1-1.2", "2-1.1") == found.concerns
    assert 1000 == values(found)["load on the hub (Edge TPUs as Coral asks, others declared)"]


def test_a_hub_of_unknown_speed() -> None:
    """Without a speed there is no budget to name, and no None is printed."""
    (found,) = judged(check, root(2), weak(speed=None), tpu("2-1.1"))  # type: ignore[arg-type] # unknown on purpose
    assert "None" not in found.title
    assert found.title.startswith("Hub 2-1 (2109:2817) declares to be bus-powered: ")


def test_a_possible_stick_on_a_weak_hub() -> None:
    """If all that hangs on the hub only may be Edge TPUs, the finding is possible only."""
    (found,) = judged(check, root(2), weak(), maybe("2-1.1"))
    assert "possible" == found.confidence
    (found,) = judged(check, root(2), weak(), maybe("2-1.1"), tpu("2-1.2"))
    assert "likely" == found.confidence


def test_elsewhere_is_not_the_same_hub() -> None:
    """The remedy starts with the hub's own supply and never names a port of a bus-powered hub."""
    (found,) = judged(check, root(2, ports=SOCKETS, port_count=2), weak(), tpu("2-1.1"))
    assert "Plug in the hub's supply" in steps(found)[0]
    assert ("Plug it into root port 2 of bus 2.",) == steps(found)[1:]


def test_a_supply_that_must_be_strong() -> None:
    """Of a self-powered hub with much on it, the supply that the load needs is said in amperes."""
    disk = storage("2-1.3", max_power_ma=304)
    (found,) = judged(check, root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"), disk)
    assert ("info", "likely", "2-1") == (found.severity, found.confidence, found.subject)
    assert "must deliver 1.4 A at 5 V" in found.title
    assert {"2 Edge TPUs at the standard clock": 1000, "other devices (declared)": 304}.items() <= values(found).items()


@pytest.mark.parametrize(("others", "said"), [(0, "1.0 A"), (1, "1.1 A"), (100, "1.1 A"), (101, "1.2 A")])
def test_amperes_are_rounded_up(others: int, said: str) -> None:
    """A supply that is a little too weak is too weak."""
    sticks = [tpu("2-1.1"), tpu("2-1.2"), storage("2-1.3", max_power_ma=others)]
    (found,) = judged(check, root(2), hub("2-1"), *sticks)
    assert f"must deliver {said} at 5 V" in found.title


def test_a_sum_with_gaps() -> None:
    """Where a device declares nothing, the sum is a lower bound and says so."""
    sticks = [tpu("2-1.1"), tpu("2-1.2"), storage("2-1.3", max_power_ma=None)]
    (found,) = judged(check, root(2), hub("2-1"), *sticks)
    assert "1.0 A or more" in found.title


def test_a_hub_that_does_not_say() -> None:
    """Without a declaration it could not be told, which is no fault."""
    (found,) = judged(check, root(2), hub("2-1", self_powered=None), tpu("2-1.1"))
    assert ("unknown", "2-1") == (found.severity, found.subject)
    assert {"supply (declared)": None} == values(found)


def test_a_usb2_port_at_the_maximum_clock() -> None:
    """A USB 2 port of the host grants 500 mA, which the maximum clock exceeds; a USB 3 socket is suggested."""
    roots = [root(1, 480, ports=ports(None, None)), root(2, ports=SOCKETS, port_count=2)]
    (found,) = judged(check, *roots, tpu("1-1", 480), clock="maximum")
    assert ("warning", "likely", "1-1") == (found.severity, found.confidence, found.subject)
    assert {"needed": 900, "granted on paper": 500, "plugged into": "root port 1 of bus 1"} == values(found)
    assert ("Plug it into root port 1 or 2 of bus 2.",) == steps(found)


@pytest.mark.parametrize(
    ("facts", "clock"),
    [
        ((root(2), tpu("2-1")), "maximum"),
        ((root(1, 480), tpu("1-1", 480)), "standard"),
        ((root(1, 480), tpu("1-1", 480)), None),
        ((root(2), hub("2-1"), tpu("2-1.1")), "maximum"),
        ((root(2), weak(), storage("2-1.1")), None),
        ((card("0000:01:00.0"),), "maximum"),
        ((tpu("2-1.1"),), "maximum"),
        ((root(2, None, identity="1234:5678"), tpu("2-1")), "maximum"),
    ],
)
def test_silent(facts: tuple[Any, ...], clock: Any) -> None:
    """Silent where the port suffices, where little hangs on a powered hub, and where no stick is concerned."""
    assert [] == judged(check, *facts, clock=clock)


def test_a_stick_behind_a_powered_hub_behind_a_weak_one() -> None:
    """A powered hub feeds its sticks itself, whatever it hangs on."""
    assert [] == judged(check, root(2), weak(), hub("2-1.1"), tpu("2-1.1.1"))


def test_a_weak_hub_behind_a_powered_one() -> None:
    """A bus-powered hub below a powered one is still a bus-powered one; what grants its port is named."""
    (found,) = judged(check, root(2), hub("2-1"), weak("2-1.4"), tpu("2-1.4.1"))
    assert ("2-1.4", 900) == (found.subject, values(found)["granted by port 4 of hub 2-1 (2109:0817)"])


def test_a_keyboard_counts() -> None:
    """What else hangs on the hub is added as it declares."""
    devices = [weak("1-1", 480), tpu("1-1.1", 480), usb("1-1.2", "046d:c31c", 1.5, max_power_ma=90)]
    (found,) = judged(check, root(1, 480), *devices)
    assert 590 == values(found)["load on the hub (Edge TPUs as Coral asks, others declared)"]


def test_two_chips_on_one_supply() -> None:
    """The chips of a 7-port hub hang on one supply: it must feed the sticks of both, and is said once."""
    sticks = [tpu("2-1.1"), tpu("2-1.4.1"), tpu("2-1.4.2")]
    (found,) = judged(check, root(2), hub("2-1"), hub("2-1.4"), *sticks)
    assert ("2-1", {"2-1.1", "2-1.4.1", "2-1.4.2"}) == (found.subject, set(found.concerns))
    assert "must deliver 1.5 A at 5 V" in found.title


def test_two_hubs_on_two_supplies() -> None:
    """Hubs of different makes in a row have a supply each."""
    sticks = [tpu(f"{place}.{number}") for place in ("2-1", "2-1.4") for number in (1, 2)]
    found = judged(check, root(2), hub("2-1"), hub("2-1.4", identity="05e3:0626"), *sticks)
    assert [("2-1", 1000), ("2-1.4", 1000)] == [
        (each.subject, values(each)["2 Edge TPUs at the standard clock"]) for each in found
    ]


def test_two_chips_without_a_supply() -> None:
    """Where one of the chips declares to be bus-powered, each is judged for itself."""
    devices = [weak(), weak("2-1.4"), tpu("2-1.1"), tpu("2-1.4.1")]
    assert ["2-1", "2-1.4"] == [each.subject for each in judged(check, root(2), *devices)]
