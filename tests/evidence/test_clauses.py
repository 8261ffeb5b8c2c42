"""What the words of a clause say beside each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.clauses import clause_tags


def notions(clause: str) -> frozenset[str]:
    """The notions of a clause that is no question."""
    return clause_tags(clause.lower(), is_question=False)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("with another cable it works", {"cable", "other", "works+"}),
        ("it does not work", {"works-"}),
        ("the same cable", {"same-cable"}),
        ("stesso hub", {"same-hub"}),
        ("a hub that is not powered", {"hub", "unpowered"}),
        ("no Coral in this house", {"none-coral"}),
        ("an m.2-slot", {"m2"}),
        ("换了线就正常", {"cable", "other", "works+"}),
        ("seit neun Tagen Ruhe", {"quiet"}),
        ("nine days without a restart", {"quiet"}),
    ],
)
def test_notions_of_a_clause(clause: str, expected: set[str]) -> None:
    """Words, and words beside each other."""
    assert expected <= notions(clause)


@pytest.mark.parametrize(
    ("clause", "absent"),
    [
        ("no VM here", "vm"),
        ("niente docker", "container"),
        ("an active hub helps nothing", "unpowered"),
        ("version 6.0.1", "one"),
        ("another cable", "same-cable"),
        ("I've nothing from before", "listed"),
        ("at the same moment", "same"),
        ("without a restart it is not there", "quiet"),
        ("gibt keine Ruhe: nicht", "quiet"),
    ],
)
def test_notions_that_a_clause_does_not_have(clause: str, absent: str) -> None:
    """What is denied alone is not there, and a number of a version counts nothing."""
    assert absent not in notions(clause)


def test_a_problem_is_one_only_where_nobody_asks() -> None:
    """Who asks whether it is a problem does not say so."""
    assert "fails" in notions("a problem")
    assert "fails" not in clause_tags("a problem", is_question=True)


@given(st.text(max_size=120))
def test_any_clause_is_read(clause: str) -> None:
    """No text stops it."""
    assert isinstance(notions(clause), frozenset)
