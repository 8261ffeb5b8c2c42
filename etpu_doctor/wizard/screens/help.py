"""Help: the keys, and what the steps are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import views
from etpu_doctor.wizard.help_data import KEYS, NOTES
from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.session import STEPS
from etpu_doctor.wizard.widgets.rows import RowsView

if TYPE_CHECKING:
    from textual.app import ComposeResult


class HelpScreen(SizedScreen):
    """Over whatever is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("question_mark", "back", "Back", show=False),
        Binding("enter", "back", "Back", show=False),
    ]

    def body(self) -> ComposeResult:
        """All of it."""
        yield RowsView(self._rows, id="help")

    def show_body(self) -> None:
        """Nothing changes here."""
        self.query_one(RowsView).show()

    def _rows(self, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        yield views.heading("The steps", style)
        for number, step in enumerate(STEPS, 1):
            yield from views.paragraph(f"{step.title}: {step.purpose}", style, mark=f"{number}  ")
        yield ()
        yield views.heading("Keys; everything can be clicked as well", style)
        for key, what in KEYS:
            yield from views.paragraph(what, style, mark=f"{key:<11}")
        yield ()
        for note in NOTES:
            yield from views.paragraph(note, style)
