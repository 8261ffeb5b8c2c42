"""Every folder in ``fixtures/`` and every demo: what is known of the machine, and what its report must say.

``ETPU_DOCTOR_UPDATE_FIXTURES=1`` rewrites ``expected.json`` and the files of built machines; the diff is what is
reviewed.
"""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from etpu_doctor.demos import DEFAULT, demos
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.report import markdown, text
from etpu_doctor.report.report import Cause, Report
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.registry import all_rules, rules_for
from etpu_doctor.rules.run import run_rules
from etpu_doctor.topology.build import build
from tests.support import fixtures
from tests.support.fixtures import DEMOS, FIXTURES, ROOT, Case

RULES = all_rules()

NAMES = fixtures.names()
FOLDERS = [FIXTURES / name for name in NAMES] + [DEMOS / name for name in fixtures.names(DEMOS)]
HEADINGS = (
    "## What it means",
    "## Why it matters",
    "## How to fix",
    "## What it cannot see",
    "## Source",
)
LISTINGS = tuple(name for name in NAMES if name.startswith("documented-listing-"))
TOTAL_LIMIT_BYTES = 3_000_000

every_fixture = pytest.mark.parametrize("name", NAMES)
every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")


@pytest.fixture(scope="module")
def schema() -> Any:
    """The checked-in schema of the report."""
    return json.loads((ROOT / "etpu_doctor" / "report" / "schema.json").read_text(encoding="utf-8"))


@cache
def report_of(folder: Path) -> Report:
    """The report of a folder, with the options in its ``case.toml``."""
    return fixtures.report_of(folder, fixtures.case_of(folder))


def matches(finding: Finding, wanted: str) -> bool:
    """Whether a finding is of a rule (``ETD201``), and of a severity where one is named (``ETD201 error``)."""
    code, _, severity = wanted.partition(" ")
    return finding.code == code and severity in ("", finding.severity)


