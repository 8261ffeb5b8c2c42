"""Look: what was read, as it comes in, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import views
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.widgets.rows import RowsView

if TYPE_CHECKING:
    from textual.app import ComposeResult


class LookScreen(StepScreen):
    """The first screen."""

    NUMBER = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Go on", show=False),
        Binding("r", "app.look", "Look again"),
    ]

    def body(self) -> ComposeResult:
        """The rows of the look, and what happened since."""
        yield RowsView(self._rows, id="look")

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(RowsView).show()

    def _rows(self, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        yield from views.look_rows(self.session, style)
        yield from views.log_rows(self.session, style)
