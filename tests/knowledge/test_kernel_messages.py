"""The list of known kernel messages: complete, sourced, and each with examples that hold."""

from __future__ import annotations

import re
import sys
import time
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.kernel_log import find_head, match_line
from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.kernel_messages import KnownMessage, Speaker, compiled, known_messages
from etpu_doctor.report.report import Cause

if sys.version_info >= (3, 11):
    from re import _constants as sre
    from re import _parser as sre_parse
else:
    import sre_constants as sre
    import sre_parse

ENTRIES = msgspec.convert(load("kernel_messages.toml")["message"], list[KnownMessage])
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
PROJECTS = ("Linux ", "gasket-driver ", "libedgetpu ", "google-coral/")
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


def test_names_are_unique() -> None:
    """No two entries have one name."""
    names = [entry.name for entry in ENTRIES]
    assert sorted(set(names)) == sorted(names)


@every_entry
def test_the_causes_are_of_the_closed_list(entry: KnownMessage) -> None:
    """What a message speaks for is a cause that a report can name."""
    assert set(entry.causes) <= set(get_args(Cause))


@every_entry
def test_the_source_is_public(entry: KnownMessage) -> None:
    """Each entry names the program that prints it, by its public name."""
    assert entry.source.startswith(PROJECTS)


@every_entry
def test_someone_says_it(entry: KnownMessage) -> None:
    """Each entry is said by at least one known speaker, each once."""
    assert entry.said_by
    assert set(entry.said_by) <= set(get_args(Speaker))
    assert len(set(entry.said_by)) == len(entry.said_by)


@every_entry
def test_examples_match(entry: KnownMessage) -> None:
    """Every example is recognised as this message and no other, with and without a time stamp."""
    assert entry.matches
    for text in entry.matches:
        for line in (text, f"[   12.345678] {text}", f"Oct 02 21:14:08 host kernel: {text}"):
            message = match_line(line)
            assert message is not None, line
            assert (entry.name, entry.causes[0] if entry.causes else None) == (message.message, message.cause)


@every_entry
def test_counterexamples_do_not_match(entry: KnownMessage) -> None:
    """Every counterexample, though it may hold the fixed words, is not taken for this message."""
    assert entry.not_matches
    for text in entry.not_matches:
        message = match_line(text)
        assert message is None or message.message != entry.name


@every_entry
def test_the_needle_is_in_every_example(entry: KnownMessage) -> None:
    """The fixed words that let a line pass to the pattern are in all that it is to match."""
    assert len(entry.needle) >= 3
    assert [] == [text for text in entry.matches if entry.needle not in text]


@every_entry
def test_every_speaker_of_an_example_is_listed(entry: KnownMessage) -> None:
    """An example is said by one of the speakers of its entry."""
    for text in entry.matches:
        head = find_head(text)
        assert (head.speaker if head is not None else "none") in entry.said_by


@every_entry
def test_the_pattern_cannot_run_away(entry: KnownMessage) -> None:
    """No repetition holds another one that is unbounded, and nothing matches "anything": time stays linear."""
    assert [] == list(_dangers(sre_parse.parse(entry.pattern), inside=False))
    assert ".*" not in entry.pattern
    assert ".+" not in entry.pattern


def _dangers(parsed: object, *, inside: bool) -> list[str]:
    """Repetitions inside unbounded repetitions."""
    found: list[str] = []
    for operator, argument in parsed:  # type: ignore[attr-defined] # the parser's own classes have no types
        if operator in REPEATS:
            low, high, body = argument
            many = high is sre.MAXREPEAT
            if inside and (many or high > 1 or low > 1):
                found.append(str(operator))
            found += _dangers(body, inside=inside or many)
        elif operator is sre.SUBPATTERN:
            found += _dangers(argument[-1], inside=inside)
        elif operator is sre.BRANCH:
            for branch in argument[1]:
                found += _dangers(branch, inside=inside)
    return found


@pytest.mark.parametrize(("pattern", "dangerous"), [("(?:a+)+", True), ("(?:a{2,5})*", True), ("(?:ab)+c{1,9}", False)])
def test_run_away_patterns_are_seen(pattern: str, dangerous: bool) -> None:
    """The check above sees a repetition in a repetition and lets others pass."""
    assert dangerous == bool(_dangers(sre_parse.parse(pattern), inside=False))


def test_unknown_keys_are_refused() -> None:
    """A misspelt key is an error and not silently ignored."""
    entry = {**msgspec.to_builtins(ENTRIES[0]), "couses": []}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(entry, KnownMessage)


def test_entries_are_tried_in_order() -> None:
    """For each speaker the entries keep the order of the file."""
    order = {entry.name: position for position, entry in enumerate(ENTRIES)}
    for known in known_messages().values():
        positions = [order[entry.name] for entry in known]
        assert sorted(positions) == positions


def test_every_entry_can_be_found() -> None:
    """Every entry is listed under each of its speakers."""
    listed = {(speaker, entry.name) for speaker, known in known_messages().items() for entry in known}
    assert {(speaker, entry.name) for entry in ENTRIES for speaker in entry.said_by} == listed


def test_patterns_are_compiled_once() -> None:
    """The same pattern gives the same object."""
    assert compiled("abc") is compiled("abc")
    assert isinstance(compiled("abc"), re.Pattern)


NORMAL = {entry.name for entry in ENTRIES if not entry.causes}


@pytest.mark.parametrize(
    "name",
    [
        "usb-new-device",
        "usb-device-found",
        "usb-reset",
        "usb-firmware-changed",
        "usb-disconnect",
        "usb-lpm-disabled",
        "apex-not-throttled",
        "apex-enabling",
        "module-taints-kernel",
        "voltage-normal-again",
    ],
)
def test_normal_lines_speak_for_nothing(name: str) -> None:
    """Start of a program, hand-over of the firmware, LPM and "not throttled" carry no cause."""
    assert name in NORMAL


@given(st.sampled_from(ENTRIES), st.text(max_size=60), st.integers(0, 200))
def test_damaged_messages_are_harmless(entry: KnownMessage, noise: str, cut: int) -> None:
    """A message cut anywhere and followed by anything is recognised or not, never a fault."""
    for text in entry.matches:
        match_line(text[:cut] + noise)
        match_line(noise + text)


def test_a_long_line_takes_no_longer() -> None:
    """A line of a million characters is given up at once, whatever it repeats."""
    start = time.process_time()
    for entry in ENTRIES:
        match_line(entry.matches[0] * 8000)
        match_line(entry.matches[0][:-1] + "0" * 200_000)
    assert time.process_time() - start < 20
