"""What a place allows, which hop limits, and the narrowest link of a path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.link import (
    PathLimit,
    has_superspeed_root,
    narrowest,
    path_limits,
    pcie_capable_mbps,
    pcie_line_rate_mbps,
    port_has_superspeed,
    usb_payload_mbps,
)
from etpu_doctor.topology.machine import Hop, LimitedBy
from tests.support.facts import (
    LIVE,
    TEXT,
    XHCI,
    bridge,
    card,
    hub,
    link,
    machine,
    only_tpu,
    pci,
    ports,
    root,
    tpu,
    usb,
    xhci,
)

SOCKET_1_OF_1 = ports("usb2-port1", None)
SOCKET_1_OF_2 = ports("usb1-port1")


def pc(*devices: UsbDevice, **options: Any) -> tuple[float | None, LimitedBy | None]:
    """Expected speed and limit of the one Edge TPU on a PC: root port 1 is a USB 3 socket, root port 2 a USB 2 one."""
    roots = [root(1, 480, ports=SOCKET_1_OF_1), root(2, ports=SOCKET_1_OF_2)]
    found = only_tpu(machine(*roots, *devices, **options))
    return found.expected_speed_mbps, found.limited_by


def text(*devices: UsbDevice) -> tuple[float | None, LimitedBy | None]:
    """The same from a listing, which knows no ports; every bus is one of the given devices."""
    plain = [usb_without_ports(device) for device in devices]
    found = only_tpu(machine(*plain, covers=TEXT))
    return found.expected_speed_mbps, found.limited_by


def usb_without_ports(device: UsbDevice) -> UsbDevice:
    """A device as a text shows it."""
    return UsbDevice(
        **{
            name: getattr(device, name)
            for name in device.__struct_fields__
            if name not in ("ports", "controller", "container_id", "superspeed_capable", "self_powered")
        }
    )


@pytest.mark.parametrize("speed", [5000, 10000])
def test_nothing_limits_a_superspeed_link(speed: float) -> None:
    """At 5 Gb/s an Edge TPU runs as fast as it can, also on a faster bus."""
    assert (5000, None) == pc(tpu("2-1", speed))


def test_limited_by_the_socket() -> None:
    """A root port without a SuperSpeed half is a USB 2 socket: nothing better is expected there."""
    assert (480, LimitedBy(kind="device-port", hop="usb1", port=2)) == pc(tpu("1-2", 480))


def test_limited_by_the_cable() -> None:
    """A root port with a SuperSpeed half could do 5 Gb/s: the cable, or a contact, does not."""
    assert (5000, LimitedBy(kind="cable-or-socket", hop="usb1", port=1)) == pc(tpu("1-1", 480))


def test_limited_by_a_usb2_hub() -> None:
    """On a USB 2 hub the hub limits, also in a USB 3 socket."""
    low = hub("1-1", 480, ports=ports(None, None))
    assert (480, LimitedBy(kind="hub", hop="1-1", port=2)) == pc(low, tpu("1-1.2", 480))


def test_limited_by_the_uplink_of_a_usb3_hub() -> None:
    """A USB 3 hub that came up without its SuperSpeed half is held back by its own cable or socket."""
    half = hub("1-1", 480, ports=ports(None, None), superspeed_capable=True)
    assert (480, LimitedBy(kind="hub-uplink", hop="1-1", port=2)) == pc(half, tpu("1-1.2", 480))


def test_limited_by_the_cable_behind_a_usb3_hub() -> None:
    """On a USB 3 hub with both halves up, the cable between hub and stick is what is left."""
    high = hub("1-1", 480, ports=ports("2-1-port1", "2-1-port2"))
    fast = hub("2-1", ports=ports("1-1-port1", "1-1-port2"))
    limit = LimitedBy(kind="cable-or-socket", hop="1-1", port=2)
    assert (5000, limit) == pc(high, fast, tpu("1-1.2", 480))


def test_limited_by_a_usb2_port_of_a_usb3_hub() -> None:
    """Some hubs have a charging port without SuperSpeed: that port of the hub limits."""
    high = hub("1-1", 480, ports=ports("2-1-port1", None))
    fast = hub("2-1", ports=ports("1-1-port1"))
    assert (480, LimitedBy(kind="hub", hop="1-1", port=2)) == pc(high, fast, tpu("1-1.2", 480))


def test_the_usb2_hub_nearest_to_the_host_limits() -> None:
    """Behind a USB 2 hub a USB 3 hub cannot help: the first is named, not the second."""
    low = hub("1-1", 480, ports=ports(None, None, None))
    half = hub("1-1.3", 480, ports=ports(None, None), superspeed_capable=True)
    assert (480, LimitedBy(kind="hub", hop="1-1", port=3)) == pc(low, half, tpu("1-1.3.2", 480))


def test_a_usb2_hub_behind_a_usb3_hub_limits() -> None:
    """The USB 3 hub above has both halves; the USB 2 hub below it is the one that limits."""
    high = hub("1-1", 480, ports=ports("2-1-port1", "2-1-port2"))
    fast = hub("2-1", ports=ports("1-1-port1", "1-1-port2"))
    low = hub("1-1.2", 480, ports=ports(None, None))
    assert (480, LimitedBy(kind="hub", hop="1-1.2", port=1)) == pc(high, fast, low, tpu("1-1.2.1", 480))


@pytest.mark.parametrize("speed", [12, 1.5])
def test_limited_by_a_slow_hub_above(speed: float) -> None:
    """A USB 1.1 hub anywhere above limits everything below it, also what has fast hubs in between."""
    devices = [hub("1-1", speed), hub("1-1.1", speed), tpu("1-1.1.4", speed)]
    assert (speed, LimitedBy(kind="hub", hop="1-1")) == pc(*devices)


def test_limited_by_a_slow_uplink() -> None:
    """A USB 3 hub at 12 Mb/s is held back by its own cable."""
    devices = [hub("1-1", 12, superspeed_capable=True), tpu("1-1.4", 12)]
    assert (12, LimitedBy(kind="hub-uplink", hop="1-1")) == pc(*devices)


def test_limited_by_a_usb1_bus() -> None:
    """On a USB 1.1 controller the socket limits."""
    found = only_tpu(machine(root(5, 12, root_driver="uhci_hcd"), tpu("5-1", 12)))
    assert (12, LimitedBy(kind="device-port", hop="usb5")) == (found.expected_speed_mbps, found.limited_by)


@pytest.mark.parametrize("place", ["1-1", "1-2"])
def test_a_full_speed_link_is_a_bad_contact(place: str) -> None:
    """Where the port above runs at 480 Mb/s or more, a link at 12 is the fault of cable or contact."""
    expected = {"1-1": 5000, "1-2": 480}[place]
    limit = LimitedBy(kind="cable-or-socket", hop="usb1", port=int(place[-1]))
    assert (expected, limit) == pc(tpu(place, 12))


def test_a_full_speed_link_on_a_port_that_is_not_described() -> None:
    """The same from a listing, which does not say how good the port is."""
    limit = LimitedBy(kind="cable-or-socket", hop="usb1", port=1)
    assert (None, limit) == text(root(1, 480), root(2), tpu("1-1", 12))


def test_a_listing_does_not_tell_sockets_apart() -> None:
    """From a listing, a root port of a USB 2 bus beside a USB 3 bus may be of either kind."""
    assert (None, LimitedBy(kind="unknown", hop="usb1", port=1)) == text(root(1, 480), root(2), tpu("1-1", 480))


def test_a_listing_of_an_unpaired_superspeed_bus_leaves_it_open() -> None:
    """A SuperSpeed bus that could not be paired may be the other half."""
    assert (None, LimitedBy(kind="unknown", hop="usb1", port=1)) == text(root(1, 480), root(4), tpu("1-1", 480))


def test_without_any_superspeed_bus_the_socket_limits() -> None:
    """Where no SuperSpeed bus is, no socket has one."""
    old = root(1, 480, root_driver="ehci-pci")
    assert (480, LimitedBy(kind="device-port", hop="usb1", port=1)) == text(old, tpu("1-1", 480))


def test_half_a_listing_blames_no_socket() -> None:
    """An xHCI controller has two buses: a paste with one of them does not show what the socket can do."""
    assert (None, LimitedBy(kind="unknown", hop="usb1", port=1)) == text(root(1, 480), tpu("1-1", 480))


def test_a_listing_with_both_halves_of_the_hub() -> None:
    """From a listing, a hub whose other half sits in the same position can do 5 Gb/s."""
    devices = [root(1, 480), root(2), hub("1-1", 480), hub("2-1"), tpu("1-1.2", 480)]
    assert (5000, LimitedBy(kind="cable-or-socket", hop="1-1", port=2)) == text(*devices)


def test_a_listing_with_a_usb2_hub() -> None:
    """From a listing without any SuperSpeed hub, a hub on the USB 2 bus is a USB 2 hub."""
    devices = [root(1, 480), root(2), hub("1-1", 480), tpu("1-1.2", 480)]
    assert (480, LimitedBy(kind="hub", hop="1-1", port=2)) == text(*devices)


def test_a_listing_whose_port_numbers_differ() -> None:
    """On PCs the halves of a hub sit on ports of different numbers: a USB 3 hub is not taken for a USB 2 one."""
    devices = [root(1, 480), root(2), hub("1-5", 480), hub("2-1"), tpu("1-5.2", 480)]
    assert (None, LimitedBy(kind="unknown", hop="1-5", port=2)) == text(*devices)


def test_a_listing_whose_port_numbers_differ_behind_a_second_hub() -> None:
    """What is not known of the first hub is not known of the one behind it either."""
    devices = [root(1, 480), root(2), hub("1-5", 480), hub("2-1"), hub("1-5.4", 480), tpu("1-5.4.2", 480)]
    assert (None, LimitedBy(kind="unknown", hop="1-5.4", port=2)) == text(*devices)


def test_a_superspeed_hub_of_another_maker_is_no_other_half() -> None:
    """Another maker's SuperSpeed hub on some other port leaves no doubt."""
    other = hub("2-1", identity="05e3:0626")
    devices = [root(1, 480), root(2), hub("1-5", 480), other, tpu("1-5.2", 480)]
    assert (480, LimitedBy(kind="hub", hop="1-5", port=2)) == text(*devices)


