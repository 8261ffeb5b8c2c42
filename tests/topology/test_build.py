"""The tree: every device in one place, whatever the evidence says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.pci import ApexNode, PciBar, PciFunction
from etpu_doctor.facts.usb import UsbDevice, UsbInterface, UsbPort
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.registry import all_rules
from etpu_doctor.topology.bandwidth import shared_uplinks
from etpu_doctor.topology.build import build, node_id
from etpu_doctor.topology.link import path_limits
from etpu_doctor.topology.machine import Machine
from tests.support.facts import LIVE, bridge, evidence, hub, machine, pci, root, tpu, usb, xhci

RULES = all_rules()

small = st.integers(-1, 6)
maybe_small = st.none() | small
speeds = st.sampled_from([None, 0, 1.5, 12, 480, 5000, 10000, 20000, 123])
names = st.sampled_from([None, "", "usb1", "usb2-port1", "1-1-port2", "-port", "x-port٣", "x-port²", "a" * 40, "usbfs"])
usb_ids = st.sampled_from([None, 0x1A6E, 0x18D1, 0x089A, 0x9302, 0x1D6B, 0x0003, 0x2109])
addresses = st.sampled_from(
    ["", ":", "x", "0000:00:14.0", "0000:00:1c.0", "0000:01:00.0", "0000:02:00.0", "10000:e0:06.0", "0000:zz:00.0"]
)

interfaces = st.builds(
    UsbInterface,
    number=small,
    class_code=st.sampled_from([None, 0x08, 0x0E, 0x09, 0xFE, 0xFF, 999]),
    driver=names,
    driver_known=st.booleans(),
)
hub_ports = st.builds(
    UsbPort,
    number=small,
    connect_type=st.sampled_from([None, "hotplug", "hardwired", "not used", "unknown", "?"]),
    over_current_count=maybe_small,
    peer=names,
    peer_known=st.booleans(),
)
usb_devices = st.builds(
    UsbDevice,
    busnum=maybe_small,
    devnum=maybe_small,
    port_chain=st.none() | st.lists(st.integers(0, 4), max_size=9).map(tuple),
    chain_certain=st.booleans(),
    vendor_id=usb_ids,
    product_id=usb_ids,
    device_class=st.sampled_from([None, 0, 9, 0xEF]),
    speed_mbps=speeds,
    configured=st.sampled_from([None, False, True]),
    max_power_ma=st.sampled_from([None, -5, 0, 100, 500, 896]),
    self_powered=st.sampled_from([None, False, True]),
    interfaces=st.none() | st.lists(interfaces, max_size=2).map(tuple),
    port_count=st.sampled_from([None, -3, 0, 1, 4, 300]),
    ports=st.none() | st.lists(hub_ports, max_size=4).map(tuple),
    root_driver=st.sampled_from([None, "xhci_hcd", "ehci-pci", "vhci_hcd", "uhci_hcd", "x"]),
    container_id=st.sampled_from([None, "", "a"]),
    superspeed_capable=st.sampled_from([None, False, True]),
    runtime_control=st.sampled_from([None, "on", "auto", "x"]),
    autosuspend_delay_ms=st.sampled_from([None, -1000, 0, 2000]),
    controller=st.none() | addresses,
    sysfs_devpath=st.none() | st.sampled_from(["", "/", "/devices/pci0000:00/0000:00:14.0/usb2/2-1"]),
)
pci_functions = st.builds(
    PciFunction,
    address=addresses,
    vendor_id=st.sampled_from([None, 0x1AC1, 0x8086]),
    device_id=st.sampled_from([None, 0x089A, 0x1182]),
    class_code=st.sampled_from([None, 0x0604, 0x0C03, 0x0880]),
    prog_if=st.sampled_from([None, 0x30, 0x20]),
    driver=st.sampled_from([None, "apex", "vfio-pci"]),
    driver_known=st.booleans(),
    current_link_speed_gts=st.sampled_from([None, 0, 2.5, 5, 8, 64]),
    current_link_width=st.sampled_from([None, 0, 1, 16]),
    max_link_speed_gts=st.sampled_from([None, 0, 2.5, 5, 8]),
    max_link_width=st.sampled_from([None, 0, 1, 255]),
    parent=st.none() | addresses,
    parent_known=st.booleans(),
    secondary_bus=st.sampled_from([None, 0, 1, 2, 0xE0]),
    bars=st.none()
    | st.lists(st.builds(PciBar, index=small, assigned=st.sampled_from([None, False])), max_size=2).map(tuple),
    config_all_ones=st.sampled_from([None, False, True]),
)
apex_nodes = st.builds(ApexNode, name=st.sampled_from(["apex_0", "apex_1", ""]), pci_address=st.none() | addresses)
anything = st.builds(
    Evidence,
    kind=st.just("text"),
    usb=st.lists(usb_devices, max_size=12).map(tuple),
    pci=st.lists(pci_functions, max_size=8).map(tuple),
    apex=st.lists(apex_nodes, max_size=3).map(tuple),
    covers=st.lists(st.sampled_from(LIVE), unique=True).map(tuple),
)


def parents_stand_first(built: Machine) -> bool:
    """Whether every parent of both trees comes before its children, and knows them."""
    for nodes in (built.usb, built.pci):
        seen: set[str] = set()
        for name, node in nodes.items():
            if node.parent is not None and (node.parent not in seen or name not in nodes[node.parent].children):
                return False
            seen.add(name)
    return True


@settings(max_examples=300, deadline=None)
@given(anything)
def test_any_evidence_makes_a_tree(facts: Evidence) -> None:
    """Whatever the records say, a machine comes of it, parents first, and every child is claimed exactly once."""
    built = build(facts)
    assert parents_stand_first(built)
    for nodes in (built.usb, built.pci):
        children = [child for node in nodes.values() for child in node.children]
        assert sorted(children) == sorted(node.id for node in nodes.values() if node.parent is not None)


@settings(max_examples=300, deadline=None)
@given(anything)
def test_no_rule_crashes_on_any_machine(facts: Evidence) -> None:
    """Every rule judges every machine without raising, and what follows from the tree never raises either."""
    built = build(facts)
    shared_uplinks(built)
    path_limits(built)
    for rule in RULES:
        for finding in rule.check(built):
            assert finding.title
            assert finding.subject == "machine" or finding.subject in built.usb or finding.subject in built.pci


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(6)))
def test_order_of_the_records_does_not_matter(order: list[int]) -> None:
    """The same devices in another order make the same tree."""
    facts = [root(1, 480), root(2), hub("2-1"), tpu("2-1.4"), hub("1-1", 480), usb("1-1.10", speed=480)]
    built = machine(*(facts[index] for index in order))
    assert ["usb1", "1-1", "1-1.10", "usb2", "2-1", "2-1.4"] == list(built.usb)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (UsbDevice(busnum=2, port_chain=()), "usb2"),
        (UsbDevice(busnum=2, port_chain=(1, 4)), "2-1.4"),
        (UsbDevice(port_chain=(1, 4)), "?-1.4"),
        (UsbDevice(port_chain=()), "usb?"),
        (UsbDevice(busnum=2, devnum=5), "bus2-dev5"),
        (UsbDevice(), "bus?-dev?"),
    ],
)
def test_names_of_places(device: UsbDevice, expected: str) -> None:
    """A place is called as sysfs calls it, and what is not known of it is a question mark."""
    assert expected == node_id(device)


def test_ports_sort_as_numbers() -> None:
    """Port 10 comes after port 2 in the tree, although not in the alphabet."""
    built = machine(root(1, 480), usb("1-10", speed=480), usb("1-2", speed=480))
    assert ["1-2", "1-10"] == built.usb["usb1"].children


def test_a_device_without_its_hub_stands_alone() -> None:
    """Where the hub above is not in the evidence, the device has no parent rather than a wrong one."""
    built = machine(root(2), tpu("2-1.4"))
    assert built.usb["2-1.4"].parent is None
    assert [] == built.usb["usb2"].children


def test_a_device_of_an_unknown_bus_hangs_on_nothing() -> None:
    """A device without a bus number does not land on somebody else's bus."""
    built = machine(root(2), tpu("2-1", busnum=None))
    assert ["usb2", "?-1"] == list(built.usb)
    assert built.usb["?-1"].parent is None


