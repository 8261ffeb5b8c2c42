"""When a delegate string is known, and why where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.delegate_index import (
    NO_APEX,
    NO_APEX_ORDER,
    NO_CONTROLLERS,
    NO_IDS,
    NO_PCI,
    NO_PORTS,
    kernfs_hash,
    readdir_order,
)
from etpu_doctor.topology.machine import EdgeTpu, Machine
from tests.support.facts import LIVE, TEXT, XHCI, apex, bridge, card, hub, machine, maybe, only_tpu, root, tpu, xhci

LISTED = (*TEXT, "pci")
"""What ``lsusb -t``, ``lsusb`` and ``lspci -nn`` cover together."""


def order(built: Machine, field: str = "delegate_device") -> list[str]:
    """Ids of the USB Edge TPUs by the number in one of their strings."""
    numbered = {getattr(found, field): found.id for found in built.edge_tpus if found.transport == "usb"}
    return [numbered[f"usb:{index}"] for index in range(len(numbered))]


def reasons(built: Machine) -> list[str | None]:
    """Why the strings of the Edge TPUs are not known."""
    return [found.delegate_unknown_because for found in built.edge_tpus]


@pytest.mark.parametrize(
    ("sticks", "expected"),
    [
        ([tpu("2-1"), tpu("2-2")], ["2-2", "2-1"]),
        ([tpu("2-1"), tpu("2-2", dfu=True)], ["2-2", "2-1"]),
        ([tpu("2-1", dfu=True), tpu("2-2")], ["2-1", "2-2"]),
        ([hub("2-1", port_count=10), tpu("2-1.1"), tpu("2-1.2"), tpu("2-1.10")], ["2-1.2", "2-1.10", "2-1.1"]),
        ([hub("2-1"), tpu("2-1.4"), tpu("1-3", 480)], ["2-1.4", "1-3"]),
    ],
)
def test_the_rule_needs_no_path_on_one_controller(sticks: list[UsbDevice], expected: list[str]) -> None:
    """The documented orders on one controller, from facts that hold no path of sysfs."""
    built = machine(root(1, 480), root(2), *sticks)
    assert expected == order(built)
    assert [f":{index}" for index in range(len(expected))] == sorted(
        found.delegate_device_any or "" for found in built.edge_tpus
    )


def two_controllers() -> list[UsbDevice]:
    """The observed machine: buses 1 and 2 on one controller, 3 and 4 on one behind a bridge."""
    other = "0000:03:00.0"
    roots = [root(1, 480), root(2), root(3, 480, controller=other), root(4, controller=other)]
    high = [tpu(place, 480, dfu=place == "1-2") for place in ("1-2", "1-3", "1-10")]
    fast = [tpu(place, dfu=place == "4-2") for place in ("2-2", "2-1.1", "2-1.2", "2-1.10", "2-1.4.3", "4-1", "4-2")]
    return [*roots, hub("2-1", port_count=10), hub("2-1.4"), *high, *fast]


OBSERVED = ["4-2", "1-2", "4-1", "2-2", "2-1.4.3", "2-1.2", "2-1.10", "2-1.1", "1-3", "1-10"]
"""What ``edgetpu_list_devices`` of libedgetpu 16.0 over libusb 1.0.26 gave for that machine."""


def test_the_observed_order_from_sysfs_paths() -> None:
    """The observed list, from the paths that sysfs gives."""
    tops = {1: "0000:00:14.0", 2: "0000:00:14.0", 3: "0000:00:1c.0/0000:03:00.0", 4: "0000:00:1c.0/0000:03:00.0"}
    devices = []
    for device in two_controllers():
        chain = device.port_chain or ()
        names = [f"{device.busnum}-{'.'.join(map(str, chain[: depth + 1]))}" for depth in range(len(chain))]
        path = "/".join(["/devices/pci0000:00", tops[device.busnum or 0], f"usb{device.busnum}", *names])
        fields = {name: getattr(device, name) for name in device.__struct_fields__}
        devices.append(UsbDevice(**{**fields, "sysfs_devpath": path}))
    assert OBSERVED == order(machine(*devices))


def test_the_observed_order_from_a_listing() -> None:
    """The observed list, from listings whose PCI part shows the bridge above the second controller."""
    functions = [xhci(), bridge("0000:00:1c.0", 3), xhci("0000:03:00.0", parent="0000:00:1c.0")]
    assert OBSERVED == order(machine(*two_controllers(), *functions, covers=LISTED))


def test_the_order_once_all_have_their_firmware() -> None:
    """Without sticks in the boot loader, the order is that of the paths alone."""
    functions = [xhci(), bridge("0000:00:1c.0", 3), xhci("0000:03:00.0", parent="0000:00:1c.0")]
    built = machine(*two_controllers(), *functions)
    expected = ["4-2", "4-1", "2-2", "2-1.4.3", "2-1.2", "2-1.10", "2-1.1", "1-3", "1-2", "1-10"]
    assert expected == order(built, "delegate_device_after_firmware")


@pytest.mark.parametrize(
    "functions",
    [
        [],
        [xhci(parent_known=False), xhci("0000:03:00.0", parent_known=False)],
        [xhci(), xhci("0000:03:00.0", parent="0000:00:1c.0")],
        [
            xhci(parent_known=False),
            bridge("0000:02:00.0", 3, parent_known=False),
            xhci("0000:03:00.0", parent_known=False),
        ],
    ],
)
def test_two_controllers_without_the_bridges_above(functions: list[Any]) -> None:
    """Where a bridge on the way to a controller is not in the evidence, no order is made up."""
    built = machine(*two_controllers(), *functions, covers=LISTED)
    assert {NO_CONTROLLERS} == set(reasons(built))
    assert {None} == {found.delegate_device for found in built.edge_tpus}


def test_two_buses_of_unknown_controllers() -> None:
    """Two buses without controllers leave the order open, even if their numbers follow each other."""
    built = machine(*(root(bus, controller=None, root_driver="x") for bus in (1, 2)), tpu("1-1"), tpu("2-1"))
    assert [NO_CONTROLLERS] * 2 == reasons(built)


def test_two_sticks_on_one_bus_of_an_unknown_controller() -> None:
    """On one bus nothing above it decides anything."""
    built = machine(root(2, controller=None), tpu("2-1"), tpu("2-2"), covers=TEXT)
    assert ["2-2", "2-1"] == order(built)


@pytest.mark.parametrize("fields", [{"busnum": None}, {"port_chain": None}])
def test_unknown_places(fields: dict[str, Any]) -> None:
    """Two sticks, one of which is nowhere: the order follows from the ports, which are not all shown."""
    built = machine(root(2), tpu("2-1"), tpu("2-2", devnum=9, **fields))
    assert [NO_PORTS] * 2 == reasons(built)


def test_one_stick_needs_no_place() -> None:
    """A single stick is ``usb:0`` wherever it is: ``lsusb`` alone tells that."""
    found = only_tpu(machine(tpu("2-1", port_chain=None), covers=("usb", "usb-ids", "pci")))
    assert ("usb:0", ":0", None) == (found.delegate_device, found.delegate_device_any, found.delegate_unknown_because)
    assert "usb:0" == found.delegate_device_without_udev


def test_devices_without_ids_have_no_number() -> None:
    """A device that only may be an Edge TPU makes every USB number uncertain."""
    built = machine(root(2), tpu("2-1"), maybe("2-2"))
    assert [NO_IDS] * 2 == reasons(built)
    assert {None} == {found.delegate_device for found in built.edge_tpus}


def test_without_the_pci_bus_the_common_number_is_open() -> None:
    """PCIe devices are counted first in ``:N``; ``usb:N`` does not depend on them."""
    found = only_tpu(machine(root(2), tpu("2-1"), covers=TEXT))
    assert ("usb:0", None, NO_PCI) == (found.delegate_device, found.delegate_device_any, found.delegate_unknown_because)


def test_pcie_is_counted_first() -> None:
    """``:N`` counts the apex nodes, then the sticks."""
    facts: list[Any] = [card("0000:01:00.0"), card("0000:02:00.0"), apex(0, "0000:01:00.0"), apex(1, "0000:02:00.0")]
    built = machine(*facts, root(2), tpu("2-1"))
    assert [":0", ":1", ":2"] == [found.delegate_device_any for found in built.edge_tpus]
    assert ["pci:0", "pci:1", "usb:0"] == [found.delegate_device for found in built.edge_tpus]


def test_apex_nodes_count_in_the_order_of_the_listing() -> None:
    """``pci:N`` is the place in the kernel's listing, not the number of the node."""
    addresses = [f"0000:0{number}:00.0" for number in range(3)]
    nodes = [apex(number, addresses[number]) for number in (2, 0, 1)]
    built = machine(*map(card, addresses), *nodes)
    assert {"0000:02:00.0": "pci:0", "0000:00:00.0": "pci:1", "0000:01:00.0": "pci:2"} == {
        found.id: found.delegate_device for found in built.edge_tpus
    }
    assert ["/dev/apex_0", "/dev/apex_1", "/dev/apex_2"] == [found.device_path for found in built.edge_tpus]


