"""The command palette: the steps, and what can be done anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from etpu_doctor.wizard.session import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from etpu_doctor.wizard.app import WizardApp


class WizardCommands(Provider):
    """What can be looked for by its name."""

    def _commands(self) -> Iterator[tuple[str, Callable[[], None], str]]:
        app = cast("WizardApp", self.app)
        for number, step in enumerate(STEPS, 1):
            yield step.title, partial(app.go_to, number), step.purpose
        yield "Look again", app.action_look, "read everything anew"
        yield "Light or dark", app.action_colours, "the other theme"
        yield "Help", app.action_help, "keys and steps"
        yield "Quit", app.exit, "leave the wizard"

    async def discover(self) -> Hits:
        """All of them."""
        for name, command, about in self._commands():
            yield DiscoveryHit(name, command, help=about)

    async def search(self, query: str) -> Hits:
        """Those whose name fits."""
        matcher = self.matcher(query)
        for name, command, about in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), command, help=about)
