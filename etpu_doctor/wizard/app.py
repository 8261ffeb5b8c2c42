"""The wizard on a full screen: owns the screens and the thread that waits for the feed; the session knows the rest."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import Monochrome, NoColor

from etpu_doctor.wizard.commands import WizardCommands
from etpu_doctor.wizard.palette import ON_DARK, ON_LIGHT
from etpu_doctor.wizard.plans import PlanError
from etpu_doctor.wizard.screens.base import SizedScreen
from etpu_doctor.wizard.session import STEPS, Session, StepName
from etpu_doctor.wizard.widgets.bars import StepTab

if TYPE_CHECKING:
    from textual.filter import LineFilter
    from textual.screen import Screen

    from etpu_doctor.hotplug.engine import Update
    from etpu_doctor.wizard.prove import Proof

_PULSE_SECONDS = 0.2
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_DARK, _LIGHT, _ANSI = "textual-dark", "textual-light", "ansi-dark"
SCREENS: dict[StepName, str] = {
    "look": "LookScreen",
    "map": "MapScreen",
    "findings": "FindingsScreen",
    "setup": "SetupScreen",
    "prove": "ProveScreen",
    "takeaway": "TakeAwayScreen",
}
"""The class of each step's screen, in the module of the step's name."""

THEMES = {"dark": _DARK, "light": _LIGHT, "ansi": _ANSI}


class WizardApp(App[int]):
    """``crash`` is what went wrong, if something did: the screen is restored before anybody hears of it."""

    CSS_PATH = "styles.tcss"
    TITLE = "etpu-doctor"
    COMMANDS: ClassVar = {WizardCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"step({number})", step.title, show=False) for number, step in enumerate(STEPS, 1)),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("t", "colours", "Light or dark", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, session: Session, *, ascii_only: bool = False, theme: str | None = None, root: str = "/"
    ) -> None:
        super().__init__()
        self.session = session
        self.ascii_only = ascii_only
        self.root = root
        self.crash: Exception | None = None
        self._screens: dict[int, Screen[str | None]] = {}
        self._waiting_to_show = False
        self._is_planning = False
        self.is_leaving = False
        self.smoke_command: tuple[str, ...] | None = None
        """Another program than the smoke test itself, for tests."""

        # Before anything is drawn: a theme that changes later has every style made anew.
        self.ansi_theme_dark, self.ansi_theme_light = ON_DARK, ON_LIGHT
        self.theme = THEMES[theme] if theme else self._fitting_theme()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, and after them ours: its widgets draw lines and bars beyond ASCII."""
        filters = list(super().get_line_filters())
        if self.no_color:
            # Textual would make greys of colours, which a terminal of 8 colours may show black on black.
            filters = [*(each for each in filters if not isinstance(each, Monochrome)), NoColor()]
        if not self.ascii_only:
            return filters
        from etpu_doctor.wizard.ascii import AsciiFilter  # noqa: PLC0415 - only where it is asked for

        return [*filters, AsciiFilter()]

    def on_mount(self) -> None:
        """Show the first step and begin to listen."""
        self.push_screen(self._screen(1))
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._ended_by, number)
        self._listen()

    def _fitting_theme(self) -> str:
        """By what the terminal can: its own 16 colours, or ours on a background as dark as its own seems to be."""
        if self.no_color or self.console.color_system in (None, "standard"):
            return _ANSI
        background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
        return _LIGHT if background in ("7", "15") else _DARK

    def _ended_by(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def on_unmount(self) -> None:
        """The listening thread ends with its next pulse."""
        self.is_leaving = True

    @work(thread=True, exclusive=True)
    def _listen(self) -> None:
        """Wait for the feed beside the screen, so that nothing there ever waits."""
        while not self.is_leaving:
            update = self.session.feed.step(_PULSE_SECONDS)
            if update is not None and not self.is_leaving:
                self.call_from_thread(self.take, update)

    def take(self, update: Update) -> None:
        """Take in an update; many in a burst are shown once."""
        self.session.take(update)
        self.show_soon()

    def show_soon(self) -> None:
        """Refresh what is in front, once for all that happened until then."""
        if not self._waiting_to_show:
            self._waiting_to_show = True
            self.call_later(self._show_once)

    def _show_once(self) -> None:
        self._waiting_to_show = False
        self.show_all()

    def show_all(self) -> None:
        """Refresh what is in front."""
        if isinstance(self.screen, SizedScreen):
            self.screen.show()

    @work(thread=True)
    def follow(self, proof: Proof) -> None:
        """Wait for a smoke test beside the screen, whichever is in front."""
        while not proof.is_over:
            if proof.cancelled or self.is_leaving:
                proof.cancel()
            elif proof.step(_PULSE_SECONDS) and not self.is_leaving:
                self.call_from_thread(self.show_soon)
        if not self.is_leaving:
            self.call_from_thread(self._proved)

    @work(thread=True)
    def read_models(self, line: str, told: Callable[[str | None], None]) -> None:
        """Read the models that a line names beside the screen, for they may lie on a slow disk.

        ``told`` gets what is wrong with them, or ``None``.
        """
        trouble = None
        try:
            self.session.plans.read(line)
        except PlanError as error:
            trouble = str(error)
        if not self.is_leaving:
            self.call_from_thread(told, trouble)

    def plan_if_due(self) -> None:
        """Make the plan for the models beside the screen, where there is none for the machine as it is now."""
        if self.session.plan_is_due and not self._is_planning:
            self._is_planning = True
            self._plan()

    @work(thread=True)
    def _plan(self) -> None:
        self.session.make_plan()
        if not self.is_leaving:
            self.call_from_thread(self._planned)

    def _planned(self) -> None:
        self._is_planning = False
        self.show_all()

    def _proved(self) -> None:
        self.session.proved()
        self.show_all()

    # -- where the user goes

    def _screen(self, number: int) -> Screen[str | None]:
        """A step's screen, made when it is first wanted: what a user never opens is never imported.

        It is kept, with what was chosen on it, while others are in front.
        """
        if number not in self._screens:
            screen = self._screens[number] = make_screen(number)
            self.install_screen(screen, STEPS[number - 1].name)
        return self._screens[number]

    def go_to(self, number: int) -> None:
        """Show a step. Beyond the ends of the way nothing happens."""
        if 1 <= number <= len(STEPS):
            while len(self.screen_stack) > 2:
                self.pop_screen()
            if self.screen is not self._screen(number):
                self.switch_screen(self._screen(number))

    def action_step(self, number: int) -> None:
        """A number key."""
        self.go_to(number)

    def on_step_tab_chosen(self, message: StepTab.Chosen) -> None:
        """A click on a step."""
        self.go_to(message.number)

    def action_help(self) -> None:
        """Keys and steps."""
        from etpu_doctor.wizard.screens.help import HelpScreen  # noqa: PLC0415 - only when asked for

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_look(self) -> None:
        """Read everything anew."""
        self.session.feed.look()
        self.notify("Looking again.", timeout=2)

    def action_colours(self) -> None:
        """The other theme."""
        self.theme = _DARK if self.theme == _LIGHT else _LIGHT

    def copy(self, text: str) -> None:
        """Onto the clipboard by OSC 52, which also works over SSH where the terminal allows it."""
        if text.strip():
            self.copy_to_clipboard(text)
            self.notify("Copied, if this terminal allows it.", timeout=4)
        else:
            self.notify("There is nothing to copy here.", timeout=4)

    # -- ways out

    def _handle_exception(self, error: Exception) -> None:
        """Keep what went wrong for whoever started us. Textual has no public way to hand it out."""
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Leave without a page of traceback: the error handler of the command line writes a file instead."""
        self._close_messages_no_wait()


def make_screen(number: int) -> Screen[str | None]:
    """The screen of a step; only its module is imported."""
    name = STEPS[number - 1].name
    module = import_module(f"etpu_doctor.wizard.screens.{name}")
    screen: Screen[str | None] = getattr(module, SCREENS[name])()
    return screen
