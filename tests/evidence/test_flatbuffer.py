"""Reading flatbuffers with every step checked."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.flatbuffer import TEXT_LIMIT_BYTES, Budget, DamagedError, Part, Schema, Table, Verifier
from tests.support.mk_compiled import Writer

NUMBERS: dict[str, tuple[str, int]] = {
    "b": ("i8", -5),
    "h": ("i16", -300),
    "i": ("i32", -70_000),
    "I": ("u32", 1 << 31),
}


def root(data: bytes, parts: int = 10_000) -> Table:
    """The root table of a buffer."""
    return Table.root(memoryview(data), Budget(parts))


def written(fill: Callable[[Writer], dict[int, tuple[str, Any]]]) -> bytes:
    """A buffer whose root has the fields that ``fill`` gives."""
    writer = Writer()
    return writer.done(writer.table(fill(writer)))


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers(form: str) -> None:
    """A number of each width is read with its sign."""
    kind, value = NUMBERS[form]
    assert value == root(written(lambda _: {3: (kind, value)})).number(3, form)


def test_wide_numbers() -> None:
    """64 bits, signed and not, and truth values."""
    table = root(written(lambda _: {0: ("u64", (1 << 64) - 1), 1: ("i64", -1), 2: ("bool", True)}))
    assert ((1 << 64) - 1, -1, 1) == (table.number(0, "Q"), table.number(1, "q"), table.number(2, "?"))


def test_what_a_table_does_not_have() -> None:
    """A field that is left out has its default; the others are empty or ``None``."""
    table = root(written(lambda _: {0: ("i32", 1)}))
    assert (7, 0) == (table.number(9, default=7), table.number(5))
    assert (None, None, None, None) == (table.table(9), table.text(9), table.data(9), table.vector(9, 4))
    assert ([], [], (), 0) == (table.tables(9), table.blobs(9), table.numbers(9), table.count(9))


def test_texts() -> None:
    """A string is UTF-8; what is none is replaced, and a long one is cut."""
    table = root(
        written(
            lambda writer: {
                0: ("off", writer.text("Übung")),
                1: ("off", writer.text(b"\xff")),
                2: ("off", writer.text("x" * 1000)),
                3: ("off", writer.text("")),
            }
        )
    )
    assert ("Übung", "\ufffd", "x" * TEXT_LIMIT_BYTES, "") == tuple(table.text(field) for field in range(4))


def test_vectors() -> None:
    """Vectors of bytes, numbers, tables and strings keep their order."""

    def fill(writer: Writer) -> dict[int, tuple[str, Any]]:
        inner = [writer.table({0: ("i32", number)}) for number in (4, 5, 6)]
        return {
            0: ("off", writer.data(b"\0\1\2")),
            1: ("off", writer.numbers([1, -2, 3])),
            2: ("off", writer.offsets(inner)),
            3: ("off", writer.offsets([writer.text(b"a\0b"), writer.text(b"")])),
            4: ("off", inner[1]),
        }

    table = root(written(fill))
    data, inner = table.data(0), table.table(4)
    assert data is not None
    assert inner is not None
    assert (b"\0\1\2", (1, -2, 3), 3) == (bytes(data), table.numbers(1), table.count(2))
    assert [4, 5, 6] == [each.number(0) for each in table.tables(2)]
    assert [b"a\0b", b""] == [bytes(each) for each in table.blobs(3)]
    assert 5 == inner.number(0)


SAMPLE = written(
    lambda writer: {
        0: ("off", writer.text("name")),
        1: ("off", writer.numbers([1, 2])),
        2: ("off", writer.offsets([writer.table({0: ("off", writer.text("inner"))})])),
        3: ("i32", 9),
    }
)
SCHEMA = Schema(
    tables={
        "Root": {0: Part("string"), 1: Part("vector", width=4), 2: Part("tables", "Inner")},
        "Inner": {0: Part("string")},
    }
)


def walk(data: bytes) -> None:
    """Everything of ``SAMPLE``, checked and then read."""
    budget = Budget(len(data))
    table = Table.root(memoryview(data), budget)
    Verifier(SCHEMA, budget).verify(table, "Root")
    table.text(0)
    table.numbers(1)
    for inner in table.tables(2):
        inner.text(0)
    table.number(3)


def test_the_sample_is_sound() -> None:
    """The buffer that the tests below damage is a good one."""
    walk(SAMPLE)


@pytest.mark.parametrize("length", range(len(SAMPLE.rstrip(b"\0")) + 1))
def test_cut_off(length: int) -> None:
    """Every byte of this buffer is needed, but the padding behind the zero that ends its last text."""
    with pytest.raises(DamagedError):
        walk(SAMPLE[:length])


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=6))
def test_damage(changes: list[tuple[int, int]]) -> None:
    """Any changed bytes give values or ``DamagedError``."""
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place] = value
    with suppress(DamagedError):
        walk(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """So do any bytes at all."""
    with suppress(DamagedError):
        walk(data)


@pytest.mark.parametrize("value", [0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("place", range(0, len(SAMPLE) - 3, 4))
def test_extreme_words(place: int, value: int) -> None:
    """No offset and no length, however large, leads out of the buffer."""
    data = bytearray(SAMPLE)
    struct.pack_into("<I", data, place, value)
    with suppress(DamagedError):
        walk(bytes(data))


def test_a_field_outside_its_table() -> None:
    """A vtable that puts a field behind the table's end is refused."""
    data = bytearray(SAMPLE)
    (start,) = struct.unpack_from("<I", data, 0)
    (back,) = struct.unpack_from("<i", data, start)
    struct.pack_into("<H", data, start - back + 4, 0x7FFF)
    with pytest.raises(DamagedError, match="outside it"):
        root(bytes(data))


