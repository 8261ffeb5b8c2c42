"""Judgments are sound data: closed keys, causes of the list, and signs that something can give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import etpu_doctor.rules.thread_signs as signs_module
from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.fixes import fixes
from etpu_doctor.knowledge.judgments import Judgment, ReadyJudgment, judgments
from etpu_doctor.knowledge.messages import program_messages
from etpu_doctor.knowledge.words import sayings
from etpu_doctor.report.report import Cause

READY = judgments()
SOURCE = "".join(path.read_text(encoding="utf-8") for path in Path(signs_module.__file__).parent.glob("thread*.py"))
TICKET = (Path(signs_module.__file__).parent.parent / "evidence" / "ticket.py").read_text(encoding="utf-8")
MADE = set(re.findall(r'"([a-z0-9-]{2,40})"', SOURCE + TICKET))
"""Names of signs that the code gives."""

KERNEL = {message["name"] for message in load("kernel_messages.toml")["message"]}
KNOWN = {entry.name for entry in program_messages()} | {saying.name for saying in sayings()} | MADE
CAUSES = set(get_args(Cause))

each = pytest.mark.parametrize("ready", READY, ids=lambda ready: ready.entry.name)


def is_sign(name: str) -> bool:
    """Whether something can give a sign of this name."""
    if name.startswith("rule:"):
        return name[5:] in CAUSES
    if name.startswith("k:"):
        return name[2:] in KERNEL
    # Bus names are put together in the code.
    return name in KNOWN or name in {"detector-usb", "detector-pci"}


def test_names_are_unique() -> None:
    """A judgment has a name of its own."""
    names = [ready.entry.name for ready in READY]
    assert sorted(set(names)) == sorted(names)


def test_keys_are_closed() -> None:
    """A judgment with a key that does not exist is refused."""
    entry = dict(load("judgments.toml")["judgment"][0], color="red")
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(entry, Judgment)


@each
def test_causes_are_of_the_closed_list(ready: ReadyJudgment) -> None:
    """What is judged is a cause that a report can name."""
    assert ready.entry.cause in CAUSES - {"healthy", "unknown"}


@each
def test_signs_exist(ready: ReadyJudgment) -> None:
    """Each sign is that of a message, a saying, a line of the kernel, a rule, or one that the code gives."""
    used = {name for group in ready.groups for name in group} | ready.none
    assert set() == {name for name in used if not is_sign(name)}


@each
def test_a_judgment_does_not_exclude_what_it_needs(ready: ReadyJudgment) -> None:
    """No sign is asked for and refused."""
    for group in ready.groups:
        assert group - ready.none


@each
def test_titles_are_sentences(ready: ReadyJudgment) -> None:
    """A title begins with a capital letter and has no full stop; a command has its reason."""
    title = ready.entry.title
    assert title[0].isupper() or title.startswith("lxc.")
    assert not title.endswith(".")
    assert (ready.entry.next is None) == (ready.entry.why is None)


def test_every_cause_has_a_fix() -> None:
    """For each fault there is something to do."""
    assert CAUSES - {"healthy", "unknown"} == set(fixes())


@pytest.mark.parametrize("cause", sorted(fixes()))
def test_fixes_are_sentences(cause: str) -> None:
    """Summary and steps end in a full stop; a command that looks has its reason."""
    fix = fixes()[cause]
    assert all(text.endswith(".") for text in (fix.summary, *fix.steps))
    assert (fix.look is None) == (fix.why is None)


def test_keys_of_a_fix_are_closed() -> None:
    """A fix with a key that does not exist is refused."""
    from etpu_doctor.knowledge.fixes import Fix

    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"summary": "x.", "color": "red"}, Fix)
