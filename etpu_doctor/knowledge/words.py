"""Words of reporters in many languages: the notions they stand for, and the sayings that notions make."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, Literal

import msgspec

from etpu_doctor.knowledge import load

Within = Literal["clause", "sentence", "near", "thread"]

SIGNED = frozenset({"works", "listed", "led", "hot", "slow", "cooling"})
"""Notions that a clause affirms or denies."""

_SHORTEST_PREFIX = 2


class Saying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a part of a text says; the keys are explained at the top of ``words.toml``."""

    name: str
    all: tuple[str, ...]
    none: tuple[str, ...] = ()
    within: Within = "sentence"


class Condition(msgspec.Struct, frozen=True, gc=False):
    """A saying made ready: each group of alternatives must have one of the tags, none of the others may be there."""

    name: str
    groups: tuple[frozenset[str], ...]
    none: frozenset[str]


def _by_length(glued: dict[str, list[str]]) -> tuple[tuple[str, frozenset[str]], ...]:
    tags: dict[str, set[str]] = {}
    for tag, words in glued.items():
        for word in words:
            tags.setdefault(word.lower(), set()).add(tag)
    ordered = sorted(tags, key=lambda word: (-len(word), word))
    return tuple((word, frozenset(tags[word])) for word in ordered)


class Breaks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ends a sentence or a clause, besides the marks of ASCII."""

    sentence: str
    clause: str
    words: tuple[str, ...]


class Lexicon:
    """Looks up notions of words. What was asked once is remembered, within bounds."""

    def __init__(self, tags: dict[str, list[str]], glued: dict[str, list[str]]) -> None:
        self._words: dict[str, set[str]] = {}
        self._prefixes: dict[str, set[str]] = {}
        for tag, words in tags.items():
            for word in words:
                target, key = (self._prefixes, word[:-1]) if word.endswith("*") else (self._words, word)
                target.setdefault(key, set()).add(tag)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._glued = glued
        self._known: dict[str, frozenset[str]] = {}

    @cached_property
    def glued(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Words of scripts without blanks and their notions, the longest first; most threads never ask."""
        return _by_length(self._glued)

    def tags(self, word: str) -> frozenset[str]:
        """The notions of a word in lower case."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 50_000:
                self._known.clear()
            found = self._known[word] = self._find(word)
        return found

    def _find(self, word: str) -> frozenset[str]:
        found = set(self._words.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            found |= self._prefixes.get(word[:length], set())
        return frozenset(found)


@cache
def _content() -> dict[str, Any]:
    return load("words.toml")


@cache
def lexicon() -> Lexicon:
    """All notions and their words."""
    content = _content()
    return Lexicon(content["tags"], content["glued"])


@cache
def breaks() -> Breaks:
    """What ends sentences and clauses."""
    return msgspec.convert(_content()["breaks"], Breaks)


@cache
def sayings() -> tuple[Saying, ...]:
    """Every saying."""
    return tuple(msgspec.convert(_content()["saying"], list[Saying]))


class Conditions:
    """The sayings for parts of one size, found by their rarest group of tags."""

    def __init__(self, known: list[Condition]) -> None:
        self._by_tag: dict[str, list[Condition]] = {}
        for condition in known:
            for tag in min(condition.groups, key=len):
                self._by_tag.setdefault(tag, []).append(condition)
        self._tags = frozenset(self._by_tag)

    def names(self, tags: frozenset[str]) -> set[str]:
        """The sayings that hold where these tags are."""
        return {
            condition.name
            for tag in self._tags.intersection(tags)
            for condition in self._by_tag[tag]
            if condition.none.isdisjoint(tags) and not any(group.isdisjoint(tags) for group in condition.groups)
        }


@cache
def conditions(within: Within) -> Conditions:
    """The sayings that are looked for in parts of this size."""
    return Conditions(
        [
            Condition(saying.name, tuple(frozenset(group.split("|")) for group in saying.all), frozenset(saying.none))
            for saying in sayings()
            if saying.within == within
        ]
    )
