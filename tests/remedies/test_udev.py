"""The rules for udev."""

from __future__ import annotations

import re

import pytest

from etpu_doctor.remedies import udev
from tests.remedies import reports
from tests.remedies.reports import BOTH

_WORD = re.compile(r'(?P<key>[A-Z]+(?:\{\w+\})?)(?P<operator>==|\+=|=)"(?P<value>[^"]*)"')


def parsed(line: str) -> dict[str, tuple[str, str]]:
    """A rule as udev reads it: keys with operator and value, and nothing between them but a comma."""
    words = list(_WORD.finditer(line))
    assert ", ".join(match[0] for match in words) == line
    return {match["key"]: (match["operator"], match["value"]) for match in words}


def rule_lines(content: str) -> list[str]:
    """The lines that are no comments."""
    return [line for line in content.split("\n") if line and not line.startswith("#")]


@pytest.fixture(name="rules")
def fixture_rules() -> list[dict[str, tuple[str, str]]]:
    """The rules, parsed."""
    return list(map(parsed, rule_lines(udev.rules())))


def test_both_identities_and_pcie(rules: list[dict[str, tuple[str, str]]]) -> None:
    """There is a rule for each identity on USB and one for PCIe."""
    identities = [
        f"{rule['ATTR{idVendor}'][1]}:{rule['ATTR{idProduct}'][1]}" for rule in rules if "ATTR{idVendor}" in rule
    ]
    assert list(BOTH) == identities
    assert [("==", "apex")] == [rule["SUBSYSTEM"] for rule in rules if "ATTR{idVendor}" not in rule]


def test_each_rule_grants_a_group_and_the_seat(rules: list[dict[str, tuple[str, str]]]) -> None:
    """Each rule sets a group and its rights, and lets in who sits at the computer."""
    assert [("=", "plugdev"), ("=", "plugdev"), ("=", "apex")] == [rule["GROUP"] for rule in rules]
    assert [("=", "0664"), ("=", "0664"), ("=", "0660")] == [rule["MODE"] for rule in rules]
    assert {("+=", "uaccess")} == {rule["TAG"] for rule in rules}


def test_only_whole_usb_devices(rules: list[dict[str, tuple[str, str]]]) -> None:
    """Interfaces have no node, and what hangs behind is another device."""
    assert [("==", "usb_device")] * 2 == [rule["ENV{DEVTYPE}"] for rule in rules if "ENV{DEVTYPE}" in rule]


def test_the_file_is_read_in_time() -> None:
    """The file's number lies before the one that turns the tag into access."""
    (file,) = udev.build(reports.nothing()).files
    assert "/etc/udev/rules.d/60-etpu-doctor.rules" == file.path
    assert file.path < "/etc/udev/rules.d/73-seat-late.rules"
    assert 0o644 == file.mode


def test_the_rules_do_not_depend_on_what_is_there() -> None:
    """An Edge TPU that is plugged in tomorrow is served too."""
    assert udev.build(reports.nothing()).files == udev.build(reports.mixed()).files


def test_what_to_run_after() -> None:
    """The groups are made, the user joins them, and udev reads the rules again."""
    commands = [command.command for command in udev.build(reports.mixed()).commands]
    assert [
        "sudo groupadd --system --force plugdev",
        "sudo groupadd --system --force apex",
        'sudo usermod -aG plugdev,apex "$USER"',
        "sudo udevadm control --reload-rules",
        "sudo udevadm trigger",
    ] == commands


def test_the_notes_name_what_goes_wrong() -> None:
    """Distributions without the group, and the login that must be renewed, are named."""
    notes = " ".join(udev.build(reports.one_stick()).text)
    assert "Fedora" in notes
    assert "log out" in notes
    assert all(identity in notes for identity in BOTH)