def test_a_paired_superspeed_hub_is_no_other_half() -> None:
    """A SuperSpeed hub that has its other half already is not that of a second hub."""
    devices = [root(1, 480), root(2), hub("1-1", 480), hub("2-1"), hub("1-5", 480), tpu("1-5.2", 480)]
    assert (480, LimitedBy(kind="hub", hop="1-5", port=2)) == text(*devices)


def test_behind_a_paired_hub_nothing_is_open() -> None:
    """Behind a pair the halves share port numbers: a hub there without other half is a USB 2 hub."""
    devices = [root(1, 480), root(2), hub("1-1", 480), hub("2-1"), hub("2-1.4"), hub("1-1.3", 480), tpu("1-1.3.1", 480)]
    assert (480, LimitedBy(kind="hub", hop="1-1.3", port=1)) == text(*devices)


def test_an_unknown_speed_blames_nobody() -> None:
    """Where the speed of the link is not known, the place is judged and nothing is said to limit it."""
    assert (5000, None) == pc(tpu("1-1", None))
    assert (480, None) == pc(tpu("1-2", None))


def test_a_device_without_a_place_is_not_judged() -> None:
    """Without the port above, neither an expected speed nor a limit is made up."""
    assert (None, None) == pc(tpu("1-1", 480, port_chain=None))
    assert (None, None) == pc(tpu("1-1.4", 480))


