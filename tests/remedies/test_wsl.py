"""The commands for usbipd."""

from __future__ import annotations

from etpu_doctor.remedies import wsl
from tests.remedies import reports
from tests.remedies.reports import BOTH


def test_each_identity_is_bound() -> None:
    """Windows wants both bound, the second once it has shown up."""
    commands = [command.command for command in wsl.build(reports.one_stick()).commands]
    assert [f"usbipd bind --hardware-id {identity}" for identity in BOTH] == [commands[1], commands[3]]
    assert "usbipd attach --wsl --busid BUSID --auto-attach" == commands[2]


def test_binding_needs_an_administrator() -> None:
    """Binding needs rights, attaching does not."""
    assert [False, True, False, True] == [command.needs_root for command in wsl.build(reports.one_stick()).commands]


def test_cards_cannot_be_used_there() -> None:
    """A note says that WSL passes no such PCIe device; only sticks are counted."""
    setup = wsl.build(reports.mixed())
    assert any("PCIe" in note for note in setup.text)
    assert ("2-1", "2-2") == setup.devices
    assert not any("PCIe" in note for note in wsl.build(reports.one_stick()).text)


def test_nothing_is_written() -> None:
    """There is no file: the commands are for Windows."""
    assert () == wsl.build(reports.one_stick()).files
