"""The header of an ELF file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.elf import HEADER_BYTES, Elf, read_elf
from tests.support.elf import GLIBC, MACHINES, MUSL, elf


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big", [False, True])
def test_machine_and_width(machine: str, bits: int, big: bool) -> None:
    """Both word sizes and both byte orders are read."""
    assert Elf(machine, bits, None) == read_elf(elf(machine, bits=bits, big=big))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("loader", "libc"), [(GLIBC, "glibc"), (MUSL, "musl")])
def test_the_loader_tells_the_c_library(bits: int, big: bool, loader: str, libc: str) -> None:
    """A program names its loader, which belongs to glibc or musl."""
    found = read_elf(elf(bits=bits, big=big, loader=loader))
    assert found is not None
    assert (loader, libc) == (found.loader, found.libc)


def test_a_library_names_no_loader() -> None:
    """Which C library a shared library was built with is not known from this."""
    found = read_elf(elf())
    assert found is not None
    assert found.libc is None


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, elf()[:51], b"\x7fELF\x03" + bytes(80)])
def test_what_is_no_elf_file(content: bytes) -> None:
    """Short, empty and other files are none."""
    assert read_elf(content) is None


def test_an_unknown_byte_order_is_none() -> None:
    """A byte order that ELF does not know makes the rest unreadable."""
    content = bytearray(elf())
    content[5] = 9
    assert read_elf(bytes(content)) is None


def test_a_machine_without_a_name_keeps_its_number() -> None:
    """A processor that is not in the table is still told from others."""
    content = bytearray(elf())
    content[18:20] = (258).to_bytes(2, "little")
    found = read_elf(bytes(content))
    assert found is not None
    assert "machine 258" == found.machine


def test_program_headers_beyond_the_bytes_read() -> None:
    """A program header table that lies elsewhere gives no loader and no fault."""
    content = bytearray(elf(loader=GLIBC))
    content[32:40] = (1 << 40).to_bytes(8, "little")
    found = read_elf(bytes(content))
    assert found is not None
    assert found.loader is None


def test_program_headers_of_no_size() -> None:
    """A table whose entries are said to have no size ends."""
    content = bytearray(elf(loader=GLIBC))
    content[54:56] = bytes(2)
    assert read_elf(bytes(content)) is not None


def test_this_interpreter() -> None:
    """The start of a real program suffices."""
    with Path("/proc/self/exe").open("rb") as handle:
        found = read_elf(handle.read(HEADER_BYTES))
    assert found is not None
    assert found.bits in (32, 64)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(content: bytes, magic: bool) -> None:
    """No bytes make it raise."""
    read_elf(b"\x7fELF\x02\x01" + content if magic else content)


@given(st.data())
def test_damage(data: st.DataObject) -> None:
    """A damaged header gives a header or none."""
    content = bytearray(elf(loader=GLIBC))
    for place in data.draw(st.lists(st.integers(6, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    found = read_elf(bytes(content))
    assert found is None or found.bits == 64
