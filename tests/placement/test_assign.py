"""The search: as good as trying everything, and fast enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.placement.assign import EXACT_SITES, EXACT_TASKS, solve
from etpu_doctor.placement.problem import Problem, SharedLink, Task, cost_of
from tests.support.problems import best_by_trying_all, chance_of, hard, made, task


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 4))
def test_nothing_is_better_than_what_is_found(chance: random.Random, tasks: int, sites: int) -> None:
    """Small problems: the cost is that of the best of all assignments, and it is said to be proven."""
    problem = made(chance, tasks, sites)
    found = solve(problem)
    assert found is not None
    assert found.is_proven
    assert found.cost == cost_of(problem, found.places)
    assert best_by_trying_all(problem) == found.cost


def test_nothing_is_better_for_eight_on_three() -> None:
    """Some larger ones, with 6,561 assignments each."""
    chance = chance_of(8)
    for _ in range(4):
        problem = made(chance, 8, 3)
        found = solve(problem)
        assert found is not None
        assert best_by_trying_all(problem) == found.cost


@pytest.mark.parametrize("seed", range(6))
def test_twelve_on_eight_is_proven(seed: int) -> None:
    """The largest exact problem is solved to its end."""
    found = solve(made(chance_of(seed), EXACT_TASKS, EXACT_SITES))
    assert found is not None
    assert found.is_proven


@pytest.mark.parametrize("make", [made, hard])
def test_twelve_on_eight_takes_less_than_half_a_second(make: Callable[[random.Random, int, int], Problem]) -> None:
    """Nine out of ten, of those made to be hard too: a busy machine may make one slow."""
    took = []
    for seed in range(20):
        problem = make(chance_of(100 + seed), EXACT_TASKS, EXACT_SITES)
        before = time.process_time()
        found = solve(problem)
        took.append(time.process_time() - before)
        assert found is not None
        assert found.is_proven
        assert found.cost == cost_of(problem, found.places)
    assert sorted(took)[17] < 0.5


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False), st.integers(2, 6), st.integers(2, 4))
def test_nothing_is_better_for_hard_ones(chance: random.Random, tasks: int, sites: int) -> None:
    """Links within links, equal Edge TPUs, nearly equal models: the cost is that of the best of all assignments."""
    problem = hard(chance, tasks, sites)
    found = solve(problem)
    assert found is not None
    assert found.is_proven
    assert best_by_trying_all(problem) == found.cost


def test_many_on_many_ends_and_says_that_it_is_not_proven() -> None:
    """64 models on 32 Edge TPUs take less than 5 seconds, and are a whole assignment."""
    problem = made(chance_of(1), 64, 32)
    before = time.process_time()
    found = solve(problem)
    assert time.process_time() - before < 5
    assert found is not None
    assert not found.is_proven
    assert 64 == len(found.places)
    assert found.cost == cost_of(problem, found.places)


def test_a_large_assignment_is_near_a_bound() -> None:
    """Equal models on equal Edge TPUs: two on each is the best, and is found."""
    problem = Problem(sites=32, tasks=tuple(task((350,) * 32) for _ in range(64)))
    found = solve(problem)
    assert found is not None
    assert [2] * 32 == sorted(found.places.count(site) for site in range(32))


def test_the_same_problem_has_the_same_answer() -> None:
    """Nothing depends on time or chance."""
    problem = made(chance_of(3), 9, 4)
    assert solve(problem) == solve(problem)


def test_one_a_tpu_while_there_are_enough() -> None:
    """Two light models do not share the fast one while a slow one is free."""
    found = solve(Problem(sites=2, tasks=(task((400, 35)), task((400, 35)))))
    assert found is not None
    assert [0, 1] == sorted(found.places)


def test_the_heavy_one_gets_the_fast_link() -> None:
    """Of two models the one with more bytes gains more."""
    heavy, light = task((35, 350), sent=2_000_000), task((35, 350), sent=20_000)
    found = solve(Problem(sites=2, tasks=(heavy, light)))
    assert found is not None
    assert (1, 0) == found.places


def test_two_heavy_ones_are_not_behind_one_link() -> None:
    """With two hubs of two Edge TPUs each, the heavy models go to different hubs."""
    rates = (350,) * 4
    heavy, light = task(rates, sent=3_000_000, compute=0), task(rates, sent=10_000, compute=0)
    links = tuple(SharedLink(sites=pair, picoseconds_a_byte=2857) for pair in ((0, 1), (2, 3)))
    found = solve(Problem(sites=4, tasks=(heavy, heavy, light, light), links=links))
    assert found is not None
    assert {0, 1} == {found.places[0] // 2, found.places[1] // 2}


def test_those_with_a_common_token_share() -> None:
    """Three models on two Edge TPUs: the two that were compiled together share, whatever their order."""
    rates = (350, 350)
    parts = [{"group": 0}, {"group": 1}, {"group": 0}]
    tasks = tuple(task(rates, once=3_000_000, **each) for each in parts)
    found = solve(Problem(sites=2, tasks=tasks))
    assert found is not None
    assert found.places[0] == found.places[2] != found.places[1]


def test_ties_go_to_the_preferred() -> None:
    """One model and equal Edge TPUs: the first."""
    found = solve(Problem(sites=3, tasks=(task((350,) * 3),)))
    assert found is not None
    assert (0,) == found.places


def test_what_cannot_run_anywhere_has_no_solution() -> None:
    """A model that no Edge TPU takes, and no Edge TPU at all."""
    nowhere = Task(weight=1, times=(None,), reloads=(0,), sent_bytes=1, reload_bytes=0, group=0)
    assert solve(Problem(sites=1, tasks=(nowhere,))) is None
    assert solve(Problem(sites=0, tasks=(msgspec.structs.replace(nowhere, times=(), reloads=()),))) is None


def test_two_for_one_place_share_it() -> None:
    """Models that only one of two Edge TPUs takes share that one, though there would be enough."""
    only_first = Task(weight=1000, times=(1, None), reloads=(0, 0), sent_bytes=1, reload_bytes=0, group=0)
    found = solve(Problem(sites=2, tasks=(only_first, only_first)))
    assert found is not None
    assert (0, 0) == found.places


def test_nothing_to_place_is_no_trouble() -> None:
    """Without models the assignment is empty."""
    found = solve(Problem(sites=2, tasks=()))
    assert found is not None
    assert ((), True) == (found.places, found.is_proven)
