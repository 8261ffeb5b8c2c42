"""LXC and Proxmox VE."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given

from etpu_doctor.remedies import lxc, proxmox
from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS

USB = [
    ("lxc.cgroup2.devices.allow", "c 189:* rwm"),
    ("lxc.mount.entry", "/dev/bus/usb dev/bus/usb none bind,optional,create=dir 0 0"),
]


def pairs(content: str, separator: str) -> list[tuple[str, str]]:
    """Keys and values, as LXC (``=``) or Proxmox VE (``:``) reads the lines."""
    lines = [line for line in content.split("\n") if line and not line.startswith("#")]
    assert all(separator in line for line in lines)
    return [(key.strip(), value.strip()) for key, _, value in (line.partition(separator) for line in lines)]


def raw(report: Report) -> list[tuple[str, str]]:
    """LXC's lines of a report."""
    return [pair for file in lxc.build(report).files for pair in pairs(file.content, "=")]


def apex(*numbers: int) -> list[tuple[str, str]]:
    """The lines for PCIe."""
    mounts = [
        ("lxc.mount.entry", f"/dev/apex_{number} dev/apex_{number} none bind,optional,create=file 0 0")
        for number in numbers
    ]
    return [("lxc.cgroup2.devices.allow", "c 120:* rwm"), *mounts]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reports.one_stick(), USB),
        (reports.cards(2), apex(0, 1)),
        (reports.mixed(), [*USB, *apex(0)]),
        (reports.nothing(), [*USB, *apex(0)]),
        (reports.card_without_driver(), []),
    ],
)
def test_lxc_lines(report: Report, expected: list[tuple[str, str]]) -> None:
    """The lines are for what is there, and for everything where nothing is."""
    assert expected == raw(report)


@given(HOSTILE_REPORTS)
def test_a_mount_has_six_fields(report: Report) -> None:
    """No name makes more fields of a mount entry, which is read like fstab."""
    for key, value in raw(report):
        if key == "lxc.mount.entry":
            assert 6 == len(value.split())
            assert f"/{value.split()[1]}" == value.split()[0]


def test_lxc_names_both_identities_for_incus() -> None:
    """LXD and Incus get a device for each identity."""
    note = lxc.build(reports.one_stick()).text[-1]
    assert "vendorid=1a6e productid=089a" in note
    assert "vendorid=18d1 productid=9302" in note


def files(setup: Setup) -> dict[str, list[tuple[str, str]]]:
    """Proxmox VE's files, parsed."""
    return {file.path: pairs(file.content, ":") for file in setup.files}


def commands(setup: Setup) -> list[list[str]]:
    """The commands, split as a shell does."""
    return [shlex.split(command.command) for command in setup.commands]


def test_proxmox_with_one_stick() -> None:
    """A virtual machine gets both identities of one stick, a container the folder."""
    setup = proxmox.build(reports.one_stick())
    assert {
        "/etc/pve/lxc/CTID.conf": USB,
        "/etc/pve/qemu-server/VMID.conf": [("usb0", "host=1a6e:089a,usb3=1"), ("usb1", "host=18d1:9302,usb3=1")],
    } == files(setup)
    assert ["qm", "set", "VMID", "--usb0", "host=1a6e:089a,usb3=1", "--usb1", "host=18d1:9302,usb3=1"] in commands(
        setup
    )


def test_proxmox_with_several_sticks() -> None:
    """Several sticks are given by their ports, since their ids are the same."""
    setup = proxmox.build(reports.sticks("2-1", "2-2.3"))
    assert [("usb0", "host=2-1,usb3=1"), ("usb1", "host=2-2.3,usb3=1")] == files(setup)[
        "/etc/pve/qemu-server/VMID.conf"
    ]


def test_proxmox_with_sticks_of_unknown_places() -> None:
    """Without certain places the identities are given, and a note says what that means."""
    tpus = [EdgeTpu(id=f"bus2-dev{number}", transport="usb", place_certain=False) for number in (2, 3)]
    setup = proxmox.build(reports.by_hand(*tpus))
    assert "host=1a6e:089a,usb3=1" == dict(proxmox.vm_settings(reports.by_hand(*tpus)))["usb0"]
    assert any("does not show the port" in note for note in setup.text)


def test_proxmox_with_cards() -> None:
    """A card is a PCI function for a virtual machine, and a node for a container."""
    setup = proxmox.build(reports.cards(2))
    assert [("hostpci0", "0000:01:00.0,pcie=1"), ("hostpci1", "0000:02:00.0,pcie=1")] == files(setup)[
        "/etc/pve/qemu-server/VMID.conf"
    ]
    assert ["pct", "set", "CTID", "--dev0", "/dev/apex_0,mode=0666", "--dev1", "/dev/apex_1,mode=0666"] in commands(
        setup
    )


def test_proxmox_without_a_driver_on_the_host() -> None:
    """A card that the host has no driver for can still go to a virtual machine."""
    setup = proxmox.build(reports.card_without_driver())
    assert ["/etc/pve/qemu-server/VMID.conf"] == list(files(setup))


def test_proxmox_fills_no_more_slots_than_there_are() -> None:
    """A virtual machine has 14 slots for USB."""
    report = reports.by_hand(*(EdgeTpu(id=f"2-{number}", transport="usb") for number in range(1, 31)))
    assert [f"usb{number}" for number in range(14)] == [key for key, _ in proxmox.vm_settings(report)]


def test_proxmox_tells_how_to_take_it_back() -> None:
    """Each key that was set is deleted."""
    assert any("qm set VMID --delete usb0,usb1,hostpci0" in step for step in proxmox.build(reports.mixed()).undo)


@given(HOSTILE_REPORTS)
def test_proxmox_lines_always_parse(report: Report) -> None:
    """No name makes another key."""
    for found in files(proxmox.build(report)).values():
        assert all(key.startswith(("lxc.", "usb", "hostpci")) for key, _ in found)
