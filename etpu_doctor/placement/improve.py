"""A good assignment, quickly: each task where it costs least, then moves and exchanges as long as they help."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.placement.problem import Cost, Problem, bits_of, hardness_of, level_of, load_of, step_of

_ROUNDS = 20


def order_of(problem: Problem) -> list[int]:
    """The tasks, those first that take the most room: what has the fewest places is placed first."""
    return sorted(range(len(problem.tasks)), key=lambda number: (-hardness_of(problem.tasks[number]), number))


def improved(problem: Problem, most: int, places: Sequence[int] | None = None) -> list[int] | None:
    """The Edge TPU of each task, at most so many on one; ``None`` if no place was left for one of them.

    ``places`` is where to begin; else each task goes where it costs least at that moment.
    """
    board = _Board(problem)
    for number in order_of(problem):
        choices = [site for site in range(problem.sites) if board.can(number, site, most)]
        if places is not None:
            choices = [places[number]]
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
        return level_of(top, self._step), total

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
            if level_of(self._loads[site], self._step) == top:
                return True
            for link in self._links_of[site]:
                if level_of(self._link_moved[link] * self._pace[link] // 1000, self._step) == top:
                    return True
        return False

    def _load(self, site: int, mask: int) -> tuple[int, int]:
        known = self._known[site]
        found = known.get(mask)
        if found is None:
            found = known[mask] = load_of(self._problem, site, bits_of(mask))
        return found
