"""Errors that are the user's to mend."""

from __future__ import annotations


class EvidenceError(Exception):
    """Evidence that cannot be read at all: names the file, the line where there is one, and the reason."""

    def __init__(self, file: str, reason: str, line: int | None = None) -> None:
        self.file = file
        self.line = line
        self.reason = reason
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {reason}")