def test_without_a_tree_a_hub_is_not_judged() -> None:
    """Evidence that holds no tree does not say which hubs have another half."""
    covers = tuple(name for name in LIVE if name != "usb-tree")
    built = machine(root(1, 480), hub("1-1", 480), tpu("1-1.2", 480), covers=covers)
    assert port_has_superspeed(built, built.usb["1-1"], 2) is None


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [((480, 5000), True), ((480, 480), False), ((None, 480), None), ((None, 5000), True), ((), None)],
)
def test_whether_the_machine_has_a_superspeed_bus(speeds: tuple[float | None, ...], expected: bool | None) -> None:
    """One SuperSpeed root hub is enough; one of unknown speed leaves it open."""
    roots = [root(bus, speed, identity="1234:5678") for bus, speed in enumerate(speeds, start=1)]
    assert expected is has_superspeed_root(machine(*roots))


@pytest.mark.parametrize(
    ("speed", "width", "expected"),
    [
        (2.5, 1, 2000),
        (5, 1, 4000),
        (5, 4, 16000),
        (8, 1, 7877),
        (16, 1, 15754),
        (32, 16, 504123),
        (64, 1, 63015),
    ],
)
def test_pcie_rates(speed: float, width: int, expected: float) -> None:
    """8b/10b takes a fifth up to Gen2, 128b/130b next to nothing from Gen3 on."""
    assert expected == pcie_line_rate_mbps(speed, width)


