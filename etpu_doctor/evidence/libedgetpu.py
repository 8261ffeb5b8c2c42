"""Which build of libedgetpu is installed: the standard or the maximum clock.

The official binaries say so in their bytes: ``PERFORMANCE=THROTTLED`` is the standard build, ``PERFORMANCE=DIRECT`` the
maximum one (libedgetpu ``port/default/builddata.cc``). No interface of the library tells, and it is not loaded here.
"""

from __future__ import annotations

from etpu_doctor.facts.host import Clock

_MARKS: tuple[tuple[bytes, Clock], ...] = ((b"PERFORMANCE=THROTTLED", "standard"), (b"PERFORMANCE=DIRECT", "maximum"))


def clock_in(content: bytes) -> Clock | None:
    """The clock that the bytes of a library name."""
    return next((clock for mark, clock in _MARKS if mark in content), None)


def build_in(content: bytes) -> str | None:
    """Google's change number (``CL_NUMBER=385816442``), which says from which source a library was built."""
    _, mark, rest = content.partition(b"CL_NUMBER=")
    digits = rest[: len(rest[:20]) - len(rest[:20].lstrip(b"0123456789"))]
    return digits.decode("ascii") if mark and digits else None