def test_a_device_of_an_unknown_port_hangs_on_nothing() -> None:
    """``lsusb`` knows the bus and not the port: the device may hang on any hub of the bus, so it stands at the top."""
    built = machine(root(2), tpu("2-1", port_chain=None, devnum=7))
    assert built.usb["bus2-dev7"].parent is None
    assert built.usb["bus2-dev7"].port is None


def test_two_devices_in_one_place() -> None:
    """Of two devices on one port, which are of two moments, the one with the later number stays."""
    built = machine(root(2), tpu("2-1", devnum=9), tpu("2-1", devnum=4, dfu=True))
    assert ["usb2", "2-1"] == list(built.usb)
    assert 9 == built.usb["2-1"].device.devnum
    assert 1 == len(built.edge_tpus)


def test_duplicate_device_numbers_stay_two_devices() -> None:
    """Two places with one device number, as a damaged listing shows them, are two devices."""
    built = machine(root(2), tpu("2-1", devnum=3), tpu("2-2", devnum=3))
    assert ["2-1", "2-2"] == [found.id for found in built.edge_tpus]


def test_a_port_beyond_the_last_one() -> None:
    """A device on port 9 of a hub with four ports stands where the evidence says."""
    built = machine(root(2), hub("2-1", port_count=4), tpu("2-1.9"))
    assert "2-1" == built.usb["2-1.9"].parent


