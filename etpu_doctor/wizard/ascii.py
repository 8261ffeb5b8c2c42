"""Turns whatever is about to reach the terminal into ASCII, cell by cell."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

_LINES = {
    **dict.fromkeys("─━╌╍┄┅═▁▔╶╴", "-"),
    **dict.fromkeys("│┃║▏▕▎▍▌▐╎╏┆┇", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋", "+"),
    **dict.fromkeys("█▇▆▅▄▃▂▀▉▊▋■▪●◉⬤▓▒", "#"),
    **dict.fromkeys("░", "-"),
    **dict.fromkeys("○◌", "o"),
    **dict.fromkeys("→▶▸❯►", ">"),
    **dict.fromkeys("←◀◂", "<"),
    **dict.fromkeys("↑▲△▴⏶", "^"),
    **dict.fromkeys("↓▼▽▾⏷", "v"),
    **dict.fromkeys("•·…", "."),
    **dict.fromkeys("✓✔", "x"),
    "\u00d7": "x",
    "\u00a0": " ",
}


@cache
def _cell(character: str) -> str:
    """A character in as many ASCII ones as it has columns, so that nothing moves."""
    if character.isascii():
        return character
    return _LINES.get(character, "?" * cell_len(character))


class AsciiFilter(LineFilter):
    """The last filter before the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells, in ASCII."""
        del background
        return [
            segment
            if segment.text.isascii()
            else Segment("".join(map(_cell, segment.text)), segment.style, segment.control)
            for segment in segments
        ]
