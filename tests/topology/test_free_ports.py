"""Ports that are suggested are free, lead to a socket, and suit an Edge TPU."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.topology.free_ports import free_ports, is_secondary_port, suitable_ports, tier_of_hub
from etpu_doctor.topology.machine import Machine
from tests.support.facts import Fact, hub, machine, port, ports, root, storage, tpu, usb


def free(built: Machine, name: str) -> list[int]:
    """Numbers of the free ports of a hub."""
    return [found.port for found in free_ports(built, built.usb[name])]


def suggested(built: Machine, start: str, *, fast: bool = True) -> list[tuple[str, int]]:
    """Hub and number of every suitable port, in order."""
    groups = suitable_ports(built, built.usb[start], fast=fast)
    return [(found.hub, found.port) for group in groups for found in group]


def pair(place_high: str, place_fast: str, **fields: Any) -> list[Fact]:
    """Both halves of a USB 3 hub with four ports, linked by the kernel."""
    high = hub(place_high, 480, ports=ports(*(f"{place_fast}-port{number}" for number in range(1, 5))), **fields)
    fast = hub(place_fast, ports=ports(*(f"{place_high}-port{number}" for number in range(1, 5))), **fields)
    return [high, fast]


PC = [
    root(1, 480, ports=ports("usb2-port2", "usb2-port1", None, None)),
    root(2, ports=ports("usb1-port2", "usb1-port1"), port_count=2),
]
"""Root ports 1 and 2 are USB 3 sockets whose halves are numbered crosswise, 3 and 4 USB 2 ones."""


def test_taken_ports_are_not_free() -> None:
    """A port with a device is taken."""
    assert [1, 3] == free(machine(root(2), tpu("2-2"), tpu("2-4")), "usb2")


@pytest.mark.parametrize("connect_type", ["not used", "hardwired"])
def test_ports_without_a_socket_are_not_free(connect_type: str) -> None:
    """The firmware says which ports lead nowhere or to a built-in device."""
    built = machine(root(2, ports=(port(1, connect_type=connect_type), port(2), port(3, connect_type="unknown"))))
    assert [2, 3, 4] == free(built, "usb2")


def test_a_socket_whose_other_half_is_taken_is_not_free() -> None:
    """A keyboard on the USB 2 half of a blue socket takes the socket, whatever the halves are numbered."""
    built = machine(*PC, usb("1-1", "046d:c31c", 1.5))
    assert [1] == free(built, "usb2")
    assert [2, 3, 4] == free(built, "usb1")


def test_the_other_half_of_an_external_hub_by_number() -> None:
    """From a listing, the halves of a hub share their port numbers."""
    built = machine(root(1, 480), root(2), hub("1-1", 480), hub("2-1"), storage("2-1.3"), usb("1-1.2", "046d:c31c", 12))
    assert [1, 4] == free(built, "2-1") == free(built, "1-1")


def test_a_hub_without_a_count_has_no_known_ports() -> None:
    """Where the number of ports is not known, none is suggested."""
    assert [] == free(machine(root(2, port_count=None)), "usb2")


@pytest.mark.parametrize(("count", "expected"), [(-3, 0), (0, 0), (4, 4), (255, 255), (100000, 255)])
def test_no_more_ports_than_usb_has(count: int, expected: int) -> None:
    """A damaged port count does not make a list without end."""
    assert expected == len(free(machine(root(2, port_count=count)), "usb2"))


def test_sockets_are_told_from_spare_pins() -> None:
    """A root port is a socket if the firmware says so; a port of an external hub is one."""
    built = machine(root(2, ports=(port(1), port(2, connect_type="unknown"))), hub("2-4"))
    known = {
        (found.hub, found.port): found.is_socket for name in built.usb for found in free_ports(built, built.usb[name])
    }
    assert known[("usb2", 1)]
    assert not known[("usb2", 2)]
    assert not known[("usb2", 3)]
    assert known[("2-4", 1)]


@pytest.mark.parametrize(
    ("place", "number", "expected"),
    [
        ("usb2", 2, False),
        ("2-1", 2, False),
        ("2-1.4", 1, False),
        ("2-1.4", 2, True),
        ("2-1.4.1", 1, False),
        ("2-1.4.1", 4, True),
    ],
)
def test_secondary_ports(place: str, number: int, expected: bool) -> None:
    """Only behind two hubs, and there all ports but the first."""
    device = root(2) if place == "usb2" else hub(place)
    assert expected is is_secondary_port(machine(device).usb[place], number)


def test_a_hub_of_unknown_place_has_no_secondary_ports() -> None:
    """Without a place nothing is held against a port."""
    built = machine(root(2), hub("2-1", port_chain=None))
    assert tier_of_hub(built.usb["bus2-dev2"]) is None
    assert not is_secondary_port(built.usb["bus2-dev2"], 3)


@given(st.lists(st.integers(1, 15), min_size=1, max_size=7))
def test_secondary_means_three_numbers_and_not_one(chain: list[int]) -> None:
    """A port is secondary exactly if the chain to it has three numbers or more and does not end in 1."""
    place = f"2-{'.'.join(map(str, chain[:-1]))}" if len(chain) > 1 else "usb2"
    built = machine(root(2) if place == "usb2" else hub(place))
    assert (len(chain) >= 3 and chain[-1] != 1) is is_secondary_port(built.usb[place], chain[-1])


def test_the_nearest_ports_come_first() -> None:
    """First the hub itself, then the one above, then what hangs beside, then the host's own ports."""
    built = machine(*PC, hub("2-1"), hub("2-1.2"), tpu("2-1.2.3"), hub("2-1.4"))
    assert ["2-1.2", "2-1", "2-1.4", "usb2"] == list(dict.fromkeys(name for name, _ in suggested(built, "2-1.2.3")))
    assert [("2-1.2", 1), ("2-1", 1), ("2-1", 3), ("2-1.4", 1), ("usb2", 2)] == suggested(built, "2-1.2.3")


