"""The search: as good as trying everything, and fast enough."""

from __future__ import annotations

import itertools
import random
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.placement.assign import (
    EXACT_SITES,
    EXACT_TASKS,
    Problem,
    SharedLink,
    Task,
    cost_of,
    load_of,
    reload_weight,
    solve,
)

MB_S = (35, 200, 350, 400)


def task(site_rates: tuple[int, ...], **parts: int) -> Task:
    """A task with bytes, compute time and parameters, on Edge TPUs whose links have these rates in MB/s."""
    sent, once, compute = parts.get("sent", 100_000), parts.get("once", 0), parts.get("compute", 1_000_000)
    return Task(
        weight=parts.get("weight", 1000),
        times=tuple(300_000 + compute + sent * 1000 // rate for rate in site_rates),
        reloads=tuple(once * 1000 // rate for rate in site_rates),
        sent_bytes=sent,
        reload_bytes=once,
        group=parts.get("group", 0),
    )


def chance_of(seed: int) -> random.Random:
    """Chance that is the same each time."""
    return random.Random(seed)  # noqa: S311 - nothing here is secret


def made(chance: random.Random, tasks: int, sites: int) -> Problem:
    """A problem by chance: rates of links, tasks of all sizes, tokens, and links that Edge TPUs share."""
    rates = tuple(chance.choice(MB_S) for _ in range(sites))
    groups = chance.choice([1, 2, 4, tasks])
    return Problem(
        sites=sites,
        tasks=tuple(
            task(
                rates,
                weight=chance.choice([1000, chance.randrange(100, 30_000)]),
                sent=chance.randrange(10_000, 2_000_000),
                once=chance.randrange(0, 7_000_000),
                compute=chance.randrange(100_000, 6_000_000),
                group=chance.randrange(groups),
            )
            for _ in range(tasks)
        ),
        links=tuple(
            SharedLink(sites=(first, first + 1), picoseconds_a_byte=chance.choice([2857, 28571]))
            for first in range(0, sites - 1, 2)
            if chance.random() < 0.5
        ),
    )


def best_by_trying_all(problem: Problem) -> tuple[int, int]:
    """The least cost of all assignments; while there are enough Edge TPUs, of those with one task each."""
    if len(problem.tasks) <= problem.sites:
        return min(cost_of(problem, each) for each in itertools.permutations(range(problem.sites), len(problem.tasks)))
    return min(cost_of(problem, each) for each in itertools.product(range(problem.sites), repeat=len(problem.tasks)))


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


def test_twelve_on_eight_takes_less_than_a_second() -> None:
    """The median of some: a busy machine may make one slow."""
    took = []
    for seed in range(7):
        problem = made(chance_of(100 + seed), EXACT_TASKS, EXACT_SITES)
        before = time.process_time()
        solve(problem)
        took.append(time.process_time() - before)
    assert sorted(took)[3] < 1.0


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


def test_reloads_count_as_often_as_others_come_between() -> None:
    """A model that runs 10 times a second beside one that runs once reloads at most once a second."""
    assert (1, 1, 0) == (reload_weight(10, 1), reload_weight(1, 10), reload_weight(5, 0))
    busy, rare = task((350,), weight=10_000, once=350_000), task((350,), weight=1000, once=350_000, group=1)
    problem = Problem(sites=1, tasks=(busy, rare))
    alone = sum(load_of(problem, 0, [number])[0] for number in (0, 1))
    assert 2 * 1000 * 1_000_000 == load_of(problem, 0, [0, 1])[0] - alone


@given(st.randoms(use_true_random=False), st.integers(2, 6))
def test_loads_only_grow(chance: random.Random, tasks: int) -> None:
    """One model more never makes an Edge TPU's load or its bytes less, which the search relies on."""
    problem = made(chance, tasks, 1)
    loads = [load_of(problem, 0, range(count)) for count in range(tasks + 1)]
    assert sorted(load for load, _ in loads) == [load for load, _ in loads]
    assert sorted(moved for _, moved in loads) == [moved for _, moved in loads]
