"""The notions of a clause: those of its words, of words beside each other, and whether it denies them."""

from __future__ import annotations

import re
from functools import cache

from etpu_doctor.evidence.denial import DENYING, denies_glued, denies_trouble, quietened
from etpu_doctor.knowledge.words import SIGNED, lexicon

_FIRST_GLUED = "\u2e80"
"""Before it in Unicode are no scripts without blanks that are known here."""

_DENIED_ALONE = frozenset({"vm", "container"})
_KEPT = frozenset({"cable", "port", "hub", "computer", "supply", "coral", "tpu"})
_SUPPLIED = frozenset({"powered", "supply"})
_CONTRACTED = frozenset({"ve", "re", "ll", "s", "d", "m"})
"""Ends of English contractions: the "ve" of "I've" is no Spanish "sees"."""


def clause_tags(clause: str, *, is_question: bool) -> frozenset[str]:
    """The notions of a clause in lower case; those that it affirms or denies end with a sign."""
    known = lexicon()
    tags_of = known.tags
    found: set[str] = set()
    before: frozenset[str] = frozenset()
    for token in tokens().findall(clause):
        tags = tags_of(token)
        if tags and before:
            tags = _with_neighbour(tags, before, found)
        before = tags_of(token)
        if tags:
            found |= tags
        elif not token.isalnum():
            # "m.2-slot" is "m.2" and "slot", and "lsusb'de" is "lsusb".
            for part in token.split("-"):
                found |= known.tags(part) or frozenset().union(*map(known.tags, _words_of(part)))
    # Most clauses that are not ASCII are French or German.
    if not clause.isascii() and max(clause) >= _FIRST_GLUED and _has_glued_script(clause):
        found |= _glued_tags(clause)
        if denies_glued(clause):
            found = quietened(found)
    found |= _news(found, is_question=is_question)
    if denies_trouble(clause, found):
        found = quietened(found)
    sign = "-" if "not" in found and "problem" not in found else "+"
    found.update(f"{tag}{sign}" for tag in SIGNED.intersection(found))
    return frozenset(found)


def _news(found: set[str], *, is_question: bool) -> set[str]:
    """Good or bad news that depends on whether a clause denies it."""
    news = set()
    if "problem" in found and not is_question:
        # "No problem" is good news, "a problem" is not, and who asks whether it is one does not know.
        news.add("works" if found & DENYING else "fails")
    if "calm" in found and "not" not in found:
        news.add("quiet")
    return news


def _with_neighbour(tags: frozenset[str], before: frozenset[str], found: set[str]) -> frozenset[str]:
    """What a word means behind its neighbour: "no VM" is none, "same cable" is a notion of its own."""
    if not DENYING.isdisjoint(before):
        if not _SUPPLIED.isdisjoint(tags):
            found.add("unpowered")
        if "coralname" in tags:
            found.add("none-coral")
        return tags - _DENIED_ALONE
    if "same" in before:
        if "instant" in tags:
            # "At the same moment" compares nothing.
            found.discard("same")
        found.update(f"same-{tag}" for tag in _KEPT.intersection(tags))
    return tags


def _words_of(part: str) -> list[str]:
    """The words of a word of several parts. The 1 of "6.0.1" counts nothing."""
    found = [piece for piece in pieces().split(part) if not piece.isdecimal()]
    return found[:-1] if "'" in part and found and found[-1] in _CONTRACTED else found


@cache
def tokens() -> re.Pattern[str]:
    """Words, also those of several parts."""
    return re.compile(r"\w{1,40}(?:[-'.+]\w{1,40}){0,4}")


@cache
def pieces() -> re.Pattern[str]:
    """Where a word of several parts is taken apart."""
    return re.compile(r"[-'.+]")


def _has_glued_script(clause: str) -> bool:
    """Whether a clause holds Chinese, Japanese or Korean. A pattern of these ranges would take 6 ms to compile."""
    return any(
        "\u2e80" <= character <= "\u9fff"
        or "\uac00" <= character <= "\ud7a3"
        or "\uf900" <= character <= "\ufaff"
        or "\uff66" <= character <= "\uffdc"
        for character in clause
    )


def _glued_tags(clause: str) -> set[str]:
    """Notions in a script without blanks, the longest words first: they hold shorter ones that mean another thing."""
    found: set[str] = set()
    for word, tags in lexicon().glued:
        if word in clause:
            found |= tags
            clause = clause.replace(word, " ")
    return found
