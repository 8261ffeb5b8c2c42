"""Findings that a change opened or closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from etpu_doctor.rules.finding import Finding

_Key = tuple[str, str, str]


class Difference(NamedTuple):
    """Findings that are new, and findings that are gone."""

    opened: tuple[Finding, ...]
    closed: tuple[Finding, ...]


def difference(before: Sequence[Finding], after: Sequence[Finding]) -> Difference:
    """Compared by rule, subject and severity: a title may count things without being another finding."""
    return Difference(opened=_missing(after, before), closed=_missing(before, after))


def _missing(these: Sequence[Finding], those: Sequence[Finding]) -> tuple[Finding, ...]:
    left: dict[_Key, int] = {}
    for finding in those:
        left[_key(finding)] = left.get(_key(finding), 0) + 1
    found = []
    for finding in these:
        count = left.get(_key(finding), 0)
        left[_key(finding)] = count - 1
        if count <= 0:
            found.append(finding)
    return tuple(found)


def _key(finding: Finding) -> _Key:
    return (finding.code, finding.subject, finding.severity)
