"""ELF files and a loader's cache, byte for byte, for tests that need no real ones."""

from __future__ import annotations

import struct
from pathlib import Path

from etpu_doctor.evidence.files import Files

MACHINES = {"i386": 3, "arm": 40, "x86_64": 62, "aarch64": 183, "riscv": 243}
GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
STANDARD, MAXIMUM = b"PERFORMANCE=THROTTLED\0", b"PERFORMANCE=DIRECT\0"
BUILD_16 = b"CL_NUMBER=385816442\0"
BUILD_15 = b"CL_NUMBER=339933739\0"


def elf(
    machine: str = "x86_64", *, bits: int = 64, loader: str | None = None, big: bool = False, rest: bytes = b""
) -> bytes:
    """A file with an ELF header, a program header that names a loader, and any bytes after that."""
    order = ">" if big else "<"
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 2 if big else 1, 1]) + bytes(9)
    wide = bits == 64
    header_size, entry_size = (64, 56) if wide else (52, 32)
    name = loader.encode() + b"\0" if loader is not None else b""
    count = 1 if loader is not None else 0
    address = "QQQ" if wide else "III"
    header = struct.pack(f"{order}HHI{address}I", 3, MACHINES[machine], 1, 0, header_size, 0, 0)
    header += struct.pack(f"{order}HHHHHH", header_size, entry_size, count, 0, 0, 0)
    start = header_size + entry_size
    entry = (
        struct.pack(f"{order}IIQQQQQQ", 3, 4, start, 0, 0, len(name), len(name), 1)
        if wide
        else struct.pack(f"{order}IIIIIIII", 3, start, 0, 0, len(name), len(name), 4, 1)
    )
    return ident + header + (entry if count else bytes(entry_size)) + name + rest


def library(machine: str = "x86_64", *, bits: int = 64, clock: bytes = STANDARD, build: bytes = BUILD_16) -> bytes:
    """What is looked for in a libedgetpu."""
    return elf(machine, bits=bits, rest=b"\0" * 32 + build + clock)


def ld_cache(*entries: tuple[str, str], big: bool = False, old: bytes = b"", flag: int | None = None) -> bytes:
    """``/etc/ld.so.cache`` in glibc's new format with (name, path) entries; ``old`` stands before it."""
    order = ">" if big else "<"
    strings = b""
    table = b""
    start = 48 + 24 * len(entries)
    for name, path in entries:
        key = start + len(strings)
        strings += name.encode() + b"\0"
        value = start + len(strings)
        strings += path.encode() + b"\0"
        table += struct.pack(f"{order}iIIIQ", 0x0303, key, value, 0, 0)
    mark = (3 if big else 2) if flag is None else flag
    head = b"glibc-ld.so.cache1.1" + struct.pack(f"{order}II", len(entries), len(strings)) + bytes([mark]) + bytes(19)
    assert len(head) == 48
    return old + head + table + strings


def files_below(root: Path, contents: dict[str, bytes | str]) -> Files:
    """A root directory with these files, as the readers see it; a text that begins with ``->`` is a link."""
    for path, content in contents.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            place.symlink_to(content[2:])
        else:
            place.write_bytes(content.encode() if isinstance(content, str) else content)
    return Files(str(root))
