"""Findings, worst first; a finding that needs hands opens a guided step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import views
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.screens.guide import GuideScreen
from etpu_doctor.wizard.session import Group
from etpu_doctor.wizard.widgets.chooser import Chooser, Item

if TYPE_CHECKING:
    from textual.app import ComposeResult


class FindingsScreen(StepScreen):
    """What holds the Edge TPUs back."""

    NUMBER = 3
    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "guide", "Guide me"), Binding("r", "app.look", "Look again")]

    def body(self) -> ComposeResult:
        """The list and a finding."""
        yield Chooser(self._items, self._detail)

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(Chooser).show()

    def _groups(self) -> dict[str, Group]:
        if self.session.update is None:
            return {}
        return {f"{group.first.code} {group.first.subject}": group for group in self.session.groups()}

    def _items(self, width: int) -> list[Item]:
        groups = self._groups()
        if not groups:
            return [Item("", ((views.Span("Nothing was found wrong.", "OK"),),))] if self.session.is_whole else []
        style = self.style_for(width)
        return [Item(name, tuple(views.group_rows(self.session, group, style))) for name, group in groups.items()]

    def _detail(self, name: str | None, width: int) -> Iterator[views.Row]:
        group = self._groups().get(name or "")
        if group is not None:
            style = self.style_for(width)
            yield from views.finding_rows(self.session, group, style)
            if self.session.can_guide(group.first):
                yield ()
                yield views.heading("Enter or g: be guided through it, step by step", style)

    def on_chooser_picked(self, event: Chooser.Picked) -> None:
        """Enter or a click on a finding."""
        event.stop()
        self.action_guide()

    def action_guide(self) -> None:
        """Open the guided step."""
        group = self._groups().get(self.query_one(Chooser).chosen or "")
        if group is None:
            return
        if self.session.can_guide(group.first):
            self.app.push_screen(GuideScreen(group.first))
        else:
            self.notify("This is only good to know: nothing has to be done.", markup=False)
