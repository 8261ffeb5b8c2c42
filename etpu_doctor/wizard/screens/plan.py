"""Which model on which Edge TPU, what to expect of it, and the code for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import plan_views, takeaway, views
from etpu_doctor.wizard.screens.ask import AskScreen
from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.screens.tell import TellScreen
from etpu_doctor.wizard.widgets.rows import RowsView

if TYPE_CHECKING:
    from textual.app import ComposeResult

_FOLDER = "Save the code in this folder (nothing is overwritten)"


class PlanScreen(SizedScreen):
    """Asks for the models first where there are none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("enter", "back", "Back", show=False),
        Binding("s", "save", "Save the code"),
        Binding("m", "models", "Other models"),
    ]

    def body(self) -> ComposeResult:
        """All of it."""
        yield RowsView(self._rows, id="plan")

    def on_mount(self) -> None:
        """Fill it, or ask."""
        super().on_mount()
        self.query_one(RowsView).focus()
        if self.session.plans.given is None:
            self.action_models()

    def show_body(self) -> None:
        """Say it anew; make the plan where it is due."""
        self.wizard.plan_if_due()
        self.query_one(RowsView).show()
        self.refresh_bindings()

    def _rows(self, width: int) -> Iterator[views.Row]:
        style = self.style_for(width)
        yield from plan_views.plan_rows(self.session, style)
        yield from plan_views.code_rows(self.session, style)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now is offered."""
        del parameters
        made = self.session.plans.made
        return action != "save" or (made is not None and bool(made.shown.code))

    # -- the models

    def action_models(self) -> None:
        """Ask for the files."""
        self._ask_models(self.session.plans.line, None)

    def _ask_models(self, line: str, trouble: str | None) -> None:
        style = self.style_for(self.size.width)
        words = [trouble, plan_views.ASK] if trouble is not None else [plan_views.ASK]
        self.app.push_screen(AskScreen("\n\n".join(views.clean(each, style) for each in words), line), self._answered)

    def _answered(self, line: str | None) -> None:
        if line is not None:
            self.wizard.read_models(line, partial(self._read, line))
        elif self.session.plans.given is None:
            self.dismiss(None)

    def _read(self, line: str, trouble: str | None) -> None:
        """Show the plan for them, or say what is wrong and ask again where the user did not go elsewhere meanwhile."""
        if trouble is None:
            self.wizard.show_all()
        elif self.is_current:
            self._ask_models(line, trouble)
        else:
            self.wizard.notify(trouble, severity="error", timeout=10, markup=False)

    # -- the code

    def action_save(self) -> None:
        """Ask where to, and write it."""
        made = self.session.plans.made
        if made is None:
            return

        def answered(folder: str | None) -> None:
            if folder is not None:
                told = takeaway.told_of_code(made.shown, folder)
                self.app.push_screen(TellScreen("The code", told, to_copy="\n".join(told)))

        self.app.push_screen(AskScreen(_FOLDER, os.getcwd()), answered)
