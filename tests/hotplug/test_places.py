"""Free ports and whether they suit, and what each hop bears."""

from __future__ import annotations

from hypothesis import given, settings

from etpu_doctor.hotplug.places import HopLoad, loads_of, ports_of
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine
from tests.support import builder, strategies
from tests.support.sequences import TWO_STICKS, evidence_of

SUB_HUB = """
    pci 0000:00:14.0 xhci
      root usb2=4 usb3=2 connect=hotplug
        1: hub usb3 ports=4 power=self
          1: tpu
          4: hub usb3 ports=4 power=self
            2: tpu
"""


def machine(text: str) -> Machine:
    """A machine of the notation."""
    return build(builder.machine(text).evidence())


def faults(built: Machine) -> dict[str, str | None]:
    """What speaks against each free port."""
    return {port.name: port.fault for port in ports_of(built)}


def test_free_ports_of_a_sub_hub_are_secondary_but_the_first() -> None:
    """As Coral's documentation has it."""
    found = faults(machine(SUB_HUB))
    assert {"2-1.4.1": None, "2-1.4.3": "secondary-port", "2-1.4.4": "secondary-port"} == {
        name: fault for name, fault in found.items() if name.startswith("2-1.4.")
    }


def test_a_port_with_a_device_is_not_free() -> None:
    """Neither half of it."""
    assert {"2-1.1", "1-1.1", "2-1", "1-1"}.isdisjoint(faults(machine(SUB_HUB)))


def test_a_socket_is_named_once_by_its_fast_half() -> None:
    """Two free ports of one socket are one place for a stick."""
    found = faults(machine(SUB_HUB))
    assert "2-1.2" in found
    assert "1-1.2" not in found


def test_a_socket_without_a_fast_half_is_slow() -> None:
    """It is free, and not where one wants to be."""
    assert "usb2-only" == faults(machine(SUB_HUB))["1-3"]


def test_a_hub_without_a_supply_is_no_place() -> None:
    """Its ports may deliver a sixth of what a stick wants."""
    found = faults(
        machine("""
        pci 0000:00:14.0 xhci
          root usb2=4 usb3=2 connect=hotplug
            1: hub usb3 ports=4 power=bus
              1: tpu
    """)
    )
    assert {"bus-powered-hub"} == {fault for name, fault in found.items() if name.startswith("2-1.")}


def test_a_hop_bears_what_hangs_below_it() -> None:
    """Two Edge TPUs ask for twice what one does, and one case has one supply."""
    loads = loads_of(build(evidence_of(TWO_STICKS)))
    assert HopLoad(demand_mb_s=190.0, usable_mb_s=350.0, power_ma=1000, budget_ma=None) == loads["2-2"]
    assert (95.0, None) == (loads["2-2.4"].demand_mb_s, loads["2-2.4"].power_ma)


def test_a_bus_powered_hub_has_the_budget_of_the_port_above() -> None:
    """What is not declared stays unknown; this is declared."""
    loads = loads_of(
        machine("""
        pci 0000:00:14.0 xhci
          root usb2=4 usb3=4 connect=hotplug
            1: hub usb3 ports=4 power=bus
              1: tpu
    """)
    )
    assert (500, 900) == (loads["2-1"].power_ma, loads["2-1"].budget_ma)


@settings(max_examples=40, deadline=None)
@given(strategies.notations(most_devices=8, most_controllers=2))
def test_no_port_is_named_twice_and_none_that_is_taken(text: str) -> None:
    """Whatever the machine."""
    built = build(builder.machine(text).evidence())
    found = ports_of(built)
    assert len(found) == len({port.name for port in found})
    assert set(built.usb).isdisjoint(port.name for port in found)
    assert all(port.hub in built.usb for port in found)
