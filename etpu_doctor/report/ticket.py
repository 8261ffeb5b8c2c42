"""The report of a pasted thread: findings of the rules, of messages and of words, ranked under partial evidence."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from etpu_doctor.evidence.redact import Redactor, redact
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.thread import Sign
from etpu_doctor.report.make import make_report
from etpu_doctor.report.report import Report
from etpu_doctor.report.thread_diagnosis import diagnose_thread
from etpu_doctor.rules.finding import CONFIDENCE_RANK, SEVERITY_RANK, Finding
from etpu_doctor.rules.registry import rules_for
from etpu_doctor.rules.run import run_rules
from etpu_doctor.rules.thread import judge_thread
from etpu_doctor.rules.thread_signs import thread_signs
from etpu_doctor.topology.build import build

_TIGHT = frozenset({"bus-bandwidth", "hub-power-budget"})
_SHOWN = frozenset({"tpu", "apex-node", "frigate-tpu-found", "well"})


def triage(evidence: Evidence, *, name: str | None = None, hide: bool = True) -> Report:
    """Judge a thread. ``hide`` takes names, addresses and the like out of what is quoted."""
    redactor = Redactor()
    machine = build(redact(evidence, redactor) if hide else evidence)
    by_rule = run_rules(machine, rules_for(machine.evidence))
    signs = thread_signs(machine, by_rule)
    findings = _joined(_softened(by_rule, signs), judge_thread(signs), signs)
    if hide:
        findings = [_redacted(finding, redactor) for finding in findings]
    diagnosis, findings = diagnose_thread(machine, findings, signs)
    report = make_report(machine, findings, name=name)
    return replace(report, diagnosis=diagnosis)


def _redacted(finding: Finding, redactor: Redactor) -> Finding:
    """What is quoted of sentences is only redacted here: most of a thread is quoted nowhere."""
    facts = tuple(
        replace(
            fact,
            value=redactor.text(fact.value) if isinstance(fact.value, str) else fact.value,
            where=None if fact.where is None else redactor.name(fact.where),
        )
        for fact in finding.facts
    )
    return replace(finding, facts=facts)


def _softened(findings: Sequence[Finding], signs: dict[str, list[Sign]]) -> list[Finding]:
    """What may get tight is a remark where the thread shows that it works and is fast."""
    if "well" not in signs or "complaint" in signs:
        return list(findings)
    return [
        replace(finding, severity="info")
        if finding.rule in _TIGHT and finding.severity == "warning" and finding.confidence != "certain"
        else finding
        for finding in findings
    ]


def _joined(by_rule: Sequence[Finding], said: Sequence[Finding], signs: dict[str, list[Sign]]) -> list[Finding]:
    """All findings, worst first; a cause that a rule found is not said a second time."""
    loud = {finding.rule for finding in by_rule if finding.severity in ("error", "warning")}
    found = [*by_rule, *(finding for finding in said if finding.rule not in loud)]
    if loud or said or not _SHOWN.isdisjoint(signs):
        # That no listing was pasted is beside the point where something else is shown.
        found = [finding for finding in found if (finding.rule, finding.severity) != ("no-device-visible", "unknown")]
    return sorted(found, key=_order)


def _order(finding: Finding) -> tuple[int, int, str, str]:
    return (SEVERITY_RANK[finding.severity], CONFIDENCE_RANK[finding.confidence], finding.code, finding.subject)
