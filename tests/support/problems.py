"""Problems of assignment: models with bytes, compute time and parameters, on Edge TPUs whose links have rates."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from etpu_doctor.placement.problem import Problem, SharedLink, Task, cost_of

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
    return min(cost_of(problem, each) for each in everywhere(problem))


def everywhere(problem: Problem) -> Iterator[tuple[int, ...]]:
    """All assignments."""
    return itertools.product(range(problem.sites), repeat=len(problem.tasks))


def hard(chance: random.Random, tasks: int, sites: int) -> Problem:
    """A problem that is made to be hard: tasks and Edge TPUs that are equal or nearly so, and links within links."""
    rates = tuple(chance.choice([(350,) * sites, tuple(chance.choice(MB_S) for _ in range(sites))]))
    groups = chance.choice([1, 2, 4, tasks])
    once, sent = chance.choice([0, 6_000_000]), chance.choice([10_000, 500_000, 5_000_000])
    near, weights = chance.choice([0, 20_000]), chance.choice([[1000], [1000, 5000, 30_000]])
    return Problem(
        sites=sites,
        tasks=tuple(
            task(
                rates,
                weight=chance.choice(weights),
                sent=sent + chance.randint(0, near),
                once=once + chance.randint(0, near) if once else 0,
                compute=chance.choice([3_000_000, 3_000_000 + chance.randint(0, near), 100_000 * (number + 1)]),
                group=chance.randrange(groups),
            )
            for number in range(tasks)
        ),
        links=tuple(_nested(chance, sites)),
    )


def _nested(chance: random.Random, sites: int) -> Iterator[SharedLink]:
    """Links of pairs, of fours and of all, each where chance has it."""
    for size in (2, 4, sites):
        for first in range(0, sites - size + 1, size):
            if chance.random() < 0.5:
                members = tuple(range(first, first + size))
                yield SharedLink(sites=members, picoseconds_a_byte=chance.choice([2857, 5000, 28571]))
