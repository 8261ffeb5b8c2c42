"""The notation of built machines: indented lines of words, ``key=value`` options and port numbers."""

from __future__ import annotations

import shlex
import textwrap


class NotationError(ValueError):
    """A line of the notation that means nothing: the test is wrong."""


class Entry:
    """One line: ``PORT: KIND flag key=value``, and the lines below it. What is asked for is ticked off."""

    def __init__(self, number: int, words: list[str]) -> None:
        self.number = number
        self.port: int | None = None
        if words and words[0].endswith(":") and words[0][:-1].isdigit():
            self.port = int(words.pop(0)[:-1])
        self.kind = words.pop(0) if words else ""
        self.flags = [word for word in words if "=" not in word]
        self.options = dict(word.split("=", 1) for word in words if "=" in word)
        self.children: list[Entry] = []

    def flag(self, name: str) -> bool:
        """Whether a word stands on the line."""
        if name not in self.flags:
            return False
        self.flags.remove(name)
        return True

    def word(self) -> str:
        """The next word that is no option."""
        if not self.flags:
            raise NotationError(f"line {self.number}: {self.kind} needs a name")
        return self.flags.pop(0)

    def option(self, name: str) -> str | None:
        """The value of an option."""
        return self.options.pop(name, None)

    def number_of(self, name: str, default: int = 0) -> int:
        """The value of an option that is a whole number."""
        value = self.option(name)
        return default if value is None else int(value)

    def done(self) -> None:
        """Refuse what nobody asked for."""
        left = [*self.flags, *self.options]
        if left:
            raise NotationError(f"line {self.number}: {self.kind} does not know {' '.join(left)}")


def parse(text: str) -> list[Entry]:
    """The lines of a notation as a forest. Raises ``NotationError``."""
    top = Entry(0, ["top"])
    open_entries = [(-1, top)]
    for number, raw in enumerate(textwrap.dedent(text).split("\n"), 1):
        words = shlex.split(raw, comments=True)
        if not words:
            continue
        indent = len(raw) - len(raw.lstrip())
        while open_entries[-1][0] >= indent:
            open_entries.pop()
        entry = Entry(number, words)
        open_entries[-1][1].children.append(entry)
        open_entries.append((indent, entry))
    return top.children