@every_fixture
def test_the_report_is_the_recorded_one(name: str) -> None:
    """A machine gives the same report as when it was last reviewed."""
    folder = FIXTURES / name
    actual = fixtures.normalised(report_of(folder))
    path = folder / "expected.json"
    if fixtures.updating():
        path.write_text(fixtures.pretty(actual), encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == actual


@every_folder
def test_the_rules_that_must_fire_do(folder: Path) -> None:
    """What an expert would find is found."""
    found = report_of(folder).findings
    assert [] == [wanted for wanted in fixtures.case_of(folder).fires if not any(matches(one, wanted) for one in found)]


@every_folder
def test_the_rules_that_must_be_silent_are(folder: Path) -> None:
    """What only looks like a fault is not blamed."""
    found = report_of(folder).findings
    assert [] == [one.title for one in found for code in fixtures.case_of(folder).silent if matches(one, code)]


@every_folder
def test_the_diagnosis_names_the_cause(folder: Path) -> None:
    """The first cause is the one that an expert would name."""
    cause = fixtures.case_of(folder).cause
    assert cause in (None, report_of(folder).diagnosis.cause)


@every_folder
def test_the_report_fits_its_schema(folder: Path, schema: Any) -> None:
    """Every report is valid against the schema that is checked in."""
    jsonschema.Draft202012Validator(schema).validate(fixtures.normalised(report_of(folder)))


@every_folder
@pytest.mark.parametrize("ascii_only", [True, False], ids=["ascii", "unicode"])
def test_the_text_face_fits_80_columns(folder: Path, ascii_only: bool) -> None:
    """The text is never wider than the terminal, and holds no control characters."""
    stream = io.StringIO()
    text.render(report_of(folder), color="never", ascii_only=ascii_only, width=80, stream=stream)
    lines = stream.getvalue().split("\n")
    assert [] == [line for line in lines if len(line) > 80]
    assert [] == [line for line in lines if not line.isprintable()]
    assert not ascii_only or stream.getvalue().isascii()


@every_folder
def test_the_markdown_face_renders(folder: Path) -> None:
    """The Markdown is printable and holds every finding."""
    rendered = markdown.render(report_of(folder))
    assert [] == [line for line in rendered.split("\n") if not line.isprintable()]
    assert [] == [one.code for one in report_of(folder).findings if one.code not in rendered]


@every_fixture
def test_a_bundle_gives_the_same_report_as_its_folder(name: str, tmp_path: Path) -> None:
    """What a user sends as .tar.gz reads like the folder in it."""
    folder = FIXTURES / name
    packed = fixtures.bundle(folder, tmp_path / f"{name}.tar.gz")
    expected = fixtures.normalised(report_of(folder))
    actual = fixtures.normalised(fixtures.report_of(packed, fixtures.case_of(folder)))
    assert _kindless(expected) == _kindless(actual)


def _kindless(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its origin: a bundle with texts alone is a capture, as is the folder."""
    return report | {"source": report["source"] | {"kind": "*"}}


@every_folder
def test_a_built_machine_is_what_its_notation_says(folder: Path) -> None:
    """The files of a built machine are those that the builder makes of the notation in its ``case.toml``."""
    built = fixtures.case_of(folder).built
    if built is None:
        return
    files = fixtures.built_files(built)
    if fixtures.updating():
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    assert files == {name: (folder / name).read_text(encoding="utf-8") for name in files}


@pytest.mark.parametrize("name", LISTINGS)
def test_the_documented_listing_reads_the_same_in_every_form(name: str) -> None:
    """Mangled or not, of an old or a new lsusb: tree, Edge TPUs and findings are those of the well-formed original."""
    original = _placeless(fixtures.normalised(report_of(FIXTURES / "documented-listing-old")))
    actual = _placeless(fixtures.normalised(report_of(FIXTURES / name)))
    assert 4 == len(LISTINGS)
    assert original == {key: actual[key] for key in original}


def _placeless(content: Any) -> Any:
    """What a report says, without the lines in which it was read."""
    if isinstance(content, dict):
        if "edge_tpus" in content:
            content = {key: content[key] for key in ("topology", "edge_tpus", "findings", "diagnosis")}
        return {key: _placeless(value) for key, value in content.items() if key != "where"}
    return [_placeless(value) for value in content] if isinstance(content, list) else content


def test_the_documented_listing_flags_device_39_alone() -> None:
    """Of the three sticks in the documented listing, the one marked as not working is flagged, and no other."""
    report = report_of(FIXTURES / "documented-listing-old-mangled")
    flagged = [one.subject for one in report.findings if one.rule == "sub-hub-secondary-port"]
    assert [39] == [tpu.devnum for tpu in report.edge_tpus if tpu.id in flagged]


def test_there_are_enough_machines() -> None:
    """The collection covers what the product promises to understand, and stays small."""
    size = sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file())
    assert len(NAMES) >= 45
    assert size < TOTAL_LIMIT_BYTES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.info.code)
def test_every_rule_has_a_fixture_that_fires_and_one_that_does_not(rule: Any) -> None:
    """Each rule is shown by a machine where it must fire and by one where it must not."""
    code = rule.info.code
    cases: list[Case] = [fixtures.case_of(FIXTURES / name) for name in NAMES]
    assert any(wanted.partition(" ")[0] == code for case in cases for wanted in case.fires)
    assert any(code in case.silent for case in cases)


@pytest.mark.parametrize("name", NAMES)
def test_rules_that_are_left_out_would_have_been_silent(name: str) -> None:
    """A rule whose evidence is not there is not run, and running it would change nothing."""
    machine = build(read_sources([str(FIXTURES / name)]))
    assert run_rules(machine, RULES) == run_rules(machine, rules_for(machine.evidence))


def test_codes_are_unique() -> None:
    """No code is used twice."""
    codes = [rule.info.code for rule in RULES]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.info.code)
def test_every_rule_is_documented_under_the_fixed_headings(rule: Any) -> None:
    """The documentation has the five headings, in their order, and no others."""
    found = [line for line in rule.info.documentation.split("\n") if line.startswith("#")]
    assert list(HEADINGS) == found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.info.code)
def test_every_rule_serves_a_cause_of_the_closed_list(rule: Any) -> None:
    """A rule's name is one of the causes that a diagnosis may name."""
    assert rule.info.name in get_args(Cause)


def test_every_rule_file_is_listed() -> None:
    """A file in a folder of rules is in the registry."""
    folder = ROOT / "etpu_doctor" / "rules"
    files = {path.stem for path in folder.glob("*/*.py") if path.stem != "__init__"}
    listed = {rule.check.__module__.rpartition(".")[2] for rule in RULES}
    assert files == listed


def test_the_default_demo_exists() -> None:
    """``etpu-doctor demo`` without a name has something to show."""
    assert DEFAULT in demos()
    assert set(demos()) == set(fixtures.names(DEMOS))


def test_the_default_demo_shows_one_good_and_one_bad_stick() -> None:
    """Of the two sticks in the default demo one is fine and one is flagged."""
    report = report_of(DEMOS / DEFAULT)
    faults = [one.concerns for one in report.findings if one.severity in ("error", "warning")]
    assert 2 == len(report.edge_tpus)
    assert 1 == len({tpu for concerned in faults for tpu in concerned})