def test_an_apex_node_of_no_card_is_counted_all_the_same() -> None:
    """A node is what libedgetpu counts; one whose card is not in the evidence shifts the rest."""
    built = machine(card("0000:02:00.0"), apex(0, "0000:01:00.0"), apex(1, "0000:02:00.0"), root(2), tpu("2-1"))
    assert ["pci:1", "usb:0"] == [found.delegate_device for found in built.edge_tpus]
    assert [":1", ":2"] == [found.delegate_device_any for found in built.edge_tpus]


def test_a_card_without_a_node() -> None:
    """A card that no driver serves has no number, and does not count."""
    built = machine(card("0000:01:00.0", driver=None), root(2), tpu("2-1"))
    assert [NO_APEX, None] == reasons(built)
    assert [None, ":0"] == [found.delegate_device_any for found in built.edge_tpus]


def strings_of(found: EdgeTpu) -> tuple[str | None, str | None]:
    """A device's number among its kind, and among all."""
    return found.delegate_device, found.delegate_device_any


def test_one_card_from_a_listing() -> None:
    """``lspci -k`` shows one card with its driver: it is ``pci:0``."""
    assert ("pci:0", ":0") == strings_of(only_tpu(machine(card("0000:01:00.0"), covers=LISTED)))


def test_several_cards_from_a_listing() -> None:
    """From a listing the order of several cards is open, but not how many there are before the sticks."""
    built = machine(card("0000:01:00.0"), card("0000:02:00.0"), root(2), tpu("2-1"), covers=LISTED)
    assert [NO_APEX_ORDER, NO_APEX_ORDER, None] == reasons(built)
    assert (None, None) == strings_of(built.edge_tpus[0])
    assert ("usb:0", ":2") == strings_of(built.edge_tpus[2])


