"""The header of an ELF file: for which processor it is, and which loader it asks for (System V ABI, ``elf(5)``)."""

from __future__ import annotations

from typing import Literal, NamedTuple

HEADER_BYTES = 4096
"""Enough of a file: linkers put the program headers and the loader's name right behind the ELF header."""

_MACHINES = {3: "i386", 8: "mips", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}
_BITS = {1: 32, 2: 64}
_ORDERS: dict[int, Literal["little", "big"]] = {1: "little", 2: "big"}
_INTERP = 3


class Elf(NamedTuple):
    """``machine`` as ``uname -m`` names it (``arm`` for all 32-bit ARM); ``loader`` is ``None`` for a library."""

    machine: str
    bits: int
    loader: str | None = None

    @property
    def libc(self) -> Literal["glibc", "musl"] | None:
        """The C library that the loader belongs to."""
        if self.loader is None:
            return None
        return "musl" if "ld-musl" in self.loader else "glibc"


def read_elf(content: bytes) -> Elf | None:
    """The header of the file that begins with these bytes; ``None`` if it is no ELF file."""
    if len(content) < 52 or not content.startswith(b"\x7fELF"):
        return None
    bits, order = _BITS.get(content[4]), _ORDERS.get(content[5])
    if bits is None or order is None:
        return None
    number = int.from_bytes(content[18:20], order)
    return Elf(_MACHINES.get(number, f"machine {number}"), bits, _loader(content, bits, order))


def _loader(content: bytes, bits: int, order: Literal["little", "big"]) -> str | None:
    def number(start: int, size: int) -> int:
        return int.from_bytes(content[start : start + size], order)

    wide = bits == 64
    word = 8 if wide else 4
    table = number(32 if wide else 28, word)
    size, count = number(54 if wide else 42, 2), number(56 if wide else 44, 2)
    for entry in range(table, min(table + size * count, len(content)), size or len(content)):
        if number(entry, 4) == _INTERP:
            start, length = number(entry + (8 if wide else 4), word), number(entry + (32 if wide else 16), word)
            name = content[start : start + min(length, 256)]
            return name.rstrip(b"\0").decode("utf-8", "replace") or None
    return None
