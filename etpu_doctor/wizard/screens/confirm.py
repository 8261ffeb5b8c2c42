"""Lines to look at, and a question about them."""

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


class ConfirmScreen(SizedScreen):
    """Gives ``yes``, or ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "yes", "Yes"), Binding("escape,n", "back", "No")]

    def __init__(self, question: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._lines = tuple(lines)

    def bars(self) -> Iterator[Widget]:
        """Nothing above."""
        return iter(())

    def body(self) -> ComposeResult:
        """The lines, and the question below them."""
        yield RowsView(self._rows, id="lines")
        yield Static(self._question, markup=False, id="question")
        yield KeyLine(("yes", "y Yes"), ("back", "n No"))

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(RowsView).show()

    def _rows(self, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        for line in self._lines:
            yield (views.Span(views.clean(line.replace("\t", "    "), style), "command"),)

    def action_yes(self) -> None:
        """Do it."""
        self.dismiss("yes")
