"""One line of text from the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.widgets import Input, Static

from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.widgets.keys import KeyLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget


class AskScreen(SizedScreen):
    """Gives the text, or ``None`` for Escape."""

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__()
        self._question = question
        self._value = value

    def bars(self) -> Iterator[Widget]:
        """Nothing above."""
        return iter(())

    def body(self) -> ComposeResult:
        """The question and the line."""
        yield Static(self._question, markup=False, id="question")
        yield Input(self._value, compact=True)
        yield KeyLine(("take", "Enter Take it"), ("back", "Esc Back"))

    def show_body(self) -> None:
        """Nothing changes here."""
        if not self.query_one(Input).has_focus:
            self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value)

    def action_take(self) -> None:
        """A click on "take it"."""
        self.dismiss(self.query_one(Input).value)
