"""Which Edge TPU is which while they come and go.

They carry no serial number, and their identity changes with the firmware: only the port tells them apart. One that
comes back in the same socket is the same one, whatever it calls itself and on whichever half of the socket. One that
appears elsewhere while a single one is away is taken for that one; with several away, for the one that left last.
"""

from __future__ import annotations

from typing import NamedTuple

from etpu_doctor.topology.machine import Machine


class Arrival(NamedTuple):
    """An Edge TPU that appeared: where it was before, ``None`` for a new one, and whether no other can be meant."""

    id: str
    was: str | None
    surely: bool


class Follower:
    """Remembers every Edge TPU by the node id at which it was first seen."""

    def __init__(self) -> None:
        self.now: dict[str, str | None] = {}
        """First id -> present id, ``None`` while it is away."""

        self._last: dict[str, str] = {}
        self._away: list[str] = []

    def observe(self, machine: Machine, halves: dict[str, str]) -> list[Arrival]:
        """Take in what is there now; returns the Edge TPUs that appeared since the last time."""
        present = [tpu.id for tpu in machine.edge_tpus]
        known = {current: first for first, current in self.now.items() if current is not None}
        for current, first in known.items():
            if current not in present:
                self.now[first] = None
                self._last[first] = current
                self._away.append(first)
        arrived = [name for name in present if name not in known]
        # Those that came back to their own sockets first: what is left over must be the others.
        arrived.sort(key=lambda name: self._at_home(name, halves) is None)
        return [self._take(name, halves) for name in arrived]

    def first_of(self, current: str) -> str:
        """The name by which an Edge TPU is remembered; its own id if it never moved."""
        return next((first for first, where in self.now.items() if where == current), current)

    def _at_home(self, name: str, halves: dict[str, str]) -> str | None:
        return next((first for first in self._away if self._last[first] in (name, halves.get(name))), None)

    def _take(self, name: str, halves: dict[str, str]) -> Arrival:
        first = self._at_home(name, halves)
        surely = first is not None or len(self._away) == 1
        if first is None and self._away and not _is_pci(name):
            first = next((each for each in reversed(self._away) if not _is_pci(each)), None)
        if first is None:
            self.now[self._free_name(name)] = name
            return Arrival(name, None, surely=True)
        self._away.remove(first)
        self.now[first] = name
        return Arrival(name, self._last[first], surely)

    def _free_name(self, name: str) -> str:
        """A new one may appear where one that moved away was first seen."""
        while name in self.now:
            name += "'"
        return name


def _is_pci(name: str) -> bool:
    return ":" in name
