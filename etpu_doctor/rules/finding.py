"""What a rule says of a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from etpu_doctor.topology.machine import Machine

Severity = Literal["error", "warning", "unknown", "info"]
Confidence = Literal["certain", "likely", "possible"]

SEVERITY_RANK: dict[str, int] = {"error": 0, "warning": 1, "unknown": 2, "info": 3}
"""Worst first. ``unknown`` is no fault: something could not be told."""

CONFIDENCE_RANK: dict[str, int] = {"certain": 0, "likely": 1, "possible": 2}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One value that a finding rests on, and where it was read (a file, or a line of a paste)."""

    name: str
    value: str | float | bool | None
    unit: str | None = None
    where: str | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is safe to run as it stands: it looks, or undoes itself at the next boot."""

    command: str
    why: str
    needs_root: bool = False


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: one sentence, then steps for hands, then commands."""

    summary: str
    steps: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One judgment.

    ``rule`` is a name of the closed list of causes and ``code`` the rule that found it. ``subject`` is the id of a
    node in the tree, or ``machine``; ``concerns`` the ids of the Edge TPUs it affects.
    """

    code: str
    rule: str
    severity: Severity
    confidence: Confidence = "certain"
    title: str
    subject: str
    concerns: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    remedy: Remedy | None = None


class RuleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's metadata. ``documentation`` is Markdown under the five fixed headings."""

    code: str
    name: str
    severity: Severity
    summary: str
    documentation: str


Weight = tuple[Severity, Confidence]


def about_machine(info: RuleInfo) -> Callable[[Machine, Weight, str, Iterable[Fact], Remedy], Finding]:
    """Makes the findings of a rule about the machine as a whole, which concern all its Edge TPUs."""

    def finding(machine: Machine, weight: Weight, title: str, facts: Iterable[Fact], remedy: Remedy) -> Finding:
        severity, confidence = weight
        return Finding(
            code=info.code,
            rule=info.name,
            severity=severity,
            confidence=confidence,
            title=title,
            subject="machine",
            concerns=tuple(tpu.id for tpu in machine.edge_tpus),
            facts=tuple(facts),
            remedy=remedy,
        )

    return finding


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: its metadata and its check."""

    info: RuleInfo
    check: Callable[[Machine], Iterator[Finding]]
