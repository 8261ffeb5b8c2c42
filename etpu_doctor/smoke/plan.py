"""What a smoke test does, as the person asked for it."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.smoke import Via
from etpu_doctor.smoke.jobs import Limits
from etpu_doctor.smoke.models import ChosenModel
from etpu_doctor.smoke.tools import Tools


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with each Edge TPU.

    ``alone``: each by itself first, then all at once. ``force``: also those that another process holds.
    ``reference`` is the model's uncompiled twin, to compare with within ``tolerance`` of each value.
    """

    tools: Tools
    model: ChosenModel
    reference: str | None = None
    tolerance: int = 0
    runs: int = 50
    alone: bool = False
    soak_seconds: float | None = None
    via: Via = "path"
    force: bool = False
    limits: Limits = Limits()
