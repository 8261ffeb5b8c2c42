"""Units and rules for systemd."""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

from etpu_doctor.remedies import systemd
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import BOTH, HOSTILE_REPORTS
from tests.remedies.test_udev import parsed, rule_lines

USB_1 = r"sys-subsystem-usb-devices-2\x2d1.device"
USB_2 = r"sys-subsystem-usb-devices-2\x2d2.device"


def files(report: Report) -> dict[str, str]:
    """The files by path."""
    return {file.path: file.content for file in systemd.build(report).files}


def section(content: str) -> dict[str, str]:
    """The one section of a unit."""
    parser = configparser.RawConfigParser(strict=True, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keys of units have capitals
    parser.read_string(content)
    assert ["Unit"] == parser.sections()
    return dict(parser["Unit"])


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reports.one_stick(), [USB_1]),
        (reports.cards(2), ["dev-apex_0.device", "dev-apex_1.device"]),
        (reports.mixed(), [USB_1, USB_2, "dev-apex_0.device"]),
        (reports.nothing(), [USB_1, "dev-apex_0.device"]),
    ],
)
def test_the_target_waits_for_each(report: Report, expected: list[str]) -> None:
    """The target wants each device and comes after it."""
    unit = section(files(report)[systemd.UNIT_PATH])
    assert " ".join(expected) == unit["Wants"] == unit["After"]


def test_nothing_is_required() -> None:
    """A stick leaves the bus for a moment at the firmware load, and must not take a service with it."""
    for path, content in files(reports.mixed()).items():
        if not path.endswith(".rules"):
            assert not {"Requires", "BindsTo", "Requisite"} & set(section(content))


def test_a_target_without_devices_is_a_unit() -> None:
    """Where no device is known the unit has nothing to wait for."""
    assert {"Description"} == set(section(files(reports.card_without_driver())[systemd.UNIT_PATH]))


def test_the_service_waits_for_the_target() -> None:
    """The drop-in of a service wants the target and comes after it."""
    assert {"Wants": systemd.UNIT, "After": systemd.UNIT} == section(files(reports.mixed())[systemd.DROP_IN_PATH])


def test_devices_are_made_known() -> None:
    """The rules tag both identities and the cards; sticks get the name that the unit waits for."""
    rules = list(map(parsed, rule_lines(files(reports.mixed())[systemd.RULES_PATH])))
    assert {("+=", "systemd")} == {rule["TAG"] for rule in rules}
    usb = [rule for rule in rules if rule["SUBSYSTEM"] == ("==", "usb")]
    assert list(BOTH) == [f"{rule['ATTR{idVendor}'][1]}:{rule['ATTR{idProduct}'][1]}" for rule in usb]
    assert {("+=", "/sys/subsystem/usb/devices/%k")} == {rule["ENV{SYSTEMD_ALIAS}"] for rule in usb}


def test_what_is_not_waited_for_is_told() -> None:
    """A stick without a certain port cannot be awaited."""
    notes = systemd.build(reports.by_hand(EdgeTpu(id="bus2-dev3", transport="usb"))).text
    assert any(note.startswith("bus2-dev3 is not waited for") for note in notes)


@given(HOSTILE_REPORTS)
def test_units_always_parse(report: Report) -> None:
    """No name adds a key or a word that is no device unit."""
    for path, content in files(report).items():
        if path.endswith(".rules"):
            assert 3 == len([parsed(line) for line in rule_lines(content)])
        else:
            assert set(section(content)) <= {"Description", "Wants", "After"}
    assert all(re.fullmatch(r"[A-Za-z0-9_.:\\-]+\.device", unit) for unit in systemd.device_units(report))


def test_systemd_takes_the_target(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """``systemd-analyze`` finds nothing wrong with the target."""
    unit = tmp_path / systemd.UNIT
    unit.write_text(files(reports.mixed())[systemd.UNIT_PATH], encoding="utf-8")
    result = subprocess.run(
        [needs_program("systemd-analyze", package="systemd"), "verify", unit],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert systemd.UNIT not in result.stderr, result.stderr


def test_systemd_escapes_the_same(needs_program: Callable[..., str]) -> None:
    """``systemd-escape`` names the units in the same way."""
    paths = ["/sys/subsystem/usb/devices/2-1", "/sys/subsystem/usb/devices/2-2", "/dev/apex_0"]
    command = [needs_program("systemd-escape", package="systemd"), "--path", "--suffix=device", *paths]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == list(systemd.device_units(reports.mixed()))
