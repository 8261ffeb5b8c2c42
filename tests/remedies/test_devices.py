"""What of a report a configuration may name."""

from __future__ import annotations

import pytest
from hypothesis import given

from etpu_doctor.remedies import devices
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE, SHELL_TRAPS


def test_the_identities() -> None:
    """The two identities are written as ``lsusb`` prints them."""
    assert reports.BOTH == (devices.BOOT_LOADER, devices.APPLICATION)


@pytest.mark.parametrize("path", ["/dev/apex_0", "/dev/apex_15"])
def test_nodes_of_the_driver(path: str) -> None:
    """Names that the driver gives are nodes."""
    assert devices.is_apex_node(path)


@pytest.mark.parametrize(
    "path", ["/dev/apex_", "/dev/apex_x", "/dev/apex_0 ", "apex_0", "/dev/apex_٣", "/dev/../apex_0", "3"]
)
def test_other_names_are_no_nodes(path: str) -> None:
    """Anything else is none."""
    assert not devices.is_apex_node(path)


@pytest.mark.parametrize("name", ["2-1", "2-1.4", "10-1.2.3.4.5.6"])
def test_places_on_usb(name: str) -> None:
    """A bus and a chain of ports are a place."""
    assert devices.is_usb_place(name)


@pytest.mark.parametrize(
    "name", ["usb2", "?-1.4", "2-", "-1", "2-1.", "2-1:1.0", "2-1.1.1.1.1.1.1.1", "bus2-dev5", "2 -1"]
)
def test_other_names_are_no_places(name: str) -> None:
    """Root hubs, interfaces, unknown buses and too long chains are none."""
    assert not devices.is_usb_place(name)


@pytest.mark.parametrize("trap", SHELL_TRAPS)
def test_no_trap_passes(trap: str) -> None:
    """No name with a trap in it is taken."""
    assert not devices.is_apex_node(f"/dev/apex_0{trap}")
    assert not devices.is_usb_place(f"2-1{trap}")
    assert not devices.is_device_path(f"/sys/bus/usb/devices/2-1{trap}")
    assert devices.pci_parts(f"0000:01:00.0{trap}") is None
    assert not devices.is_delegate_string(f"usb:0{trap}")


@given(HOSTILE)
def test_what_passes_needs_no_quotes(text: str) -> None:
    """Whatever is taken is made of characters that mean nothing to a shell, a udev rule, YAML or XML."""
    taken = (
        devices.is_apex_node(text)
        or devices.is_usb_place(text)
        or devices.is_device_path(text)
        or devices.pci_parts(text) is not None
        or devices.is_delegate_string(text)
    )
    assert not taken or set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789/_:.-")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0000:01:00.0", (0, 1, 0, 0)),
        ("10000:e1:1f.7", (0x10000, 0xE1, 0x1F, 7)),
        ("0000:01:20.0", None),
        ("0000:01:00.8", None),
        ("01:00.0", None),
        ("0000:01:00", None),
        ("0000:zz:00.0", None),
        ("", None),
    ],
)
def test_pci_addresses(address: str, expected: tuple[int, int, int, int] | None) -> None:
    """An address is four numbers in their ranges."""
    assert expected == devices.pci_parts(address)


@pytest.mark.parametrize(
    ("string", "expected"),
    [
        ("usb:0", True),
        ("pci:12", True),
        (":3", True),
        ("usb", False),
        ("apex:0", False),
        ("usb:-1", False),
        ("", False),
    ],
)
def test_delegate_strings(string: str, expected: bool) -> None:
    """A string that means one certain device has a number."""
    assert expected is devices.is_delegate_string(string)


def test_strings_are_ordered_by_number() -> None:
    """Ten comes after two."""
    assert ["pci:0", "usb:2", "usb:10"] == sorted(["usb:10", "usb:2", "pci:0"], key=devices.string_key)


