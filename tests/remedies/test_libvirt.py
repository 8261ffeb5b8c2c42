"""XML for libvirt, read back."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.remedies import libvirt
from etpu_doctor.report.report import Report
from tests.remedies import reports
from tests.remedies.reports import BOTH, HOSTILE_REPORTS


def devices(report: Report) -> dict[str, ET.Element]:
    """The devices by their file."""
    return {file.path: ET.fromstring(file.content) for file in libvirt.build(report).files}  # noqa: S314 - our own


def attribute(element: ET.Element, path: str, name: str) -> str | None:
    """An attribute of a child."""
    child = element.find(path)
    assert child is not None
    return child.get(name)


def identity(element: ET.Element) -> str:
    """The identity that a USB device is looked up by."""
    vendor, product = attribute(element, "source/vendor", "id"), attribute(element, "source/product", "id")
    return f"{vendor}:{product}".replace("0x", "")


def test_a_stick_has_both_identities() -> None:
    """There is a device for each identity, and either may be missing."""
    found = devices(reports.one_stick())
    assert list(BOTH) == [identity(element) for element in found.values()]
    assert {"optional"} == {attribute(element, "source", "startupPolicy") for element in found.values()}
    assert {"usb"} == {element.get("type") for element in found.values()}


def test_a_card_has_its_address() -> None:
    """Each card is a PCI function by address."""
    found = devices(reports.cards(2))
    assert ["etpu-pci-0.xml", "etpu-pci-1.xml"] == list(found)
    assert ["0x01", "0x02"] == [attribute(element, "source/address", "bus") for element in found.values()]
    assert {"pci"} == {element.get("type") for element in found.values()}


def test_the_general_configuration_has_all() -> None:
    """Without an Edge TPU there is an example of each."""
    assert ["etpu-usb-boot.xml", "etpu-usb-ready.xml", "etpu-pci-0.xml"] == list(devices(reports.nothing()))


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
def test_an_address_is_read_back(domain: int, bus: int, slot: int, function: int) -> None:
    """The numbers in the XML are those of the address."""
    element = ET.fromstring(libvirt.pci_xml(domain, bus, slot, function))  # noqa: S314 - our own
    names = ("domain", "bus", "slot", "function")
    assert [domain, bus, slot, function] == [
        int(attribute(element, "source/address", name) or "", 16) for name in names
    ]


def test_several_sticks_are_told_apart_by_controller() -> None:
    """Among equal ids libvirt refuses to choose; the notes name the controller to pass."""
    notes = " ".join(libvirt.build(reports.sticks("2-1", "2-2")).text)
    assert "refuses to choose" in notes
    assert "0000:00:14.0" in notes


def test_one_stick_needs_no_such_note() -> None:
    """With one stick there is nothing to choose."""
    assert "refuses to choose" not in " ".join(libvirt.build(reports.one_stick()).text)


def test_each_file_is_attached_and_detached() -> None:
    """Every file has a command, and one for the way back."""
    setup = libvirt.build(reports.mixed())
    assert len(setup.files) == len(setup.commands) == len(setup.undo)
    for file, command, step in zip(setup.files, setup.commands, setup.undo, strict=True):
        assert f"sudo virsh attach-device DOMAIN {file.path} --config" == command.command
        assert f"sudo virsh detach-device DOMAIN {file.path} --config" == step


@given(HOSTILE_REPORTS)
def test_every_file_is_well_formed(report: Report) -> None:
    """No name breaks the XML."""
    assert all("hostdev" == element.tag for element in devices(report).values())
