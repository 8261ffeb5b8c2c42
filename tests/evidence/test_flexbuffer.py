"""Reading the FlexBuffer map of a compiled operator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flatbuffers import flexbuffers  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.flatbuffer import Budget, DamagedError
from etpu_doctor.evidence.flexbuffer import Value, read_map
from tests.support.mk_compiled import custom_options


def values(data: bytes, parts: int = 1000) -> dict[bytes, Value]:
    """The values of a map."""
    return read_map(memoryview(data), Budget(parts))


def written(fill: Callable[[Any], None]) -> bytes:
    """A map that Google's own writer makes."""
    builder = flexbuffers.Builder()
    with builder.Map():
        fill(builder)
    return bytes(builder.Finish())


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536])
def test_the_package_is_found(size: int) -> None:
    """Content of every size comes back, whatever width its offsets have."""
    content = bytes(index & 0xFF for index in range(size))
    assert content == bytes(values(custom_options(content))[b"4"].bytes())


def test_the_keys() -> None:
    """Those of an operator as the compiler writes it."""
    assert {b"1", b"4", b"5", b"6", b"7"} == set(values(custom_options(b"x")))


@pytest.mark.parametrize("more", [0, 1, 3])
def test_packages_for_further_chips_are_counted(more: int) -> None:
    """The vector of further packages tells its length; the one of chips has one more."""
    found = values(custom_options(b"x" * 300, more=more))
    assert (more, more + 1) == (found[b"7"].length(), found[b"6"].length())


def test_a_blob_is_as_good_as_a_string() -> None:
    """Both hold bytes."""

    def fill(builder: Any) -> None:
        builder.Blob("4", b"\0\1\2")

    assert b"\0\1\2" == bytes(values(written(fill))[b"4"].bytes())


def test_what_has_no_bytes() -> None:
    """A number has neither bytes nor elements."""

    def fill(builder: Any) -> None:
        builder.Int("4", 7)

    value = values(written(fill))[b"4"]
    assert 0 == value.length()
    with pytest.raises(DamagedError):
        value.bytes()


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0", b"\1\4\1", b"\0\x24\3", b"\xff\x24\1", bytes(20) + b"\0\x24\1", b"\5\x24\1"]
)
def test_what_is_no_map(data: bytes) -> None:
    """Too short, another type, another width, and offsets that lead out of it."""
    with pytest.raises(DamagedError):
        values(data)


def test_a_string_that_is_longer_than_the_rest() -> None:
    """Bytes that lie behind the end are not simply left out."""
    data = bytearray(custom_options(b"xyz"))
    place = data.index(b"xyz") - 1
    assert 3 == data[place]
    data[place] = 200
    with pytest.raises(DamagedError, match="outside"):
        values(bytes(data))[b"4"].bytes()


SAMPLE = custom_options(b"package" * 5)


def walk(data: bytes) -> None:
    """Everything that the reader of a package asks for."""
    found = values(data)
    for value in found.values():
        value.length()
    if b"4" in found:
        found[b"4"].bytes()


@pytest.mark.parametrize("length", range(len(SAMPLE)))
def test_cut_off(length: int) -> None:
    """It is read from its end, so that hardly a cut one can be read at all; none leads out of it."""
    with suppress(DamagedError):
        walk(SAMPLE[:length])


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=6))
def test_damage(changes: list[tuple[int, int]]) -> None:
    """Any changed bytes give values or ``DamagedError``."""
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place] = value
    with suppress(DamagedError):
        walk(bytes(data))


@given(st.binary(max_size=100), st.integers(0, 3), st.sampled_from([1, 2, 4, 8]))
def test_any_bytes(data: bytes, width: int, root_width: int) -> None:
    """So do any bytes that claim to be a map."""
    with suppress(DamagedError):
        walk(data + bytes([9 << 2 | width, root_width]))


def test_many_keys_cost_their_number() -> None:
    """A map cannot hold more than its budget allows."""

    def fill(builder: Any) -> None:
        for index in range(50):
            builder.Int(f"k{index:03}", index)

    data = written(fill)
    assert 50 == len(values(data))
    with pytest.raises(DamagedError, match="over and over"):
        values(data, parts=49)
