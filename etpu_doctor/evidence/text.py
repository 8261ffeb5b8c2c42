"""Reads text of any origin: recognises each kind of output in it by content and hands it to its parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO

import msgspec

from etpu_doctor.evidence.cleaning import clean, is_markup
from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.formats.base import NOT_UNDERSTOOD, Format, Line
from etpu_doctor.evidence.formats.dkms import Dkms
from etpu_doctor.evidence.formats.frigate_config import FrigateConfig
from etpu_doctor.evidence.formats.kernel_log import KernelLogText
from etpu_doctor.evidence.formats.lspci import Lspci
from etpu_doctor.evidence.formats.lspci_machine import LspciMachine
from etpu_doctor.evidence.formats.lspci_tree import LspciTree
from etpu_doctor.evidence.formats.lsusb_list import Lsusb
from etpu_doctor.evidence.formats.lsusb_tree import LsusbTree
from etpu_doctor.evidence.formats.program_log import ProgramLog
from etpu_doctor.evidence.kernel_log import ALONE

LINE_LIMIT_CHARACTERS = 1 << 20
_READ_CHARACTERS = 1 << 16

_FIRST_CHARACTERS = "+\\`Cc[DULV"

_WORDS_OF_A_SENTENCE = 2

_WRAPPED = ("&", "\x1b", "\0")
"""What may stand in the middle of a word that was wrapped."""


class Watcher(msgspec.Struct, frozen=True, gc=False):
    """Looks over the reader's shoulder."""

    see: Callable[[Line, object | None], None]
    """Is shown every line, and what took it: a parser of ``formats``, the ``ProgramLog``, or nothing."""

    needles: tuple[str, ...]
    """What it looks for in a kernel's log: lines that hold none of these, and say nothing themselves, are not shown."""

    passed: Callable[[int], None]
    """Is told at the end how many lines were not shown."""


def formats(collector: Collector) -> tuple[Format, ...]:
    """Every parser, the most specific first."""
    return (
        Dkms(collector),
        KernelLogText(collector),
        LsusbTree(collector),
        Lsusb(collector),
        LspciMachine(collector),
        LspciTree(collector),
        Lspci(collector),
        FrigateConfig(collector),
    )


def lines_of(text: IO[str]) -> Iterator[str]:
    """The lines of a text without their ends. One longer than ``LINE_LIMIT_CHARACTERS`` comes in pieces.

    Splitting what was read in one go takes a third of the time of asking for each line.
    """
    rest = ""
    while piece := text.read(_READ_CHARACTERS):
        *lines, rest = f"{rest}{piece}".split("\n")
        yield from lines
        if len(rest) >= LINE_LIMIT_CHARACTERS:
            yield rest
            rest = ""
    if rest:
        yield rest


def read_lines(file: str, lines: Iterable[str], collector: Collector, watcher: Watcher | None = None) -> int:
    """Feed a text to the parsers; returns how many lines were part of a known format.

    What no parser takes is handed to ``collector.ignore``; wrapping (fences, prompts, blank lines) is not counted.
    """
    reader = _Reader(formats(collector), collector, watcher)
    feed, passes = reader.feed, reader.passes
    for number, raw in enumerate(lines, start=1):
        if raw[:1] == "[" and passes(raw):
            continue
        for text in clean(raw):
            feed(Line(file, number, text))
    reader.end()
    return reader.understood


def _is_setting(text: str) -> bool:
    """Whether a line is ``key: value`` of one word each: only a configuration has such lines, and it has hundreds.

    The kernel's messages that name no device look alike.
    """
    key, colon, value = text.lstrip(" -").partition(":")
    if not colon or not key.islower() or not key.isidentifier() or key in ALONE:
        return False
    return not value or (value[0] == " " and len(value.split(None, 1)) < _WORDS_OF_A_SENTENCE)


class _Reader:
    def __init__(self, parsers: tuple[Format, ...], collector: Collector, watcher: Watcher | None) -> None:
        self._starts = tuple((parser.starts, parser) for parser in parsers)
        self._configuration = tuple(pair for pair in self._starts if isinstance(pair[1], FrigateConfig))
        self._collector = collector
        self._watcher = watcher
        self._programs = ProgramLog(collector)
        self._open: Format | None = None
        self._needles = (*_WRAPPED, *(watcher.needles if watcher is not None else ()))
        self._passed = 0
        self.understood = 0

    def passes(self, raw: str) -> bool:
        """Take a line of the log that is open which says nothing, before it is even unwrapped: most of a long log."""
        if not isinstance(self._open, KernelLogText) or not self._open.passes(raw, self._needles):
            return False
        self._passed += 1
        return True

    def feed(self, line: Line) -> None:
        text = line.text
        # Every header has a colon, a branch of a tree begins with a mark, an error of lsusb or the kernel with a word:
        # most of a long listing can start nothing, and five parsers need not be asked.
        first = text.lstrip()[:1]
        if ":" in text or (first and first in _FIRST_CHARACTERS):
            for starts, parser in self._configuration if _is_setting(text) else self._starts:
                if starts(text):
                    self._switch(parser)
                    break
        taken_by: object | None = None
        if self._open is not None and self._open.feed(line):
            taken_by = self._open
        elif first and self._programs.feed(line):
            # It stands for itself, so the block that is open stays open: a message may come between its lines.
            taken_by = self._programs
        elif self._watcher is None and not is_markup(text):
            # A watcher knows what to do with it.
            self._collector.ignore(line, NOT_UNDERSTOOD)
        self.understood += taken_by is not None
        if self._watcher is not None:
            self._watcher.see(line, taken_by)

    def _switch(self, parser: Format) -> None:
        if parser is not self._open:
            self.close()
            self._open = parser

    def end(self) -> None:
        self.close()
        self.understood += self._passed
        if self._watcher is not None:
            self._watcher.passed(self._passed)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
