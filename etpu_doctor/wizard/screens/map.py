"""Map: the joined tree; a node's facts beside it; names for ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etpu_doctor.wizard import views
from etpu_doctor.wizard.labels import LabelError
from etpu_doctor.wizard.screens.ask import AskScreen
from etpu_doctor.wizard.screens.base import StepScreen
from etpu_doctor.wizard.widgets.chooser import Chooser, Item

if TYPE_CHECKING:
    from textual.app import ComposeResult


class MapScreen(StepScreen):
    """Where everything sits."""

    NUMBER = 2
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "label", "Name the port"),
        Binding("r", "app.look", "Look again"),
    ]

    def body(self) -> ComposeResult:
        """The tree and a node."""
        yield Chooser(self._items, self._detail)

    def show_body(self) -> None:
        """Say it anew."""
        self.query_one(Chooser).show()

    def __init__(self) -> None:
        super().__init__()
        self._made: tuple[object, list[Item]] = (None, [])

    def _items(self, width: int) -> list[Item]:
        """Made once for each state of the machine and each width: a tree may have hundreds of nodes."""
        update = self.session.update
        if update is None:
            return []
        made_for = (update, width, self.session.names())
        # The update is compared by its identity: to compare two large reports takes longer than to draw one.
        if not isinstance(self._made[0], tuple) or self._made[0][0] is not update or self._made[0][1:] != made_for[1:]:
            rows = views.map_rows(self.session, self.style_for(width))
            self._made = (made_for, [Item(row.node, row.rows) for row in rows])
        return self._made[1]

    def _detail(self, name: str | None, width: int) -> Iterator[views.Row]:
        if name is not None and self.session.update is not None:
            yield from views.node_rows(self.session, name, self.style_for(width))

    def action_label(self) -> None:
        """Ask for a name for the port of the chosen device."""
        port = self.query_one(Chooser).chosen
        nodes = {node.id: node for node in self.session.now.report.topology.usb} if self.session.update else {}
        if port is None or port not in nodes or nodes[port].port is None:
            self.notify("Choose a device first: its port gets the name.", markup=False)
            return

        def keep(label: str | None) -> None:
            if label is None:
                return
            try:
                self.session.name_port(port, label)
            except LabelError as error:
                self.notify(str(error), severity="error", markup=False)
            self.wizard.show_all()

        question = f"A name for the port of {port} (left rear blue); empty takes it away"
        self.app.push_screen(AskScreen(question, self.session.names().get(port, "")), keep)
