"""The one flow: evidence -> machine -> findings -> report. Every face that judges calls this."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from etpu_doctor.evidence.redact import redact
from etpu_doctor.facts.evidence import Evidence, SourceKind
from etpu_doctor.report.make import make_report
from etpu_doctor.report.report import Report
from etpu_doctor.rules.registry import rules_for
from etpu_doctor.rules.run import run_rules, select
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Options


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """How to judge: the options of the machine, which rules, and whether to redact."""

    options: Options = Options()
    only: Collection[str] = ()
    skip: Collection[str] = ()
    redact: bool = True


def examine(
    evidence: Evidence, request: Request | None = None, *, kind: SourceKind | None = None, name: str | None = None
) -> Report:
    """Judge evidence. ``kind`` and ``name`` mark a replay."""
    request = request or Request()
    machine = build(redact(evidence) if request.redact else evidence, request.options)
    findings = run_rules(machine, select(rules_for(machine.evidence), request.only, request.skip))
    return make_report(machine, findings, kind=kind, name=name)
