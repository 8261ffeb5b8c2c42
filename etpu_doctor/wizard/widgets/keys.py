"""A line of words that can be clicked; each does what its key does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult


class KeyWord(Static):
    """One of them."""

    def __init__(self, action: str, text: str) -> None:
        super().__init__(f"[ {text} ]", markup=False, classes="key")
        self._action = action

    async def on_click(self) -> None:
        """Do it."""
        await self.screen.run_action(self._action)


class KeyLine(Horizontal):
    """All of them: pairs of action and words."""

    def __init__(self, *words: tuple[str, str]) -> None:
        super().__init__(classes="keys")
        self._words = words

    def compose(self) -> ComposeResult:
        """A word each."""
        for action, text in self._words:
            yield KeyWord(action, text)
