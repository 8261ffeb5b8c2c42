"""The two lines at the top of every screen: what this is about and the verdict, and the steps of the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from etpu_doctor.report.escape import shorten
from etpu_doctor.report.styles import STYLES
from etpu_doctor.wizard.session import STEPS, Session
from etpu_doctor.wizard.views import Style, clean

if TYPE_CHECKING:
    from textual.app import ComposeResult


class TopBar(Static):
    """``etpu-doctor  REPLAY  ERROR sub-hub-secondary-port ...`` in one line."""

    def __init__(self, session: Session) -> None:
        super().__init__("", markup=False, id="top")
        self._session = session

    def show(self, style: Style) -> None:
        """Say it anew."""
        session = self._session
        word, sentence = session.verdict()
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(" etpu-doctor  ", "bold")
        if session.is_replay:
            text.append("REPLAY, not this machine", STYLES["replay"])
            text.append("  ")
        text.append(word, STYLES.get(word, "bold"))
        room = max(style.width - len(text.plain) - 2, 0)
        sentence = clean(session.labelled(sentence), style)
        text.append(f" {shorten(sentence, room, ascii_only=style.ascii_only)}")
        self.update(text)


class StepTab(Static):
    """One step; a click goes there."""

    class Chosen(Message):
        """The user wants to go to a step; ``number`` counts from 1."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, number: int, *, is_here: bool) -> None:
        title = f"{number} {STEPS[number - 1].title}"
        # Brackets say where one is where colours do not.
        super().__init__(f"[{title}]" if is_here else f" {title} ", markup=False, classes="here" if is_here else "")
        self._number = number

    def on_click(self) -> None:
        """Go there."""
        self.post_message(self.Chosen(self._number))


class StepBar(Horizontal):
    """All steps."""

    def __init__(self, here: int) -> None:
        super().__init__(id="steps")
        self._here = here

    def compose(self) -> ComposeResult:
        """A tab a step."""
        for number in range(1, len(STEPS) + 1):
            yield StepTab(number, is_here=number == self._here)
