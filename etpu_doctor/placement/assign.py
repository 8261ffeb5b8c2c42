"""The search for the best assignment of models to Edge TPUs, under a cost model of whole numbers.

An Edge TPU's load is the time that its models take, and the links' loads the time that their bytes take; a model pays
for its parameters again after another group of models (another caching token) used the chip. The cost is the largest
load first, in steps, the sum of the Edge TPUs' loads second. Loads only grow with each further model, which is what
lets the search leave out whole branches.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

EXACT_TASKS, EXACT_SITES = 12, 8
"""Up to here the search goes on until the best is proven."""

_STEPS = 20_000
"""After so many steps a larger search stops with the best found, far below any patience."""

_ROUNDS = 20

_STEPS_OF_TOP = 20
"""The largest loads are compared in steps of a twentieth of the heaviest task's: forecasts are no finer than that."""

Cost = tuple[int, int]
"""The largest load of an Edge TPU or a link, in steps, and the sum of the loads of all Edge TPUs."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A model to place.

    ``weight``: how often it runs, in thousandths a second. ``times`` and ``reloads`` are nanoseconds on each Edge TPU:
    of one inference, and of bringing its parameters back; ``None`` where it cannot run. ``sent_bytes`` are those of an
    inference in both directions, ``reload_bytes`` those of the parameters. Tasks of one ``group`` keep their
    parameters side by side.
    """

    weight: int
    times: tuple[int | None, ...]
    reloads: tuple[int, ...]
    sent_bytes: int
    reload_bytes: int
    group: int


class SharedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that several Edge TPUs share: which, by their numbers, and how long a byte takes, in picoseconds."""

    sites: tuple[int, ...]
    picoseconds_a_byte: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What to solve. ``sites`` is the number of Edge TPUs, in the order in which they are preferred."""

    sites: int
    tasks: tuple[Task, ...]
    links: tuple[SharedLink, ...] = ()


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """The Edge TPU of each task, by number. ``is_proven``: nothing is better under the cost model."""

    places: tuple[int, ...]
    cost: Cost
    is_proven: bool


def reload_weight(own: int, others: int) -> int:
    """How often a group of models must bring parameters back: at most as often as it runs, and as others run."""
    return min(own, others)


def load_of(problem: Problem, site: int, numbers: Sequence[int]) -> tuple[int, int]:
    """Load of an Edge TPU with these tasks on it, and the bytes that they move, both a thousand seconds' worth."""
    tasks = [problem.tasks[number] for number in numbers]
    whole = sum(task.weight for task in tasks)
    groups: dict[int, int] = {}
    for task in tasks:
        groups[task.group] = groups.get(task.group, 0) + task.weight
    load = moved = 0
    for task in tasks:
        again = reload_weight(task.weight, whole - groups[task.group])
        load += task.weight * (task.times[site] or 0) + again * task.reloads[site]
        moved += task.weight * task.sent_bytes + again * task.reload_bytes
    return load, moved


def cost_of(problem: Problem, places: Sequence[int]) -> Cost:
    """The cost of a whole assignment."""
    on = [[number for number, place in enumerate(places) if place == site] for site in range(problem.sites)]
    found = [load_of(problem, site, numbers) for site, numbers in enumerate(on)]
    links = [_link_load(link, [found[site][1] for site in link.sites]) for link in problem.links]
    loads = [load for load, _ in found]
    return _level(max([*loads, *links], default=0), step_of(problem)), sum(loads)


