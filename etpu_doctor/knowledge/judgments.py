"""What the signs of a thread say together: data, one entry a judgment."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.knowledge import load


class Judgment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A judgment; the keys are explained at the top of ``judgments.toml``."""

    name: str
    cause: str
    all: tuple[str, ...]
    none: tuple[str, ...] = ()
    confidence: Literal["certain", "likely", "possible"]
    title: str
    over: tuple[str, ...] = ()
    next: str | None = None
    why: str | None = None


class ReadyJudgment(msgspec.Struct, frozen=True, gc=False):
    """A judgment made ready: each group must have one of the signs, none of the others may be there."""

    entry: Judgment
    groups: tuple[frozenset[str], ...]
    none: frozenset[str]


@cache
def judgments() -> tuple[ReadyJudgment, ...]:
    """Every judgment, in the order of the file."""
    entries = msgspec.convert(load("judgments.toml")["judgment"], list[Judgment])
    return tuple(
        ReadyJudgment(entry, tuple(frozenset(group.split("|")) for group in entry.all), frozenset(entry.none))
        for entry in entries
    )
