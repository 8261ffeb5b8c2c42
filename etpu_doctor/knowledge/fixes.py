"""What to do about each cause, in general."""

from __future__ import annotations

from functools import cache

import msgspec

from etpu_doctor.knowledge import load


class Fix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence, steps for hands, and a command that shows whether it helped."""

    summary: str
    steps: tuple[str, ...] = ()
    look: str | None = None
    why: str | None = None


@cache
def fixes() -> dict[str, Fix]:
    """The fix of each cause."""
    return msgspec.convert(load("fixes.toml"), dict[str, Fix])
