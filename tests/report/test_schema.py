"""The JSON Schema of the report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import etpu_doctor.report
from etpu_doctor.report import schema
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.planned import Telling, ground_of, planned, with_plan
from etpu_doctor.report.report import SCHEMA, Report
from tests.support.plans import given
from tests.support.sequences import evidence_of

CHECKED_IN = Path(etpu_doctor.report.__file__).parent / "schema.json"


@pytest.fixture(scope="module")
def loaded() -> Any:
    """The schema that is checked in."""
    return msgspec.json.decode(CHECKED_IN.read_bytes())


def test_it_is_current() -> None:
    """The schema that is checked in is the one that the structs make."""
    assert schema.generate() == CHECKED_IN.read_text(encoding="utf-8")
    assert 0 == schema.main(["--check"])


def test_it_is_a_schema(loaded: Any) -> None:
    """It is a valid schema of draft 2020-12 and carries the report's version."""
    jsonschema.Draft202012Validator.check_schema(loaded)
    assert ("https://json-schema.org/draft/2020-12/schema", SCHEMA) == (loaded["$schema"], loaded["title"])


def test_it_names_every_field(loaded: Any) -> None:
    """Every field of the report is a property, and each has its own schema."""
    report = loaded["$defs"]["Report"] if "$ref" in loaded else loaded
    assert set(Report.__struct_fields__) == set(report["properties"])


def test_references_lead_somewhere(loaded: Any) -> None:
    """Every reference names a definition, and every definition is referred to."""

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            found = set().union(*(references(item) for item in value.values())) if value else set()
            return found | ({value["$ref"]} if isinstance(value.get("$ref"), str) else set())
        return set().union(*(references(item) for item in value)) if isinstance(value, list) and value else set()

    assert {f"#/$defs/{name}" for name in loaded["$defs"]} == references(loaded)


def test_the_plan_is_described_whole(loaded: Any) -> None:
    """A report with a plan passes, and one whose plan lacks something does not; without a plan there is none."""
    known = evidence_of("pcie-and-usb")
    plan = planned(ground_of(known, Request()), given("a", "b"), Telling())
    report = examine(known)
    validator = jsonschema.Draft202012Validator(loaded)
    whole = msgspec.json.decode(msgspec.json.encode(with_plan(report, plan)))
    validator.validate(whole)
    validator.validate(msgspec.json.decode(msgspec.json.encode(report)))
    del whole["plan"]["assignment"][0]["tpu"]
    with pytest.raises(jsonschema.ValidationError, match="'tpu' is a required property"):
        validator.validate(whole)


@pytest.mark.parametrize("value", [{}, [], "report", {"schema": SCHEMA}])
def test_what_is_no_report_does_not_pass(loaded: Any, value: Any) -> None:
    """The schema refuses what is no report."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(loaded).validate(value)


def test_a_stale_schema_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--check`` fails and says what to run; without it the file is written."""
    monkeypatch.setattr(schema, "files", lambda _package: tmp_path)
    assert 1 == schema.main(["--check"])
    assert "python -m etpu_doctor.report.schema" in capsys.readouterr().err
    assert 0 == schema.main([])
    assert 0 == schema.main(["--check"])
    shutil.copy(CHECKED_IN, tmp_path / "copy.json")
    assert (tmp_path / "copy.json").read_bytes() == (tmp_path / "schema.json").read_bytes()