def test_a_card_of_unknown_driver_from_a_listing() -> None:
    """Without the driver it is open whether libedgetpu sees the card, and with it how the sticks count."""
    built = machine(card("0000:01:00.0", driver=None, driver_known=False), root(2), tpu("2-1"), covers=LISTED)
    assert [NO_APEX_ORDER, NO_PCI] == reasons(built)
    assert ("usb:0", None) == strings_of(built.edge_tpus[1])


def test_a_card_without_driver_from_a_listing() -> None:
    """A card that is bound to nothing is not counted."""
    built = machine(card("0000:01:00.0", driver=None), card("0000:02:00.0"), root(2), tpu("2-1"), covers=LISTED)
    assert [NO_APEX, None, None] == reasons(built)
    assert [(None, None), ("pci:0", ":0"), ("usb:0", ":1")] == [strings_of(found) for found in built.edge_tpus]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (["2-1", "2-2", "2-3", "2-4"], ["2-2", "2-4", "2-1", "2-3"]),
        (["2-1.1", "2-1.2", "2-1.3", "2-1.4"], ["2-1.4", "2-1.1", "2-1.3", "2-1.2"]),
    ],
)
def test_without_udev(places: list[str], expected: list[str]) -> None:
    """Built without udev, libusb lists by the kernel's hash of the names, from the end."""
    built = machine(root(2), hub("2-1") if "." in places[0] else root(1, 480), *map(tpu, places))
    assert expected == order(built, "delegate_device_without_udev")


