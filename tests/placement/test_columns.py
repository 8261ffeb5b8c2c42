"""Sets of tasks as bits, and families of sets."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.columns import Families, Limits, Loads, limits_of
from etpu_doctor.placement.problem import Problem, SharedLink, bits_of, level_of, link_load, load_of, step_of
from tests.support.problems import chance_of, hard, made, task

TASKS = 5
FAMILIES = Families(TASKS)
SETS = st.sets(st.integers(0, (1 << TASKS) - 1))


@given(SETS)
def test_a_family_is_the_sets_in_it(sets: set[int]) -> None:
    """As one number, and back."""
    assert sorted(sets) == Families.members(Families.family(sets))


@given(st.integers(0, (1 << TASKS) - 1))
def test_which_sets_have_none_of_these_tasks(mask: int) -> None:
    """Of all sets those that share no task with this one."""
    assert [each for each in range(1 << TASKS) if not each & mask] == Families.members(FAMILIES.disjoint(mask))


@given(SETS, SETS)
def test_joined_are_the_unions_of_what_is_apart(some: set[int], others: set[int]) -> None:
    """No task twice."""
    expected = {one | other for one in some for other in others if not one & other}
    assert sorted(expected) == Families.members(FAMILIES.joined(Families.family(some), others))


def within(problem: Problem, site: int, limits: Limits, most: int) -> dict[int, tuple[int, int]]:
    """What an Edge TPU can take, by trying all sets."""
    rooms = [limits.moved[n] for n, link in enumerate(problem.links) if site in link.sites]
    found = {}
    for mask in range(1 << len(problem.tasks)):
        load, moved = load_of(problem, site, bits_of(mask))
        if mask.bit_count() <= most and load <= limits.load and all(moved <= room for room in rooms):
            found[mask] = (load, moved)
    return found


@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_columns_are_the_sets_within_the_limits(chance: random.Random, tasks: int, sites: int, most: int) -> None:
    """With their loads and bytes, whatever was asked before; equal Edge TPUs share them."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    loads = Loads(problem, most)
    for level in (chance.randint(1, 60), chance.randint(20, 60)):
        limits = limits_of(problem, level)
        assert [within(problem, site, limits, most) for site in range(sites)] == loads.columns(limits)


def test_equal_edge_tpus_share_their_columns() -> None:
    """They are made once."""
    problem = Problem(sites=3, tasks=(task((350, 35, 350)),))
    first, second, third = Loads(problem, 1).columns(limits_of(problem, 25))
    assert first is third
    assert first is not second


def test_where_a_task_cannot_run_it_is_in_no_set() -> None:
    """Only the empty set is left."""
    lonely = msgspec.structs.replace(task((350, 350)), times=(None, 1_000_000))
    problem = Problem(sites=2, tasks=(lonely,))
    assert [[0], [0, 1]] == [list(each) for each in Loads(problem, 1).columns(limits_of(problem, 25))]


@given(st.integers(1, 500), st.integers(1, 40_000))
def test_limits_keep_to_their_level(level: int, pace: int) -> None:
    """The most bytes that a link may carry make a load within the level, and one more does not."""
    problem = Problem(sites=2, tasks=(task((350, 350)),), links=(SharedLink(sites=(0, 1), picoseconds_a_byte=pace),))
    limits, step = limits_of(problem, level), step_of(problem)
    assert level == level_of(limits.load, step)
    (most,) = limits.moved
    loads = [link_load(problem.links[0], [moved]) for moved in (most, most + 1)]
    assert [True, False] == [level_of(load, step) <= level for load in loads]


def test_what_fits_through_a_link_without_reloads() -> None:
    """Sets by the bytes of their tasks alone."""
    loads = Loads(made(chance_of(4), TASKS, 2), TASKS)
    most = sorted(loads.own_bytes)[10]
    fitting = Families.members(loads.fitting(most))
    assert [mask for mask, moved in enumerate(loads.own_bytes) if moved <= most] == fitting
