"""Rows of words with roles on a Textual screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from etpu_doctor.report.styles import STYLES
from etpu_doctor.wizard.views import Row

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize

_MARGIN_CELLS = 3


def as_text(rows: Iterable[Row]) -> Text:
    """Rows as one text. It is put together piece by piece, so that nothing in it is taken for markup."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for index, row in enumerate(rows):
        if index:
            text.append("\n")
        for span in row:
            text.append(span.text, STYLES.get(span.role))
    return text


class RowsView(VerticalScroll, can_focus=True):
    """Scrolling rows, made anew for each width."""

    def __init__(self, build: Callable[[int], Iterable[Row]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._build = build
        self._shown: Text | None = None

    def compose(self) -> ComposeResult:
        """One block of text."""
        yield Static("", markup=False)

    def on_resize(self, _event: Resize) -> None:
        """Another width means other line ends."""
        self.show()

    def show(self) -> None:
        """Make the rows anew; costs nothing on the screen where they are the same."""
        if not self.size.width:
            return  # Not laid out yet: whatever were shown now would be shown anew at once.
        width = max(self.size.width - _MARGIN_CELLS, 20)
        text = as_text(self._build(width))
        if self._shown is None or (text.plain, text.spans) != (self._shown.plain, self._shown.spans):
            self._shown = text
            self.query_one(Static).update(text)
