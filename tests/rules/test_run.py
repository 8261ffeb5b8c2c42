"""Running rules: order, selection, and a rule that crashes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest

from etpu_doctor.rules.finding import (
    CONFIDENCE_RANK,
    SEVERITY_RANK,
    Fact,
    Finding,
    Remedy,
    Rule,
    RuleInfo,
    about_machine,
)
from etpu_doctor.rules.registry import all_rules
from etpu_doctor.rules.run import run_rules, select
from etpu_doctor.topology.machine import Machine
from tests.support.facts import hub, machine, root, storage, tpu

RULES = all_rules()


def finding(code: str = "ETD999", **fields: object) -> Finding:
    """A finding of no real rule."""
    known: dict[str, object] = {"rule": "usb2-link", "severity": "info", "title": "t", "subject": "machine"}
    return Finding(code=code, **{**known, **fields})  # type: ignore[arg-type] # any fields


def rule(*findings: Finding, code: str = "ETD999") -> Rule:
    """A rule that always finds these."""
    info = RuleInfo(code=code, name="usb2-link", severity="info", summary="s", documentation="d")
    return Rule(info=info, check=lambda _machine: iter(findings))


def crashing(_machine: Machine) -> Iterator[Finding]:
    """A check with a bug after its first finding."""
    yield finding()
    raise KeyError("2-1")


def test_a_crash_in_one_rule_is_a_finding() -> None:
    """The other rules still speak, and the crash is said, as something that could not be told."""
    info = RuleInfo(code="ETD998", name="over-current", severity="error", summary="s", documentation="d")
    found = run_rules(machine(), [Rule(info=info, check=crashing), rule(finding())])
    assert ["unknown", "info"] == [each.severity for each in found]
    assert ("ETD998", "over-current") == (found[0].code, found[0].rule)
    assert "Rule ETD998 could not finish: KeyError: '2-1'" == found[0].title


def test_a_stop_by_the_user_is_no_crash() -> None:
    """An interrupt goes through."""

    def interrupted(_machine: Machine) -> Iterator[Finding]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rules(machine(), [Rule(info=RULES[0].info, check=interrupted)])


def test_worst_first() -> None:
    """Severity, then confidence, then code, then subject decide, whatever the order of the rules."""
    expected = [
        finding("ETD2", severity="error"),
        finding("ETD1", severity="error", confidence="likely"),
        finding("ETD1", severity="warning", subject="1-1"),
        finding("ETD1", severity="warning", subject="2-1"),
        finding("ETD0", severity="unknown"),
    ]
    for order in permutations(expected):
        assert expected == run_rules(machine(), [rule(*order)])


def test_ranks_know_every_word() -> None:
    """Severities and confidences have one rank each; what could not be told stands below faults."""
    assert ["error", "warning", "unknown", "info"] == sorted(SEVERITY_RANK, key=lambda word: SEVERITY_RANK[word])
    assert ["certain", "likely", "possible"] == sorted(CONFIDENCE_RANK, key=lambda word: CONFIDENCE_RANK[word])


@pytest.mark.parametrize(
    ("only", "skip", "expected"),
    [
        ((), (), [rule.info.code for rule in RULES]),
        (("ETD110",), (), ["ETD110"]),
        (("no-device-visible",), (), ["ETD101", "ETD102", "ETD917"]),
        (("no-device-visible", "ETD301"), ("ETD102",), ["ETD101", "ETD301", "ETD917"]),
        (("ETD110",), ("usb2-link",), []),
    ],
)
def test_selection(only: tuple[str, ...], skip: tuple[str, ...], expected: list[str]) -> None:
    """Rules are chosen by code or name; what is skipped is skipped although it was chosen."""
    assert expected == [rule.info.code for rule in select(RULES, only, skip)]


def test_the_order_of_the_evidence_does_not_matter() -> None:
    """The same devices in any order give the same findings in the same order."""
    facts = [
        root(1, 480),
        root(2),
        hub("2-1", self_powered=False),
        tpu("2-1.1"),
        tpu("2-1.2", dfu=True),
        storage("2-1.3"),
    ]
    first = run_rules(machine(*facts), RULES)
    assert len(first) >= 3
    for order in (facts[::-1], facts[3:] + facts[:3]):
        assert first == run_rules(machine(*order), RULES)


def test_findings_about_the_machine() -> None:
    """What concerns the whole machine concerns all its Edge TPUs."""
    info = RuleInfo(code="ETD999", name="thermal", severity="error", summary="x.", documentation="x")
    facts = [Fact(name="a", value=1)]
    made = about_machine(info)(machine(root(2), tpu("2-1")), ("error", "likely"), "title", facts, Remedy(summary="do"))
    assert ("ETD999", "thermal", "error", "likely", "machine", ("2-1",), tuple(facts)) == (
        made.code,
        made.rule,
        made.severity,
        made.confidence,
        made.subject,
        made.concerns,
        made.facts,
    )
