"""The proof: what lies below which link, and assignments that nothing is better than."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from etpu_doctor.placement import exact, improve
from etpu_doctor.placement.columns import Families, Limits, Loads, limits_of
from etpu_doctor.placement.exact import Branch, prove, subsets, tree_of
from etpu_doctor.placement.prices import SCALE, classes_of, prices_of
from etpu_doctor.placement.problem import Problem, SharedLink, Task, bits_of, cost_of, load_of, masks_of
from tests.support.problems import chance_of, everywhere, hard, made, task


def linked(sites: int, *links: tuple[int, ...]) -> Problem:
    """A problem with these links."""
    shared = tuple(SharedLink(sites=each, picoseconds_a_byte=2857) for each in links)
    return Problem(sites=sites, tasks=(task((350,) * sites),), links=shared)


def branches(branch: Branch) -> Iterator[tuple[int | None, tuple[int, ...]]]:
    """Link and Edge TPUs of all branches that have parts, the outer ones first."""
    if branch.parts:
        yield branch.link, tuple(sorted(branch.sites))
    for part in branch.parts:
        yield from branches(part)


def test_links_are_a_tree() -> None:
    """Those of hubs within those of controllers, whatever their order."""
    tree = tree_of(linked(5, (0, 1, 2, 3), (2, 3), (0, 1)))
    assert tree is not None
    assert [(None, (0, 1, 2, 3, 4)), (0, (0, 1, 2, 3)), (1, (2, 3)), (2, (0, 1))] == sorted(
        branches(tree), key=lambda each: -1 if each[0] is None else each[0]
    )


def test_two_links_in_a_row_are_one_below_the_other() -> None:
    """A hub on a hub."""
    tree = tree_of(linked(2, (0, 1), (0, 1)))
    assert tree is not None
    assert 3 == len(list(branches(tree)))


def test_links_that_cross_are_no_tree() -> None:
    """No machine has such; the bounded search takes them."""
    assert tree_of(linked(3, (0, 1), (1, 2))) is None
    problem = msgspec.structs.replace(linked(3, (0, 1), (1, 2)), tasks=(task((350,) * 3, sent=5_000_000),) * 3)
    found = prove(problem, 3)
    assert found is not None
    assert min(cost_of(problem, each) for each in everywhere(problem)) == found.cost


@given(st.integers(0, 255))
def test_all_subsets(mask: int) -> None:
    """Each once."""
    assert sorted(each for each in range(256) if each & mask == each) == sorted(subsets(mask))


@settings(deadline=None, max_examples=80)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 4), st.integers(1, 6))
def test_the_best_with_so_many_on_one(chance: random.Random, tasks: int, sites: int, most: int) -> None:
    """Of all assignments with at most so many tasks on an Edge TPU none is better; if there is none, that is said."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    costs = [cost_of(problem, each) for each in everywhere(problem) if all(each.count(place) <= most for place in each)]
    found = prove(problem, most)
    assert min(costs, default=None) == (None if found is None else found.cost)
    if found is not None:
        assert found.is_proven
        assert found.cost == cost_of(problem, found.places)


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(2, 6), st.integers(2, 4))
def test_a_bad_start_is_no_matter(chance: random.Random, tasks: int, sites: int) -> None:
    """From an assignment that nothing improved the proof finds the same cost."""
    problem = hard(chance, tasks, sites)
    wanted = min(cost_of(problem, each) for each in everywhere(problem))
    start = [chance.randrange(sites) for _ in range(tasks)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "improved", lambda _problem, _most, places=None: start if places is None else places)
        found = prove(problem, tasks)
    assert found is not None
    assert wanted == found.cost


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(2, 6), st.integers(2, 4))
def test_no_start_is_no_matter(chance: random.Random, tasks: int, sites: int) -> None:
    """Where the quick way finds no place for a task, the proof does if there is one."""
    problem = hard(chance, tasks, sites)
    wanted = min(cost_of(problem, each) for each in everywhere(problem))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "improved", lambda _problem, _most, places=None: places)
        found = prove(problem, tasks)
    assert found is not None
    assert wanted == found.cost


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_of_all_ways_only_those_that_are_best_in_something_stay(pairs: list[tuple[int, int]]) -> None:
    """Less excess or fewer bytes than any other; of equal ones one."""
    entries: list[exact._Entry] = []
    for excess, moved in pairs:
        exact._add(entries, (excess, moved, 0, 0))
    best = {
        one for one in pairs if not any(other != one and other[0] <= one[0] and other[1] <= one[1] for other in pairs)
    }
    assert sorted(best) == sorted((excess, moved) for excess, moved, _, _ in entries)