@given(st.sampled_from([2.5, 5, 8, 16, 32, 64]), st.integers(1, 16))
def test_pcie_rates_grow_with_the_width(speed: float, width: int) -> None:
    """A lane more is never slower, and the rate is below the raw one."""
    assert pcie_line_rate_mbps(speed, width) < pcie_line_rate_mbps(speed, width + 1)
    assert pcie_line_rate_mbps(speed, width) < speed * 1000 * width


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (link(2.5, 1, 5, 1), link(2.5, 1, 8, 4), 4000),
        (link(2.5, 1, 5, 1), link(2.5, 1, 2.5, 1), 2000),
        (link(2.5, 1, 5, 1), {}, None),
        ({}, link(2.5, 1, 5, 1), None),
        (link(2.5, 1, 5, 0), link(2.5, 1, 5, 1), None),
    ],
)
def test_what_both_ends_can(lower: dict[str, Any], upper: dict[str, Any], expected: float | None) -> None:
    """The lesser of the two ends counts, in speed and in width; an end that does not say leaves it open."""
    assert expected == pcie_capable_mbps(pci("0000:01:00.0", **lower), pci("0000:00:1c.0", **upper))


def test_what_one_end_can() -> None:
    """Where the bridge is not known, the card alone is taken."""
    assert 4000 == pcie_capable_mbps(card("0000:01:00.0"), None)


def pcie_card(now: float, upper: dict[str, Any]) -> tuple[float | None, float | None, LimitedBy | None]:
    """Speed, expected speed and limit of a card that runs at ``now`` GT/s below a root port."""
    found = only_tpu(
        machine(bridge("0000:00:1c.0", 1, **upper), card("0000:01:00.0", "0000:00:1c.0", **link(now, 1, 5, 1)))
    )
    return found.speed_mbps, found.expected_speed_mbps, found.limited_by


def test_a_card_at_full_speed() -> None:
    """Gen2 x1 is all that an Edge TPU can; a better slot changes nothing."""
    assert (4000, 4000, None) == pcie_card(5, link(5, 1, 16, 4))


def test_a_card_below_what_both_ends_can() -> None:
    """Gen1 between two ends that can Gen2 is a limit of that link."""
    assert (2000, 4000, LimitedBy(kind="pcie-link", hop="0000:00:1c.0")) == pcie_card(2.5, link(2.5, 1, 8, 4))


def test_a_card_in_a_gen1_slot() -> None:
    """Gen1 in a Gen1 slot is as good as it gets there."""
    assert (2000, 2000, None) == pcie_card(2.5, link(2.5, 1, 2.5, 1))


