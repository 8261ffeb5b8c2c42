"""Lines that must not vanish before they were read: what was written, and what to run now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from etpu_doctor.wizard import views
from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.widgets.keys import KeyLine
from etpu_doctor.wizard.widgets.rows import RowsView

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget


class TellScreen(SizedScreen):
    """Until the user has read it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "back", "Back"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, title: str, lines: Sequence[str], *, to_copy: str = "") -> None:
        super().__init__()
        self._title = title
        self._lines = tuple(lines)
        self._to_copy = to_copy

    def bars(self) -> Iterator[Widget]:
        """Nothing above."""
        return iter(())

    def body(self) -> ComposeResult:
        """The title, the lines, and the way back."""
        yield Static(self._title, markup=False, id="question")
        yield RowsView(self._rows, id="lines")
        yield KeyLine(("copy", "c Copy"), ("back", "Enter Back"))

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(RowsView).show()

    def _rows(self, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        for line in self._lines:
            yield from views.paragraph(line, style, mark="- ")

    def action_copy(self) -> None:
        """What is to be run, onto the clipboard."""
        self.wizard.copy(self._to_copy)
