"""Which controller a bus belongs to, and the sysfs path that follows."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.topology.controllers import bus_path, controller_path, usb_path
from tests.support.facts import TEXT, XHCI, bridge, hub, machine, pci, root, tpu, xhci

LISTED = (*TEXT, "pci")


def ehci(address: str) -> Any:
    """A USB 2 controller."""
    return xhci(address, prog_if=0x20, driver="ehci-pci")


def test_the_only_controller_of_its_kind_is_taken() -> None:
    """A listing does not say which controller a bus is on; with one xHCI controller in ``lspci`` there is no choice."""
    built = machine(
        root(1, 480, controller=None), root(2, controller=None), xhci(), ehci("0000:00:1a.0"), covers=LISTED
    )
    assert {XHCI: ["usb1", "usb2"]} == built.roots_of_controller
    assert XHCI == built.usb["usb2"].device.controller


@pytest.mark.parametrize(
    ("driver", "expected"),
    [("xhci_hcd", XHCI), ("ehci-pci", "0000:00:1a.0"), ("xhci-hcd", None), ("vhci_hcd", None), (None, None)],
)
def test_the_driver_of_the_bus_decides(driver: str | None, expected: str | None) -> None:
    """USB 2 buses go to USB 2 controllers; a platform or virtual controller is on no PCI bus."""
    built = machine(root(1, 480, controller=None, root_driver=driver), xhci(), ehci("0000:00:1a.0"), covers=LISTED)
    assert expected == built.usb["usb1"].device.controller


def test_two_controllers_of_a_kind_leave_it_open() -> None:
    """Between two xHCI controllers nothing is guessed."""
    built = machine(root(2, controller=None), xhci(), xhci("0000:03:00.0"), covers=LISTED)
    assert built.usb["usb2"].device.controller is None
    assert {} == built.roots_of_controller


def test_without_a_pci_listing_nothing_is_taken() -> None:
    """A single controller from somewhere else than a PCI listing is no proof."""
    assert {} == machine(root(2, controller=None), xhci(), covers=TEXT).roots_of_controller


def test_a_controller_whose_kind_is_not_printed() -> None:
    """``lspci -nn`` prints no programming interface: one USB controller in all is the one."""
    built = machine(root(2, controller=None), xhci(prog_if=None), covers=LISTED)
    assert {XHCI: ["usb2"]} == built.roots_of_controller


@pytest.mark.parametrize(
    ("functions", "controller", "expected"),
    [
        ([xhci()], XHCI, "pci0000:00/0000:00:14.0"),
        ([xhci(parent_known=False)], XHCI, "pci0000:00/0000:00:14.0"),
        (
            [bridge("0000:00:1c.0", 3), xhci("0000:03:00.0", parent_known=False)],
            "0000:03:00.0",
            "pci0000:00/0000:00:1c.0/0000:03:00.0",
        ),
        (
            [bridge("0001:00:00.0", 1), xhci("0001:01:00.0", parent="0001:00:00.0")],
            "0001:01:00.0",
            "pci0001:00/0001:00:00.0/0001:01:00.0",
        ),
        ([xhci("0000:80:14.0")], "0000:80:14.0", "pci0000:80/0000:80:14.0"),
    ],
)
def test_paths_of_controllers(functions: list[Any], controller: str, expected: str) -> None:
    """A path names the root bus, every bridge, and the controller."""
    assert f"/devices/{expected}".split("/") == list(controller_path(machine(*functions), controller) or ())


@pytest.mark.parametrize(
    ("functions", "controller"),
    [
        ([xhci("0000:03:00.0", parent_known=False)], "0000:03:00.0"),
        ([xhci("0000:03:00.0", parent="0000:00:1c.0")], "0000:03:00.0"),
        ([bridge("0000:02:00.0", 3, parent_known=False), xhci("0000:03:00.0", parent_known=False)], "0000:03:00.0"),
        (
            [bridge("0000:02:00.0", 3, parent="0000:00:1c.0"), xhci("0000:03:00.0", parent="0000:02:00.0")],
            "0000:03:00.0",
        ),
        ([xhci()], "xhci-hcd.0"),
        ([pci("garbage", parent_known=False)], "garbage"),
    ],
)
def test_paths_with_a_gap_are_unknown(functions: list[Any], controller: str) -> None:
    """Where a bridge is missing, or the controller is no PCI function, there is no path rather than a wrong one."""
    assert controller_path(machine(*functions), controller) is None


def test_path_of_a_device() -> None:
    """Bus and port chain complete the path of the controller."""
    built = machine(xhci(), root(2), hub("2-1"), tpu("2-1.4"))
    expected = ["", "devices", "pci0000:00", XHCI, "usb2", "2-1", "2-1.4"]
    assert expected == list(usb_path(built, built.usb["2-1.4"]) or ())


def test_the_path_of_sysfs_is_taken_as_it_is() -> None:
    """A path that was read is not made up anew: virtual root complexes have more components."""
    path = "/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:14.0/usb2/2-1"
    built = machine(xhci(), root(2), tpu("2-1", sysfs_devpath=path))
    assert path.split("/") == list(usb_path(built, built.usb["2-1"]) or ())


def test_no_path_without_a_controller() -> None:
    """Neither a bus without a controller nor a device without a bus has a path."""
    built = machine(root(2, controller=None), tpu("2-1"), tpu("9-1"))
    assert [None, None] == [usb_path(built, built.usb[name]) for name in ("2-1", "9-1")]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [((), ("usb2",)), ((1,), ("usb2", "2-1")), ((1, 4, 10), ("usb2", "2-1", "2-1.4", "2-1.4.10"))],
)
def test_the_part_below_the_controller(chain: tuple[int, ...], expected: tuple[str, ...]) -> None:
    """Every hub on the way is a component."""
    assert expected == bus_path(2, chain)
