"""Set up: configurations for exactly these Edge TPUs; copied, or written after a look at the difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.remedies import APPLICABLE, TARGETS, load
from etpu_doctor.remedies.model import Setup
from etpu_doctor.wizard import configure, views
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.screens.confirm import ConfirmScreen
from etpu_doctor.wizard.screens.tell import TellScreen
from etpu_doctor.wizard.widgets.chooser import Chooser, Item

if TYPE_CHECKING:
    from textual.app import ComposeResult


class SetupScreen(StepScreen):
    """Ready configurations."""

    NUMBER = 4
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy"),
        Binding("a", "apply", "Write it"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, tuple[str, Setup]] = {}

    def body(self) -> ComposeResult:
        """The targets and a configuration."""
        yield Chooser(self._items, self._detail)

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(Chooser).show()

    def _items(self, width: int) -> list[Item]:
        style = self.style_for(width)
        return [Item(name, tuple(views.paragraph(load(name).SUMMARY, style, mark=f"{name:<9} "))) for name in TARGETS]

    def _setup(self, name: str) -> Setup:
        """Made once for each state of the machine."""
        made_for, setup = self._made.get(name, ("", None))
        now = self.session.now.report.generated_at
        if setup is None or made_for != now:
            setup = configure.setup_of(self.session, name)
            self._made[name] = (now, setup)
        return setup

    def _detail(self, name: str | None, width: int) -> Iterator[views.Row]:
        if name is not None and self.session.is_whole:
            yield from views.setup_rows(self._setup(name), self.style_for(width))

    def action_copy(self) -> None:
        """The files, or the commands, onto the clipboard."""
        name = self.query_one(Chooser).chosen
        if name is not None and self.session.is_whole:
            self.wizard.copy(views.copyable(self._setup(name)))

    def action_apply(self) -> None:
        """Show the difference, and write it if the user says so."""
        name = self.query_one(Chooser).chosen
        if name is None or not self.session.is_whole:
            return
        if self.session.is_replay:
            self.notify("This is a replay: nothing of it is written to this machine.", markup=False)
        elif name not in APPLICABLE:
            self.notify(f"The wizard writes {' and '.join(sorted(APPLICABLE))} only; copy this one.", markup=False)
        else:
            self._ask_to_write(self._setup(name))

    def _ask_to_write(self, setup: Setup) -> None:
        try:
            plans = configure.plans_of(setup, self.wizard.root)
        except configure.ApplyError as error:
            self.notify(f"The wizard cannot write it: {error}", severity="error", markup=False)
            return
        lines = list(configure.preview(plans))
        if all(plan.is_done for plan in plans):
            self.notify("\n".join(lines), markup=False)
            return

        def decided(answer: str | None) -> None:
            if answer == "yes":
                told = configure.carry_out(setup, plans)
                commands = "\n".join(command.command for command in setup.commands)
                self.app.push_screen(TellScreen("What was done, and what is left to do", told, to_copy=commands))
                self.session.feed.look()

        self.app.push_screen(ConfirmScreen("Write this?", lines), decided)
