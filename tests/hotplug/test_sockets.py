"""Sockets: the two ports of one, and their names."""

from __future__ import annotations

from hypothesis import given, settings

from etpu_doctor.hotplug.sockets import other_halves, port_name, port_of_hub
from etpu_doctor.topology.build import build
from tests.support import builder, facts, strategies


def test_a_port_is_called_what_a_device_in_it_is_called() -> None:
    """As the kernel counts: the chain of ports from the root hub."""
    assert ["2-1.4", "2-3", None] == [port_name(each) for each in (facts.tpu("2-1.4"), facts.tpu("2-3"), facts.root(2))]


def test_ports_of_root_hubs_and_of_other_hubs_are_named_alike() -> None:
    """There is no root hub in the name of a port."""
    machine = facts.machine(facts.root(2), facts.hub("2-1"))
    assert ["2-4", "2-1.4"] == [port_of_hub(machine.usb["usb2"], 4), port_of_hub(machine.usb["2-1"], 4)]


def test_the_halves_of_a_root_socket_are_those_that_the_kernel_names() -> None:
    """Their numbers differ on most computers."""
    halves = other_halves(
        build(
            builder.machine("""
        pci 0000:00:14.0 xhci
          root usb2=6 usb3=4 shift=2 connect=hotplug
            1: tpu
    """).evidence()
        )
    )
    assert ("1-3", "2-1") == (halves["2-1"], halves["1-3"])


def test_the_halves_of_a_hub_count_alike() -> None:
    """Port N of one half is port N of the other."""
    halves = other_halves(
        build(
            builder.machine("""
        pci 0000:00:14.0 xhci
          root usb2=4 usb3=4 connect=hotplug
            1: hub usb3 ports=4
    """).evidence()
        )
    )
    assert "1-1.3" == halves["2-1.3"]


@settings(max_examples=40, deadline=None)
@given(strategies.notations(most_devices=6, most_controllers=2))
def test_the_other_half_of_the_other_half_is_the_first(text: str) -> None:
    """Pairs, never chains."""
    halves = other_halves(build(builder.machine(text).evidence()))
    assert all(halves[other] == one for one, other in halves.items())
