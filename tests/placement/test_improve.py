"""A good assignment, quickly."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.improve import improved, order_of
from etpu_doctor.placement.problem import Problem, cost_of
from tests.support.problems import hard, made, task


@given(st.randoms(use_true_random=False), st.integers(1, 8), st.integers(1, 5), st.integers(1, 3))
def test_it_is_whole_and_keeps_to_the_most(chance: random.Random, tasks: int, sites: int, most: int) -> None:
    """Every task has a place, at most so many on one Edge TPU; there is none only if they cannot be that few."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    places = improved(problem, most)
    if places is None:
        assert tasks > sites * most
        return
    assert tasks == len(places)
    assert all(0 <= place < sites and places.count(place) <= most for place in places)


@given(st.randoms(use_true_random=False), st.integers(1, 8), st.integers(1, 5))
def test_it_is_never_worse_than_where_it_began(chance: random.Random, tasks: int, sites: int) -> None:
    """Moves and exchanges lower the cost, or are not made."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    start = [chance.randrange(sites) for _ in range(tasks)]
    places = improved(problem, tasks, start)
    assert places is not None
    assert cost_of(problem, places) <= cost_of(problem, start)


def test_exchanges_help_where_no_move_does() -> None:
    """The heavy model is on the slow link, and each Edge TPU has room for one."""
    heavy, light = task((35, 350), sent=2_000_000), task((35, 350), sent=20_000)
    assert [1, 0] == improved(Problem(sites=2, tasks=(heavy, light)), 1, [0, 1])


def test_the_hardest_come_first() -> None:
    """By the room that they take; equals as they were given."""
    tasks = (task((350,)), task((350,), once=7_000_000), task((350,)))
    assert [1, 0, 2] == order_of(Problem(sites=1, tasks=tasks))
