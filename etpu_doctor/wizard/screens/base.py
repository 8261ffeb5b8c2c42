"""What all screens have in common: the size they need, the bars, and how they are refreshed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer, Static

from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Style
from etpu_doctor.wizard.widgets.bars import StepBar, TopBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Resize
    from textual.widget import Widget

    from etpu_doctor.wizard.app import WizardApp

LEAST_COLUMNS, LEAST_ROWS = 60, 16
WIDE_COLUMNS = 110


class SizedScreen(Screen[str | None]):
    """A screen that says so where the terminal is too small, and comes back when it is not."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    @property
    def wizard(self) -> WizardApp:
        """The app, by its own type."""
        return cast("WizardApp", self.app)

    @property
    def session(self) -> Session:
        """What is known."""
        return self.wizard.session

    def style_for(self, width: int) -> Style:
        """How rows of so many columns are made."""
        return Style(width=width, ascii_only=self.wizard.ascii_only)

    def compose(self) -> ComposeResult:
        """The bars, the body, the keys, and what is shown instead of them where there is no room."""
        yield from self.bars()
        with Container(id="body"):
            yield from self.body()
        yield Footer(show_command_palette=False)
        yield Static("", markup=False, id="too-small")

    def bars(self) -> Iterator[Widget]:
        """What stands above the body."""
        yield TopBar(self.session)

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Fill it."""
        self.show()

    def on_screen_resume(self) -> None:
        """Things may have changed while another screen was in front."""
        self.show()

    def on_resize(self, event: Resize) -> None:
        """See whether there is room."""
        width, height = event.size.width, event.size.height
        small = width < LEAST_COLUMNS or height < LEAST_ROWS
        self.set_class(small, "-too-small")
        self.set_class(width >= WIDE_COLUMNS, "-wide")
        if small:
            text = f"{width} x {height} is too small: make it {LEAST_COLUMNS} x {LEAST_ROWS}, or try wizard --plain."
            self.query_one("#too-small", Static).update(text)
        self.show()

    def show(self) -> None:
        """Show what the session knows now."""
        for bar in self.query(TopBar):
            bar.show(self.style_for(self.app.size.width))
        self.show_body()

    def show_body(self) -> None:
        """Refresh the screen's own widgets."""
        raise NotImplementedError

    def action_back(self) -> None:
        """Leave this screen."""
        self.dismiss(None)


class StepScreen(SizedScreen):
    """One step of the way; ``NUMBER`` counts from 1."""

    NUMBER: ClassVar[int] = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "Next"),
        Binding("escape", "back", "Back"),
    ]

    def bars(self) -> Iterator[Widget]:
        """The verdict and the steps."""
        yield TopBar(self.session)
        yield StepBar(self.NUMBER)

    def action_next(self) -> None:
        """Go on."""
        self.wizard.go_to(self.NUMBER + 1)

    def action_back(self) -> None:
        """Go back one step."""
        self.wizard.go_to(self.NUMBER - 1)
