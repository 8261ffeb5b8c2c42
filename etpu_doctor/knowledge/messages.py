"""Lines that programs print about Edge TPUs, what each speaks for, and how to recognise them.

Every search is bounded: only the start of a line is looked at, and patterns only near the words that called for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.knowledge import load

SaidBy = Literal[
    "libedgetpu",
    "tflite",
    "python",
    "pip",
    "loader",
    "shell",
    "dkms",
    "apt",
    "dpkg",
    "modprobe",
    "udev",
    "docker",
    "podman",
    "lxc",
    "proxmox",
    "kubernetes",
    "vmware",
    "virtualbox",
    "wsl",
    "frigate",
    "board",
    "compiler",
    "kernel",
]
Kind = Literal["fault", "fact", "benign"]

LINE_LIMIT = 4096
"""How much of a line is looked at."""

_BEFORE, _AFTER = 200, 500
_EACH_LIMIT = 4


class ProgramMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of line; the keys are explained at the top of ``messages.toml``."""

    name: str
    said_by: SaidBy
    words: tuple[str, ...]
    pattern: str
    causes: tuple[str, ...]
    source: str
    matches: tuple[str, ...]
    not_matches: tuple[str, ...]
    needle: str = ""
    kind: Kind = "fault"
    decides: bool = True
    needs: tuple[str, ...] = ()
    means: str = ""
    confused_with: tuple[str, ...] = ()


class Recognised(msgspec.Struct, frozen=True, gc=False):
    """A line that is known: its message, the causes it speaks for, and the parts of the line that the pattern names."""

    entry: ProgramMessage
    values: dict[str, str]
    text: str

    @property
    def message(self) -> str:
        """The name of the message."""
        return self.entry.name

    @property
    def causes(self) -> tuple[str, ...]:
        """What it speaks for, the likeliest first; empty for what is benign."""
        return self.entry.causes

    @property
    def cause(self) -> str | None:
        """The one cause, ``None`` where the line alone does not tell."""
        entry = self.entry
        decides = entry.kind == "fault" and entry.decides and not entry.needs
        return entry.causes[0] if decides and entry.causes else None


class _Index(msgspec.Struct, frozen=True, gc=False):
    """Entries by the words that call for them, each with what must be in the line, and those without any."""

    by_word: dict[str, tuple[tuple[int, str], ...]]
    words: frozenset[str]
    foreign: tuple[str, ...]
    unworded: tuple[int, ...]
    entries: tuple[ProgramMessage, ...]


@cache
def _file() -> tuple[dict[str, list[str]], tuple[ProgramMessage, ...]]:
    content = load("messages.toml")
    translations: dict[str, list[str]] = content["translations"]
    return translations, tuple(msgspec.convert(content["message"], list[ProgramMessage]))


def program_messages() -> tuple[ProgramMessage, ...]:
    """Every known message, in the order in which they are tried."""
    return _file()[1]


@cache
def _index() -> _Index:
    by_word: dict[str, list[tuple[int, str]]] = {}
    unworded: list[int] = []
    entries = program_messages()
    for number, entry in enumerate(entries):
        for word in entry.words:
            by_word.setdefault(word, []).append((number, entry.needle or word))
        if not entry.words:
            unworded.append(number)
    frozen = {word: tuple(numbers) for word, numbers in by_word.items()}
    foreign = tuple(word for word in frozen if not word.isascii())
    return _Index(frozen, frozenset(frozen), foreign, tuple(unworded), entries)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with its translations filled in, compiled when a line first calls for it."""
    return re.compile(_named().sub(_wordings, pattern) if "%{" in pattern else pattern)


@cache
def _named() -> re.Pattern[str]:
    return re.compile(r"%\{([\w-]+)\}")


def _wordings(match: re.Match[str]) -> str:
    """Any of the wordings of the translation that is named, as a part of a pattern."""
    return f"(?:{'|'.join(map(re.escape, _file()[0][match[1]]))})"


@cache
def _tokens() -> re.Pattern[str]:
    return re.compile(r"\w{1,40}")


_TOKEN_LIMIT = 40
_BETWEEN = bytes(code if chr(code).isalnum() or chr(code) == "_" else 32 for code in range(128)).ljust(256)
"""Every byte of ASCII that is no part of a word, turned into a blank."""


def _words_of(text: str) -> list[str]:
    """What ``_tokens`` finds in a text, in a quarter of the time; of a word that is not ASCII only those parts."""
    words = text.encode("ascii", "replace").translate(_BETWEEN).decode().split()
    return words if max(map(len, words), default=0) <= _TOKEN_LIMIT else _tokens().findall(text)


def recognise(line: str) -> Recognised | None:
    """What a program says with this line, ``None`` if it is nothing known. Time is linear in the line."""
    return next(iter(recognise_all(line)), None)


def recognise_all(line: str) -> Sequence[Recognised]:
    """Everything known that a line says: people quote several messages in one sentence."""
    text = line if len(line) <= LINE_LIMIT else line[:LINE_LIMIT]
    index = _index()
    called = index.words.intersection(_words_of(text))
    unworded: tuple[int, ...] = ()
    if not text.isascii():
        called |= {word for word in index.foreign if word in text}
        unworded = index.unworded
    if not called and not unworded:
        return ()
    needles = {number: needle for word in called for number, needle in index.by_word[word] if needle in text}
    needles.update((number, index.entries[number].needle) for number in unworded)
    return [found for number in sorted(needles) for found in _matches(index.entries[number], text, needles[number])]


def _matches(entry: ProgramMessage, text: str, needle: str) -> Iterator[Recognised]:
    """Every place where a line says it, up to a few, near what must be in it."""
    position, start, count = text.find(needle), 0, 0
    while position >= 0 and count < _EACH_LIMIT:
        end = position + _AFTER
        match = compiled(entry.pattern).search(text, max(start, position - _BEFORE), end)
        if match is not None:
            count += 1
            start = end = max(match.end(), position + 1)
            values = {name: value for name, value in match.groupdict().items() if value is not None}
            yield Recognised(entry, values, text)
        position = text.find(needle, end)