def test_more_tiers_than_usb_allows() -> None:
    """Nine hubs in a row make a chain of nine, not an error."""
    places = ["2-1" + ".1" * depth for depth in range(9)]
    built = machine(root(2), *(hub(place) for place in places), tpu(f"{places[-1]}.2"))
    assert [*reversed(places), "usb2"] == [node.id for node in built.usb_ancestors(f"{places[-1]}.2")]


def test_bridges_by_known_parent() -> None:
    """The path that sysfs shows decides what a function hangs on."""
    built = machine(bridge("0000:00:1c.0", 2), pci("0000:02:00.0", parent="0000:00:1c.0"))
    assert "0000:00:1c.0" == built.pci["0000:02:00.0"].parent
    assert ["0000:02:00.0"] == built.pci["0000:00:1c.0"].children


def test_bridges_by_bus_number() -> None:
    """Where no path is known, the bridge whose secondary bus it is stands above."""
    built = machine(bridge("0000:00:1c.0", 2), pci("0000:02:00.0", parent_known=False))
    assert "0000:00:1c.0" == built.pci["0000:02:00.0"].parent


def test_bus_numbers_count_in_one_domain() -> None:
    """Bus 2 of another domain is another bus."""
    built = machine(bridge("0001:00:1c.0", 2), pci("0000:02:00.0", parent_known=False))
    assert built.pci["0000:02:00.0"].parent is None


def test_a_parent_that_is_not_there() -> None:
    """A function whose bridge is not in the evidence stands at the top."""
    assert machine(pci("0000:02:00.0", parent="0000:00:1c.0")).pci["0000:02:00.0"].parent is None


def test_a_function_is_not_its_own_parent() -> None:
    """A function that is said to hang on itself stands at the top."""
    assert machine(pci("0000:02:00.0", parent="0000:02:00.0")).pci["0000:02:00.0"].parent is None


def test_bridges_in_a_circle() -> None:
    """Two bridges that each claim to hang on the other end in a tree, not in an endless loop."""
    built = machine(bridge("0000:01:00.0", 2, parent_known=False), bridge("0000:02:00.0", 1, parent_known=False))
    assert ["0000:02:00.0", None] == [built.pci[name].parent for name in ("0000:01:00.0", "0000:02:00.0")]
    assert ["0000:02:00.0"] == [node.id for node in built.pci_ancestors("0000:01:00.0")]
    assert parents_stand_first(built)


def test_a_bridge_with_a_higher_bus_stands_before_what_hangs_on_it() -> None:
    """Firmware need not number buses from the top down; the order is parents first all the same."""
    built = machine(pci("0000:01:00.0", parent="0000:05:00.0"), bridge("0000:05:00.0", 1), xhci("0000:00:14.0"))
    assert ["0000:00:14.0", "0000:05:00.0", "0000:01:00.0"] == list(built.pci)


def test_addresses_that_are_none() -> None:
    """A function whose address is garbage is kept and hangs on nothing."""
    built = machine(pci("garbage", parent_known=False), pci("", parent_known=False))
    assert {"garbage", ""} == set(built.pci)


def test_an_empty_evidence_is_an_empty_machine() -> None:
    """Nothing in, nothing out."""
    built = build(evidence(covers=()))
    assert ({}, {}, [], []) == (built.usb, built.pci, built.edge_tpus, built.usb_roots)


def large(count: int) -> list[UsbDevice]:
    """Root hubs with four hubs of four Edge TPUs at 480 Mb/s each, about ``count`` devices in all."""
    devices = []
    for bus in range(1, count // 21 + 2):
        devices.append(root(bus, 480, controller=f"0000:{bus % 256:02x}:00.0"))
        for place in range(1, 5):
            devices.append(hub(f"{bus}-{place}", 480))
            devices += [tpu(f"{bus}-{place}.{number}", 480) for number in range(1, 5)]
    return devices


def calls_of(action: Callable[..., Any], *arguments: Any) -> int:
    """How many Python functions an action calls."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action(*arguments)
    finally:
        sys.setprofile(before)
    return calls


def judge(built: Machine) -> list[Finding]:
    """What all rules find."""
    return [finding for rule in RULES for finding in rule.check(built)]


@pytest.mark.parametrize("what", ["build", "rules"])
def test_ten_times_the_devices_take_ten_times_the_work(what: str) -> None:
    """The work grows with the number of devices and not with its square, up to 10,000 of them."""
    counts = []
    for size in (1000, 10000):
        facts = evidence(*large(size), root(990))
        built = build(facts)
        assert size <= len(built.usb)
        counts.append(calls_of(build, facts) if what == "build" else calls_of(judge, built))
    assert counts[1] <= 11 * counts[0]
