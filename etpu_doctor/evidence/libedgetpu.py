"""Which build of libedgetpu is installed: the standard or the maximum clock.

The official binaries say so in their bytes: ``PERFORMANCE=THROTTLED`` is the standard build, ``PERFORMANCE=DIRECT`` the
maximum one (libedgetpu ``port/default/builddata.cc``). No interface of the library tells, and it is not loaded here.
"""

from __future__ import annotations

import os

from etpu_doctor.facts.host import Clock

_NAMES = ("libedgetpu.so.1", "libedgetpu.so.1.0")
_FOLDERS = ("usr/lib", "usr/local/lib", "lib", "usr/lib64")
_MARKS: tuple[tuple[bytes, Clock], ...] = ((b"PERFORMANCE=THROTTLED", "standard"), (b"PERFORMANCE=DIRECT", "maximum"))
_SIZE_LIMIT_BYTES = 32 << 20


def find_library(root: str = "/") -> str | None:
    """Path of the first libedgetpu in the folders that distributions and installers use."""
    for folder in _FOLDERS:
        base = os.path.join(root, folder)
        for place in (base, *_multiarch(base)):
            for name in _NAMES:
                path = os.path.join(place, name)
                if os.path.isfile(path):
                    return path
    return None


def _multiarch(base: str) -> list[str]:
    """``/usr/lib/x86_64-linux-gnu`` and its like."""
    try:
        return sorted(
            entry.path for entry in os.scandir(base) if entry.name.endswith(("-linux-gnu", "-linux-gnueabihf"))
        )
    except OSError:
        return []


def clock_of(path: str) -> Clock | None:
    """The clock that a library was built for; ``None`` if it does not say or cannot be read."""
    try:
        with open(path, "rb") as handle:
            content = handle.read(_SIZE_LIMIT_BYTES)
    except OSError:
        return None
    return clock_in(content)


def clock_in(content: bytes) -> Clock | None:
    """The clock that the bytes of a library name."""
    return next((clock for mark, clock in _MARKS if mark in content), None)


def build_in(content: bytes) -> str | None:
    """Google's change number (``CL_NUMBER=385816442``), which says from which source a library was built."""
    _, mark, rest = content.partition(b"CL_NUMBER=")
    digits = rest[: len(rest[:20]) - len(rest[:20].lstrip(b"0123456789"))]
    return digits.decode("ascii") if mark and digits else None
