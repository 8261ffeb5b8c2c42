"""Costs of assignments."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.problem import (
    Problem,
    SharedLink,
    bits_of,
    cost_of,
    hardness_of,
    kinds_of,
    least_of,
    level_of,
    link_load,
    load_of,
    masks_of,
    reload_weight,
    step_of,
)
from tests.support.problems import made, task


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


def test_the_largest_load_counts_in_steps() -> None:
    """A twentieth of the heaviest task is a step, and a load on its edge belongs to the step below."""
    problem = Problem(sites=2, tasks=(task((350, 350), compute=19_000_000, sent=245_000),))
    assert (20_000_000_000, 1_000_000_000) == (least_of(problem.tasks[0]), step_of(problem))
    assert [0, 1, 1, 2] == [level_of(load, 10) for load in (0, 1, 10, 11)]
    assert (20, 20_000_000_000) == cost_of(problem, [0])


def test_a_link_carries_the_bytes_of_all_below_it() -> None:
    """Its load is how long they take."""
    link = SharedLink(sites=(0, 1), picoseconds_a_byte=2857)
    assert 2857 * 300 // 1000 == link_load(link, [100, 200])
    heavy = task((350, 350), sent=3_000_000, compute=0)
    alone = Problem(sites=2, tasks=(heavy, heavy))
    shared = Problem(sites=2, tasks=(heavy, heavy), links=(link,))
    assert cost_of(alone, [0, 1])[0] < cost_of(shared, [0, 1])[0]
    assert cost_of(alone, [0, 1])[1] == cost_of(shared, [0, 1])[1]


def test_what_reloads_takes_more_room() -> None:
    """Of two tasks with the same time the one with more parameters is the harder one."""
    assert hardness_of(task((350,), once=1)) < hardness_of(task((350,), once=7_000_000))


def test_equal_edge_tpus_are_of_one_kind() -> None:
    """By their times, and by the links above them."""
    problem = Problem(
        sites=4,
        tasks=(task((350, 350, 35, 350)),),
        links=(SharedLink(sites=(0, 1), picoseconds_a_byte=2857),),
    )
    assert [(0, (0,)), (0, (0,)), (1, ()), (0, ())] == kinds_of(problem)


@given(st.lists(st.integers(0, 3), max_size=12))
def test_sets_of_tasks_are_bits(places: list[int]) -> None:
    """Each task is in the set of its Edge TPU, and in no other."""
    masks = masks_of(4, places)
    assert [[n for n, place in enumerate(places) if place == site] for site in range(4)] == list(map(bits_of, masks))
