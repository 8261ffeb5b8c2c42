"""Prices of tasks and of bytes, which bound from below what any assignment costs.

Each Edge TPU takes one of its sets, each task is in one of those that are taken, and the bytes of the sets below a link
keep to its limit. Were parts of sets allowed, that would be a linear programme. Its dual prices are found here by the
simplex method, and any prices give a bound: what the tasks pay, with what each Edge TPU's cheapest set costs beyond
what its own tasks pay, less what the links' limits are worth. The method works in floating point; the bound that is
told is reckoned from its prices in whole numbers, and so is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import NamedTuple, TypeVar

from etpu_doctor.placement.columns import Columns, Limits
from etpu_doctor.placement.problem import Problem, bits_of

SCALE = 1 << 48
"""Prices are in these parts of a load: a price of a byte is far below one, and is taken times many bytes."""

_PIVOTS = 1500
_UNCOVERED = 1000
"""What a task that no set covers costs, in parts of all the others."""

_NEAR = 1e-9
_IMPROVES = 1e-8
_REFINEMENTS = 3


_Number = TypeVar("_Number", int, float)


class SiteClass(NamedTuple):
    """Edge TPUs with the same sets below the same links; what each set costs, and the bytes that it moves."""

    sites: tuple[int, ...]
    links: tuple[int, ...]
    masks: list[int]
    costs: list[int]
    moved: list[int]


class Prices(NamedTuple):
    """The bound, and what it was made of, in parts of ``SCALE``.

    ``tasks``: what the tasks of each set pay. ``links``: the price of a byte on each. ``floors``: what the cheapest set
    of each class of Edge TPUs costs beyond what its tasks pay, bytes included.
    """

    bound: int
    tasks: list[int]
    links: list[int]
    floors: list[int]

    def worth(self, limits: Limits) -> int:
        """What the limits of the links are worth."""
        return sum(price * most for price, most in zip(self.links, limits.moved, strict=True))


def classes_of(problem: Problem, columns: Sequence[Columns], *, with_loads: bool) -> list[SiteClass]:
    """The Edge TPUs by what they can take. Without loads the sets cost nothing beyond their bytes."""
    found: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for site, each in enumerate(columns):
        links = tuple(number for number, link in enumerate(problem.links) if site in link.sites)
        found.setdefault((id(each), links), []).append(site)
    return [
        SiteClass(
            tuple(sites),
            links,
            list(columns[sites[0]]),
            [load if with_loads else 0 for load, _ in columns[sites[0]].values()],
            [moved for _, moved in columns[sites[0]].values()],
        )
        for (_, links), sites in found.items()
    ]


def prices_of(tasks: int, classes: Sequence[SiteClass], limits: Limits, most: int | None) -> Prices:
    """The prices that bound the sum of the costs, which is at most ``most`` in what is looked for.

    Without ``most`` costs are no matter; what the links carry is then measured against their limits, and a bound above
    0 says that it does not fit.
    """
    programme = _Programme(tasks, classes, limits, most)
    programme.run()
    own, links = programme.prices()
    return _bound(own, links, classes, limits)


def _bound(own: Sequence[int], links: list[int], classes: Sequence[SiteClass], limits: Limits) -> Prices:
    paid = _subset_sums(own, 0)
    floors = []
    for each in classes:
        byte = sum(links[link] for link in each.links)
        columns = zip(each.masks, each.costs, each.moved, strict=True)
        floors.append(min(cost * SCALE + byte * moved - paid[mask] for mask, cost, moved in columns))
    least = sum(floor * len(each.sites) for floor, each in zip(floors, classes, strict=True))
    prices = Prices(sum(own) + least, paid, links, floors)
    return prices._replace(bound=prices.bound - prices.worth(limits))


def _subset_sums(values: Sequence[_Number], zero: _Number) -> list[_Number]:
    """The sum of each subset of the values, by its bits."""
    sums = [zero]
    for value in values:
        sums += [each + value for each in sums]
    return sums


class _Column(NamedTuple):
    """A column of the programme: its rows that are not 0, its cost, and how much a part of it lowers the sum."""

    rows: tuple[tuple[int, int], ...]
    cost: int
    gain: float = 0.0


class _Programme:
    """Rows: each task once, each class as often as it has Edge TPUs, each link's bytes within its limit.

    It starts with tasks that nobody covers, at a forbidding cost, and Edge TPUs that take nothing. Right sides are
    moved by a trifle, else it might go round in circles.
    """

    def __init__(self, tasks: int, classes: Sequence[SiteClass], limits: Limits, most: int | None) -> None:
        self._tasks = tasks
        self._classes = classes
        self._first_link = tasks + len(classes)
        self._rooms = [max(1, room) for room in limits.moved]
        self._unit = 1 << 40 if most is None else max(1, most)
        self._costs = [[cost / self._unit for cost in each.costs] for each in classes]
        self._stretches = most is None
        self._latest = 0
        rows = self._first_link + len(self._rooms)
        sides = [1.0] * tasks + [float(len(each.sites)) for each in classes]
        sides += [0.0 if self._stretches else 1.0] * len(self._rooms)
        self._sides = [side + 1e-5 * (row + 1) / rows for row, side in enumerate(sides)]
        self._inverse = [[float(row == other) for other in range(rows)] for row in range(rows)]
        self._basis = [_Column(((task, 1),), _UNCOVERED * self._unit) for task in range(tasks)]
        self._basis += [_Column(((row, 1),), 0) for row in range(tasks, self._first_link)]
        self._basis += [self._slack(link) for link in range(len(self._rooms))]
        self._prices = [column.cost / self._unit for column in self._basis]

    def run(self) -> None:
        """Bring columns in until none lowers the sum; or long enough: any prices will do."""
        for _ in range(_PIVOTS):
            column = self._entering()
            if column is None or not self._pivot(column):
                return

    def prices(self) -> tuple[list[int], list[int]]:
        """Prices of the tasks and of a byte on each link, in parts of ``SCALE``; refined beyond floating point."""
        size = self._unit * SCALE
        whole = [round(price * size) // self._room(row) for row, price in enumerate(self._prices)]
        for _ in range(_REFINEMENTS):
            rest = [
                float(column.cost * SCALE - sum(whole[row] * value for row, value in column.rows))
                for column in self._basis
            ]
            for row in range(len(whole)):
                change = sum(each * line[row] for each, line in zip(rest, self._inverse, strict=True) if each)
                whole[row] += round(change / self._room(row))
        return whole[: self._tasks], [max(0, -price) for price in whole[self._first_link :]]

    def _room(self, row: int) -> int:
        """What the numbers of a row are counted in: those of a link in parts of its limit."""
        return 1 if row < self._first_link else self._rooms[row - self._first_link]

    def _slack(self, link: int, gain: float = 0.0) -> _Column:
        return _Column(((self._first_link + link, self._rooms[link]),), 0, gain)

    def _entering(self) -> _Column | None:
        """A column that lowers the sum; ``None`` if there is none."""
        of_links = self._prices[self._first_link :]
        for link, price in enumerate(of_links):
            if price > _NEAR:
                return self._slack(link, -price)
        if self._stretches and 1.0 + sum(of_links) < -_IMPROVES:
            rows = tuple((self._first_link + link, -room) for link, room in enumerate(self._rooms))
            return _Column(rows, self._unit, 1.0 + sum(of_links))
        paid = _subset_sums(self._prices[: self._tasks], 0.0)
        for step in range(len(self._classes)):
            number = (self._latest + step) % len(self._classes)
            column = self._cheapest(number, paid)
            if column is not None:
                self._latest = number
                return column
        return None

    def _cheapest(self, number: int, paid: Sequence[float]) -> _Column | None:
        """The set that gains most on what its class is paid for now; ``None`` if none does."""
        each, costs = self._classes[number], self._costs[number]
        byte = sum(self._prices[self._first_link + link] / self._rooms[link] for link in each.links)
        reduced = list(map(sub, costs, map(paid.__getitem__, each.masks)))
        if byte:
            reduced = [cost - byte * moved for cost, moved in zip(reduced, each.moved, strict=True)]
        least = min(reduced)
        gain = least - self._prices[self._tasks + number]
        if gain > -_IMPROVES:
            return None
        chosen = reduced.index(least)
        rows = [(task, 1) for task in bits_of(each.masks[chosen])] + [(self._tasks + number, 1)]
        rows += [(self._first_link + link, each.moved[chosen]) for link in each.links]
        return _Column(tuple(rows), each.costs[chosen], gain)

    def _pivot(self, column: _Column) -> bool:
        """Bring a column in; false if that would go on for ever, which rounding alone can make it do."""
        scaled = [(row, value / self._room(row)) for row, value in column.rows]
        moves = [sum(line[row] * value for row, value in scaled) for line in self._inverse]
        steps = [(self._sides[row] / move, row) for row, move in enumerate(moves) if move > _NEAR]
        if not steps:
            return False
        step, leaving = min(steps)
        lead = [value / moves[leaving] for value in self._inverse[leaving]]
        for row, move in enumerate(moves):
            if row != leaving and move:
                line = self._inverse[row]
                self._inverse[row] = [value - move * other for value, other in zip(line, lead, strict=True)]
                self._sides[row] -= move * step
        self._inverse[leaving], self._sides[leaving], self._basis[leaving] = lead, step, column
        self._prices = [price + column.gain * value for price, value in zip(self._prices, lead, strict=True)]
        return True
