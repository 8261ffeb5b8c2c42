"""Runs the rules over a machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from etpu_doctor.rules.finding import CONFIDENCE_RANK, SEVERITY_RANK, Finding, Rule
from etpu_doctor.topology.machine import Machine


def run_rules(machine: Machine, rules: Iterable[Rule]) -> list[Finding]:
    """Findings of all rules, worst first, in a fixed order."""
    findings = [finding for rule in rules for finding in _run(machine, rule)]
    return sorted(findings, key=_order)


def _run(machine: Machine, rule: Rule) -> list[Finding]:
    try:
        return list(rule.check(machine))
    except Exception as error:  # noqa: BLE001 - a crashing rule must not take the other findings with it
        return [_crashed(rule, error)]


def _crashed(rule: Rule, error: Exception) -> Finding:
    return Finding(
        code=rule.info.code,
        rule=rule.info.name,
        severity="unknown",
        title=f"Rule {rule.info.code} could not finish: {type(error).__name__}: {error}",
        subject="machine",
    )


def _order(finding: Finding) -> tuple[int, int, str, str]:
    return (SEVERITY_RANK[finding.severity], CONFIDENCE_RANK[finding.confidence], finding.code, finding.subject)


def select(rules: Iterable[Rule], only: Collection[str], skip: Collection[str]) -> list[Rule]:
    """Rules chosen by code or name; ``only`` empty means all."""
    return [
        rule
        for rule in rules
        if (not only or not {rule.info.code, rule.info.name}.isdisjoint(only))
        and {rule.info.code, rule.info.name}.isdisjoint(skip)
    ]
