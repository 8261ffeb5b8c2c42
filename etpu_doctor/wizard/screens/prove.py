"""Prove: smoke tests with their progress, cancelled at any moment; what failed leads back to its finding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import prove_views, views
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.widgets.chooser import Chooser, Item

if TYPE_CHECKING:
    from textual.app import ComposeResult


class ProveScreen(StepScreen):
    """An inference on each Edge TPU."""

    NUMBER = 5
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "all", "Test all"),
        Binding("o", "one", "Test this one"),
        Binding("x", "cancel", "Cancel"),
    ]

    def body(self) -> ComposeResult:
        """The Edge TPUs, and one of them whole."""
        yield Chooser(self._items, self._detail)

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(Chooser).show()
        self.refresh_bindings()

    def _items(self, width: int) -> list[Item]:
        if self.session.update is None:
            return []
        style = self.style_for(width)
        tpus = self.session.now.report.edge_tpus
        return [Item(tpu.id, tuple(prove_views.target_rows(self.session, tpu.id, style))) for tpu in tpus]

    def _detail(self, name: str | None, width: int) -> Iterator[views.Row]:
        if self.session.update is not None:
            yield from prove_views.prove_detail(self.session, name, self.style_for(width))

    @property
    def _is_running(self) -> bool:
        return self.session.proof is not None and not self.session.proof.is_over

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now is offered."""
        del parameters
        if action == "cancel":
            return self._is_running
        if action in ("all", "one"):
            return not self._is_running and self.session.cannot_prove is None
        return True

    def on_chooser_picked(self, event: Chooser.Picked) -> None:
        """Enter or a click on an Edge TPU."""
        event.stop()
        self.action_one()

    def action_one(self) -> None:
        """Test the chosen one."""
        chosen = self.query_one(Chooser).chosen
        if chosen is not None:
            self._start([chosen])

    def action_all(self) -> None:
        """Test all: each alone, then all at once."""
        self._start([tpu.id for tpu in self.session.now.report.edge_tpus])

    def _start(self, ids: list[str]) -> None:
        refusal = self.session.cannot_prove
        if refusal is not None:
            self.notify(refusal, markup=False)
        elif not self._is_running:
            self.wizard.follow(self.session.prove(ids, self.wizard.smoke_command))
            self.wizard.show_all()

    def action_cancel(self) -> None:
        """End the test."""
        if self.session.proof is not None and self._is_running:
            self.session.proof.cancelled = True
