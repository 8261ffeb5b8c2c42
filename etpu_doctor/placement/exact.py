"""The best assignment of few models to few Edge TPUs, proven.

An assignment gives each Edge TPU a set of tasks. First the least level of the largest load is sought at which there is
an assignment at all; then, with all loads held to that level, the least sum. Both end with a proof: families of sets
show that tasks do not fit, prices (``prices.py``) bound what they cost. Every set has an excess beyond the bound, which
is never negative; only sets whose excesses together leave room for something better are ever combined.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from etpu_doctor.placement.columns import Columns, Families, Limits, Loads, limits_of
from etpu_doctor.placement.improve import improved, order_of
from etpu_doctor.placement.prices import SCALE, Prices, SiteClass, classes_of, prices_of
from etpu_doctor.placement.problem import (
    Cost,
    Problem,
    Solution,
    bits_of,
    cost_of,
    kinds_of,
    least_of,
    level_of,
    step_of,
)
from etpu_doctor.placement.search import search

_FIRST_PART, _NEXT_PART = 256, 4
"""How much of the room between bound and best is looked at first, and by how much more each time nothing is there."""

_NEAR, _MANY_SETS = 0.95, 1000
"""So many sets of all Edge TPUs together take long to look at."""

_MORE_SETS = 1.5
"""How many more sets there must be to make another look worth while."""


def prove(problem: Problem, most: int) -> Solution | None:
    """The best assignment with at most so many tasks on an Edge TPU; ``None`` if there is none.

    Links that cross, as those of no machine do, are left to the bounded search.
    """
    tree = tree_of(problem)
    if tree is None:
        return search(problem, most)
    places = _Proof(problem, tree, most).best()
    if places is None:
        return None
    return Solution(places=tuple(places), cost=cost_of(problem, places), is_proven=True)


class Branch(NamedTuple):
    """What lies below one link (its number): Edge TPUs, and further branches. One Edge TPU alone has no parts."""

    sites: tuple[int, ...]
    parts: tuple[Branch, ...] = ()
    link: int | None = None


def tree_of(problem: Problem) -> Branch | None:
    """All Edge TPUs by the links that they share; ``None`` if links cross."""
    top = [Branch((site,)) for site in range(problem.sites)]
    for number in sorted(range(len(problem.links)), key=lambda number: len(problem.links[number].sites)):
        members = set(problem.links[number].sites)
        inside = [branch for branch in top if members.issuperset(branch.sites)]
        outside = [branch for branch in top if members.isdisjoint(branch.sites)]
        if len(inside) + len(outside) < len(top):
            return None
        sites = tuple(site for branch in inside for site in branch.sites)
        top = [*outside, Branch(sites, tuple(inside), number)]
    return Branch(tuple(range(problem.sites)), tuple(top))


class _Proof:
    """The search for one problem; it keeps the best that it has met."""

    def __init__(self, problem: Problem, tree: Branch, most: int) -> None:
        self._problem = problem
        self._tree = tree
        self._families = Families(len(problem.tasks))
        self._loads = Loads(problem, most)
        self._most = most
        self._best: list[int] | None = None
        self._cost: Cost | None = None
        start = improved(problem, most)
        if start is not None:
            self._note(start)

    def _note(self, places: list[int]) -> None:
        cost = cost_of(self._problem, places)
        if self._cost is None or cost < self._cost:
            self._best, self._cost = _preferred(self._problem, places), cost

    def best(self) -> list[int] | None:
        """The Edge TPU of each task; ``None`` if they fit nowhere."""
        self._lower_level()
        if self._best is not None and self._cost is not None:
            self._lower_sum(*self._cost)
        return self._best

    def _lower_level(self) -> None:
        """Find an assignment of the least level. What was met mostly is one: so first the level below it is tried."""
        least = [least_of(task) for task in self._problem.tasks]
        low = level_of(max(*least, -(-sum(least) // self._problem.sites)), step_of(self._problem))
        level = self._most_level() if self._cost is None else self._cost[0] - 1
        while low <= level:
            places, low = self._within(level, low)
            if places is not None:
                self._note(improved(self._problem, self._most, places) or places)
            if self._cost is None:
                return
            level = (low + self._cost[0] - 1) // 2

    def _most_level(self) -> int:
        """A level within which everything fits that fits at all."""
        tasks, links = self._problem.tasks, self._problem.links
        whole = sum(task.weight * (max(time or 0 for time in task.times) + max(task.reloads)) for task in tasks)
        moved = sum(task.weight * (task.sent_bytes + task.reload_bytes) for task in tasks)
        most = max([whole, *(moved * link.picoseconds_a_byte // 1000 for link in links)])
        return level_of(most, step_of(self._problem))

    def _within(self, level: int, low: int) -> tuple[list[int] | None, int]:
        """An assignment within a level, ``None`` if there is none; and the least level that is not ruled out then."""
        limits = limits_of(self._problem, level)
        columns = self._loads.columns(limits)
        fitting = [self._loads.fitting(most) for most in limits.moved]
        places = _Fit(self._tree, self._families, columns, fitting).places()
        if places is None:
            return None, level + 1
        if cost_of(self._problem, places)[0] <= level:
            return places, low
        # Reloads make more bytes than the links can take; other sets may make less.
        classes = classes_of(self._problem, columns, with_loads=False)
        prices = prices_of(len(self._problem.tasks), classes, limits, None)
        asked = prices.bound + prices.worth(limits)
        levels = range(low, level + 1)
        low += bisect_left(levels, asked, key=lambda each: prices.worth(limits_of(self._problem, each)))
        if low > level:
            return None, low
        combination = _Combination(self._tree, classes, limits, prices)
        while low < _NEAR * level and combination.sets_within(-prices.bound) > _MANY_SETS:
            # Much lower levels are not ruled out: they leave less room, and so fewer sets to look at.
            places, low = self._within((low + level) // 2, low)
            if places is not None:
                return places, low
        places = combination.places(-prices.bound)
        return (places, low) if places is not None else (None, level + 1)

    def _lower_sum(self, level: int, most: int) -> None:
        """Find an assignment of that level with a sum below ``most``, the least if there are any."""
        limits = limits_of(self._problem, level)
        classes = classes_of(self._problem, self._loads.columns(limits), with_loads=True)
        prices = prices_of(len(self._problem.tasks), classes, limits, most)
        combination = _Combination(self._tree, classes, limits, prices)
        for room in _rooms(combination, (most - 1) * SCALE - prices.bound):
            places = combination.places(room)
            if places is not None:
                self._note(places)
                return


def _rooms(combination: _Combination, whole: int) -> Iterator[int]:
    """How much room to give: little at first, and more where that makes a difference; the whole at last."""
    if whole < 0:
        return
    most = combination.sets_within(whole)
    room, sets = whole // _FIRST_PART, 0
    while room < whole and combination.sets_within(room) * _MORE_SETS < most:
        if combination.sets_within(room) > sets * _MORE_SETS:
            sets = combination.sets_within(room)
            yield room
        room = room * _NEXT_PART + SCALE
    yield whole


def _preferred(problem: Problem, places: Sequence[int]) -> list[int]:
    """The same assignment, with the hardest tasks on the first of Edge TPUs that are as good as each other."""
    equal: dict[object, list[int]] = {}
    for site, likeness in enumerate(kinds_of(problem)):
        equal.setdefault(likeness, []).append(site)
    found = list(places)
    for sites in equal.values():
        used = dict.fromkeys(places[number] for number in order_of(problem) if places[number] in sites)
        new = dict(zip(used, sites, strict=False))
        found = [new.get(place, now) for place, now in zip(places, found, strict=True)]
    return found


class _Fit:
    """Whether the tasks fit, if reloads move no bytes; ``fitting`` is for each link the family of what it can carry."""

    def __init__(self, tree: Branch, families: Families, columns: Sequence[Columns], fitting: Sequence[int]) -> None:
        self._tree = tree
        self._families = families
        self._fitting = fitting
        self._own = [families.family(each) for each in columns]
        self._columns = columns
        self._before: dict[Branch, list[int]] = {}
        self._whole: dict[Branch, int] = {}

    def places(self) -> list[int] | None:
        """An assignment; ``None`` if there is none."""
        full = self._families.full
        if not self._family(self._tree) >> full & 1:
            return None
        places = [0] * full.bit_length()
        self._trace(self._tree, full, places)
        return places

    def _family(self, branch: Branch) -> int:
        """All sets that a branch can take between its Edge TPUs."""
        if not branch.parts:
            return self._own[branch.sites[0]]
        family, before = 1, self._before.setdefault(branch, [])
        for part in branch.parts:
            before.append(family)
            sets = self._columns[part.sites[0]] if not part.parts else self._families.members(self._family(part))
            family = self._families.joined(family, sets)
        if branch.link is not None:
            family &= self._fitting[branch.link]
        self._whole[branch] = family
        return family

    def _trace(self, branch: Branch, mask: int, places: list[int]) -> None:
        """Which Edge TPU of a branch takes which of these tasks."""
        if not branch.parts:
            for task in bits_of(mask):
                places[task] = branch.sites[0]
            return
        for part, before in zip(reversed(branch.parts), reversed(self._before[branch]), strict=True):
            family = self._whole[part] if part.parts else self._own[part.sites[0]]
            taken = next(each for each in subsets(mask) if family >> each & 1 and before >> (mask ^ each) & 1)
            self._trace(part, taken, places)
            mask ^= taken


def subsets(mask: int) -> list[int]:
    """All subsets of a set, the empty one first."""
    found = [0]
    for number in bits_of(mask):
        found += [each | 1 << number for each in found]
    return found


_Entry = tuple[int, int, Any, Any]
"""A way to share a set out: its excess, the bytes that it moves, and what it was put together from: two entries, or the
number of a class and the set that an Edge TPU of it takes."""

_Family = dict[int, list[_Entry]]
"""By set, the ways of which none is worse than another in both excess and bytes."""


class _Combination:
    """Puts sets of the Edge TPUs together whose excesses leave room for something better.

    An excess counts no bytes on links that are not yet whole. Their price is added when two are compared with the room,
    and when a link is whole, what its limit is worth takes their place.
    """

    def __init__(self, tree: Branch, classes: Sequence[SiteClass], limits: Limits, prices: Prices) -> None:
        self._tree = tree
        self._classes = classes
        self._limits = limits
        self._prices = prices
        self._full = len(prices.tasks) - 1
        self._class_of = {site: number for number, each in enumerate(classes) for site in each.sites}
        self._excesses = [self._excesses_of(number) for number in range(len(classes))]
        self._room = 0
        self._unlimited = sum(max(each.moved) * len(each.sites) for each in classes)
        self._known: dict[int, _Family] = {}
        self._unions_known: dict[tuple[int, int], _Family] = {}

    def _excesses_of(self, number: int) -> list[int]:
        """By how much each set of a class costs more than the cheapest, bytes included."""
        each, floor, paid = self._classes[number], self._prices.floors[number], self._prices.tasks
        byte = self._byte(each.links)
        columns = zip(each.masks, each.costs, each.moved, strict=True)
        return [cost * SCALE + byte * moved - paid[mask] - floor for mask, cost, moved in columns]

    def sets_within(self, room: int) -> int:
        """How many sets of all Edge TPUs are to be looked at if there is so much room."""
        counts = [sum(excess <= room for excess in excesses) for excesses in self._excesses]
        return sum(count * len(each.sites) for count, each in zip(counts, self._classes, strict=True))

    def places(self, room: int) -> list[int] | None:
        """The assignment with the least excess, at most ``room``; ``None`` if there is none."""
        self._room = room
        self._known, self._unions_known = {}, {}
        entries = self._family(self._tree, ()).get(self._full)
        if not entries:
            return None
        places = [0] * self._full.bit_length()
        left = [list(each.sites) for each in self._classes]
        to_follow = [min(entries, key=lambda entry: entry[0])]
        while to_follow:
            _, _, one, other = to_follow.pop()
            if isinstance(one, tuple):
                to_follow += [one, other]
            else:
                site = left[one].pop(0)
                for task in bits_of(other):
                    places[task] = site
        return places

    def _byte(self, links: tuple[int, ...]) -> int:
        """What a byte costs that crosses these links."""
        return sum(self._prices.links[link] for link in links)

    def _family(self, branch: Branch, above: tuple[int, ...]) -> _Family:
        """What a branch can take, below these links."""
        if not branch.parts:
            return self._of_class(self._class_of[branch.sites[0]])
        links = above if branch.link is None else (branch.link, *above)
        families = [self._family(part, links) for part in branch.parts]
        if branch.link is None:
            families = self._joined(families, 2, links, self._unlimited)
            return self._matched(*families) if len(families) > 1 else families[0]
        (joined,) = self._joined(families, 1, links, self._limits.moved[branch.link])
        return self._closed(joined, branch.link, above)

    def _of_class(self, number: int) -> _Family:
        """The sets of one Edge TPU. Those that are equal have the same family, of which then unions are made once."""
        if number not in self._known:
            each, byte = self._classes[number], self._byte(self._classes[number].links)
            self._known[number] = {
                mask: [(excess - byte * moved, moved if each.links else 0, number, mask)]
                for mask, moved, excess in zip(each.masks, each.moved, self._excesses[number], strict=True)
                if excess <= self._room
            }
        return self._known[number]

    def _joined(self, families: list[_Family], most: int, links: tuple[int, ...], most_moved: int) -> list[_Family]:
        """Join families, the smallest first, until there are at most so many."""
        while len(families) > most:
            few, many, *others = sorted(families, key=len)
            union = self._unions_known.get((id(few), id(many)))
            if union is None:
                union = self._unions(few, many, self._byte(links), most_moved)
                if few is many:
                    self._unions_known[id(few), id(many)] = union
            families = [union, *others]
        return families

    def _unions(self, few: _Family, many: _Family, byte: int, most_moved: int) -> _Family:
        """All unions of two sets without a common task."""
        ordered = [(entry[0] + byte * entry[1], mask, entry) for mask, entries in many.items() for entry in entries]
        ordered.sort(key=lambda each: each[0])
        excesses = [excess for excess, _, _ in ordered]
        found: _Family = {}
        for mask, entries in few.items():
            # Of two equal families the first gives the set with the lowest task: the other way round is the same.
            taken = mask if few is not many else mask | (mask & -mask) - 1
            free = self._full & ~taken
            for entry in entries:
                excess, moved = entry[0], entry[1]
                room = self._room - excess - byte * moved
                count = bisect_right(excesses, room)
                if count <= 1 << free.bit_count():
                    partners = [(other, each) for _, other, each in ordered[:count] if not other & taken]
                else:
                    others = filter(many.__contains__, subsets(free))
                    partners = [(other, each) for other in others for each in many[other]]
                for other, each in partners:
                    more_excess, more_moved = each[0], each[1]
                    if more_excess + byte * more_moved > room or moved + more_moved > most_moved:
                        continue
                    known = found.get(mask | other)
                    if known is None:
                        found[mask | other] = [(excess + more_excess, moved + more_moved, entry, each)]
                    elif known[0][0] > excess + more_excess or known[0][1] > moved + more_moved:
                        _add(known, (excess + more_excess, moved + more_moved, entry, each))
        return found

    def _closed(self, family: _Family, link: int, above: tuple[int, ...]) -> _Family:
        """What keeps to a link's limit; if no other link is above, the bytes are no matter from now on."""
        limit, byte = self._limits.moved[link], self._byte(above)
        worth = limit * self._prices.links[link]
        found: _Family = {}
        for mask, entries in family.items():
            for excess, moved, one, other in entries:
                if moved <= limit and excess + worth + byte * moved <= self._room:
                    _add(found.setdefault(mask, []), (excess + worth, moved if above else 0, one, other))
        return found

    def _matched(self, one: _Family, other: _Family) -> _Family:
        """The two halves of everything."""
        pairs = (
            (first[0] + second[0], 0, first, second)
            for mask, entries in one.items()
            for first in entries
            for second in other.get(self._full ^ mask, ())
        )
        best = min(pairs, key=lambda entry: entry[0], default=None)
        return {self._full: [best]} if best is not None and best[0] <= self._room else {}


def _add(entries: list[_Entry], entry: _Entry) -> None:
    """Add a way to share a set out, unless there is one that is as good; what it is better than goes."""
    excess, moved = entry[0], entry[1]
    for other in entries:
        if other[0] <= excess and other[1] <= moved:
            return
    entries[:] = [other for other in entries if other[0] < excess or other[1] < moved]
    entries.append(entry)
