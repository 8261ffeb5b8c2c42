"""Errors that are the user's to mend."""

from __future__ import annotations

_NAME_LIMIT = 255


def shown(name: str) -> str:
    """A file's name as one short line of text: what is no text in it, or would end the line, becomes ``?``."""
    if not name.isprintable():
        name = "".join(character if character.isprintable() else "?" for character in name)
    return name if len(name) <= _NAME_LIMIT else name[: _NAME_LIMIT - 1] + "…"


class EvidenceError(Exception):
    """Evidence that cannot be read at all: names the file, the line where there is one, and the reason."""

    def __init__(self, file: str, reason: str, line: int | None = None) -> None:
        self.file = shown(file)
        self.line = line
        self.reason = reason
        place = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{place}: {reason}")