@pytest.mark.parametrize(
    ("report", "usb", "pci"),
    [
        (reports.nothing(), True, True),
        (reports.one_stick(), True, False),
        (reports.cards(), False, True),
        (reports.mixed(), True, True),
    ],
)
def test_the_parts_that_are_wanted(report: Report, usb: bool, pci: bool) -> None:
    """A configuration has the parts for what is there, and all of them where nothing is."""
    assert (usb, pci) == (devices.wants_usb(report), devices.wants_pci(report))


def test_nodes_places_and_addresses_of_a_machine() -> None:
    """What a mixed machine has."""
    report = reports.mixed()
    assert ("/dev/apex_0",) == devices.apex_nodes(report)
    assert ("2-1", "2-2") == devices.usb_ports(report)
    assert ("0000:01:00.0",) == devices.pci_addresses(report)
    assert ["/dev/apex_0", "/sys/bus/usb/devices/2-1", "/sys/bus/usb/devices/2-2"] == [
        path for _, path in devices.device_paths(report)
    ]


def test_the_general_configuration_has_the_first_node() -> None:
    """Without any Edge TPU the first node stands for all, and a note says so."""
    assert ("/dev/apex_0",) == devices.apex_nodes(reports.nothing())
    assert (devices.NONE_HERE,) == devices.general_note(reports.nothing())
    assert () == devices.general_note(reports.one_stick())


def test_a_card_without_a_driver_is_told() -> None:
    """A card without a node gives none, and a note says why."""
    report = reports.card_without_driver()
    assert () == devices.apex_nodes(report)
    (note,) = devices.missing_notes(report)
    assert "0000:01:00.0 has no device node" in note


def test_an_odd_node_is_left_out_and_told() -> None:
    """A node with another name is left out; the note shows it without what would act on a terminal."""
    report = reports.by_hand(EdgeTpu(id="x", transport="pci", device_node="/dev/apex_0\x1b[2J"))
    assert () == devices.apex_nodes(report)
    (note,) = devices.missing_notes(report)
    assert "\\x1b[2J" in note
    assert "\x1b" not in note


def test_an_uncertain_place_is_no_port() -> None:
    """A place that was rebuilt from a listing without indentation is not named."""
    report = reports.by_hand(EdgeTpu(id="2-1", transport="usb", place_certain=False))
    assert () == devices.usb_ports(report)


def test_fresh_sticks() -> None:
    """A stick with the boot loader's identity waits for its firmware."""
    fresh = {tpu.id: devices.is_fresh(tpu) for tpu in reports.sticks("2-1", "2-2", fresh=("2-2",)).edge_tpus}
    assert {"2-1": False, "2-2": True} == fresh


def test_the_string_after_the_firmware_is_taken() -> None:
    """The string that holds in the end is the one to configure."""
    strings = {tpu.id: devices.delegate_string(tpu) for tpu in reports.sticks("2-1", "2-2", fresh=("2-1",)).edge_tpus}
    assert {"2-1": "usb:1", "2-2": "usb:0"} == strings


def test_without_udev_the_order_is_that_of_the_folder() -> None:
    """Four root ports: the order that libusb without udev gives, whichever of them are fresh."""
    for fresh in ((), ("2-1",), ("2-1", "2-2", "2-3", "2-4")):
        report = reports.sticks("2-1", "2-2", "2-3", "2-4", fresh=fresh)
        ordered = [(tpu.id, string) for tpu, string in devices.delegate_strings_without_udev(report)]
        assert [("2-2", "usb:0"), ("2-4", "usb:1"), ("2-1", "usb:2"), ("2-3", "usb:3")] == ordered


def test_without_udev_all_ready_agrees_with_the_report() -> None:
    """With all firmware loaded the report's own strings are the same."""
    report = reports.sticks("2-1.1", "2-1.2", "2-1.3", "2-1.4")
    expected = {tpu.id: tpu.delegate_device_without_udev for tpu in report.edge_tpus}
    assert expected == {tpu.id: string for tpu, string in devices.delegate_strings_without_udev(report)}