def sums_within(problem: Problem, limits: Limits) -> list[int]:
    """The sums of all assignments that keep to the limits."""
    found = []
    for places in everywhere(problem):
        masks = masks_of(problem.sites, places)
        loads = [load_of(problem, site, bits_of(mask)) for site, mask in enumerate(masks)]
        carried = [sum(loads[site][1] for site in link.sites) for link in problem.links]
        fits = all(load <= limits.load for load, _ in loads)
        if fits and all(moved <= most for moved, most in zip(carried, limits.moved, strict=True)):
            found.append(sum(load for load, _ in loads))
    return found


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 4), st.integers(18, 60))
def test_the_least_sum_is_found_if_there_is_room_for_it(
    chance: random.Random, tasks: int, sites: int, level: int
) -> None:
    """With just enough room between bound and sum the best is found, and with a little less nothing is."""
    problem = chance.choice([made, hard])(chance, tasks, sites)
    limits, tree = limits_of(problem, level), tree_of(problem)
    assert tree is not None
    sums = sums_within(problem, limits)
    assume(sums)
    classes = classes_of(problem, Loads(problem, tasks).columns(limits), with_loads=True)
    prices = prices_of(tasks, classes, limits, min(sums) + 1)
    combination = exact._Combination(tree, classes, limits, prices)
    enough = min(sums) * SCALE - prices.bound
    places = combination.places(enough)
    assert places is not None
    assert min(sums) == cost_of(problem, places)[1]
    assert combination.places(enough - 1) is None
    assert combination.sets_within(enough - 1) <= combination.sets_within(enough)


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 4), st.integers(18, 60))
def test_families_of_sets_say_whether_tasks_fit(chance: random.Random, tasks: int, sites: int, level: int) -> None:
    """Where reloads move no bytes that is the whole truth, and an assignment is its proof."""
    problem = hard(chance, tasks, sites)
    light = tuple(msgspec.structs.replace(each, reload_bytes=0) for each in problem.tasks)
    problem = msgspec.structs.replace(problem, tasks=light)
    limits, tree, loads = limits_of(problem, level), tree_of(problem), Loads(problem, tasks)
    assert tree is not None
    fitting = [loads.fitting(most) for most in limits.moved]
    places = exact._Fit(tree, Families(tasks), loads.columns(limits), fitting).places()
    assert bool(sums_within(problem, limits)) == (places is not None)
    if places is not None:
        assert cost_of(problem, places)[0] <= level


class CountedSets:
    """Sets by what they need: as many as the room has digits."""

    def sets_within(self, room: int) -> int:
        """More sets with more room."""
        return len(str(room))


@pytest.mark.parametrize("whole", [0, 1, 1000, 10**30])
def test_more_and_more_room_is_given(whole: int) -> None:
    """The whole at last, and not a look more where it makes little difference."""
    rooms = list(exact._rooms(CountedSets(), whole))  # type: ignore[arg-type] # has what it needs of one
    assert whole == rooms[-1]
    assert sorted(set(rooms)) == rooms
    sets = [len(str(room)) for room in rooms[:-1]]
    assert all(more > few * 1.5 for few, more in itertools.pairwise(sets))


def test_where_the_bound_has_passed_the_best_there_is_no_room() -> None:
    """Then nothing is looked for."""
    assert [] == list(exact._rooms(CountedSets(), -1))  # type: ignore[arg-type] # as above


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(2, 6), st.integers(2, 4))
def test_names_of_edge_tpus_are_no_matter(chance: random.Random, tasks: int, sites: int) -> None:
    """The same machine with its Edge TPUs in another order costs the same."""
    problem = hard(chance, tasks, sites)
    order = list(range(sites))
    chance.shuffle(order)
    turned = Problem(
        sites=sites,
        tasks=tuple(
            msgspec.structs.replace(
                each, times=tuple(each.times[n] for n in order), reloads=tuple(each.reloads[n] for n in order)
            )
            for each in problem.tasks
        ),
        links=tuple(
            msgspec.structs.replace(link, sites=tuple(order.index(site) for site in link.sites))
            for link in problem.links
        ),
    )
    one, other = prove(problem, tasks), prove(turned, tasks)
    assert one is not None
    assert other is not None
    assert one.cost == other.cost


def only(*places: int) -> Task:
    """A task that only these of three Edge TPUs take."""
    whole = task((350,) * 3)
    return msgspec.structs.replace(whole, times=tuple(1_000_000 if n in places else None for n in range(3)))


def test_the_one_way_to_seat_them_is_found() -> None:
    """One model an Edge TPU: whoever takes what it likes best leaves another without a place."""
    found = prove(Problem(sites=3, tasks=(only(0, 1, 2), only(0, 1), only(0))), 1)
    assert found is not None
    assert (2, 1, 0) == found.places
    assert prove(Problem(sites=3, tasks=(only(0, 1), only(0, 1), only(0, 1))), 1) is None


def test_ties_go_to_the_first_of_equals() -> None:
    """What the proof finds is told of the preferred ones of Edge TPUs that are as good as each other."""
    light, heavy = task((350,) * 4), task((350,) * 4, sent=2_000_000)
    problem = Problem(sites=4, tasks=(light, heavy, light, light))
    assert [1, 0, 1, 2] == exact._preferred(problem, [3, 1, 3, 2])
    slow = Problem(sites=3, tasks=(task((35, 350, 350)),) * 3)
    assert [0, 1, 1] == exact._preferred(slow, [0, 2, 2])


def test_a_proof_of_full_size_agrees_with_many_tries() -> None:
    """Twelve models on eight Edge TPUs: thousands of assignments by chance, each improved a little, are none better."""
    chance = chance_of(11)
    problem = hard(chance, 12, 8)
    found = prove(problem, 12)
    assert found is not None
    tries = ([chance.randrange(8) for _ in range(12)] for _ in range(300))
    for places in tries:
        better = improve.improved(problem, 12, places)
        assert better is not None
        assert found.cost <= cost_of(problem, better) <= cost_of(problem, places)