def test_a_wide_field_at_the_end_of_its_table() -> None:
    """A field that begins in its table but ends behind it is refused where it is read."""
    data = written(lambda _: {0: ("i8", 1)})
    with pytest.raises(DamagedError, match="outside it"):
        root(data).number(0, "Q")


def test_parts_begin_at_multiples_of_four() -> None:
    """A root at an odd place is no table."""
    data = bytearray(SAMPLE)
    struct.pack_into("<I", data, 0, struct.unpack_from("<I", data, 0)[0] + 1)
    with pytest.raises(DamagedError, match="none can begin"):
        root(bytes(data))


def test_a_text_without_its_zero() -> None:
    """The zero behind a string is asked for, as the runtimes ask for it."""
    data = written(lambda writer: {0: ("off", writer.text("abcd"))})
    place = data.index(b"abcd\0") + 4
    with pytest.raises(DamagedError, match="does not end"):
        root(data[:place] + b"x" + data[place + 1 :]).text(0)


def repeated(count: int) -> bytes:
    """A buffer whose root names the same table ``count`` times, which names its own child as often."""
    writer = Writer()
    leaf = writer.table({0: ("i32", 1)})
    branch = writer.table({0: ("off", writer.offsets([leaf] * count))})
    return writer.done(writer.table({0: ("off", writer.offsets([branch] * count))}))


def test_parts_that_are_named_again_and_again() -> None:
    """Reading stops long before the square of what the file names."""
    data = repeated(300)
    budget = Budget(len(data))
    branches = Table.root(memoryview(data), budget).tables(0)
    with pytest.raises(DamagedError, match="over and over"):
        sum(leaf.number(0) for branch in branches for leaf in branch.tables(0))


def test_the_walk_looks_at_each_part_once() -> None:
    """The walk itself does not stop at them: what was looked at need not be looked at again."""
    data = repeated(300)
    schema = Schema(tables={"Root": {0: Part("tables", "Branch")}, "Branch": {0: Part("tables", "Leaf")}, "Leaf": {}})
    budget = Budget(len(data))
    Verifier(schema, budget).verify(Table.root(memoryview(data), budget), "Root")


def union(kind: int) -> bytes:
    """A buffer with a union of a type, whose value is a table with a text."""

    def fill(writer: Writer) -> dict[int, tuple[str, Any]]:
        return {0: ("u8", kind), 1: ("off", writer.table({0: ("off", writer.text("inside"))}))}

    return written(fill)


@pytest.mark.parametrize(("kind", "is_walked"), [(1, True), (2, False), (0, False)])
def test_unions(kind: int, is_walked: bool) -> None:
    """A union's type says what its value is; nothing is taken for granted of a type that is not known."""
    schema = Schema(tables={"Root": {1: Part("union", "U")}, "A": {0: Part("string")}}, unions={"U": {1: "A"}})
    data = union(kind).replace(b"inside\0", b"inside!")
    budget = Budget(1000)
    table = Table.root(memoryview(data), budget)
    if is_walked:
        with pytest.raises(DamagedError, match="does not end"):
            Verifier(schema, budget).verify(table, "Root")
    else:
        Verifier(schema, budget).verify(table, "Root")


@pytest.mark.parametrize("kind", ["table", "strings"])
def test_inner_parts_are_walked(kind: str) -> None:
    """Tables, and vectors of strings, are gone into."""

    def fill(writer: Writer) -> dict[int, tuple[str, Any]]:
        text = writer.text("inside")
        return {0: ("off", writer.table({0: ("off", text)}) if kind == "table" else writer.offsets([text]))}

    part = Part("table", "A") if kind == "table" else Part("strings")
    schema = Schema(tables={"Root": {0: part}, "A": {0: Part("string")}})
    data = written(fill)
    for content, sound in ((data, True), (data.replace(b"inside\0", b"inside!"), False)):
        budget = Budget(1000)
        table = Table.root(memoryview(content), budget)
        if sound:
            Verifier(schema, budget).verify(table, "Root")
        else:
            with pytest.raises(DamagedError):
                Verifier(schema, budget).verify(table, "Root")
