"""The search for an assignment of many models: as far as it comes in a bounded number of steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from etpu_doctor.placement.improve import improved, order_of
from etpu_doctor.placement.problem import (
    Cost,
    Problem,
    Solution,
    Task,
    bits_of,
    cost_of,
    kinds_of,
    least_of,
    level_of,
    load_of,
    masks_of,
    reload_weight,
    step_of,
)

_STEPS = 20_000
"""After so many steps it stops with the best found, far below any patience."""


def search(problem: Problem, most: int) -> Solution | None:
    """The best that is found, proven if the steps were enough; ``None`` if the tasks do not fit at all."""
    return _Search(problem, most).run()


class _Search:
    """Depth first with bounds, from a start that local improvements found. ``most`` models go on one Edge TPU."""

    def __init__(self, problem: Problem, most: int) -> None:
        self._problem = problem
        self._most = most
        self._step = step_of(problem)
        self._kinds = kinds_of(problem)
        self._hubs = [_hub(problem, site, self._kinds) for site in range(problem.sites)]
        self._known: list[dict[int, tuple[int, int]]] = [{} for _ in self._kinds]
        self._pace = [link.picoseconds_a_byte for link in problem.links]
        self._links_of = [[n for n, link in enumerate(problem.links) if s in link.sites] for s in range(problem.sites)]
        self._alone: list[int] = []
        self._least_after: list[int] = []
        self._extra: list[list[int]] = []
        self._order = order_of(problem)
        self._masks = [0] * problem.sites
        self._loads = [0] * problem.sites
        self._moved = [0] * problem.sites
        self._link_moved = [0] * len(problem.links)
        self._best: Cost | None = None
        self._best_masks: list[int] = []
        self._steps = 0
        self._prepare_bounds()

    def _prepare_bounds(self) -> None:
        """For each depth: the least that the tasks still to come cost, each on its best Edge TPU alone (``_alone``).

        ``_extra[depth][n]``: what ``n`` of them that must share add to that at least.
        """
        tasks = [self._problem.tasks[number] for number in self._order]
        more = [_least_more(task, self._problem.tasks) for task in tasks]
        depths = range(len(tasks) + 1)
        self._alone = [sum(map(least_of, tasks[depth:])) for depth in depths]
        self._least_after = [max(map(least_of, tasks[depth:]), default=0) for depth in depths]
        self._extra = [[0, *itertools.accumulate(sorted(more[depth:]))] for depth in depths]

    def run(self) -> Solution | None:
        """The best that is found; ``None`` if the tasks do not fit at all."""
        start = improved(self._problem, self._most)
        if start is not None:
            self._best = cost_of(self._problem, start)
            self._best_masks = masks_of(self._problem.sites, start)
        is_whole = self._descend(0, 0, 0)
        if self._best is None:
            return None
        places = [0] * len(self._problem.tasks)
        for site, mask in enumerate(self._best_masks):
            for number in bits_of(mask):
                places[number] = site
        return Solution(places=tuple(places), cost=self._best, is_proven=is_whole)

    def _descend(self, depth: int, highest: int, total: int) -> bool:
        """Place the tasks from ``depth`` on; false if the steps ran out."""
        if depth == len(self._order):
            self._best, self._best_masks = (level_of(highest, self._step), total), list(self._masks)
            return True
        self._steps += 1
        if self._steps > _STEPS:
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
            found = known[mask] = load_of(self._problem, site, bits_of(mask))
        return found


def _least_more(task: Task, tasks: Sequence[Task]) -> int:
    """What a task pays at least beyond its best if it cannot be alone."""
    others = [other for other in tasks if other is not task]
    partner = min((0 if other.group == task.group else other.weight for other in others), default=0)
    again = reload_weight(task.weight, partner)
    return min(_shared(task, site, again) for site, time in enumerate(task.times) if time is not None) - least_of(task)


def _shared(task: Task, site: int, again: int) -> int:
    return task.weight * (task.times[site] or 0) + again * task.reloads[site]


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
