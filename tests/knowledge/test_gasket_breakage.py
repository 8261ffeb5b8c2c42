"""Why DKMS could not build gasket: complete, sourced, and each with examples that hold."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.gasket_breakage import Breakage, BreakageTable, breakage_of, breakage_table

ENTRIES = breakage_table().breakage
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def test_names_are_unique() -> None:
    """No two entries have one name."""
    names = [entry.name for entry in ENTRIES]
    assert sorted(set(names)) == sorted(names)


def test_an_unknown_key_is_an_error() -> None:
    """A key that is misspelled does not go by in silence."""
    content = load("gasket_breakage.toml")
    content["breakage"][0]["kernel"] = "6.4"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(content, BreakageTable)


def test_every_fix_is_named_and_used() -> None:
    """What helps is written down once, and nothing stands there for nobody."""
    assert set(breakage_table().fix) == {entry.fix for entry in ENTRIES}


@pytest.mark.parametrize("text", breakage_table().fix.values(), ids=breakage_table().fix)
def test_a_fix_is_a_sentence(text: str) -> None:
    """What helps begins with a verb and ends with a full stop."""
    assert text.startswith(("Install ", "Build ", "Boot "))
    assert text.endswith(".")


@every_entry
def test_the_source_is_public(entry: Breakage) -> None:
    """Each entry names where it was seen, by a public name."""
    assert re.search(r"google/gasket-driver|gasket-driver|google-coral/|KyleGospo/|GNU make", entry.source)
    assert entry.meaning
    assert not entry.meaning.endswith(".")


@every_entry
def test_the_kernel_is_a_version(entry: Breakage) -> None:
    """Where a kernel's version is the reason, it has two numbers."""
    assert entry.kernel_from == "" or re.fullmatch(r"\d\.\d{1,2}", entry.kernel_from)


@every_entry
def test_examples_match(entry: Breakage) -> None:
    """Each example is recognised as this entry and as no other before it."""
    assert entry.matches
    assert [entry.name] * len(entry.matches) == [
        found.name if (found := breakage_of(line)) is not None else None for line in entry.matches
    ]


@every_entry
def test_what_is_alike_does_not_match(entry: Breakage) -> None:
    """Lines that only look alike are nothing that is known."""
    assert entry.not_matches
    assert [] == [line for line in entry.not_matches if re.search(entry.pattern, line)]


@every_entry
def test_patterns_are_bounded(entry: Breakage) -> None:
    """No pattern repeats without end, so that none can go back over a long line again and again."""
    assert not re.search(r"(?<!\\)[*+]|\{\d+,\}", entry.pattern)


@given(st.text())
def test_any_line_is_answered(line: str) -> None:
    """No text makes the search fail."""
    found = breakage_of(line)
    assert found is None or found in ENTRIES


def test_a_long_line_is_answered() -> None:
    """A megabyte in one line is gone through once."""
    assert breakage_of("error: expected ',' or ';' before " * 30_000) is None
