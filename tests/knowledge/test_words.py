"""The lexicon is sound data: closed keys, known tags, words in the case in which they are looked up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.words import SIGNED, Conditions, Saying, breaks, conditions, lexicon, sayings

CONTENT: dict[str, Any] = load("words.toml")
TAGS = set(CONTENT["tags"]) | set(CONTENT["glued"])
KEPT = {"same-cable", "same-port", "same-hub", "same-computer", "same-supply", "same-coral", "same-tpu"}
MADE = {"many-computers", "two-applications", "question", "unpowered", "quiet", "none-coral"} | KEPT
"""Tags that reading gives and no word has."""

READ_BY_CODE = {"not", "problem", "ought", "asks_why", "once", "hearsay", "hedge", "aside", "advise", "instant", "calm"}
"""Notions that say how a clause is meant, which the code asks for."""

SAYINGS = sayings()


def test_the_file_has_only_these_parts() -> None:
    """Tags, their words in other scripts, breaks, and sayings."""
    assert {"tags", "glued", "breaks", "saying"} == set(CONTENT)


def test_keys_of_a_saying_are_closed() -> None:
    """A saying with a key that does not exist is refused."""
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"name": "x", "all": ["cable"], "color": "red"}, Saying)


@pytest.mark.parametrize("saying", SAYINGS, ids=[f"{number}-{saying.name}" for number, saying in enumerate(SAYINGS)])
def test_sayings_are_made_of_tags(saying: Saying) -> None:
    """Each condition is a tag of the file; only signed ones are affirmed or denied."""
    used = {tag for group in saying.all for tag in group.split("|")} | set(saying.none)
    for tag in used:
        assert tag in TAGS | MADE or (tag[-1] in "+-" and tag[:-1] in SIGNED), tag
    assert saying.all


@pytest.mark.parametrize("tag", sorted(CONTENT["tags"]))
def test_words_are_lower_case_and_a_star_ends_them(tag: str) -> None:
    """Words are looked up in lower case, and only a beginning can be open."""
    for word in CONTENT["tags"][tag]:
        assert word == word.lower().strip()
        assert "*" not in word[:-1]
        assert len(word) > 1 or word.isdigit() or not word.isascii() or word in "aeiy", word


def test_signed_tags_exist() -> None:
    """What can be denied has words."""
    assert TAGS >= SIGNED


def test_every_tag_is_used() -> None:
    """No list of words is left without a saying."""
    text = {tag.rstrip("+-") for saying in SAYINGS for group in (*saying.all, *saying.none) for tag in group.split("|")}
    assert TAGS - text - READ_BY_CODE == set()


@pytest.mark.parametrize(
    ("word", "tag"),
    [("kabel", "cable"), ("кабелем", "cable"), ("anderes", "other"), ("funktioniert", "works"), ("câble", "cable")],
)
def test_words_are_found_with_their_endings(word: str, tag: str) -> None:
    """A beginning stands for all its endings."""
    assert tag in lexicon().tags(word)


def test_a_word_that_nobody_listed_has_no_tag() -> None:
    """Most words say nothing."""
    assert frozenset() == lexicon().tags("qwertzuiop")


def test_longer_glued_words_come_first() -> None:
    """In a script without blanks a long word may hold a short one that means another thing."""
    lengths = [len(word) for word, _ in lexicon().glued]
    assert sorted(lengths, reverse=True) == lengths


def test_breaks_are_there() -> None:
    """Sentences and clauses of other scripts end somewhere too."""
    assert breaks().sentence
    assert breaks().clause
    assert "and" in breaks().words


def test_conditions_ask_for_each_group_and_refuse_the_others() -> None:
    """All groups, none of what is excluded."""
    known = conditions("sentence")
    assert isinstance(known, Conditions)
    assert "other-cable-helps" in known.names(frozenset({"cable", "other", "works+"}))
    assert "other-cable-helps" not in known.names(frozenset({"cable", "works+"}))
    assert "other-cable-helps" not in known.names(frozenset({"cable", "other", "works+", "same"}))