def test_hops_from_a_stick_to_the_root_complex() -> None:
    """Every link on the way is listed, nearest first, USB and then PCIe."""
    built = machine(
        bridge("0000:00:1c.0", 3, **link(5, 1, 8, 4)),
        xhci("0000:03:00.0", parent="0000:00:1c.0", **link(5, 1, 5, 1)),
        root(2, controller="0000:03:00.0"),
        hub("2-1"),
        tpu("2-1.4"),
    )
    assert [
        Hop(upper="2-1", lower="2-1.4", bus="usb", negotiated_mbps=5000, capable_mbps=5000),
        Hop(upper="usb2", lower="2-1", bus="usb", negotiated_mbps=5000),
        Hop(upper="0000:00:1c.0", lower="0000:03:00.0", bus="pci", negotiated_mbps=4000, capable_mbps=4000),
    ] == only_tpu(built).hops


def test_hops_end_where_the_evidence_ends() -> None:
    """A controller that is no PCI function, or not listed, ends the way at the root hub."""
    assert ["2-1"] == [hop.lower for hop in only_tpu(machine(root(2, controller="xhci-hcd.0"), tpu("2-1"))).hops]


def test_the_narrowest_hop() -> None:
    """The least rate counts, the nearest where several are equal, and unknown rates do not."""
    rates = [None, 5000, 4000, 4000]
    hops = [
        Hop(upper=f"u{index}", lower=f"l{index}", bus="usb", negotiated_mbps=rate) for index, rate in enumerate(rates)
    ]
    assert hops[2] is narrowest(hops)
    assert narrowest(hops[:1]) is None


def narrow_board() -> list[UsbDevice | PciFunction]:
    """A small board: USB 3 ports behind a PCIe link of one Gen2 lane, and a hub with a slow device."""
    return [
        bridge("0000:00:00.0", 1),
        xhci("0000:01:00.0", parent="0000:00:00.0", **link(5, 1, 5, 1)),
        root(1, 480, controller="0000:01:00.0"),
        root(2, controller="0000:01:00.0"),
        hub("2-1"),
        tpu("2-1.4"),
        usb("1-1", "046d:c077", 1.5),
    ]


def test_the_pcie_link_above_limits_every_branch() -> None:
    """The link above the controller is the narrowest for all that is faster, and not for what is slower."""
    board = [fact for fact in narrow_board() if not (isinstance(fact, PciFunction) and fact.parent)]
    slow = xhci("0000:01:00.0", parent="0000:00:00.0", **link(2.5, 1, 5, 1))
    limits = path_limits(machine(*board, slow))
    above = PathLimit(upper="0000:00:00.0", lower="0000:01:00.0", mbps=2000, payload_mbps=2000)
    assert [above] * 4 == [limits[name] for name in ("0000:01:00.0", "usb2", "2-1", "2-1.4")]
    assert PathLimit(upper="usb1", lower="1-1", mbps=1.5, payload_mbps=1.5) == limits["1-1"]
    assert "0000:00:00.0" not in limits


def test_of_equal_links_the_nearest_limits() -> None:
    """A stick at the speed of its hub, and of the PCIe link above after coding, is limited by its own link."""
    limits = path_limits(machine(*narrow_board()))
    assert PathLimit(upper="2-1", lower="2-1.4", mbps=5000, payload_mbps=4000) == limits["2-1.4"]
    assert "0000:01:00.0" == limits["usb2"].lower


def test_unknown_speeds_limit_nothing() -> None:
    """Where the own link is not known, the narrowest one above counts."""
    limits = path_limits(machine(root(2), hub("2-1"), tpu("2-1.4", None)))
    assert limits["2-1"] == limits["2-1.4"]
    assert "usb2" not in limits


@pytest.mark.parametrize(
    ("speed", "expected"), [(1.5, 1.5), (12, 12), (480, 480), (5000, 4000), (10000, 9697), (20000, 19394)]
)
def test_what_coding_leaves_of_a_usb_link(speed: float, expected: float) -> None:
    """SuperSpeed loses a fifth to its coding, SuperSpeedPlus next to nothing, and USB 2 has none."""
    assert pytest.approx(expected, abs=0.5) == usb_payload_mbps(speed)


def test_a_board_is_no_pc() -> None:
    """The controller of the small board is the only one there."""
    assert XHCI not in machine(*narrow_board()).pci
