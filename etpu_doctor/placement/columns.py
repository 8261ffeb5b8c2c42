"""Sets of tasks as bits: what each Edge TPU can take within limits, and which sets several can take between them.

A family of sets is a number too, with a bit for each set that is in it: bit 5 is the set of the tasks 0 and 2. Whether
some Edge TPUs can share some tasks out is then a few shifts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from etpu_doctor.placement.problem import Problem, bits_of, kinds_of, reload_weight, step_of

Columns = dict[int, tuple[int, int]]
"""The sets that an Edge TPU can take, with the load and the bytes moved that each makes."""


class Limits(NamedTuple):
    """The most load of an Edge TPU, and the most bytes over each shared link."""

    load: int
    moved: tuple[int, ...]


def limits_of(problem: Problem, level: int) -> Limits:
    """What keeps every load, also those of links, within a level."""
    load = level * step_of(problem)
    return Limits(load, tuple(((load + 1) * 1000 - 1) // link.picoseconds_a_byte for link in problem.links))


class Families:
    """Families of sets of so many tasks."""

    def __init__(self, tasks: int) -> None:
        self.full = (1 << tasks) - 1
        self._every = (1 << (1 << tasks)) - 1
        self._disjoint = {0: self._every}
        for task in range(tasks):
            self._disjoint[1 << task] = self._every // ((1 << (1 << task)) + 1)

    def disjoint(self, mask: int) -> int:
        """The family of all sets that have no task of this one."""
        found = self._disjoint.get(mask)
        if found is None:
            low = mask & -mask
            found = self._disjoint[mask] = self._disjoint[low] & self.disjoint(mask ^ low)
        return found

    def joined(self, family: int, sets: Iterable[int]) -> int:
        """All unions of a set of the family and one of these without a common task."""
        found = 0
        for mask in sets:
            found |= (family & self.disjoint(mask)) << mask
        return found

    @staticmethod
    def members(family: int) -> list[int]:
        """The sets of a family."""
        return [number for number, bit in enumerate(reversed(f"{family:b}")) if bit == "1"]

    @staticmethod
    def family(sets: Iterable[int]) -> int:
        """The family of these sets."""
        numbers = list(sets)
        bits = bytearray(max(numbers, default=0) // 8 + 1)
        for mask in numbers:
            bits[mask >> 3] |= 1 << (mask & 7)
        return int.from_bytes(bits, "little")


class Loads:
    """Loads of sets of tasks, which are reckoned once."""

    def __init__(self, problem: Problem, most: int) -> None:
        self._problem = problem
        self._most = most
        self._kinds = [kind for kind, _ in kinds_of(problem)]
        self._known: dict[int, Columns] = {kind: {0: (0, 0)} for kind in self._kinds}
        self._parts: dict[int, tuple[tuple[tuple[int, int], ...], int]] = {}
        self.own_bytes = [0]
        for task in problem.tasks:
            self.own_bytes += [each + task.weight * task.sent_bytes for each in self.own_bytes]

    def fitting(self, most_moved: int) -> int:
        """The family of all sets whose tasks move no more than so many bytes themselves, reloads left out."""
        return Families.family(mask for mask, moved in enumerate(self.own_bytes) if moved <= most_moved)

    def columns(self, limits: Limits) -> list[Columns]:
        """What each Edge TPU can take; those that are equal, and have the same room on their links, share one."""
        made: dict[tuple[int, int], Columns] = {}
        found = []
        for site, kind in enumerate(self._kinds):
            rooms = [limits.moved[n] for n, link in enumerate(self._problem.links) if site in link.sites]
            room = min(rooms, default=max(self.own_bytes) * 2 + self._most_reloaded())
            if (kind, room) not in made:
                made[kind, room] = self._columns(site, limits.load, room)
            found.append(made[kind, room])
        return found

    def _most_reloaded(self) -> int:
        return sum(task.weight * task.reload_bytes for task in self._problem.tasks)

    def _columns(self, site: int, most_load: int, most_moved: int) -> Columns:
        """Loads only grow: what is too much is so with any further task."""
        found: Columns = {0: (0, 0)}
        known = self._known[self._kinds[site]]
        within = [(0, 0)]
        for number, task in enumerate(self._problem.tasks):
            time, bit = task.times[site], 1 << number
            if time is None:
                continue
            more = []
            for mask, sum_of_times in within:
                both, times = mask | bit, sum_of_times + task.weight * time
                if times > most_load or both.bit_count() > self._most:
                    continue
                column = known.get(both)
                if column is None:
                    column = known[both] = self._column(site, both, times)
                if column[0] <= most_load and column[1] <= most_moved:
                    found[both] = column
                    more.append((both, times))
            within += more
        return found

    def _column(self, site: int, mask: int, times: int) -> tuple[int, int]:
        reloads, moved = self._reloads(mask)
        tasks = self._problem.tasks
        return times + sum(again * tasks[number].reloads[site] for number, again in reloads), moved

    def _reloads(self, mask: int) -> tuple[tuple[tuple[int, int], ...], int]:
        """Which tasks of a set bring their parameters back how often; and all bytes that it moves."""
        found = self._parts.get(mask)
        if found is None:
            tasks = [(number, self._problem.tasks[number]) for number in bits_of(mask)]
            groups: dict[int, int] = {}
            for _, task in tasks:
                groups[task.group] = groups.get(task.group, 0) + task.weight
            whole = sum(groups.values())
            again = [(number, reload_weight(task.weight, whole - groups[task.group])) for number, task in tasks]
            moved = sum(often * self._problem.tasks[number].reload_bytes for number, often in again)
            reloads = tuple((number, often) for number, often in again if often)
            found = self._parts[mask] = (reloads, self.own_bytes[mask] + moved)
        return found
