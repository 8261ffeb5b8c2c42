"""Searches that printed nothing are told of, and lists of commands are not taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.silent import SUFFIX, Silent


def told(*lines: str) -> list[str]:
    """The commands of a thread of these lines that printed nothing; blank lines are pauses."""
    silent = Silent()
    found: list[Line] = []
    for number, text in enumerate(lines, start=1):
        if text.strip():
            found += silent.feed(Line("t", number, text))
        else:
            silent.pause()
    assert all(line.text.endswith(SUFFIX) for line in found)
    return [line.text.removesuffix(SUFFIX) for line in found]


@pytest.mark.parametrize(
    "after", [["ana@pc:~$ ls /dev/apex_0"], ["ana@pc:~$"], ["", "ana@pc:~$ uname -r"], ["(nothing)"], ["[leer]"]]
)
def test_the_next_prompt_shows_that_nothing_came(after: list[str]) -> None:
    """A prompt with a user and a host is a terminal's."""
    assert told("ana@pc:~$ lsmod | grep apex", *after) == ["lsmod | grep apex"]


def test_what_was_printed_is_no_silence() -> None:
    """A line below the command is its output."""
    assert told("ana@pc:~$ lsmod | grep apex", "apex 28672 0", "ana@pc:~$ ls") == []


def test_bare_prompts_need_output_of_a_later_command() -> None:
    """Commands that somebody asks for look the same; only a terminal shows what one of them prints."""
    asked = ["$ lsmod | grep apex", "$ dpkg -l | grep gasket"]
    assert told(*asked) == []
    assert told(*asked, "", "Thanks!") == []
    assert told(*asked, "ii  gasket-dkms 1.0-18 all DKMS source") == ["lsmod | grep apex"]


def test_quoted_commands_are_questions() -> None:
    """``>`` quotes what another one wrote."""
    assert told("> ana@pc:~$ lsmod | grep apex", "> ana@pc:~$ dkms status | grep gasket") == []


@pytest.mark.parametrize("command", ["grep apex /proc/interrupts", "ls /tmp", "lsmod", "lsusb | grep -i logitech"])
def test_other_commands_tell_nothing(command: str) -> None:
    """Only a search that must print where there is something counts."""
    assert told(f"ana@pc:~$ {command}", "ana@pc:~$ ls") == []


@pytest.mark.parametrize(
    "command",
    [
        "dpkg -l | grep edgetpu",
        "sudo find / -name 'libedgetpu*'",
        "lspci -nn | grep 089a",
        "lsusb | grep -i google",
    ],
)
def test_searches_are_known(command: str) -> None:
    """For the driver, the library, the card or the stick."""
    assert told(f"[root@nvr ~]# {command}", "[root@nvr ~]# ls") == [command]


_LINES = ["ana@pc:~$ lsmod | grep apex", "$ lspci | grep 1ac1", "$", "apex 1 0", "", "> x", "#"]


@given(st.lists(st.sampled_from(_LINES)))
def test_any_order_of_lines_is_read(lines: list[str]) -> None:
    """No command is told of more often than it stands there."""
    assert len(told(*lines)) <= sum("grep" in line for line in lines)
