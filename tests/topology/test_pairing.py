"""The two halves of a USB 3 hub find each other, and nothing else is paired."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.machine import Machine
from etpu_doctor.topology.pairing import is_superspeed, pair_hubs, peer_hub
from tests.support.facts import TEXT, hub, machine, ports, root, usb

CASE = "5ed6d7a7-1c4e-4b57-8a5e-2f4b8b1f9a11"


def twin_of(built: Machine, name: str) -> tuple[str | None, str | None]:
    """A hub's other half, and why it is taken for that."""
    node = built.usb[name]
    return node.twin, node.twin_basis


def roots(high: tuple[str | None, ...] = (), fast: tuple[str | None, ...] = ()) -> list[UsbDevice]:
    """Both root hubs of one controller, with the peers of their ports."""
    return [root(1, 480, ports=ports(*high) or None), root(2, 5000, ports=ports(*fast) or None)]


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("usb2-port1", ("usb2", 1)),
        ("2-1.4-port12", ("2-1.4", 12)),
        ("usb2-port", None),
        ("usb2", None),
        ("-port3", ("", 3)),
        ("usb2-portx", None),
        ("usb2-port²", None),
        ("usb2-port" + "9" * 5000, None),
        ("", None),
    ],
)
def test_peer_links_are_read(peer: str, expected: tuple[str, int] | None) -> None:
    """A peer link names a hub and a port; anything else names nothing, and never raises."""
    assert expected == peer_hub(peer)


@pytest.mark.parametrize(
    ("speed", "identity", "expected"),
    [
        (5000, None, True),
        (20000, None, True),
        (480, "1d6b:0003", False),
        (None, "1d6b:0003", True),
        (None, "1d6b:0002", False),
        (None, "2109:0817", None),
        (None, None, None),
    ],
)
def test_speed_of_a_hub(speed: float | None, identity: str | None, expected: bool | None) -> None:
    """The speed decides; where it is not known, only the ids of root hubs tell."""
    assert expected is is_superspeed(machine(usb("usb1", identity, speed)).usb["usb1"])


def test_root_hubs_by_peer() -> None:
    """One peer link between two root hubs makes them a pair."""
    built = machine(*roots((None, "usb2-port1"), ("usb1-port2",)))
    assert ("usb2", "kernel peer link") == twin_of(built, "usb1")
    assert ("usb1", "kernel peer link") == twin_of(built, "usb2")


def test_root_hubs_by_controller() -> None:
    """Without peers, the USB 2 and the USB 3 bus of one controller belong together."""
    built = machine(root(1, 480), root(2, controller="0000:03:00.0"), root(3, 480, controller="0000:03:00.0"))
    assert ("usb2", "same controller") == twin_of(built, "usb3")
    assert (None, None) == twin_of(built, "usb1")


def test_root_hubs_by_position() -> None:
    """A listing knows no controllers: a USB 2 bus and the USB 3 bus right after it are taken for a pair."""
    built = machine(*(root(bus, speed, controller=None) for bus, speed in ((1, 480), (2, 5000), (3, 480), (4, 10000))))
    assert ["usb2", "usb1", "usb4", "usb3"] == [built.usb[name].twin for name in ("usb1", "usb2", "usb3", "usb4")]
    assert "position" == built.usb["usb1"].twin_basis


@pytest.mark.parametrize(
    "other",
    [
        root(2, 480, controller=None),
        root(3, controller=None),
        root(2, controller=None, root_driver="vhci_hcd"),
        root(2, None, identity="1234:5678", controller=None),
    ],
)
def test_root_hubs_that_are_no_pair(other: UsbDevice) -> None:
    """Two USB 2 buses, buses apart, buses of different drivers, and an unknown speed make no pair."""
    assert (None, None) == twin_of(machine(root(1, 480, controller=None), other), "usb1")


def test_a_superspeed_bus_before_its_high_speed_bus_is_no_pair() -> None:
    """The kernel registers the USB 2 bus first: 1 fast and 2 slow are of two controllers."""
    assert (None, None) == twin_of(machine(root(1, controller=None), root(2, 480, controller=None)), "usb1")


def test_hubs_by_peer_on_different_ports() -> None:
    """On a PC the halves of a root port carry different numbers; the kernel's link says which belong together."""
    built = machine(
        *roots((None,) * 4 + ("usb2-port1",), ("usb1-port5", None, None)), hub("1-5", 480), hub("1-1", 480), hub("2-1")
    )
    assert ("2-1", "kernel peer link") == twin_of(built, "1-5")
    assert (None, None) == twin_of(built, "1-1")


def test_hubs_by_the_peers_of_their_own_ports() -> None:
    """The peer links of the hub's own ports are enough, even if the root hubs are not in the evidence."""
    built = machine(hub("1-5", 480, ports=ports("2-1-port1")), hub("2-1", 5000, ports=ports("1-5-port1")))
    assert ("2-1", "kernel peer link") == twin_of(built, "1-5")


def test_a_peer_that_is_not_there_pairs_nothing() -> None:
    """A link to a hub that the evidence lacks is passed over."""
    assert (None, None) == twin_of(machine(hub("1-5", 480, ports=ports("9-1-port1", None))), "1-5")


def test_hubs_by_container_id() -> None:
    """A container id that two halves share makes them a pair wherever they sit."""
    built = machine(root(1, 480), root(4), hub("1-9", 480, container_id=CASE), hub("4-2", container_id=CASE))
    assert ("4-2", "container id") == twin_of(built, "1-9")


