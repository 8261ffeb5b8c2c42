"""What the bytes of a libedgetpu tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.libedgetpu import build_in, clock_in
from tests.support.elf import library


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"xPERFORMANCE=THROTTLED\0", "standard"),
        (b"xPERFORMANCE=DIRECT\0", "maximum"),
        (b"PERFORMANCE=", None),
        (b"", None),
    ],
)
def test_the_clock(content: bytes, expected: str | None) -> None:
    """The two builds differ by a marker."""
    assert expected == clock_in(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0CL_NUMBER=385816442\0", "385816442"),
        (b"CL_NUMBER=1", "1"),
        (b"CL_NUMBER=\0", None),
        (b"CL_NUMBER=x1", None),
        (b"no such thing", None),
        (b"", None),
    ],
)
def test_the_change(content: bytes, expected: str | None) -> None:
    """The number of Google's change stands behind its name."""
    assert expected == build_in(content)


def test_a_whole_library() -> None:
    """Both are found in one file."""
    assert ("standard", "385816442") == (clock_in(library()), build_in(library()))


@given(st.binary())
def test_any_bytes(content: bytes) -> None:
    """A change number is a number of digits, or nothing."""
    found = build_in(b"CL_NUMBER=" + content)
    assert found is None or (found.isascii() and found.isdigit())
