"""Errors that are the user's to mend are one line that names the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.errors import EvidenceError, shown


def test_an_error_names_file_and_reason() -> None:
    """The message is the file and the reason, both of which can be asked for."""
    error = EvidenceError("paste.txt", "not found")
    assert ("paste.txt", None, "not found") == (error.file, error.line, error.reason)
    assert "paste.txt: not found" == str(error)


def test_an_error_names_the_line() -> None:
    """Where the line is known it follows the file."""
    error = EvidenceError("paste.txt", "bad", 12)
    assert ("paste.txt:12: bad", 12) == (str(error), error.line)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lsusb -t (1).txt", "lsusb -t (1).txt"),
        ("Größe.txt", "Größe.txt"),
        ("", ""),
        ("a\nb", "a?b"),
        ("\udcff.txt", "?.txt"),
        ("\x1b[31m", "?[31m"),
        ("x" * 255, "x" * 255),
        ("x" * 300, "x" * 254 + "…"),
    ],
)
def test_names_as_they_are_shown(name: str, expected: str) -> None:
    """A name is one short line of text."""
    assert expected == shown(name)
    assert expected == EvidenceError(name, "x").file


@given(st.text(alphabet=st.characters()) | st.text())
def test_any_name_can_be_shown(name: str) -> None:
    """Whatever a file is called, its name can be printed, is bounded, and showing it twice changes nothing."""
    assert shown(name).isprintable()
    assert len(shown(name)) <= 255
    assert shown(name) == shown(shown(name))
    shown(name).encode()
