"""The user's names of ports in reports."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from etpu_doctor.cli.labelled import labelled
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.plan_brief import brief_in
from etpu_doctor.report.planned import Telling, ground_of, planned, with_plan
from etpu_doctor.report.report import Report
from etpu_doctor.wizard.labels import Labels
from tests.support.facts import evidence, hub, root, tpu
from tests.support.plans import given

PLACE = "port 3 of hub 2-1.2 (2109:0817)"


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """A live report of a stick on a secondary port, and an own place for the labels."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    facts = evidence(root(2), hub("2-1"), hub("2-1.2"), tpu("2-1.2.3"))
    smoke = (SmokeResult(id="2-1.2.3", place=PLACE, verdict="pass"),)
    return examine(msgspec.structs.replace(facts, smoke=smoke))


def put(tmp_path: Path, report: Report, port: str, label: str) -> None:
    """Name a port, as the wizard does."""
    Labels(str(tmp_path / "etpu-doctor" / "labels.json")).put(report, {}, port, label)


def test_a_name_stands_in_every_sentence(report: Report, tmp_path: Path) -> None:
    """In findings and in the place of a smoke test."""
    put(tmp_path, report, "2-1.2.3", "left rear")
    named = labelled(report)
    assert 'port 3 "left rear" of hub 2-1.2 (2109:0817)' == named.smoke[0].place
    assert any('"left rear"' in finding.title for finding in named.findings)


def test_steps_name_the_port_too(report: Report, tmp_path: Path) -> None:
    """Where to plug it is said by name."""
    put(tmp_path, report, "2-1.2.1", "blue")
    steps = [step for one in labelled(report).findings if one.remedy is not None for step in one.remedy.steps]
    assert any('port 1 "blue" of hub 2-1.2' in step for step in steps)


def test_without_names_nothing_changes(report: Report) -> None:
    """No file of labels: the report as it is."""
    assert report is labelled(report)


def test_a_replay_keeps_the_names_of_this_machine_out(report: Report, tmp_path: Path) -> None:
    """The ports of another machine are not these."""
    put(tmp_path, report, "2-1.2.3", "left rear")
    other = msgspec.structs.replace(report, source=msgspec.structs.replace(report.source, kind="capture"))
    assert other is labelled(other)


def test_a_damaged_file_keeps_no_report_back(report: Report, tmp_path: Path) -> None:
    """What cannot be read is left out."""
    (tmp_path / "etpu-doctor").mkdir()
    (tmp_path / "etpu-doctor" / "labels.json").write_text("{", encoding="utf-8")
    assert report is labelled(report)


def test_a_name_stands_in_the_plan(report: Report, tmp_path: Path) -> None:
    """Where it says to which port a model belongs; a report without a plan stays without."""
    put(tmp_path, report, "2-1.2.3", "left rear")
    facts = evidence(root(2), hub("2-1"), hub("2-1.2"), tpu("2-1.2.3"))
    plan = planned(ground_of(facts, Request()), given("a"), Telling())
    named = labelled(with_plan(report, plan))
    assert 'port 3 "left rear" of hub 2-1.2 (2109:0817)' in brief_in(named).placed[0].device
    assert labelled(report).plan is msgspec.UNSET
