"""FlatBuffers, read with every step checked: any bytes give values or ``DamagedError``, in linear time.

The ``flatbuffers`` package is no help here: it checks no bounds, and it imports NumPy where that is installed.

Format: https://flatbuffers.dev/internals. Everything is little-endian and aligned; a table begins with the distance
back to its vtable, which holds where in the table each field is; strings, vectors and tables are referred to by their
distance ahead.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

TEXT_LIMIT_BYTES = 256
"""Names beyond this are cut: no sound file has them, and a damaged one must not fill the memory."""

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")


class DamagedError(Exception):
    """Bytes that cannot be what they claim to be; the text says where."""


class Budget:
    """How many parts may be looked at.

    Every part of a sound file has bytes of its own, so that its size bounds them; in a damaged one, parts may lie on
    top of each other and refer to the same ones over and over.
    """

    def __init__(self, parts: int) -> None:
        self._left = parts

    def spend(self, parts: int = 1) -> None:
        """Take parts off. Raises ``DamagedError`` if there are not so many left."""
        self._left -= parts
        if self._left < 0:
            raise DamagedError("it has too many parts, or they refer to one another over and over")


class Table:
    """One table. Its methods take a field's number and raise ``DamagedError`` for what does not lie in the file."""

    def __init__(self, data: memoryview, position: int, budget: Budget) -> None:
        budget.spend()
        self._data, self._budget = data, budget
        self.position = _aligned(position)
        distance: int = _number(data, _I32, position)
        vtable = position - distance
        length = _number(data, _U16, vtable)
        self._size = _number(data, _U16, vtable + 2)
        if vtable % 2 or length % 2 or length < 4 or self._size < 4:
            raise DamagedError(f"no table at byte {position}")
        _inside(data, position, self._size)
        _inside(data, vtable, length)
        self._fields: tuple[int, ...] = struct.unpack_from(f"<{length // 2 - 2}H", data, vtable + 4)
        if self._fields and max(self._fields) >= self._size:
            raise DamagedError(f"a field of the table at byte {position} lies outside it")

    @classmethod
    def root(cls, data: memoryview, budget: Budget) -> Table:
        """The table that the whole buffer is."""
        return cls(data, _number(data, _U32, 0), budget)

    def _place(self, field: int, size: int) -> int | None:
        """Where a field of a size lies; ``None`` if the table does not have it."""
        offset = self._fields[field] if field < len(self._fields) else 0
        if not offset:
            return None
        if offset + size > self._size:
            raise DamagedError(f"a field of the table at byte {self.position} lies outside it")
        return self.position + offset

    def number(self, field: int, form: str = "i", default: int = 0) -> int:
        """A number; ``form`` is its letter in ``struct``."""
        place = self._place(field, struct.calcsize(f"<{form}"))
        if place is None:
            return default
        (value,) = struct.unpack_from(f"<{form}", self._data, place)
        return int(value)

    def _target(self, field: int) -> int | None:
        place = self._place(field, 4)
        return None if place is None else _target(self._data, place)

    def table(self, field: int) -> Table | None:
        """A table."""
        target = self._target(field)
        return None if target is None else Table(self._data, target, self._budget)

    def vector(self, field: int, width: int) -> tuple[int, int] | None:
        """Where the elements of a vector begin, and how many there are; each takes ``width`` bytes."""
        target = self._target(field)
        return None if target is None else _vector(self._data, target, width)

    def count(self, field: int) -> int:
        """How many tables or strings a vector has, 0 if there is none."""
        found = self.vector(field, 4)
        return 0 if found is None else found[1]

    def data(self, field: int) -> memoryview | None:
        """A vector of bytes."""
        found = self.vector(field, 1)
        return None if found is None else self._data[found[0] : found[0] + found[1]]

    def numbers(self, field: int) -> tuple[int, ...]:
        """A vector of 32-bit integers; empty if there is none."""
        found = self.vector(field, 4)
        if found is None:
            return ()
        self._budget.spend(found[1])
        return struct.unpack_from(f"<{found[1]}i", self._data, found[0])

    def text(self, field: int) -> str | None:
        """A string, its faults replaced, cut at ``TEXT_LIMIT_BYTES``."""
        target = self._target(field)
        if target is None:
            return None
        start, length = _string(self._data, target)
        length = min(length, TEXT_LIMIT_BYTES)
        self._budget.spend(1 + length // 4)
        return str(self._data[start : start + length], "utf-8", "replace")

    def _targets(self, field: int) -> Iterator[int]:
        start, count = self.vector(field, 4) or (0, 0)
        self._budget.spend(count)
        return (_target(self._data, place) for place in range(start, start + 4 * count, 4))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty if there is none."""
        return [Table(self._data, target, self._budget) for target in self._targets(field)]

    def blobs(self, field: int) -> list[memoryview]:
        """A vector of strings that hold any bytes; empty if there is none."""
        places = [_string(self._data, target) for target in self._targets(field)]
        return [self._data[start : start + length] for start, length in places]


class Part(NamedTuple):
    """What a field of a table is.

    ``name`` is that of the table or the union, ``width`` that of a vector's elements. The number of a union's field is
    that of its value; the field before it says which table that is.
    """

    kind: Literal["string", "strings", "vector", "table", "tables", "union"]
    name: str = ""
    width: int = 1


class Schema(NamedTuple):
    """The fields of each table that lead to other places, and the tables that a union's types stand for."""

    tables: Mapping[str, Mapping[int, Part]]
    unions: Mapping[str, Mapping[int, str]] = {}


class Verifier:
    """Walks through everything that a buffer's root leads to, so that a program that trusts its file may have it."""

    def __init__(self, schema: Schema, budget: Budget) -> None:
        self._schema, self._budget = schema, budget
        self._seen: set[tuple[int, str]] = set()

    def verify(self, table: Table, name: str) -> None:
        """Raises ``DamagedError`` at the first part that does not lie in the buffer."""
        if not self._is_new(table.position, name):
            return
        for field, part in self._schema.tables[name].items():
            self._field(table, field, part)

    def _is_new(self, position: int, name: str) -> bool:
        """Whether this part has not been walked through; tables and vectors may have several that refer to them."""
        key = (position, name)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _field(self, table: Table, field: int, part: Part) -> None:
        if part.kind == "string":
            table.text(field)
        elif part.kind == "vector":
            table.vector(field, part.width)
        elif part.kind == "table":
            self._table(table, field, part.name)
        elif part.kind == "union":
            name = self._schema.unions[part.name].get(table.number(field - 1, "B"))
            self._table(table, field, name)
        else:
            self._vector(table, field, part)

    def _table(self, table: Table, field: int, name: str | None) -> None:
        """A table; nothing is known of one without a name."""
        inner = table.table(field) if name is not None else None
        if inner is not None and name is not None:
            self.verify(inner, name)

    def _vector(self, table: Table, field: int, part: Part) -> None:
        found = table.vector(field, 4)
        if found is None or not self._is_new(found[0], f"{part.kind} {part.name}"):
            return
        if part.kind == "strings":
            table.blobs(field)
            return
        for inner in table.tables(field):
            self.verify(inner, part.name)


def _inside(data: memoryview, start: int, size: int) -> None:
    if start < 0 or start + size > len(data):
        raise DamagedError(f"what should be at byte {start} lies outside its {len(data)} bytes")


def _aligned(position: int) -> int:
    if position % 4:
        raise DamagedError(f"a part at byte {position}, where none can begin")
    return position


def _number(data: memoryview, form: struct.Struct, position: int) -> int:
    _inside(data, position, form.size)
    (value,) = form.unpack_from(data, position)
    return int(value)


def _target(data: memoryview, place: int) -> int:
    """Where the distance at a place leads to."""
    return place + _number(data, _U32, place)


def _vector(data: memoryview, position: int, width: int) -> tuple[int, int]:
    count = _number(data, _U32, _aligned(position))
    _inside(data, position + 4, count * width)
    return position + 4, count


def _string(data: memoryview, position: int) -> tuple[int, int]:
    """Where a string's bytes begin, and how many there are; a zero follows them."""
    start, length = _vector(data, position, 1)
    _inside(data, start, length + 1)
    if data[start + length]:
        raise DamagedError(f"the text at byte {start} does not end where it should")
    return start, length
