"""Reads text of any origin: recognises each kind of output in it by content and hands it to its parser."""

from __future__ import annotations

from collections.abc import Iterable

from etpu_doctor.evidence.cleaning import clean, is_markup
from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.formats.base import NOT_UNDERSTOOD, Format, Line
from etpu_doctor.evidence.formats.kernel_log import KernelLogText
from etpu_doctor.evidence.formats.lspci import Lspci
from etpu_doctor.evidence.formats.lspci_machine import LspciMachine
from etpu_doctor.evidence.formats.lspci_tree import LspciTree
from etpu_doctor.evidence.formats.lsusb_list import Lsusb
from etpu_doctor.evidence.formats.lsusb_tree import LsusbTree

_FIRST_CHARACTERS = "+\\`Cc[ULV"


def formats(collector: Collector) -> tuple[Format, ...]:
    """Every parser, the most specific first."""
    return (
        KernelLogText(collector),
        LsusbTree(collector),
        Lsusb(collector),
        LspciMachine(collector),
        LspciTree(collector),
        Lspci(collector),
    )


def read_lines(file: str, lines: Iterable[str], collector: Collector) -> int:
    """Feed a text to the parsers; returns how many lines were part of a known format.

    What no parser takes is handed to ``collector.ignore``; wrapping (fences, prompts, blank lines) is not counted.
    """
    reader = _Reader(formats(collector), collector)
    for number, raw in enumerate(lines, start=1):
        for text in clean(raw):
            reader.feed(Line(file, number, text))
    reader.close()
    return reader.understood


class _Reader:
    def __init__(self, parsers: tuple[Format, ...], collector: Collector) -> None:
        self._parsers = parsers
        self._collector = collector
        self._open: Format | None = None
        self.understood = 0

    def feed(self, line: Line) -> None:
        text = line.text
        # Every header has a colon, a branch of a tree begins with a mark, an error of lsusb or the kernel with a word:
        # most of a long listing can start nothing, and five parsers need not be asked.
        if ":" in text or text.lstrip()[:1] in _FIRST_CHARACTERS:
            for parser in self._parsers:
                if parser.starts(text):
                    self._switch(parser)
                    break
        if self._open is not None and self._open.feed(line):
            self.understood += 1
        elif not is_markup(line.text):
            self._collector.ignore(line, NOT_UNDERSTOOD)

    def _switch(self, parser: Format) -> None:
        if parser is not self._open:
            self.close()
            self._open = parser

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
