"""Makes foreign text fit for a terminal and for Markdown: visible escapes, plain ASCII, widths in columns.

Names of devices and lines of pastes are written by others. None of their characters may move the cursor, change a
colour, turn the direction of the text, end a line or be taken for markup.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters without ink that ``str.isprintable`` lets pass."""

_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2022": "*",
        "\u2026": "...",
        "\u2190": "<-",
        "\u2192": "->",
        "\u2264": "<=",
        "\u2265": ">=",
        "\u00b0": " deg ",
        "\u00b5": "u",
        "\u03bc": "u",
        "\u00b7": "-",
        "\u00d7": "x",
        "\u2122": "(TM)",
        "\u00ae": "(R)",
        "\u00a9": "(C)",
    }
)

_MARKDOWN = str.maketrans(
    {
        **{character: f"\\{character}" for character in "\\`*_[]{}#!~$@^"},
        # A backslash does not hide these from every parser of HTML and tables.
        "|": "&#124;",
        "<": "&lt;",
        ">": "&gt;",
        "&": "&amp;",
    }
)


def for_terminal(text: str) -> str:
    r"""The text with everything that acts or hides shown as an escape (``\x1b``, ``\u202e``); one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() and character not in _INVISIBLE:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def to_ascii(text: str) -> str:
    """Typographic characters in ASCII, every other character beyond it as ``?``."""
    if text.isascii():
        return text
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")


def cells(text: str) -> int:
    """Columns that an escaped text takes at most: combining characters count, so that it is never too few."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shorten(text: str, width: int, *, ascii_only: bool = False) -> str:
    """The text cut to ``width`` columns, with an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    dots = "..." if ascii_only else "…"
    return _head(text, max(width - len(dots), 0)).rstrip() + dots[: max(width, 0)]


def _head(text: str, width: int) -> str:
    """As many characters from the start as fit into ``width`` columns."""
    if text.isascii():
        return text[:width]
    used = 0
    for index, character in enumerate(text):
        used += cells(character)
        if used > width:
            return text[:index]
    return text


def wrap(text: str, width: int, *, first: int | None = None) -> list[str]:
    """Lines of at most ``width`` columns (the first of ``first``), broken at spaces; longer words are cut."""
    lines: list[str] = []
    room, line, used = width if first is None else first, "", 0
    for word in text.split():
        size = cells(word)
        if line and used + 1 + size <= room:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if line:
            lines.append(line)
            room = width
        *full, line = _pieces(word, max(room, 2), max(width, 2))
        lines += full
        used, room = cells(line), width if full else room
    return [*lines, line] if line or not lines else lines


def _pieces(word: str, first: int, width: int) -> list[str]:
    """A word cut into pieces that fit, mostly one. Widths are 2 or more, so that each piece has a character."""
    pieces, start, room = [], 0, first
    while start < len(word):
        # Looking at `room` characters at a time keeps a word of a megabyte linear.
        piece = _head(word[start : start + room], room)
        pieces.append(piece)
        start, room = start + len(piece), width
    return pieces


def for_markdown(text: str) -> str:
    """The text as Markdown that shows it literally, in a paragraph, a list item or a table cell."""
    escaped = for_terminal(text).translate(_MARKDOWN).replace("://", ":\\/\\/").replace("www.", "www\\.")
    return _without_block_start(escaped.strip())


def _without_block_start(text: str) -> str:
    """A list mark, a number with a dot or an underline at the start would open a block."""
    if text[:1] in {"-", "+", "="}:
        return f"\\{text}"
    digits = len(text) - len(text.lstrip("0123456789"))
    if digits and text[digits : digits + 1] == ".":
        return f"{text[:digits]}\\{text[digits:]}"
    return text


def code_span(text: str) -> str:
    """The text as a Markdown code span that nothing in it can end; safe in a table cell too."""
    shown = for_terminal(text).strip()
    if not shown or "|" in shown:
        # Tables are split at pipes before code spans are seen, and an empty span is none.
        return for_markdown(shown)
    mark = "`" * (longest_backtick_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{mark}{pad}{shown}{pad}{mark}"


def fence(lines: list[str], language: str = "") -> list[str]:
    """Lines in a fenced block that none of them can end."""
    shown = [for_terminal(line) for line in lines]
    mark = "`" * max(3, max(map(longest_backtick_run, shown), default=0) + 1)
    return [f"{mark}{language}", *shown, mark]


def longest_backtick_run(text: str) -> int:
    """Length of the longest run of backticks."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
