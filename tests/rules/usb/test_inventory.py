"""ETD102: the number of Edge TPUs."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.usb.inventory import check
from tests.support.facts import card, judged, maybe, root, tpu, values


def test_one_is_missing() -> None:
    """Fewer than expected is an error, for certain; sticks and cards count alike."""
    (found,) = judged(check, root(2), tpu("2-1"), card("0000:01:00.0"), expect_tpus=3)
    assert ("error", "certain", "machine") == (found.severity, found.confidence, found.subject)
    assert "2 of 3 expected Edge TPUs visible" == found.title
    assert ("0000:01:00.0", "2-1") == found.concerns
    assert {"expected": 3, "found": 2, "of these only possible": 0} == values(found)
    assert "--expect-tpus" == found.facts[0].where


def test_more_than_expected() -> None:
    """More than expected is worth a note."""
    (found,) = judged(check, root(2), tpu("2-1"), tpu("2-2"), expect_tpus=1)
    assert ("info", "2 Edge TPUs, 1 expected") == (found.severity, found.title)


def test_possible_ones_make_it_uncertain() -> None:
    """If one of those that were found only may be one, the count is possible only."""
    (found,) = judged(check, root(2), tpu("2-1"), maybe("2-2"), expect_tpus=3)
    assert ("possible", 1) == (found.confidence, values(found)["of these only possible"])


def test_nothing_seen_at_all() -> None:
    """Where no bus was seen, the number is wrong all the same."""
    (found,) = judged(check, covers=(), expect_tpus=2)
    assert "0 of 2 expected Edge TPUs visible" == found.title


@pytest.mark.parametrize(
    ("facts", "expected"),
    [((tpu("2-1"),), None), ((tpu("2-1"),), 1), ((), 2), ((), 0), ((tpu("2-1"), card("0000:01:00.0")), 2)],
)
def test_silent(facts: tuple[Any, ...], expected: int | None) -> None:
    """Silent if no number was given, if it fits, and where none at all is said by another rule."""
    assert [] == judged(check, root(2), *facts, expect_tpus=expected)
