"""What is said of each Edge TPU."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.topology.machine import EdgeTpu
from tests.support.facts import XHCI, apex, bridge, card, hub, interface, link, machine, maybe, only_tpu, root, tpu, usb


def stick(**fields: Any) -> EdgeTpu:
    """The Edge TPU on port 4 of a hub."""
    return only_tpu(machine(root(2), hub("2-1"), tpu("2-1.4", devnum=12, **fields)))


def test_a_stick() -> None:
    """Place, identity, speed, and the names that programs use."""
    found = stick()
    assert ("2-1.4", "usb", "ready", 2, 12, "1.4") == (
        found.id,
        found.transport,
        found.state,
        found.busnum,
        found.devnum,
        found.port_chain,
    )
    assert ("18d1:9302", 5000, 5000, False, XHCI) == (
        found.identity,
        found.speed_mbps,
        found.expected_speed_mbps,
        found.in_use,
        found.controller,
    )
    assert "/sys/bus/usb/devices/2-1.4" == found.device_path
    assert "/dev/bus/usb/002/012" == found.device_node


def test_a_stick_in_use() -> None:
    """A program that holds it is seen at the interface's driver."""
    assert stick(interfaces=(interface(0xFF, "usbfs"),)).in_use


def test_a_stick_of_unknown_place() -> None:
    """Without a port there is no path, without a device number no node."""
    found = stick(port_chain=None)
    assert ("bus2-dev12", None, None) == (found.id, found.port_chain, found.device_path)
    assert "/dev/bus/usb/002/012" == found.device_node
    assert only_tpu(machine(tpu("2-1", devnum=None))).device_node is None


def test_a_superspeed_bus_tells_the_speed() -> None:
    """A stick on a SuperSpeed bus whose speed is not printed runs at 5 Gb/s; on a USB 2 bus it is left open."""
    assert 5000 == stick(speed_mbps=None).speed_mbps
    assert only_tpu(machine(root(1, 480), tpu("1-1", None))).speed_mbps is None


def test_a_possible_stick() -> None:
    """A device without ids has a place and no identity."""
    found = only_tpu(machine(root(2), maybe("2-1")))
    assert ("possible", None, None) == (found.state, found.identity, found.delegate_device)


def test_a_card() -> None:
    """Address, link and node of a card."""
    root_port = bridge("0000:00:1c.0", 1, **link(5, 1, 8, 4))
    found = only_tpu(machine(root_port, card("0000:01:00.0", "0000:00:1c.0"), apex(0, "0000:01:00.0")))
    assert ("0000:01:00.0", "pci", "ready", "1ac1:089a") == (found.id, found.transport, found.state, found.identity)
    assert (4000, 4000, "/dev/apex_0") == (found.speed_mbps, found.expected_speed_mbps, found.device_node)
    assert [("0000:01:00.0", "0000:00:1c.0")] == [(hop.lower, hop.upper) for hop in found.hops]


def test_a_card_without_node_or_link() -> None:
    """What is not shown is not known."""
    bare: dict[str, Any] = dict.fromkeys(link(1, 1, 1, 1))
    found = only_tpu(machine(card("0000:01:00.0", driver=None, **bare)))
    assert ("unconfigured", None, None) == (found.state, found.device_node, found.speed_mbps)
    assert (None, None, []) == (found.expected_speed_mbps, found.limited_by, found.hops)


def test_cards_come_before_sticks() -> None:
    """The list is in a fixed order: cards by address, sticks by bus and port."""
    built = machine(
        root(1, 480), root(2), tpu("2-1"), tpu("1-10", 480), tpu("1-2", 480), card("0000:02:00.0"), card("0000:01:00.0")
    )
    assert ["0000:01:00.0", "0000:02:00.0", "1-2", "1-10", "2-1"] == [found.id for found in built.edge_tpus]


@pytest.mark.parametrize("identity", ["18d1:4ee7", "03e7:2485", "1d6b:0003"])
def test_other_devices_are_none(identity: str) -> None:
    """A phone of the same maker, another accelerator, and a hub are no Edge TPUs."""
    assert [] == machine(root(2), usb("2-1", identity)).edge_tpus
