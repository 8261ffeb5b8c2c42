"""FlexBuffers, as far as an ``edgetpu-custom-op`` needs them: a map with strings, numbers and vectors as values.

Format: https://flatbuffers.dev/flexbuffers. It is read from its end: the last byte is the width of the root, the byte
before it the root's type (low two bits: the width of what it refers to).
"""

from __future__ import annotations

from typing import NamedTuple

from etpu_doctor.evidence.flatbuffer import Budget, DamagedError

_MAP, _STRING, _BLOB, _KEY_LIMIT_BYTES = 9, 5, 25, 16
_VECTORS = frozenset({10, 11, 12, 13, 14, 15, 36})
"""A vector, and vectors of one type that count their elements."""


class Value(NamedTuple):
    """A value of a map: its place, its type, and the width of what it refers to."""

    data: memoryview
    place: int
    type: int
    slot_width: int
    width: int

    def bytes(self) -> memoryview:
        """The bytes of a string or a blob. Raises ``DamagedError``."""
        if self.type not in (_STRING, _BLOB):
            raise DamagedError("the compiled part is not where it should be")
        start, size = self._sized()
        return self.data[start : start + size]

    def length(self) -> int:
        """How many elements a vector has, 0 for what is none. Raises ``DamagedError``."""
        return self._sized()[1] if self.type in _VECTORS else 0

    def _sized(self) -> tuple[int, int]:
        start = self.place - _number(self.data, self.place, self.slot_width)
        size = _number(self.data, start - self.width, self.width)
        # Elements take a byte each at least, so that this bounds all of them.
        if start + size > len(self.data):
            raise DamagedError(f"what should be at byte {start} lies outside its {len(self.data)} bytes")
        return start, size


def read_map(data: memoryview, budget: Budget) -> dict[bytes, Value]:
    """The values of the map that the buffer is, by their keys. Raises ``DamagedError``."""
    if len(data) < 3:
        raise DamagedError("the compiled operator is empty")
    root_width, packed = data[-1], data[-2]
    if root_width not in (1, 2, 4, 8) or packed >> 2 != _MAP:
        raise DamagedError("the compiled operator's options are no map")
    place = len(data) - 2 - root_width
    return _map(data, place - _number(data, place, root_width), 1 << (packed & 3), budget)


def _map(data: memoryview, start: int, width: int, budget: Budget) -> dict[bytes, Value]:
    """Before a map's values stand the distance back to its keys, their width, and how many there are."""
    count = _number(data, start - width, width)
    keys = start - 3 * width - _number(data, start - 3 * width, width)
    key_width = _number(data, start - 2 * width, width)
    types = start + count * width
    if key_width not in (1, 2, 4, 8) or types + count > len(data) or keys + count * key_width > len(data):
        raise DamagedError("the compiled operator's options lie outside it")
    budget.spend(count)
    return {
        _key(data, keys + index * key_width, key_width): Value(
            data, start + index * width, data[types + index] >> 2, width, 1 << (data[types + index] & 3)
        )
        for index in range(count)
    }


def _key(data: memoryview, place: int, width: int) -> bytes:
    start = place - _number(data, place, width)
    if start < 0:
        raise DamagedError("the compiled operator's options lie outside it")
    return bytes(data[start : start + _KEY_LIMIT_BYTES]).partition(b"\0")[0]


def _number(data: memoryview, place: int, width: int) -> int:
    if place < 0 or place + width > len(data):
        raise DamagedError(f"what should be at byte {place} lies outside its {len(data)} bytes")
    return int.from_bytes(data[place : place + width], "little")
