"""How far smoke tests are, as the command line tells it and the wizard hears it."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["opening", "opened", "running", "together", "done"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one Edge TPU's test is. ``median_ms`` is that of the latest runs."""

    id: str
    stage: Stage
    runs: int = 0
    of: int | None = None
    seconds: float = 0.0
    of_seconds: float | None = None
    median_ms: float | None = None
    temperature_c: float | None = None
