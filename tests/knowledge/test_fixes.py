"""What is to be done is safe to try: commands of fixes only look."""

from __future__ import annotations

import pytest

from etpu_doctor.knowledge.fixes import fixes

READING = (
    "lsusb",
    "lspci",
    "ls ",
    "vcgencmd get_",
    "getconf",
    "dkms status",
    "modinfo",
    "mokutil --sb-state",
    "sudo lsof",
    "pip list",
)


@pytest.mark.parametrize("cause", [cause for cause, fix in fixes().items() if fix.look])
def test_commands_of_fixes_only_look(cause: str) -> None:
    """No command of a fix changes anything."""
    command = fixes()[cause].look or ""
    assert command.startswith(READING)
    assert not any(mark in command for mark in (">", "|", "rm ", "tee"))
