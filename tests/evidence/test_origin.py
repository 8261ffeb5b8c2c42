"""Where a fact was read: a file that can be looked at, or a line of the text that was given."""

from __future__ import annotations

import pytest

from etpu_doctor.evidence.origin import _PCI_FIELDS, _USB_FIELDS, first_seen, pci_origin, port_origin, usb_origin
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice
from tests.support.sysfs_folder import CARD, HUB, ROOT, TPU

SYSFS = UsbDevice(seen=(Seen("lsusb", "paste", 3), Seen("sysfs", TPU)))
TEXT = UsbDevice(seen=(Seen("lsusb-t", "tree", 4), Seen("lsusb", "list", 7), Seen("lsusb-v", "details", 90)))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("speed_mbps", "/sys/bus/usb/devices/2-1.4/speed"),
        ("port_chain", "/sys/bus/usb/devices/2-1.4/devpath"),
        ("max_power_ma", "/sys/bus/usb/devices/2-1.4/bMaxPower"),
        ("runtime_control", "/sys/bus/usb/devices/2-1.4/power/control"),
        ("port_count", "/sys/bus/usb/devices/2-1.4/maxchild"),
    ],
)
def test_a_fact_of_sysfs(field: str, expected: str) -> None:
    """A fact that sysfs shows was read in its file, whatever else speaks of the device."""
    assert expected == usb_origin(SYSFS, field)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("speed_mbps", "tree:4"),
        ("vendor_id", "list:7"),
        ("max_power_ma", "details:90"),
        ("configured", "tree:4"),
        ("runtime_control", None),
    ],
)
def test_a_fact_of_a_text(field: str, expected: str | None) -> None:
    """A fact of a text was read in the line of the listing that prints it, and nowhere if none does."""
    assert expected == usb_origin(TEXT, field)


def test_a_fact_from_nowhere() -> None:
    """A device that nothing speaks of has no origin."""
    assert usb_origin(UsbDevice(), "speed_mbps") is None
    assert pci_origin(PciFunction(address="0000:01:00.0"), "driver") is None
    assert port_origin(UsbDevice(), 1, "peer") is None
    assert first_seen(()) is None


def test_a_place_without_a_line() -> None:
    """Where the line is not known the file alone is named."""
    assert "paste" == usb_origin(UsbDevice(seen=(Seen("lsusb", "paste"),)), "vendor_id")
    assert "paste" == first_seen((Seen("lsusb", "paste"),))


def test_pci_facts() -> None:
    """PCI facts have files of their own names."""
    function = PciFunction(address="0000:01:00.0", seen=(Seen("sysfs", CARD), Seen("lspci-v", "paste", 1)))
    assert "/sys/bus/pci/devices/0000:01:00.0/current_link_speed" == pci_origin(function, "current_link_speed_gts")
    listed = PciFunction(address="0000:01:00.0", seen=(Seen("lspci", "paste", 2), Seen("lspci-v", "paste", 9)))
    assert "paste:9" == pci_origin(listed, "bars")
    assert "paste:2" == pci_origin(listed, "vendor_id")


@pytest.mark.parametrize(
    ("hub", "expected"),
    [
        (ROOT, "/sys/bus/usb/devices/2-0:1.0/usb2-port1/over_current_count"),
        (HUB, "/sys/bus/usb/devices/2-1:1.0/2-1-port1/over_current_count"),
    ],
)
def test_ports(hub: str, expected: str) -> None:
    """A port's attribute lies below the hub's interface, which has a name of its own on root hubs."""
    assert expected == port_origin(UsbDevice(seen=(Seen("lsusb", "x", 1), Seen("sysfs", hub))), 1, "over_current_count")


def test_ports_of_a_text() -> None:
    """No listing shows ports."""
    assert port_origin(TEXT, 1, "peer") is None


def test_first_seen() -> None:
    """The first place is a folder of sysfs or a line."""
    assert f"/sys{TPU}" == first_seen(SYSFS.seen[1:])
    assert "paste:3" == first_seen(SYSFS.seen)


def test_every_field_exists() -> None:
    """The tables name fields that the facts have."""
    assert set(_USB_FIELDS) <= set(UsbDevice.__struct_fields__)
    assert set(_PCI_FIELDS) <= set(PciFunction.__struct_fields__)
