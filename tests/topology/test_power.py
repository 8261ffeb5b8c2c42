"""Budgets of ports and loads of hubs."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.host import Host
from etpu_doctor.topology.machine import Machine
from etpu_doctor.topology.power import HubLoad, halves, hub_load, port_budget_ma, tpu_demand
from tests.support.facts import hub, machine, ports, root, storage, tpu, usb


def load_of(built: Machine, name: str) -> HubLoad:
    """The load of a hub."""
    return hub_load(built, built.usb[name])


@pytest.mark.parametrize(("clock", "expected"), [(None, 500), ("standard", 500), ("maximum", 900)])
def test_demand_by_clock(clock: Any, expected: int) -> None:
    """Coral asks for 500 mA at the standard clock and 900 mA at the maximum one; unsaid, the lesser is taken."""
    assert expected == tpu_demand(machine(clock=clock)).ma


def test_demand_by_the_installed_library() -> None:
    """The clock of the installed library counts, and what was found is named."""
    demand = tpu_demand(machine(Host(libedgetpu_clock="maximum", libedgetpu_path="/usr/lib/libedgetpu.so.1.0")))
    assert (900, "maximum", "Coral documentation; /usr/lib/libedgetpu.so.1.0") == (
        demand.ma,
        demand.clock,
        demand.basis,
    )


def test_what_the_person_says_wins() -> None:
    """A clock that was given outweighs the installed library, which another environment may not use."""
    demand = tpu_demand(machine(Host(libedgetpu_clock="maximum"), clock="standard"))
    assert (500, "Coral documentation; --clock") == (demand.ma, demand.basis)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (root(2), 900),
        (root(1, 480), 500),
        (root(2, self_powered=False), 900),
        (hub("2-1"), 900),
        (hub("1-1", 480), 500),
        (hub("2-1", self_powered=False), 150),
        (hub("1-1", 480, self_powered=False), 100),
        (hub("1-1", 12, self_powered=False), 100),
        (hub("2-1", self_powered=None), None),
        (hub("2-1", None), None),
    ],
)
def test_budget_of_a_port(device: Any, expected: int | None) -> None:
    """Full load from a root hub or a self-powered hub, unit load from a bus-powered one, by the bus's generation."""
    (node,) = machine(device).usb.values()
    assert expected == port_budget_ma(node)


def test_a_sticks_own_declaration_is_never_added() -> None:
    """96 mA in use, 896 mA in the boot loader, nothing at all: a stick counts with what Coral asks for."""
    sticks = [tpu("2-1.1"), tpu("2-1.2", dfu=True), tpu("2-1.3", max_power_ma=None, configured=False)]
    built = machine(root(2), hub("2-1"), *sticks)
    assert HubLoad(tpus=("2-1.1", "2-1.2", "2-1.3"), tpus_ma=1500, others_ma=0, undeclared=0) == load_of(built, "2-1")


def test_both_halves_of_a_hub_are_one_supply() -> None:
    """What hangs on the USB 2 half draws from the same supply as what hangs on the USB 3 half."""
    devices = [
        hub("1-1", 480),
        hub("2-1"),
        tpu("2-1.1"),
        tpu("1-1.2", 480),
        usb("1-1.3", "046d:c31c", 12, max_power_ma=98),
    ]
    built = machine(root(1, 480), root(2), *devices, clock="maximum")
    assert 1898 == load_of(built, "2-1").total_ma
    assert load_of(built, "1-1") == load_of(built, "2-1")
    assert ["1-1", "2-1"] == [half.id for half in halves(built, built.usb["1-1"])]


def test_a_device_that_declares_nothing_is_counted_as_unknown() -> None:
    """An unknown draw is not 0."""
    built = machine(
        root(2), hub("2-1"), tpu("2-1.1"), storage("2-1.2", max_power_ma=None), storage("2-1.3", max_power_ma=896)
    )
    assert (1396, 1) == (load_of(built, "2-1").total_ma, load_of(built, "2-1").undeclared)


def test_a_hub_below_with_its_own_supply_counts_with_its_own_draw() -> None:
    """What hangs on a self-powered hub does not load the hub above."""
    built = machine(root(2), hub("2-1"), hub("2-1.4", max_power_ma=8), tpu("2-1.4.1"), tpu("2-1.1"))
    assert (("2-1.1",), 508) == (load_of(built, "2-1").tpus, load_of(built, "2-1").total_ma)


def test_a_hub_below_without_supply_passes_its_load_on() -> None:
    """What hangs on a bus-powered hub is fed by the hub above, with the hub's own draw."""
    built = machine(
        root(2), hub("2-1"), hub("2-1.4", self_powered=False, max_power_ma=100), tpu("2-1.4.1"), tpu("2-1.1")
    )
    assert (("2-1.1", "2-1.4.1"), 1100) == (load_of(built, "2-1").tpus, load_of(built, "2-1").total_ma)


def test_the_halves_of_a_hub_below_are_one_device() -> None:
    """A hub below declares its draw once for each half, and draws it once."""
    devices = [hub("1-1", 480), hub("2-1"), tpu("2-1.1")]
    below = [hub("1-1.4", 480, max_power_ma=100), hub("2-1.4", max_power_ma=96)]
    built = machine(root(1, 480), root(2), *devices, *below)
    assert (100, 0) == (load_of(built, "2-1").others_ma, load_of(built, "2-1").undeclared)


def test_the_halves_of_a_bus_powered_hub_below_both_pass_on() -> None:
    """Sticks on either half of a bus-powered hub below load the hub above."""
    below = [hub("1-1.4", 480, self_powered=False, ports=ports(None)), hub("2-1.4", self_powered=False)]
    devices = [hub("1-1", 480), hub("2-1"), *below, tpu("2-1.4.1"), tpu("1-1.4.3", 480)]
    assert ("1-1.4.3", "2-1.4.1") == load_of(machine(root(1, 480), root(2), *devices), "1-1").tpus


def test_an_empty_hub() -> None:
    """Nothing hangs on it, nothing is drawn."""
    assert 0 == load_of(machine(root(2), hub("2-1")), "2-1").total_ma
