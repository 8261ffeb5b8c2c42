"""What shared links carry and what hangs below them."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.bandwidth import TPU_DEMAND_MB_S, Uplink, neighbour_of, shared_uplinks, usable_mb_s, usb_loads
from etpu_doctor.topology.machine import Machine
from tests.support.facts import (
    Fact,
    bridge,
    card,
    hub,
    interface,
    link,
    machine,
    maybe,
    root,
    storage,
    tpu,
    usb,
    xhci,
)

CAMERA = (interface(0x0E, "uvcvideo"), interface(0x01, "snd-usb-audio"))


def uplinks(*facts: Fact) -> dict[str, Uplink]:
    """Shared links by their lower end."""
    return {uplink.lower: uplink for uplink in shared_uplinks(machine(*facts))}


@pytest.mark.parametrize(
    ("speed", "expected"), [(None, None), (123, None), (480, 35), (5000, 350), (10000, 800), (20000, 1600)]
)
def test_what_a_usb_link_carries(speed: float | None, expected: float | None) -> None:
    """Known speeds have an estimate, unknown ones none."""
    assert expected == usable_mb_s(speed)


@pytest.mark.parametrize("speed", [1.5, 12])
def test_slow_links_carry_next_to_nothing(speed: float) -> None:
    """Below high speed the estimate is small and not missing."""
    carried = usable_mb_s(speed)
    assert carried is not None
    assert 0 < carried <= 1


def heavy(**fields: Any) -> tuple[str, float] | None:
    """Kind and worst demand of a device."""
    device = usb("2-1", "1234:5678", fields.pop("speed", 5000), **fields)
    found = neighbour_of(machine(device).usb["2-1"])
    return None if found is None else (found.what, found.worst_mb_s)


def test_heavy_neighbours() -> None:
    """Disks and fast cameras can fill their link, a USB 2 camera 24 MB/s of it, a network adapter its line rate."""
    assert ("mass storage", 350) == heavy(interfaces=(interface(0x08, "uas"),))
    assert ("mass storage", 35) == heavy(interfaces=(interface(0x08, "usb-storage"),), speed=480)
    assert ("camera", 24) == heavy(interfaces=CAMERA, speed=480)
    assert ("camera", 350) == heavy(interfaces=CAMERA)
    assert ("network adapter", 125) == heavy(interfaces=(interface(0xFF, "ax88179_178a"),))
    assert ("network adapter", 35) == heavy(interfaces=(interface(0xFF, "r8152"),), speed=480)
    assert ("network adapter", 12.5) == heavy(interfaces=(interface(0xFF, "smsc95xx"),), speed=480)


@pytest.mark.parametrize(
    "fields",
    [
        {"interfaces": (interface(0x03, "usbhid"),)},
        {"interfaces": (interface(0xFF, "ftdi_sio"),)},
        {"interfaces": None},
        {"interfaces": ()},
        {"interfaces": (interface(0x08),), "speed": None},
        {"interfaces": (interface(0x08),), "port_count": 4},
    ],
)
def test_light_neighbours(fields: dict[str, Any]) -> None:
    """A keyboard, a serial adapter, what is not known, and a hub load nothing."""
    assert heavy(**fields) is None


def test_the_second_interface_tells_as_well() -> None:
    """A composite device with a disk in its second interface is a disk."""
    assert ("mass storage", 350) == heavy(interfaces=(interface(0x03, "usbhid"), interface(0x08, "usb-storage")))


def test_a_hub_with_several_sticks() -> None:
    """The uplink of a hub carries the sum of its sticks."""
    found = uplinks(root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"))
    assert ["2-1"] == list(found)
    uplink = found["2-1"]
    assert ("usb2", False, 5000, 350) == (uplink.upper, uplink.pci, uplink.rate_mbps, uplink.usable_mb_s)
    assert (("2-1.1", "2-1.2"), 2 * TPU_DEMAND_MB_S) == (uplink.load.tpus, uplink.load.total_mb_s)


def test_one_stick_alone_shares_nothing() -> None:
    """A hub with a single stick and a keyboard is not shared."""
    assert {} == uplinks(root(2), hub("2-1"), tpu("2-1.1"), usb("2-1.2", "046d:c31c", 12, interfaces=(interface(3),)))


def test_one_stick_beside_a_disk() -> None:
    """A disk on the same hub makes the uplink a shared one, and counts with its worst."""
    uplink = uplinks(root(2), hub("2-1"), tpu("2-1.1"), storage("2-1.2"))["2-1"]
    assert TPU_DEMAND_MB_S + 350 == uplink.load.total_mb_s
    assert ["2-1.2"] == [neighbour.id for neighbour in uplink.load.neighbours]


def test_disks_without_sticks_are_no_concern() -> None:
    """A hub that holds no Edge TPU is not listed."""
    assert {} == uplinks(root(2), hub("2-1"), storage("2-1.1"), storage("2-1.2"), tpu("2-2"))


def test_a_slow_stick_asks_for_what_its_link_carries() -> None:
    """At 480 Mb/s a stick cannot ask for more than its own link gives."""
    assert 70 == uplinks(root(1, 480), hub("1-1", 480), tpu("1-1.1", 480), tpu("1-1.2", 480))["1-1"].load.tpus_mb_s


def test_a_stick_of_unknown_speed_asks_for_the_full_rate() -> None:
    """An unknown speed is not taken for a slow one."""
    loads = usb_loads(machine(root(1, 480), hub("1-1", 480), tpu("1-1.1", None)))
    assert TPU_DEMAND_MB_S == loads["1-1"].tpus_mb_s


def test_a_stick_that_cannot_be_used_asks_for_nothing() -> None:
    """A stick without configuration sends nothing, and is no neighbour either."""
    assert {} == uplinks(root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2", configured=False))


def test_possible_sticks_count() -> None:
    """What may be an Edge TPU loads the link as one."""
    assert ("2-1.1", "2-1.2") == uplinks(root(2), hub("2-1"), tpu("2-1.1"), maybe("2-1.2"))["2-1"].load.tpus


def test_the_links_nearest_to_the_devices_come_first() -> None:
    """Every shared link on the way up is listed, from the leaves to the root."""
    found = uplinks(root(2), hub("2-1"), hub("2-1.4"), tpu("2-1.4.1"), tpu("2-1.4.2"), tpu("2-1.1"))
    assert ["2-1.4", "2-1"] == list(found)
    assert [2, 3] == [len(uplink.load.tpus) for uplink in found.values()]


def test_root_ports_of_xhci_are_independent() -> None:
    """Two sticks on two root ports of an xHCI controller share no USB link."""
    assert {} == uplinks(root(2), tpu("2-1"), tpu("2-2"))


@pytest.mark.parametrize("driver", ["ehci-pci", "dwc2", "dwc_otg"])
def test_root_ports_of_older_controllers_share_the_bus(driver: str) -> None:
    """A controller with one schedule has one bus for all its ports."""
    devices: list[UsbDevice] = [root(1, 480, root_driver=driver, controller=None), tpu("1-1", 480), tpu("1-2", 480)]
    assert "host" == uplinks(*devices)["usb1"].upper


def test_slow_uplinks_are_another_matter() -> None:
    """At 12 Mb/s nothing works, which is said elsewhere; an unknown speed is not judged."""
    for speed in (12, None):
        assert {} == uplinks(root(1, 480), hub("1-1", speed), tpu("1-1.1", 12), tpu("1-1.2", 12))


def small_board(*devices: UsbDevice, **of_link: Any) -> dict[str, Uplink]:
    """USB 3 ports behind one PCIe lane."""
    controller = "0000:01:00.0"
    functions = [
        bridge("0000:00:00.0", 1),
        xhci(controller, parent="0000:00:00.0", **(of_link or link(5, 1, 5, 1))),
    ]
    return uplinks(*functions, root(1, 480, controller=controller), root(2, controller=controller), *devices)


def test_the_pcie_link_above_the_controller() -> None:
    """Sticks on different ports still share the PCIe link of their controller."""
    uplink = small_board(tpu("2-1"), tpu("2-2"))["0000:01:00.0"]
    assert ("0000:00:00.0", True, 4000, 400) == (uplink.upper, uplink.pci, uplink.rate_mbps, uplink.usable_mb_s)
    assert ("2-1", "2-2") == uplink.load.tpus


def test_neighbours_on_the_other_bus_of_the_controller_count() -> None:
    """A camera on the USB 2 bus goes through the same PCIe link as the stick on the USB 3 bus."""
    uplink = small_board(tpu("2-1"), usb("1-1", "046d:0825", 480, interfaces=CAMERA))["0000:01:00.0"]
    assert ["1-1"] == [neighbour.id for neighbour in uplink.load.neighbours]
    assert TPU_DEMAND_MB_S + 24 == uplink.load.total_mb_s


def test_a_controller_without_sticks_is_no_concern() -> None:
    """Two disks on a controller without an Edge TPU are not listed."""
    assert {} == small_board(storage("2-1"), storage("2-2"))


def test_a_controller_without_a_known_link() -> None:
    """A controller inside the chipset has no PCIe link to judge."""
    assert {} == uplinks(xhci(), root(2), tpu("2-1"), tpu("2-2"))


def test_the_narrowest_pcie_link_counts() -> None:
    """Behind a wide link, a narrow one above is what all share."""
    functions = [
        bridge("0000:00:1c.0", 1),
        bridge("0000:01:00.0", 2, parent="0000:00:1c.0", **link(2.5, 1, 5, 1)),
        xhci("0000:02:00.0", parent="0000:01:00.0", **link(5, 2, 5, 2)),
    ]
    found = uplinks(*functions, root(2, controller="0000:02:00.0"), tpu("2-1"), tpu("2-2"))
    assert [("0000:01:00.0", 200)] == [(uplink.lower, uplink.usable_mb_s) for uplink in found.values()]


def cards(speed: float) -> Machine:
    """Two cards behind a switch whose upstream link runs at ``speed``."""
    return machine(
        bridge("0000:00:1c.0", 1),
        bridge("0000:01:00.0", 2, parent="0000:00:1c.0", **link(speed, 1, 5, 1)),
        *(bridge(f"0000:02:0{port}.0", 3 + port, parent="0000:01:00.0") for port in (3, 7)),
        card("0000:06:00.0", "0000:02:03.0"),
        card("0000:0a:00.0", "0000:02:07.0"),
    )


def test_cards_behind_a_switch_share_its_link() -> None:
    """The upstream link of a packet switch is shared; the links of the cards are their own."""
    (uplink,) = shared_uplinks(cards(2.5))
    assert ("0000:01:00.0", "0000:00:1c.0", 200) == (uplink.lower, uplink.upper, uplink.usable_mb_s)
    assert (("0000:06:00.0", "0000:0a:00.0"), 2 * TPU_DEMAND_MB_S) == (uplink.load.tpus, uplink.load.total_mb_s)


def test_loads_add_up() -> None:
    """What a hub carries is the sum of what its children carry."""
    built = machine(root(2), hub("2-1"), hub("2-1.4"), tpu("2-1.4.1"), storage("2-1.4.2"), tpu("2-1.1"))
    loads = usb_loads(built)
    below = [loads[child] for child in built.usb["2-1"].children]
    assert loads["2-1"].total_mb_s == sum(load.total_mb_s for load in below)
    assert loads["2-1"] == loads["usb2"]
