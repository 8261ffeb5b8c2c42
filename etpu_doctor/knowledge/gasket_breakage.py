"""Why DKMS could not build gasket: lines of make.log that are known, and what helps against each."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from etpu_doctor.knowledge import load


class Breakage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason; the keys are explained at the top of ``gasket_breakage.toml``."""

    name: str
    kernel_from: str
    pattern: str
    meaning: str
    fix: str
    source: str
    matches: tuple[str, ...]
    not_matches: tuple[str, ...]


class BreakageTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All reasons in the order in which they are to be tried, and what helps, by name."""

    fix: dict[str, str]
    breakage: tuple[Breakage, ...]


@cache
def breakage_table() -> BreakageTable:
    """The table, read once."""
    return msgspec.convert(load("gasket_breakage.toml"), BreakageTable)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def breakage_of(line: str) -> Breakage | None:
    """The reason that a line of make.log gives, ``None`` if it is not a known one."""
    for entry in breakage_table().breakage:
        if _compiled(entry.pattern).search(line):
            return entry
    return None