def test_without_udev_fresh_sticks_come_first_too() -> None:
    """The two passes are libedgetpu's own, whatever order libusb gives."""
    built = machine(root(2), *(tpu(f"2-{number}", dfu=number == 3) for number in range(1, 5)))
    assert ["2-3", "2-2", "2-4", "2-1"] == order(built, "delegate_device_without_udev")


def test_the_numbers_flip_when_a_stick_is_opened() -> None:
    """Of two fresh sticks the one opened as ``usb:0`` is ``usb:1`` afterwards: each string says both."""
    before = machine(root(2), tpu("2-1", dfu=True), tpu("2-2", dfu=True))
    after = machine(root(2), tpu("2-1", dfu=True), tpu("2-2"))
    assert (["2-2", "2-1"], ["2-1", "2-2"]) == (order(before), order(after))


APEX_LISTINGS = {
    1: [0],
    2: [0, 1],
    3: [2, 0, 1],
    4: [2, 0, 3, 1],
    5: [4, 2, 0, 3, 1],
    6: [4, 2, 0, 5, 3, 1],
    8: [6, 4, 2, 0, 7, 5, 3, 1],
    16: [15, 8, 13, 6, 11, 4, 2, 0, 9, 14, 7, 12, 5, 10, 3, 1],
}
"""Orders in which a 64-bit kernel lists the entries of ``/sys/class/apex``."""


@pytest.mark.parametrize("count", APEX_LISTINGS)
def test_listings_of_a_64_bit_kernel(count: int) -> None:
    """The order follows from the kernel's hash of the names."""
    names = [f"apex_{number}" for number in range(count)]
    assert [f"apex_{number}" for number in APEX_LISTINGS[count]] == readdir_order(names)


@given(st.lists(st.text(max_size=20), unique=True))
def test_a_listing_is_a_permutation(names: list[str]) -> None:
    """Every name is listed once, in an order that does not depend on how they were given."""
    assert readdir_order(names) == readdir_order(sorted(names))
    assert sorted(names) == sorted(readdir_order(names))
    assert all(0 <= kernfs_hash(name) < 1 << 31 for name in names)


states = st.sampled_from([True, False, None])


@given(st.dictionaries(st.integers(1, 12), states, min_size=1, max_size=6), st.booleans())
def test_numbers_are_a_permutation(sticks: dict[int, bool | None], covers_pci: bool) -> None:
    """Every stick gets one number of each kind, fresh ones the lowest; ``:N`` is the same order."""
    devices = [tpu(f"2-{place}", dfu=bool(state), configured=state is not None) for place, state in sticks.items()]
    built = machine(root(2, port_count=12), *devices, covers=LIVE if covers_pci else TEXT)
    fields = ("delegate_device", "delegate_device_after_firmware", "delegate_device_without_udev")
    for field in fields:
        assert sorted(found.id for found in built.edge_tpus) == sorted(order(built, field))
    fresh = [found.id in {f"2-{place}" for place, state in sticks.items() if state} for found in built.edge_tpus]
    by_id = {found.id: is_fresh for found, is_fresh in zip(built.edge_tpus, fresh, strict=True)}
    for field in ("delegate_device", "delegate_device_without_udev"):
        assert sorted(by_id.values(), reverse=True) == [by_id[name] for name in order(built, field)]
    common = [found.delegate_device_any for found in built.edge_tpus]
    assert common == [f":{(found.delegate_device or '')[4:]}" if covers_pci else None for found in built.edge_tpus]


def test_the_default_controller_is_known() -> None:
    """The helper's root hubs hang on one controller, else the tests above would show less."""
    assert {XHCI: ["usb1", "usb2"]} == machine(root(1, 480), root(2)).roots_of_controller
