"""Names that the user gave to ports, in what other commands than the wizard say."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec

from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Finding, Remedy


def labelled(report: Report) -> Report:
    """A report of this machine with the user's names of ports in its sentences; any other report as it is.

    A file of labels that cannot be read is no reason to keep a report back: the wizard says what is wrong with it.
    """
    if report.source.kind != "live":
        return report
    from etpu_doctor.wizard.labels import LabelError, Labels, default_path, with_labels  # noqa: PLC0415 - text faces only

    path = default_path()
    if not os.path.exists(path):
        return report
    try:
        names = Labels(path).names(report, {})
    except LabelError:
        return report
    return _renamed(report, lambda text: with_labels(text, names)) if names else report


def _renamed(report: Report, say: Callable[[str], str]) -> Report:
    return msgspec.structs.replace(
        report,
        findings=tuple(_finding(finding, say) for finding in report.findings),
        smoke=tuple(
            msgspec.structs.replace(result, place=say(result.place) if result.place is not None else None)
            for result in report.smoke
        ),
        diagnosis=msgspec.structs.replace(report.diagnosis, summary=say(report.diagnosis.summary)),
        plan=report.plan if report.plan is msgspec.UNSET else _plan(report.plan, say),
    )


def _plan(plan: dict[str, Any], say: Callable[[str], str]) -> dict[str, Any]:
    return {**plan, "edge_tpus": [{**tpu, "place": say(tpu["place"])} for tpu in plan["edge_tpus"]]}


def _finding(finding: Finding, say: Callable[[str], str]) -> Finding:
    return msgspec.structs.replace(
        finding, title=say(finding.title), remedy=_remedy(finding.remedy, say) if finding.remedy is not None else None
    )


def _remedy(remedy: Remedy, say: Callable[[str], str]) -> Remedy:
    steps = tuple(say(step) for step in remedy.steps)
    return msgspec.structs.replace(remedy, summary=say(remedy.summary), steps=steps)
