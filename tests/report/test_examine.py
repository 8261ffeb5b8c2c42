"""The one flow, from evidence to a report that is valid and the same every time."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Host
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.report import Report
from etpu_doctor.report.schema import generate
from etpu_doctor.topology.machine import Options
from tests.support.builder import machine
from tests.support.facts import card, evidence, hub, root, tpu, usb
from tests.support.strategies import notations

VALIDATOR = jsonschema.Draft202012Validator(msgspec.json.decode(generate()))


def as_json(report: Report) -> Any:
    """A report as a reader of the JSON sees it."""
    return msgspec.json.decode(msgspec.json.encode(report))


def test_options_reach_the_rules() -> None:
    """The clock and the expected number decide what is found."""
    facts = evidence(root(1, 480), tpu("1-1", 480))
    assert [] == [found for found in examine(facts).findings if found.code in ("ETD102", "ETD201")]
    request = Request(options=Options(clock="maximum", expect_tpus=2))
    assert {"ETD102", "ETD201"} == {found.code for found in examine(facts, request).findings}


def test_rules_are_chosen() -> None:
    """Only what was asked for is judged, and not what was skipped."""
    facts = evidence(root(1, 480), root(2), tpu("1-1", 480, runtime_control="auto"))
    assert {"ETD110"} == {found.code for found in examine(facts, Request(only=("ETD110",))).findings}
    assert {"ETD114"} == {found.code for found in examine(facts, Request(skip=("usb2-link",))).findings}


def test_names_are_replaced() -> None:
    """Host name and serial numbers are replaced unless told otherwise."""
    facts = evidence(Host(hostname="greenhouse"), root(2), usb("2-1", "0951:1666", serial="0123456789AB"))
    for redact in (True, False):
        text = msgspec.json.encode(examine(facts, Request(redact=redact))).decode()
        assert redact is not ("greenhouse" in text)
        assert "0123456789AB" not in text or not redact


def test_a_replay_is_marked() -> None:
    """Kind and name go through."""
    report = examine(evidence(root(2), tpu("2-1")), kind="demo", name="x")
    assert ("demo", "x") == (report.source.kind, report.source.name)


@pytest.mark.parametrize(
    "facts",
    [
        evidence(covers=()),
        evidence(root(2), tpu("2-1")),
        evidence(
            root(1, 480), root(2), hub("1-1", 480, self_powered=False), tpu("1-1.4", 480, dfu=True, configured=False)
        ),
        evidence(card("0000:01:00.0", driver=None, config_all_ones=True)),
        evidence(usb("2-1", "03e7:2485")),
    ],
)
def test_reports_are_valid(facts: Evidence) -> None:
    """Every report fits the schema and comes back from its JSON as it was."""
    report = examine(facts)
    VALIDATOR.validate(as_json(report))
    assert report == msgspec.json.decode(msgspec.json.encode(report), type=Report)


@settings(max_examples=30, deadline=None)
@given(notations())
def test_reports_of_all_machines_are_valid(notation: str) -> None:
    """So does the report of any machine that can be built, twice the same."""
    facts = machine(notation).evidence()
    report = examine(facts)
    VALIDATOR.validate(as_json(report))
    again = examine(facts)
    assert msgspec.structs.replace(report, generated_at="") == msgspec.structs.replace(again, generated_at="")


@settings(max_examples=30, deadline=None)
@given(notations())
def test_findings_point_into_the_tree(notation: str) -> None:
    """Subjects and concerns of findings are nodes of the tree, and every Edge TPU is one."""
    report = examine(machine(notation).evidence())
    nodes = {node.id for node in report.topology.usb} | {node.id for node in report.topology.pci}
    for found in report.findings:
        assert found.subject in nodes | {"machine"}
        assert set(found.concerns) <= {stick.id for stick in report.edge_tpus}
    assert {stick.id for stick in report.edge_tpus} <= nodes
