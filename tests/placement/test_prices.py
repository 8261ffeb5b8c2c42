"""Prices: whatever they are, what they say of the least cost is true."""

from __future__ import annotations

import random

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from etpu_doctor.placement.columns import Limits, Loads, limits_of
from etpu_doctor.placement.prices import SCALE, classes_of, prices_of
from etpu_doctor.placement.problem import Problem, SharedLink, least_of, level_of, link_load, load_of, step_of
from tests.support.problems import chance_of, everywhere, hard, made, task

LOOSE = 1_000_000
ONE_LINK = Problem(
    sites=4,
    tasks=tuple(task((350,) * 4, sent=1_000_000 + number) for number in range(6)),
    links=(SharedLink(sites=(0, 1, 2, 3), picoseconds_a_byte=2857),),
)


def fitting(problem: Problem, limits: Limits) -> list[int]:
    """The sums of all assignments within the limits."""
    sums = []
    for places in everywhere(problem):
        loads = [
            load_of(problem, site, [n for n, place in enumerate(places) if place == site])
            for site in range(problem.sites)
        ]
        carried = [sum(loads[site][1] for site in link.sites) for link in problem.links]
        fits = all(load <= limits.load for load, _ in loads)
        if fits and all(moved <= most for moved, most in zip(carried, limits.moved, strict=True)):
            sums.append(sum(load for load, _ in loads))
    return sums


def bound_of(problem: Problem, limits: Limits, most: int | None) -> int:
    """The bound, in parts of ``SCALE``."""
    columns = Loads(problem, len(problem.tasks)).columns(limits)
    return prices_of(len(problem.tasks), classes_of(problem, columns, with_loads=most is not None), limits, most).bound


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 4), st.integers(20, 60))
def test_nothing_costs_less_than_the_bound(chance: random.Random, tasks: int, sites: int, level: int) -> None:
    """No assignment within the limits has a smaller sum."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    limits = limits_of(problem, level)
    sums = fitting(problem, limits)
    assume(sums)
    assert bound_of(problem, limits, min(sums)) <= min(sums) * SCALE


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(2, 4), st.integers(20, 60))
def test_what_fits_is_never_said_not_to(chance: random.Random, tasks: int, sites: int, level: int) -> None:
    """Without costs a bound above 0 means that the links cannot carry it."""
    problem = hard(chance, tasks, sites)
    limits = limits_of(problem, level)
    if fitting(problem, limits):
        assert bound_of(problem, limits, None) <= 0


def test_the_bound_is_exact_where_nothing_stands_in_the_way() -> None:
    """Each task on its best Edge TPU: refined beyond floating point, the bound proves that to the last unit."""
    for seed in range(4):
        problem = made(chance_of(seed), 12, 8)
        tasks = tuple(msgspec.structs.replace(each, group=0) for each in problem.tasks)
        problem = msgspec.structs.replace(problem, tasks=tasks)
        best = sum(map(least_of, tasks))
        bound = bound_of(problem, limits_of(problem, LOOSE), best)
        assert (best - 1) * SCALE < bound <= best * SCALE


def test_a_full_link_is_proven_full() -> None:
    """What all tasks move goes over the one link, wherever they are: by one byte too many, the bound says so."""
    moved = sum(each.weight * each.sent_bytes for each in ONE_LINK.tasks)
    limits = limits_of(ONE_LINK, LOOSE)
    bounds = [bound_of(ONE_LINK, limits._replace(moved=(most,)), None) for most in (moved, moved - 1)]
    assert [False, True] == [bound > 0 for bound in bounds]


def test_lower_levels_are_ruled_out_by_the_same_prices() -> None:
    """What must cross the link costs more than the limits of the levels below are worth."""
    moved = sum(each.weight * each.sent_bytes for each in ONE_LINK.tasks)
    level = level_of(link_load(ONE_LINK.links[0], [moved]), step_of(ONE_LINK))
    limits = limits_of(ONE_LINK, level)
    columns = Loads(ONE_LINK, 6).columns(limits)
    prices = prices_of(6, classes_of(ONE_LINK, columns, with_loads=False), limits, None)
    asked = prices.bound + prices.worth(limits)
    assert [False, True, True] == [asked <= prices.worth(limits_of(ONE_LINK, level + more)) for more in (-1, 0, 1)]


def test_equal_edge_tpus_are_one_class() -> None:
    """Same sets, same links; each class knows how many it stands for."""
    tasks = (task((350, 350, 35, 350)),)
    problem = Problem(sites=4, tasks=tasks, links=(SharedLink(sites=(0, 1), picoseconds_a_byte=2857),))
    columns = Loads(problem, 1).columns(limits_of(problem, 60))
    classes = classes_of(problem, columns, with_loads=True)
    assert [((0, 1), (0,)), ((2,), ()), ((3,), ())] == [(each.sites, each.links) for each in classes]
    free = classes_of(problem, columns, with_loads=False)
    assert [0, 0, 0] == [sum(each.costs) for each in free]
    assert [each.masks for each in classes] == [each.masks for each in free]


def test_a_task_that_no_set_has_costs_more_than_anything() -> None:
    """Its price grows until the bound is above all that was looked for."""
    problem = made(chance_of(6), 4, 2)
    limits = limits_of(problem, LOOSE)
    columns = [
        {mask: load for mask, load in each.items() if not mask & 1} for each in Loads(problem, 4).columns(limits)
    ]
    classes = classes_of(problem, columns, with_loads=True)
    most = sum(map(least_of, problem.tasks)) * 3
    assert prices_of(4, classes, limits, most).bound > most * SCALE


def test_the_same_prices_each_time() -> None:
    """Nothing depends on chance."""
    problem = hard(chance_of(8), 9, 5)
    limits = limits_of(problem, 40)
    classes = classes_of(problem, Loads(problem, 9).columns(limits), with_loads=True)
    assert prices_of(9, classes, limits, 10**12) == prices_of(9, classes, limits, 10**12)
