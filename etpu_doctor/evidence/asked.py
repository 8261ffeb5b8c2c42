"""Bare values below the command that asked for them: ``cat FILE FILE`` prints one a line, and no names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from etpu_doctor.evidence.formats.base import Line

_COMMAND_LIMIT = 300
_NAMES_LIMIT = 24
_VALUE_WITHIN = 2
_ASKING_ENDS = (
    *("temp", "control", "suspend", "_ms", "speed", "SIZE", "state", "owned", "owner", "status", "led", "-m", "-r"),
)


class Asked:
    """Follows the lines of a thread and gives each bare value the name that was asked for."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._patience = 0
        self._folder: str | None = None

    def feed(self, line: Line) -> Line | None:
        """Take a line; ``NAME: VALUE`` where it is the value that a command before it asked for."""
        text = line.text.strip()
        if "/sys/bus/usb/devices/" in text and "$" in text:
            looped = _loop().search(text)
            self._folder = looped[1] if looped is not None else self._folder
        elif self._folder is not None:
            named = _named_value().fullmatch(text)
            if named is not None:
                return Line(line.file, line.number, f"{self._folder}/{named[1]}: {named[2]}")
        names = _names_asked(text[-_COMMAND_LIMIT:])
        if names:
            self._names, self._patience = names, _VALUE_WITHIN
            return None
        if not self._names:
            return None
        if "$ " in text or "# " in text:
            # Another command: what comes now is its.
            self._names = []
        elif _value().fullmatch(text) is not None:
            return Line(line.file, line.number, f"{self._names.pop(0)}: {text}")
        else:
            self._patience -= 1
            if self._patience < 0:
                self._names = []
        return None


def _names_asked(command: str) -> list[str]:
    if "cat " in command and "/sys/" in command:
        return list(_files_of(command))
    match = _asking().search(command) if command.endswith(_ASKING_ENDS) else None
    return [match[0]] if match is not None else []


def _files_of(command: str) -> Iterator[str]:
    """The files that ``cat`` is given, those in braces and those below the folder of a ``cd`` before it included."""
    folder = _folder().search(command)
    given = command.rpartition("cat ")[2]
    count = 0
    for word in _end_of_command().split(given, maxsplit=1)[0].split():
        for name in _expanded(word):
            if "*" in name or name.startswith("-") or count >= _NAMES_LIMIT:
                return
            count += 1
            yield name if name.startswith("/") or folder is None else f"{folder[1].rstrip('/')}/{name}"


def _expanded(word: str) -> list[str]:
    before, opened, rest = word.partition("{")
    inside, closed, after = rest.partition("}")
    if not opened or not closed:
        return [word]
    return [f"{before}{part}{after}" for part in inside.split(",")]


@cache
def _asking() -> re.Pattern[str]:
    """The end of a command that prints one value."""
    return re.compile(
        r"(?:apex_\d/temp|power/control|parameters/autosuspend|autosuspend_delay_ms|[/ ]speed|PAGE_?SIZE|--sb-state|"
        r"is_device_owned|device_owner|apex_\d/status|get_throttled|uname -[mr])$"
    )


@cache
def _loop() -> re.Pattern[str]:
    """A loop that prints the attributes of one device by name: ``echo $f $(cat /sys/bus/usb/devices/1-7/$f)``."""
    return re.compile(r"(/sys/bus/usb/devices/\d{1,3}-(?:\d{1,2}\.){0,5}\d{1,2})/\$\w")


@cache
def _named_value() -> re.Pattern[str]:
    return re.compile(r"(idVendor|idProduct|speed|bMaxPower|power/control)[:=]? ?([\w.]{1,20})")


@cache
def _folder() -> re.Pattern[str]:
    return re.compile(r"\bcd (/sys/\S{1,120}?)(?:;|\s*&&|\s)")


@cache
def _end_of_command() -> re.Pattern[str]:
    return re.compile(r"[;|>&`]")


@cache
def _value() -> re.Pattern[str]:
    return re.compile(r"[\w.=+~-]{1,40}")
