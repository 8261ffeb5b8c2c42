"""Time that passes only when somebody sleeps, so that tests of waiting take no time."""

from __future__ import annotations


class Clock:
    """Seconds; ``sleep`` moves them on at once."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    def sleep(self, seconds: float | None) -> None:
        """Time passes; without an end, a day does."""
        self.seconds += 86400.0 if seconds is None else seconds
