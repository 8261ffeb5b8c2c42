"""Where the entries of one bus of ``lsusb -t`` belong in its tree.

The listing says who is below whom by indentation only, which is what pasting destroys first. If the indentation holds
together it is believed; if not, every tree that the rest of the listing allows is looked at. What it allows: a parent
is a hub, a port number is at most the hub's number of ports, ``lsusb -t`` prints siblings in ascending order of their
ports (usbutils ``lsusb-t.c``, ``sort_dev_siblings``), and nothing is faster than the hub above it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_UNIT = 4
"""Columns a level, as ``lsusb -t`` prints it."""

_UNITS = (2, 4, 8)
# The USB specification allows seven tiers, the root hub included; one level more is let through.
_SEARCH_LEVELS = 7
# Crafted input may be nested without end; nothing that deep can be a USB device.
_MAX_LEVELS = 16
_BEAM_WIDTH = 32
_SUPERSPEED_MBPS = 5000

# Lower cost, better tree; a tree is never thought certain because of its cost.
_COST_OF_A_LEVEL = 2
_COST_OF_AN_EMPTY_HUB = 1


class Item(NamedTuple):
    """What an entry tells of its place.

    ``indent`` in columns; ``hub`` is true also where the entry was cut before it said what it is; ``ports`` is ``None``
    where the number of ports is not known.
    """

    indent: int
    port: int
    hub: bool
    ports: int | None
    speed_mbps: float | None


_UNKNOWN = Item(indent=0, port=0, hub=True, ports=None, speed_mbps=None)


class Place(NamedTuple):
    """Where an entry belongs: ``chain`` is ``None`` if not known; ``why`` tells why the entry was set aside."""

    chain: tuple[int, ...] | None = None
    certain: bool = True
    why: str | None = None


class _State:
    """One way to read the entries so far: ``path`` holds the indices from below the root down to the last entry."""

    __slots__ = ("best", "cost", "path", "previous")

    def __init__(self, path: tuple[int, ...], cost: int, best: _State | None) -> None:
        self.path = path
        self.cost = cost
        self.best = best
        self.previous: list[_State] = [] if best is None else [best]


def indent_unit(items: Sequence[Item]) -> int | None:
    """Columns a level in these entries; ``None`` if all are at the same level."""
    base = items[0].indent if items else 0
    return min((item.indent - base for item in items if item.indent > base), default=None)


def place(items: Sequence[Item], root: Item, unit: int = USUAL_UNIT) -> list[Place]:
    """Places of the entries below a root hub, in their order; ``unit`` is taken where they do not show one."""
    if not items:
        return []
    step = indent_unit(items) or unit
    shift = items[0].indent - root.indent - step
    # Shifted by whole levels, or deeper than one level below a hub: a line may have been cut out, and then no tree
    # of the remaining ones is right.
    doubt = (shift > 0 and shift % step == 0) or _has_gap(items, step)
    places = _read_strictly(items, root, items[0].indent, step) if shift >= 0 and step in _UNITS else None
    if places is None:
        places = _Search(items, root).places()
    return [spot._replace(certain=False) for spot in places] if doubt else places


def place_without_root(items: Sequence[Item]) -> list[Place]:
    """Places of entries without their root line: known where the indentation is whole and no ancestor is missing."""
    places = _read_strictly(items, None, USUAL_UNIT, USUAL_UNIT)
    return [Place()] * len(items) if places is None else places


def _has_gap(items: Sequence[Item], step: int) -> bool:
    """Whether an entry is deeper than the one before without being one level below a hub."""
    return any(
        below.indent > above.indent and (below.indent - above.indent != step or not above.hub)
        for above, below in pairwise(items)
    )


def _read_strictly(items: Sequence[Item], root: Item | None, base: int, step: int) -> list[Place] | None:
    """Places by indentation alone, ``None`` if it contradicts itself or the order of ports.

    Without a root, ancestors may be missing; with one, no level may be left out.
    """
    top = (root or _UNKNOWN, Place(()))
    path: list[tuple[Item, Place]] = []
    places: list[Place] = []
    for item in items:
        level, rest = divmod(item.indent - base, step)
        if rest or level < 0 or (root and level > len(path)):
            return None
        path.extend([(_UNKNOWN, Place())] * (level - len(path)))
        parent, above = path[level - 1] if level else top
        if not parent.hub or (level < len(path) and item.port <= path[level][0].port):
            return None
        place_here = _place_below(parent, above, item, level)
        path[level:] = [(item, place_here)]
        places.append(place_here)
    return places


def _place_below(parent: Item, above: Place, item: Item, level: int) -> Place:
    """The place of an entry below a parent, whose own place is ``above``."""
    if level >= _MAX_LEVELS:
        return Place(why=f"nested deeper than {_MAX_LEVELS} hubs")
    if above.why:
        return Place(why="below an entry that was set aside")
    if not _has_port(parent, item.port):
        return Place(why=_refusal(parent, item))
    return Place(None if above.chain is None else (*above.chain, item.port))


def _has_port(hub: Item, port: int) -> bool:
    """Whether a hub has such a port, as far as its number of ports is known."""
    return port >= 1 and (hub.ports is None or port <= hub.ports)


def _refusal(parent: Item, item: Item) -> str:
    """Why an entry cannot be where it seems to belong."""
    if parent.hub and not _has_port(parent, item.port):
        return f"port {item.port} on a hub with {parent.ports} ports" if item.port else "ports count from 1"
    return f"port {item.port} does not fit below any hub above it"


def _can_hold(parent: Item, item: Item) -> bool:
    """Whether an entry can be connected to a parent: a USB 3 bus carries SuperSpeed only, and no hop speeds up."""
    if not parent.hub or not _has_port(parent, item.port):
        return False
    if parent.speed_mbps is None or item.speed_mbps is None:
        return True
    slow = parent.speed_mbps >= _SUPERSPEED_MBPS > item.speed_mbps
    return item.speed_mbps <= parent.speed_mbps and not slow


class _Search:
    """All trees that the entries allow, however they are indented; the indentation only says which one is best.

    A place is certain if it is the same in every tree. The states after an entry are the chains it can have, so the
    trees form a lattice: one pass forward builds it, one pass back drops the states that lead nowhere.
    """

    def __init__(self, items: Sequence[Item], root: Item) -> None:
        self._items = items
        self._root = root
        # Where all entries start in the same column, the column says nothing.
        self._level_cost = _COST_OF_A_LEVEL if len({item.indent for item in items}) > 1 else 0
        self._placed: list[int] = []
        self._refused: dict[int, Place] = {}
        # Trees were left out, or an entry was: what remains alone proves nothing.
        self._incomplete = False

    def places(self) -> list[Place]:
        """The best place of every entry."""
        states = self._forward()
        found = dict(self._refused)
        best = min(states, key=_cost_of)
        for index in reversed(self._placed):
            certain = len(states) == 1 and not self._incomplete
            found[index] = Place(tuple(self._items[step].port for step in best.path), certain)
            best = best.best or best
            states = list({id(state): state for alive in states for state in alive.previous}.values())
        return [found[index] for index in range(len(self._items))]

    def _forward(self) -> list[_State]:
        """All states after the last entry. An entry that fits nowhere is left out."""
        states = [_State((), 0, None)]
        for index, item in enumerate(self._items):
            following = self._advance(states, index, item)
            if not following:
                self._incomplete = True
                self._refused[index] = Place(why=self._reason(min(states, key=_cost_of), item))
                continue
            self._incomplete |= len(following) > _BEAM_WIDTH
            states = sorted(following, key=_cost_of)[:_BEAM_WIDTH]
            self._placed.append(index)
        return states

    def _advance(self, states: list[_State], index: int, item: Item) -> list[_State]:
        """The states after one more entry; those that agree on the chain are one."""
        found: dict[tuple[int, ...], _State] = {}
        for state in states:
            expected = self._expected_level(state.path, item)
            for level in self._possible_levels(state.path, item):
                path = (*state.path[:level], index)
                cost = state.cost + self._level_cost * abs(level - expected) + self._emptiness(state.path, level)
                known = found.get(path)
                if known is None:
                    found[path] = _State(path, cost, state)
                    continue
                known.previous.append(state)
                if cost < known.cost:
                    known.cost, known.best = cost, state
        return list(found.values())

    def _possible_levels(self, path: tuple[int, ...], item: Item) -> list[int]:
        """Where the entry can be: below the root (0) or below a hub on the path, after the child printed before it."""
        return [
            level
            for level in range(min(len(path) + 1, _SEARCH_LEVELS))
            if _can_hold(self._parent(path, level), item)
            and (level == len(path) or item.port > self._items[path[level]].port)
        ]

    def _parent(self, path: tuple[int, ...], level: int) -> Item:
        return self._items[path[level - 1]] if level else self._root

    def _expected_level(self, path: tuple[int, ...], item: Item) -> int:
        """The level that the indentation tells: beside the last entry as deep, or below the last one less deep."""
        for level in range(len(path) - 1, -1, -1):
            indent = self._items[path[level]].indent
            if indent <= item.indent:
                return level if indent == item.indent else level + 1
        return 0

    def _emptiness(self, path: tuple[int, ...], level: int) -> int:
        """A hub is seldom without children, so leaving one so costs a little."""
        return _COST_OF_AN_EMPTY_HUB if level < len(path) and self._items[path[-1]].hub else 0

    def _reason(self, state: _State, item: Item) -> str:
        """Why an entry fits nowhere, seen from where its indentation puts it."""
        return _refusal(self._parent(state.path, self._expected_level(state.path, item)), item)


def _cost_of(state: _State) -> int:
    return state.cost
