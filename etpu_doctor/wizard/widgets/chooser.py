"""A list of things on one side, the chosen one whole on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from textual.containers import Container
from textual.message import Message
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from etpu_doctor.wizard.views import Row, Span
from etpu_doctor.wizard.widgets.rows import RowsView, as_text

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult
    from textual.events import Resize

MARK = "> "
_MARGIN_CELLS = 6
"""Scroll bar, padding, and the mark of the chosen entry."""


class Item(NamedTuple):
    """An entry: what it is called by, and its rows; with no name it cannot be chosen."""

    name: str | None
    rows: tuple[Row, ...]


class MarkedList(OptionList):
    """An option list that marks the chosen entry by a sign as well: colours alone may not be seen."""

    def render_line(self, y: int) -> Strip:
        """A line; the first of the chosen entry begins with the mark, for which every entry leaves room."""
        strip = super().render_line(y)
        number = self.scroll_offset.y + y
        if self.highlighted is None or number >= len(self._lines) or self._lines[number] != (self.highlighted, 0):
            return strip
        first = next(iter(strip), None)
        return Strip([Segment(MARK, first.style if first is not None else None), *strip.crop(len(MARK))])


class Chooser(Container):
    """``items`` are made for a width; ``detail`` says everything about one, by its name."""

    class Picked(Message):
        """Enter or a click on an entry."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(
        self, items: Callable[[int], Sequence[Item]], detail: Callable[[str | None, int], Iterable[Row]]
    ) -> None:
        super().__init__(classes="chooser")
        self._items = items
        self._detail = detail
        self._shown: list[Item] = []
        self.chosen: str | None = None

    def compose(self) -> ComposeResult:
        """The list and the detail."""
        yield MarkedList(markup=False, compact=True)
        yield RowsView(lambda width: self._detail(self.chosen, width), id="detail")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.query_one(OptionList).focus()

    def on_resize(self, _event: Resize) -> None:
        """Another width means other line ends."""
        self.show()

    def show(self) -> None:
        """Make the list anew; what was chosen stays chosen as long as it is there."""
        listed = self.query_one(OptionList)
        if not listed.size.width:
            return  # Not laid out yet.
        width = max(listed.size.width - _MARGIN_CELLS, 20)
        found = list(self._items(width))
        if found != self._shown:
            self._shown = found
            self._fill(listed)
        self.query_one("#detail", RowsView).show()

    def _fill(self, listed: OptionList) -> None:
        names = [item.name for item in self._shown]
        if self.chosen not in names:
            self.chosen = next((name for name in names if name is not None), None)
        options = [Option(_with_room(item), disabled=item.name is None) for item in self._shown]
        with self.app.batch_update():
            listed.clear_options()
            listed.add_options(options)
        listed.highlighted = names.index(self.chosen) if self.chosen is not None else None

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the entry under the cursor."""
        event.stop()
        if event.option_index < len(self._shown):
            self.chosen = self._shown[event.option_index].name
            self.query_one("#detail", RowsView).show()
            self.query_one("#detail", RowsView).scroll_home(animate=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        event.stop()
        name = self._shown[event.option_index].name if event.option_index < len(self._shown) else None
        if name is not None:
            self.chosen = name
            self.post_message(self.Picked(name))


def _with_room(item: Item) -> Text:
    """An entry with room for the mark."""
    return as_text((Span(" " * len(MARK)), *row) for row in item.rows)
