"""A guided step: what to do with the hands, and what was seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.rules.finding import Finding
from etpu_doctor.wizard import views
from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.widgets.rows import RowsView

if TYPE_CHECKING:
    from textual.app import ComposeResult


class GuideScreen(SizedScreen):
    """Watches until the rules are content, or the user goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("enter", "back", "Back", show=False),
        Binding("c", "copy", "Copy the commands"),
        Binding("r", "app.look", "Look again"),
    ]

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self._finding = finding

    def body(self) -> ComposeResult:
        """What to do above, where it stands below."""
        self.session.guide(self._finding)
        yield RowsView(self._steps, id="steps-to-do")
        yield RowsView(self._state, id="state")

    def on_unmount(self) -> None:
        """Nobody waits any longer."""
        self.session.end_guide()

    def show_body(self) -> None:
        """Say it anew."""
        for rows in self.query(RowsView):
            rows.show()

    def _steps(self, width: int) -> Iterator[views.Row]:
        if self.session.guided is not None:
            yield from views.guide_rows(self.session, self.session.guided, self.style_for(width))

    def _state(self, width: int) -> Iterator[views.Row]:
        if self.session.guided is not None:
            yield from views.guide_state(self.session, self.session.guided, self.style_for(width))

    def action_copy(self) -> None:
        """Commands onto the clipboard, by OSC 52."""
        commands = self._finding.remedy.commands if self._finding.remedy else ()
        self.wizard.copy("\n".join(command.command for command in commands))
