"""What there is to assign: models with what they cost on each Edge TPU, and a cost in whole numbers.

An Edge TPU's load is the time that its models take, and the links' loads the time that their bytes take; a model pays
for its parameters again after another group of models (another caching token) used the chip. The cost is the largest
load first, in steps, the sum of the Edge TPUs' loads second. Loads only grow with each further model, which is what
lets a search leave out whole branches.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
    links = [link_load(link, [found[site][1] for site in link.sites]) for link in problem.links]
    loads = [load for load, _ in found]
    return level_of(max([*loads, *links], default=0), step_of(problem)), sum(loads)


def step_of(problem: Problem) -> int:
    """How much larger the largest load must be to count as larger."""
    return max(1, max((least_of(task) for task in problem.tasks), default=0) // _STEPS_OF_TOP)


def level_of(top: int, step: int) -> int:
    """In how many steps a load lies."""
    return -(-top // step)


def link_load(link: SharedLink, moved: Sequence[int]) -> int:
    """The load of a link with these bytes from each Edge TPU below it."""
    return sum(moved) * link.picoseconds_a_byte // 1000


def least_of(task: Task) -> int:
    """What a task costs at least: on its best Edge TPU, alone."""
    return task.weight * min(time for time in task.times if time is not None)


def hardness_of(task: Task) -> int:
    """How much room a task takes where it shares an Edge TPU: what has the fewest places is placed first."""
    return task.weight * min(
        time + again for time, again in zip(task.times, task.reloads, strict=True) if time is not None
    )


def kinds_of(problem: Problem) -> list[tuple[int, tuple[int, ...]]]:
    """Of each Edge TPU a number that those with the same times share, and its links.

    Edge TPUs with the same times, and below the same links, are as good as each other.
    """
    numbers: dict[tuple[tuple[int | None, int], ...], int] = {}
    found = []
    for site in range(problem.sites):
        times = tuple((task.times[site], task.reloads[site]) for task in problem.tasks)
        links = tuple(n for n, link in enumerate(problem.links) if site in link.sites)
        found.append((numbers.setdefault(times, len(numbers)), links))
    return found


def bits_of(mask: int) -> list[int]:
    """The tasks of a set."""
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def masks_of(sites: int, places: Sequence[int]) -> list[int]:
    """The set of tasks on each Edge TPU, as bits."""
    return [sum(1 << number for number, place in enumerate(places) if place == site) for site in range(sites)]
