"""Bare values below a command get the name that was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.asked import Asked
from etpu_doctor.evidence.formats.base import Line


def named(*lines: str) -> list[str]:
    """What a thread of these lines gives."""
    asked = Asked()
    found = [asked.feed(Line("t", number, text)) for number, text in enumerate(lines, start=1)]
    return [line.text for line in found if line is not None]


def test_one_file_gives_its_value() -> None:
    """The value below ``cat FILE`` is that file's."""
    expected = ["/sys/class/apex/apex_0/temp: 41800"]
    assert expected == named("$ cat /sys/class/apex/apex_0/temp", "41800")


def test_several_files_are_in_order() -> None:
    """``cat`` prints its files one after the other."""
    command = "cat /sys/bus/usb/devices/1-4/idVendor /sys/bus/usb/devices/1-4/speed"
    expected = ["/sys/bus/usb/devices/1-4/idVendor: 18d1", "/sys/bus/usb/devices/1-4/speed: 480"]
    assert expected == named(command, "18d1", "480")


def test_braces_and_a_folder_before_are_followed() -> None:
    """The shell's braces stand for several files, and ``cd`` says where they lie."""
    expected = ["/sys/bus/usb/devices/2-1/speed: 5000", "/sys/bus/usb/devices/2-1/power/control: auto"]
    assert expected == named("$ cat /sys/bus/usb/devices/2-1/{speed,power/control}", "5000", "auto")
    assert expected == named("# cd /sys/bus/usb/devices/2-1; cat speed power/control", "5000", "auto")


def test_a_command_without_cat_is_known_by_its_end() -> None:
    """``uname -m`` and the like print one value."""
    assert ["uname -m: aarch64"] == named("$ uname -m", "aarch64")


@pytest.mark.parametrize(
    "between",
    ["$ cat /sys/class/apex/apex_0/trip_point{0,1}_temp", "# ls"],
)
def test_another_command_ends_it(between: str) -> None:
    """What stands below another command is not the value of the first one."""
    found = named("$ cat /sys/class/apex/apex_0/temp", between, "85000")
    assert "/sys/class/apex/apex_0/temp: 85000" not in found


def test_a_value_is_given_away_once() -> None:
    """A second bare line after one file belongs to nothing."""
    assert ["/sys/class/apex/apex_0/temp: 41800"] == named("$ cat /sys/class/apex/apex_0/temp", "41800", "90000")


def test_prose_in_between_is_waited_for_only_so_long() -> None:
    """After a few lines of something else nobody waits for the value any more."""
    assert [] == named("$ cat /sys/class/apex/apex_0/temp", "a b", "c d", "e f", "41800")


def test_what_only_the_shell_can_expand_has_no_names() -> None:
    """Nobody can tell which files a star stood for."""
    assert [] == named("$ cat /sys/bus/usb/devices/*/power/control", "on", "auto")


@given(st.lists(st.text(max_size=60), max_size=12))
def test_any_lines_are_taken(lines: list[str]) -> None:
    """No text stops it, and no value comes without a command."""
    for text in named(*lines):
        assert ": " in text
