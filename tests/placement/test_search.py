"""The bounded search, which takes what is too large to prove."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.placement import search as module
from etpu_doctor.placement.exact import prove
from etpu_doctor.placement.problem import Problem, cost_of
from etpu_doctor.placement.search import search
from tests.support.problems import chance_of, hard, made, task


@settings(deadline=None, max_examples=80)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 4), st.integers(2, 6))
def test_with_enough_steps_it_finds_the_best(chance: random.Random, tasks: int, sites: int, most: int) -> None:
    """Small problems: it comes to its end, and to the cost of the proof, which goes another way."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    found, proven = search(problem, most), prove(problem, most)
    assert (None if found is None else found.cost) == (None if proven is None else proven.cost)
    assert found is None or found.is_proven


def test_without_steps_it_says_that_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """What local improvements found is given, with its cost."""
    monkeypatch.setattr(module, "_STEPS", 0)
    problem = made(chance_of(2), 20, 6)
    found = search(problem, 20)
    assert found is not None
    assert not found.is_proven
    assert found.cost == cost_of(problem, found.places)


def test_what_does_not_fit_has_no_solution() -> None:
    """Three tasks on two Edge TPUs of one each."""
    assert search(Problem(sites=2, tasks=(task((350, 350)),) * 3), 1) is None