def test_the_port_it_is_on_is_never_suggested() -> None:
    """Neither half of the socket that the stick sits in is a place to move it to."""
    built = machine(*PC, *pair("1-2", "2-1"), tpu("1-2.3", 480))
    assert ("1-2", 3) not in suggested(built, "1-2.3")
    assert ("2-1", 3) not in suggested(built, "1-2.3")
    assert [("2-1", 1), ("2-1", 2), ("2-1", 4), ("usb2", 2)] == suggested(built, "1-2.3")


def test_a_socket_is_suggested_once() -> None:
    """A socket with two halves is one suggestion, not two, with and without the wish for a fast one."""
    built = machine(*PC, tpu("1-3", 480))
    assert [("usb2", 1), ("usb2", 2)] == suggested(built, "1-3")
    assert [("usb2", 1), ("usb2", 2), ("usb1", 4)] == suggested(built, "1-3", fast=False)


def test_slow_sockets_are_not_suggested_for_a_fast_one() -> None:
    """A USB 2 socket does not mend a USB 2 link."""
    assert ("usb1", 4) not in suggested(machine(*PC, tpu("1-3", 480)), "1-3")


def test_bus_powered_hubs_are_not_suggested() -> None:
    """A hub without a supply cannot feed a stick; one that does not say is not held back."""
    devices = [hub("2-1", self_powered=False), hub("2-2", self_powered=None), tpu("2-1.1")]
    assert {"2-2"} == {name for name, _ in suggested(machine(root(2, port_count=2), *devices), "2-1.1")}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    "useless",
    [
        root(5, 12, root_driver="uhci_hcd", controller=None),
        root(5, 5000, root_driver="vhci_hcd", controller=None),
        root(5, 480, root_driver="vhci_hcd", controller=None),
        root(5, 5000, root_driver="dummy_hcd", controller=None),
    ],
)
def test_buses_without_use_are_not_suggested(useless: Any, fast: bool) -> None:
    """A USB 1.1 bus cannot carry an Edge TPU, and a virtual bus has no sockets."""
    assert "usb5" not in {name for name, _ in suggested(machine(*PC, useless, tpu("1-3", 480)), "1-3", fast=fast)}


def test_slow_hubs_are_not_suggested() -> None:
    """Nor has a USB 1.1 hub a use."""
    built = machine(*PC, hub("1-3", 12), tpu("1-3.1", 12))
    assert "1-3" not in {name for name, _ in suggested(built, "1-3.1", fast=False)}


names = st.sampled_from(["2-1", "2-2", "2-1.1", "2-1.2", "2-1.2.1", "2-1.2.3", "1-1", "1-2", "1-1.4", "1-1.4.2"])


@given(st.sets(names), st.sets(names), st.booleans())
def test_suggestions_hold_what_they_promise(sticks: set[str], hubs: set[str], fast: bool) -> None:
    """No suggestion is taken, hardwired, secondary or bus-powered, and none comes twice."""
    speeds = {"1": 480, "2": 5000}
    devices = [hub(name, speeds[name[0]], self_powered=name != "2-2") for name in sorted(hubs)]
    devices += [tpu(name, speeds[name[0]]) for name in sorted(sticks - hubs)]
    built = machine(*PC, *devices)
    for start in built.usb:
        found = suggested(built, start, fast=fast)
        assert len(set(found)) == len(found)
        for name, number in found:
            node = built.usb[name]
            assert all(built.usb[child].port != number for child in node.children)
            assert node.is_root or node.device.self_powered is not False
            assert not is_secondary_port(node, number)
