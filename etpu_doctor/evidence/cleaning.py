"""Undoing what mail programs, forums and terminals do to pasted output, line by line.

Removes what was put around the output and keeps what the program printed, indentation included.
"""

from __future__ import annotations

import re
from functools import cache

_COMMAND_LIMIT = 200
_COMMANDS = ("lsusb", "lspci", "dmesg", "journalctl", "uname", "ls")


@cache
def _escape_sequences() -> re.Pattern[str]:
    return re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


@cache
def _tags() -> re.Pattern[str]:
    # Only tags that wrap pasted text: "<unassigned>" and "<-- here" are output.
    return re.compile(
        r"</?(?:p|pre|code|div|span|tt|em|strong|b|i|li|ul|td|tr|th|table|blockquote)(?:\s[^<>]*)?/?>", re.IGNORECASE
    )


@cache
def _forum_tags() -> re.Pattern[str]:
    """Marks of bulletin boards: ``[quote=name]``, ``[/code]``."""
    return re.compile(
        r"\[/?(?:quote|cita|cite|citation|citat|zitat|citaat|cytat|code|codebox|b|i|u|s|url|list|spoiler|size|color|font|pre)"
        r"(?:=[^\]\n]{0,80})?\]",
        re.IGNORECASE,
    )


@cache
def _breaks() -> re.Pattern[str]:
    return re.compile(r"<br\s?/?>|</(?:p|div|li|tr|pre)>", re.IGNORECASE)


@cache
def _prompt() -> re.Pattern[str]:
    return re.compile(
        r"^[^\n]{0,80}?(?:[$#%❯➜✗λ»]|[>~](?=\s))\s*(?:[\w.~/-]{1,40}\s+)?(?:sudo\s+)?(?:\S{0,20}/)?(?:"
        + "|".join(_COMMANDS)
        + r")\b"
    )


def clean(raw: str) -> list[str]:
    """The lines that one pasted line holds once its wrapping is taken off; mostly one, several where ``<br>`` was."""
    line = raw.rstrip("\r\n")
    if "[/" in line or (line[:1] == "[" and line[1:2].isalpha()):
        line = _forum_tags().sub("", line)
    if not _is_wrapped(line):
        return [line]
    if "\0" in line:
        line = line.replace("\0", "")
    if "\x1b" in line:
        line = _escape_sequences().sub("", line)
    if "&" in line and ";" in line:
        line = _unescape_html(line)
    if "<" in line and ">" in line:
        line = _tags().sub("", _breaks().sub("\n", line))
    if "\xa0" in line:
        line = line.replace("\xa0", " ")
    if "\n" in line:
        return [_unwrap(part) for part in line.split("\n")]
    return [_unwrap(line)]


def _is_wrapped(line: str) -> bool:
    """Whether a line holds any of the marks that wrapping leaves; a search for one character is next to nothing."""
    return (
        ">" in line
        or "|" in line
        or "`" in line
        or "&" in line
        or "<" in line
        or "\x1b" in line
        or "\xa0" in line
        or "\0" in line
        or "\n" in line
    )


def _unescape_html(line: str) -> str:
    import html  # noqa: PLC0415 - its table of entities is only needed for pastes from web pages

    try:
        return html.unescape(line)
    except ValueError:
        # A character reference of more digits than Python turns into a number.
        return line


def _unwrap(line: str) -> str:
    stripped = line.strip()
    if stripped.startswith(">"):
        line = _unquote(line)
        stripped = line.strip()
    if stripped.startswith("|") and stripped.endswith("|") and len(stripped) > 2:
        line = stripped[1:-1].replace("\\|", "|")
        stripped = line.strip()
    if stripped.startswith("`") and not stripped.startswith("```") and stripped.endswith("`"):
        line = stripped.strip("`")
    return line.replace("\\|", "|") if "\\|" in line else line


def _unquote(line: str) -> str:
    """Take off quote marks of any depth, each with the one blank that follows it."""
    position = 0
    while True:
        mark = position
        while mark < len(line) and line[mark] in " \t":
            mark += 1
        # Blanks before the first mark belong to the quote, blanks after the last one to the output.
        if mark >= len(line) or line[mark] != ">" or (position and mark - position > 1):
            return line[position:]
        position = mark + 1
        if position < len(line) and line[position] == " ":
            position += 1


def is_markup(line: str) -> bool:
    """Whether a cleaned line is only wrapping: blank, a fence, a table rule, or a command echoed after a prompt."""
    stripped = line.strip()
    if not stripped or stripped.startswith(("```", "~~~")):
        return True
    if set(stripped) <= set("|:-= \t"):
        return True
    return _is_command(stripped) or _is_bare_prompt(stripped)


def _is_bare_prompt(stripped: str) -> bool:
    """The prompt that a copied screen ends with: ``pi@raspberrypi:~ $``, ``[root@host ~]#``."""
    return (
        len(stripped) < _COMMAND_LIMIT
        and stripped.endswith(("$", "#"))
        and 0 < stripped.find("@") < stripped.rfind("~") + 1
    )


def _is_command(stripped: str) -> bool:
    if not any(command in stripped for command in _COMMANDS[:2]):
        return False
    if len(stripped) >= _COMMAND_LIMIT:
        return False
    words = stripped.split()
    first, *rest = words[1:] if words[0] == "sudo" and len(words) > 1 else words
    if first.rpartition("/")[2] in _COMMANDS[:2]:
        return not rest or rest[0].startswith(("-", "|", ">", "2>", "&", ";"))
    return _prompt().match(stripped) is not None
