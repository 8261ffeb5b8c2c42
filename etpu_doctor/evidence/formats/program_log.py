"""Lines that programs print, in a text: tracebacks, logs of containers, output of package tools, errors of shells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from etpu_doctor.evidence.formats.base import Line, Sink
from etpu_doctor.facts.application import RuntimeMessage

if TYPE_CHECKING:
    from etpu_doctor.knowledge.messages import Recognised

_TEXT_LIMIT = 300


class ProgramLog:
    """Recognises each line by itself; asked only about lines that no other format takes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def feed(self, line: Line) -> bool:
        """Take a line if it is a known message of a program."""
        found = messages_in(line)
        for message in found:
            self._sink.program(message)
        return bool(found)


def messages_in(line: Line) -> list[RuntimeMessage]:
    """Every known message that a line holds, with where it stands."""
    return [
        RuntimeMessage(
            message=found.message,
            cause=found.cause,
            causes=found.causes,
            kind=found.entry.kind,
            text=_short(line.text),
            values=found.values,
            where=f"{line.file}:{line.number}",
        )
        for found in _recogniser()(line.text)
    ]


@cache
def _recogniser() -> Callable[[str], Sequence[Recognised]]:
    """Looked up once: even an import of what is there already costs as much as the search of a short line."""
    from etpu_doctor.knowledge.messages import recognise_all  # noqa: PLC0415 - reads a TOML file

    return recognise_all


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"