def test_two_chips_of_one_case_share_a_container_id() -> None:
    """Two chips with one id are four halves: the id does not tell which, the positions do."""
    chips = [hub(place, speed, container_id=CASE) for place, speed in (("1-1", 480), ("1-1.4", 480))]
    chips += [hub(place, container_id=CASE) for place in ("2-1", "2-1.4")]
    built = machine(*roots(), *chips)
    assert ("2-1", "position") == twin_of(built, "1-1")
    assert ("2-1.4", "position") == twin_of(built, "1-1.4")


def test_two_chips_of_one_case_with_peers() -> None:
    """Where the kernel links the ports, the shared container id does no harm."""
    built = machine(
        *roots((None, None, "usb2-port1"), ("usb1-port3",)),
        hub("1-3", 480, container_id=CASE, ports=ports(None, None, None, "2-1-port4")),
        hub("2-1", container_id=CASE, ports=ports(None, None, None, "1-3-port4")),
        hub("1-3.4", 480, container_id=CASE),
        hub("2-1.4", container_id=CASE),
    )
    assert ("2-1", "kernel peer link") == twin_of(built, "1-3")
    assert ("2-1.4", "kernel peer link") == twin_of(built, "1-3.4")


def test_a_container_id_of_two_fast_halves_is_no_pair() -> None:
    """Two SuperSpeed hubs with one id are two chips, not two halves."""
    built = machine(hub("2-1", container_id=CASE), hub("2-2", container_id=CASE))
    assert (None, None) == twin_of(built, "2-1")


def test_root_hubs_are_not_paired_by_container() -> None:
    """A root hub's container id, if some driver gives one, says nothing."""
    built = machine(root(1, 480, container_id=CASE, controller=None), root(7, container_id=CASE, controller=None))
    assert (None, None) == twin_of(built, "usb1")


def test_hubs_by_position() -> None:
    """Below paired root hubs whose ports are not described, equal port numbers make a pair, marked as a weak one."""
    built = machine(*roots(), hub("1-2", 480), hub("2-2"), hub("1-2.3", 480), hub("2-2.3"))
    assert ("2-2", "position") == twin_of(built, "1-2")
    assert ("2-2.3", "position") == twin_of(built, "1-2.3")


def test_below_a_pair_the_basis_is_inherited() -> None:
    """Behind a pair that the kernel linked, equal port numbers are as sure as the link."""
    built = machine(
        *roots((None, "usb2-port1"), ("usb1-port2",)), hub("1-2", 480), hub("2-1"), hub("1-2.3", 480), hub("2-1.3")
    )
    assert ("2-1.3", "kernel peer link") == twin_of(built, "1-2.3")


@pytest.mark.parametrize("high", [(None, None, None), (None, None, "usb2-port4")])
def test_the_kernels_peers_deny_a_position(high: tuple[str | None, ...]) -> None:
    """Where the kernel knows no peer of a port, or another one, equal numbers pair nothing."""
    fast = tuple("usb1-port3" if "usb2-port4" in high and index == 3 else None for index in range(4))
    built = machine(*roots(high, fast), hub("1-3", 480), hub("2-3"))
    assert (None, None) == twin_of(built, "1-3")
    assert (None, None) == twin_of(built, "2-3")


def test_the_kernels_peers_deny_a_position_below_hubs() -> None:
    """The same holds for the ports of an external hub."""
    built = machine(
        *roots((None, "usb2-port1"), ("usb1-port2",)),
        hub("1-2", 480, ports=ports(None, None, None, None)),
        hub("2-1", ports=ports(None, None, None, None)),
        hub("1-2.3", 480),
        hub("2-1.3"),
    )
    assert ("2-1", "kernel peer link") == twin_of(built, "1-2")
    assert (None, None) == twin_of(built, "1-2.3")


def test_a_denied_port_is_not_paired_with_a_hub_of_unknown_port() -> None:
    """No peer does not mean the hub whose port is not known."""
    lost = hub("2-9", port_chain=None, devnum=9)
    built = machine(*roots((None, "usb2-port1", None), ("usb1-port2",)), hub("1-3", 480), lost)
    assert (None, None) == twin_of(built, "1-3")
    assert (None, None) == twin_of(built, "bus2-dev9")


@pytest.mark.parametrize(
    "other",
    [
        hub("2-2", identity="0bda:0411"),
        hub("2-2", 480),
        usb("2-2", "2109:0817"),
        hub("2-3"),
    ],
)
def test_positions_that_make_no_pair(other: UsbDevice) -> None:
    """Another maker, the same speed, something that is no hub, and another port are not the other half."""
    assert (None, None) == twin_of(machine(*roots(), hub("1-2", 480), other), "1-2")


def test_positions_without_ids() -> None:
    """``lsusb -t`` alone has no ids: the position has to do."""
    built = machine(
        *(root(bus, speed, controller=None, vendor_id=None) for bus, speed in ((1, 480), (2, 5000))),
        hub("1-2", 480, vendor_id=None),
        hub("2-2", vendor_id=None),
        covers=TEXT,
    )
    assert ("2-2", "position") == twin_of(built, "1-2")


def test_pairs_are_mutual_and_stay() -> None:
    """A hub has one other half; pairing again changes nothing."""
    built = machine(*roots((None, "usb2-port1"), ("usb1-port2",)), hub("1-2", 480), hub("2-1"), hub("2-2"))
    before = {name: (node.twin, node.twin_basis) for name, node in built.usb.items()}
    pair_hubs(built)
    assert before == {name: (node.twin, node.twin_basis) for name, node in built.usb.items()}
    assert all(built.usb[twin].twin == name for name, (twin, _) in before.items() if twin is not None)