def step_of(problem: Problem) -> int:
    """How much larger the largest load must be to count as larger."""
    return max(1, max((_least(task) for task in problem.tasks), default=0) // _STEPS_OF_TOP)


def _level(top: int, step: int) -> int:
    return -(-top // step)


def _link_load(link: SharedLink, moved: Sequence[int]) -> int:
    return sum(moved) * link.picoseconds_a_byte // 1000


def solve(problem: Problem) -> Solution | None:
    """The best assignment: one model an Edge TPU while there are enough; ``None`` if a model can run nowhere.

    Ties go to the Edge TPUs that are preferred. Proven up to ``EXACT_TASKS`` on ``EXACT_SITES``; beyond, the best that
    was found after a bounded number of steps.
    """
    if not problem.tasks:
        return Solution(places=(), cost=(0, 0), is_proven=True)
    if problem.sites == 0 or any(not any(time is not None for time in task.times) for task in problem.tasks):
        return None
    if len(problem.tasks) <= problem.sites:
        alone = _Search(problem, most=1).run()
        if alone is not None:
            return alone
    return _Search(problem, most=len(problem.tasks)).run()


class _Search:
    """Depth first with bounds, from a start that local improvements found. ``most`` models go on one Edge TPU."""

    def __init__(self, problem: Problem, most: int) -> None:
        self._problem = problem
        self._most = most
        self._step = step_of(problem)
        self._kinds = _kinds(problem)
        self._hubs = [_hub(problem, site, self._kinds) for site in range(problem.sites)]
        self._known: list[dict[int, tuple[int, int]]] = [{} for _ in self._kinds]
        self._pace = [link.picoseconds_a_byte for link in problem.links]
        self._links_of = [[n for n, link in enumerate(problem.links) if s in link.sites] for s in range(problem.sites)]
        self._alone: list[int] = []
        self._least_after: list[int] = []
        self._extra: list[list[int]] = []
        self._order = sorted(range(len(problem.tasks)), key=lambda number: (-_hardness(problem.tasks[number]), number))
        self._masks = [0] * problem.sites
        self._loads = [0] * problem.sites
        self._moved = [0] * problem.sites
        self._link_moved = [0] * len(problem.links)
        self._best: Cost | None = None
        self._best_masks: list[int] = []
        self._steps = 0
        exact = len(problem.tasks) <= EXACT_TASKS and problem.sites <= EXACT_SITES
        self._limit = None if exact else _STEPS
        self._prepare_bounds()

    def _prepare_bounds(self) -> None:
        """For each depth: the least that the tasks still to come cost, each on its best Edge TPU alone (``_alone``).

        ``_extra[depth][n]``: what ``n`` of them that must share add to that at least.
        """
        tasks = [self._problem.tasks[number] for number in self._order]
        more = [_least_more(task, self._problem.tasks) for task in tasks]
        depths = range(len(tasks) + 1)
        self._alone = [sum(map(_least, tasks[depth:])) for depth in depths]
        self._least_after = [max(map(_least, tasks[depth:]), default=0) for depth in depths]
        self._extra = [[0, *itertools.accumulate(sorted(more[depth:]))] for depth in depths]

    def run(self) -> Solution | None:
        """The best that is found; ``None`` if the tasks do not fit at all."""
        start = _improved(self._problem, self._most, self._order)
        if start is not None:
            self._best = cost_of(self._problem, start)
            self._best_masks = _masks(self._problem.sites, start)
        is_whole = self._descend(0, 0, 0)
        if self._best is None:
            return None
        places = [0] * len(self._problem.tasks)
        for site, mask in enumerate(self._best_masks):
            for number in _bits(mask):
                places[number] = site
        return Solution(places=tuple(places), cost=self._best, is_proven=is_whole)

    def _descend(self, depth: int, highest: int, total: int) -> bool:
        """Place the tasks from ``depth`` on; false if the steps ran out."""
        if depth == len(self._order):
            self._best, self._best_masks = (_level(highest, self._step), total), list(self._masks)
            return True
        self._steps += 1
        if self._limit is not None and self._steps > self._limit:
            return False
        for bound, top, site, load, moved in sorted(self._choices(depth, highest, total)):
            # What was found meanwhile may be better than all that this can become.
            if self._best is not None and bound >= self._best:
                continue
            before = self._masks[site], self._loads[site], self._moved[site]
            self._set(site, self._masks[site] | 1 << self._order[depth], load, moved)
            is_whole = self._descend(depth + 1, top, total + load - before[1])
            self._set(site, *before)
            if not is_whole:
                return False
        return True

    def _set(self, site: int, mask: int, load: int, moved: int) -> None:
        for link in self._links_of[site]:
            self._link_moved[link] += moved - self._moved[site]
        self._masks[site], self._loads[site], self._moved[site] = mask, load, moved

    def _choices(self, depth: int, highest: int, total: int) -> Iterator[tuple[Cost, int, int, int, int]]:
        """Where a task can go: the least that comes of it, the highest load then, the site, its load and bytes then.

        Of equal empty Edge TPUs only the first; none that cannot be better than the best so far.
        """
        seen = set()
        number = self._order[depth]
        times, bit = self._problem.tasks[number].times, 1 << number
        empty = self._masks.count(0)
        extra, left = self._extra[depth + 1], len(self._order) - depth - 1
        to_come = self._alone[depth + 1] + extra[max(0, left - empty)]
        to_come_if_empty = self._alone[depth + 1] + extra[min(left, max(0, left - empty + 1))]
        sites, step, heaviest = self._problem.sites, self._step, self._least_after[depth + 1]
        for site, mask in enumerate(self._masks):
            if times[site] is None or mask.bit_count() >= self._most:
                continue
            if mask == 0:
                likeness = self._likeness(site)
                if likeness in seen:
                    continue
                seen.add(likeness)
            load, moved = self._load(site, mask | bit)
            # Comparisons instead of max(): this is where the search spends its time.
            top = load if load > highest else highest  # noqa: FURB136 - as above
            for n in self._links_of[site]:
                of_link = (self._link_moved[n] + moved - self._moved[site]) * self._pace[n] // 1000
                top = of_link if of_link > top else top  # noqa: FURB136 - as above
            whole = total + load - self._loads[site] + (to_come if mask else to_come_if_empty)
            least_top = -(-whole // sites)
            least_top = heaviest if heaviest > least_top else least_top  # noqa: FURB136 - as above
            bound = -(-(top if top > least_top else least_top) // step), whole  # noqa: FURB136 - as above
            if self._best is None or bound < self._best:
                yield bound, top, site, load, moved

    def _likeness(self, site: int) -> object:
        """What an empty Edge TPU has in common with those that would do as well in every way."""
        hub = self._hubs[site]
        if hub is not None and not any(self._masks[other] for other in hub.members):
            return hub.likeness
        return self._kinds[site]

    def _load(self, site: int, mask: int) -> tuple[int, int]:
        known = self._known[self._kinds[site][0]]
        found = known.get(mask)
        if found is None:
            found = known[mask] = load_of(self._problem, site, _bits(mask))
        return found


def _least(task: Task) -> int:
    return task.weight * min(time for time in task.times if time is not None)


def _hardness(task: Task) -> int:
    """How much room a task takes where it shares an Edge TPU: what has the fewest places is placed first."""
    return task.weight * min(
        time + again for time, again in zip(task.times, task.reloads, strict=True) if time is not None
    )


def _least_more(task: Task, tasks: Sequence[Task]) -> int:
    """What a task pays at least beyond its best if it cannot be alone."""
    others = [other for other in tasks if other is not task]
    partner = min((0 if other.group == task.group else other.weight for other in others), default=0)
    again = reload_weight(task.weight, partner)
    return min(_shared(task, site, again) for site, time in enumerate(task.times) if time is not None) - _least(task)


def _shared(task: Task, site: int, again: int) -> int:
    return task.weight * (task.times[site] or 0) + again * task.reloads[site]


def _kinds(problem: Problem) -> list[tuple[int, tuple[int, ...]]]:
    """Edge TPUs with the same times, and below the same links, are as good as each other."""
    numbers: dict[tuple[tuple[int | None, int], ...], int] = {}
    found = []
    for site in range(problem.sites):
        times = tuple((task.times[site], task.reloads[site]) for task in problem.tasks)
        links = tuple(n for n, link in enumerate(problem.links) if site in link.sites)
        found.append((numbers.setdefault(times, len(numbers)), links))
    return found


class _Hub(NamedTuple):
    """The narrowest shared link above an Edge TPU: who else is below, and what an equal one would have in common."""

    members: tuple[int, ...]
    likeness: tuple[object, ...]


def _hub(problem: Problem, site: int, kinds: Sequence[tuple[int, tuple[int, ...]]]) -> _Hub | None:
    """A hub can stand for an equal one beside it if all below it share the same links; ``None`` if not, or for none."""
    kind, links = kinds[site]
    if not links:
        return None
    inner = min(links, key=lambda number: (len(problem.links[number].sites), number))
    link = problem.links[inner]
    if any(kinds[other][1] != links for other in link.sites):
        return None
    below = tuple(sorted(kinds[other][0] for other in link.sites))
    outer = tuple(number for number in links if number != inner)
    return _Hub(link.sites, (kind, link.picoseconds_a_byte, below, outer))


def _improved(problem: Problem, most: int, order: Sequence[int]) -> list[int] | None:
    """A start: each task where it costs least at that moment, then moves and exchanges as long as they help."""
    board = _Board(problem)
    for number in order:
        choices = [site for site in range(problem.sites) if board.can(number, site, most)]
        if not choices:
            return None
        bit = 1 << number
        costs = [(board.cost_with(((site, board.masks[site] | bit),)), site) for site in choices]
        board.put(((min(costs)[1], board.masks[min(costs)[1]] | bit),))
    for _ in range(_ROUNDS):
        if not board.improve(most):
            break
    return board.places()


Change = Sequence[tuple[int, int]]
"""Edge TPUs, and the tasks that they are to have then, as bits."""


class _Board:
    """A whole or partial assignment with its loads. ``masks`` are the tasks on each Edge TPU, as bits."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._step = step_of(problem)
        self._links_of = [[n for n, link in enumerate(problem.links) if s in link.sites] for s in range(problem.sites)]
        self._pace = [link.picoseconds_a_byte for link in problem.links]
        self._known: list[dict[int, tuple[int, int]]] = [{} for _ in range(problem.sites)]
        self.masks = [0] * problem.sites
        self._loads = [0] * problem.sites
        self._moved = [0] * problem.sites
        self._link_moved = [0] * len(problem.links)
        self._cost: Cost = (0, 0)

    def can(self, number: int, site: int, most: int) -> bool:
        """Whether a task may go there."""
        return self._problem.tasks[number].times[site] is not None and self.masks[site].bit_count() < most

    def places(self) -> list[int]:
        """The Edge TPU of each task."""
        tasks = range(len(self._problem.tasks))
        return [next(site for site, mask in enumerate(self.masks) if mask >> number & 1) for number in tasks]

    def put(self, change: Change) -> None:
        """Make a change."""
        self._cost = self.cost_with(change)
        for site, mask in change:
            load, moved = self._load(site, mask)
            for link in self._links_of[site]:
                self._link_moved[link] += moved - self._moved[site]
            self.masks[site], self._loads[site], self._moved[site] = mask, load, moved

    def cost_with(self, change: Change) -> Cost:
        """The cost after a change."""
        loads, moved, total = list(self._loads), list(self._link_moved), self._cost[1]
        for site, mask in change:
            load, bytes_now = self._load(site, mask)
            total += load - loads[site]
            loads[site] = load
            for link in self._links_of[site]:
                moved[link] += bytes_now - self._moved[site]
        top = max(loads)
        for each, pace in zip(moved, self._pace, strict=True):
            top = max(top, each * pace // 1000)
        return _level(top, self._step), total

    def improve(self, most: int) -> bool:
        """One round of moves and exchanges that lower the cost; false if there was none."""
        before = self._cost
        places = self.places()
        for number, task in enumerate(self._problem.tasks):
            bit = 1 << number
            for site in range(self._problem.sites):
                here = places[number]
                if site != here and self.can(number, site, most):
                    change = ((here, self.masks[here] ^ bit), (site, self.masks[site] | bit))
                    places[number] = site if self._try(change) else here
            for other in range(number):
                here, there = places[number], places[other]
                fits = task.times[there] is not None and self._problem.tasks[other].times[here] is not None
                both = bit | 1 << other
                if (
                    here != there
                    and fits
                    and self._try(((here, self.masks[here] ^ both), (there, self.masks[there] ^ both)))
                ):
                    places[number], places[other] = there, here
        return self._cost < before

    def _try(self, change: Change) -> bool:
        """Make a change if it lowers the cost."""
        top, total = self._cost
        grows = total + sum(self._load(site, mask)[0] - self._loads[site] for site, mask in change) >= total
        if grows and not self._may_lower(change, top):
            return False
        is_better = self.cost_with(change) < self._cost
        if is_better:
            self.put(change)
        return is_better

    def _may_lower(self, change: Change, top: int) -> bool:
        """Whether any of the places is what the highest load comes from."""
        for site, _ in change:
            if _level(self._loads[site], self._step) == top:
                return True
            for link in self._links_of[site]:
                if _level(self._link_moved[link] * self._pace[link] // 1000, self._step) == top:
                    return True
        return False

    def _load(self, site: int, mask: int) -> tuple[int, int]:
        known = self._known[site]
        found = known.get(mask)
        if found is None:
            found = known[mask] = load_of(self._problem, site, _bits(mask))
        return found


def _bits(mask: int) -> list[int]:
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def _masks(sites: int, places: Sequence[int]) -> list[int]:
    return [sum(1 << number for number, place in enumerate(places) if place == site) for site in range(sites)]
