"""The plan in a few lines, and as a part of the report's faces."""

from __future__ import annotations

import io
import shlex
import subprocess

import msgspec
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from etpu_doctor.evidence.compiled_model import read_model
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report import markdown, text
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.plan_brief import Brief, brief_in, command_lines
from etpu_doctor.report.planned import Given, Telling, ground_of, planned, with_plan
from etpu_doctor.report.report import Report
from tests.support.facts import evidence, root, tpu
from tests.support.mk_compiled import Graph, Operator, Tensor, tflite
from tests.support.plans import given
from tests.support.sequences import evidence_of

PLAIN = tflite(Graph((Tensor("in"), Tensor("out")), (Operator(3),)))
MIXED = "pcie-and-usb"


def reported(models: Given, facts: Evidence | str = MIXED) -> Report:
    """A report with the plan for models in it."""
    known = evidence_of(facts) if isinstance(facts, str) else facts
    report = examine(known)
    return with_plan(report, planned(ground_of(known, Request(), report.source), models, Telling(for_others=True)))


def with_plain(models: Given) -> Given:
    """The same models and one that is not compiled."""
    first = models.loaded[0]
    plain = msgspec.structs.replace(first, path="/models/plain.tflite", sha256="0" * 64, model=read_model(PLAIN))
    return Given(loaded=(*models.loaded, plain), rates=(*models.rates, None))


def text_of(report: Report, *, width: int = 80, ascii_only: bool = False) -> str:
    """The text face."""
    stream = io.StringIO()
    text.render(report, color="never", ascii_only=ascii_only, width=width, stream=stream)
    return stream.getvalue()


def told(models: Given, facts: Evidence | str = MIXED) -> Brief:
    """The plan in a few lines."""
    return brief_in(reported(models, facts))


def test_each_model_has_its_edge_tpu_place_and_forecast() -> None:
    """In the words of the rest of the report, with what the numbers rest on."""
    first, second = told(given("a", "b")).placed
    assert ("a", "pci:1 = 0000:03:00.0, below bridge 0000:00:1c.1") == (first.model, first.device)
    assert "pci:0 = 0000:02:00.0, below bridge 0000:00:1c.0" == second.device
    assert first.forecast.startswith("1.3 ms (")
    assert "/s (" in first.forecast
    assert first.forecast.endswith("; computed")


def test_the_devices_are_those_of_the_device_table() -> None:
    """String and place stand there as well."""
    report = reported(given("a", "b", "c", "d"))
    rendered = markdown.render(report)
    for each in brief_in(report).placed:
        string, _, rest = each.device.replace(" (now usb:0, before its firmware load)", "").partition(" = ")
        name, _, place = rest.partition(", ")
        assert f"| `{name}` | {place} |" in rendered
        assert string.partition(":")[0] in ("usb", "pci")


def test_a_stick_without_firmware_has_its_number_of_now_too() -> None:
    """The rest of the report calls it by that."""
    facts = evidence(root(2), tpu("2-1", dfu=True), tpu("2-2"))
    devices = {each.device for each in told(given("a", "b"), facts).placed}
    now = {str(each.delegate_device) for each in examine(facts).edge_tpus}
    moved = [device for device in devices if "before its firmware load" in device]
    assert all(device.partition("(now ")[2].partition(",")[0] in now for device in moved)
    assert any(
        each.delegate_device != each.delegate_device_after_firmware for each in examine(facts).edge_tpus
    ) == bool(moved)


def test_a_model_that_is_slower_in_company_is_told_alone_too() -> None:
    """Two on one Edge TPU wait for each other."""
    facts = evidence(root(2), tpu("2-1"))
    assert all(", alone 1.3 ms (" in each.forecast for each in told(given("a", "b"), facts).placed)
    assert "alone" not in told(given("a"), facts).placed[0].forecast


def test_a_rate_that_is_missed_is_told() -> None:
    """One that is reached needs no word."""
    facts = evidence(root(2), tpu("2-1"))
    assert ", where 5000/s are wanted;" in told(given("a", rates=(5000.0,)), facts).placed[0].forecast
    assert "wanted" not in told(given("a", rates=(5.0,)), facts).placed[0].forecast


def test_what_has_no_place_is_told_with_the_reason() -> None:
    """Models, and Edge TPUs that can take none."""
    brief = told(with_plain(given("a")))
    assert ("plain has no place: nothing of it is compiled for the Edge TPU (see etpu-doctor model)",) == brief.left_out
    assert any("gets no model" in line for line in told(given("a"), "pcie-bars-unassigned").left_out)


def test_without_an_edge_tpu_nothing_limits() -> None:
    """Each model says why it has no place."""
    brief = told(given("a"), evidence(root(2)))
    assert (None, ()) == (brief.limit, brief.placed)
    assert ("a has no place: there is no Edge TPU for it",) == brief.left_out


def test_the_text_has_a_section_below_the_findings() -> None:
    """Verdict, places, limit, what was left out, and the command."""
    shown = text_of(reported(with_plain(given("a"))))
    section = shown[shown.index("\nPlan  ") :].split("\n")[1:]
    assert section[0].startswith("Plan  1 model on 4 Edge TPUs: no assignment is better")
    heads = [line[7:14].strip() for line in section if line.startswith(" " * 7) and line[7:8].strip()]
    assert ["runs", "limit", "out", "code"] == heads
    assert "       code   $ etpu-doctor plan /models/a_edgetpu.tflite /models/plain.tflite" in section


def test_a_report_without_a_plan_has_no_section() -> None:
    """In no face."""
    report = examine(evidence_of(MIXED))
    assert "\nPlan" not in text_of(report)
    assert "### Plan" not in markdown.render(report)


@pytest.mark.parametrize("width", [24, 40, 80, 120])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_section_fits_the_page(width: int, ascii_only: bool) -> None:
    """All but words of the command that are wider themselves."""
    names = ("a", "detector", "a_model_with_quite_a_long_name")
    shown = text_of(reported(with_plain(given(*names))), width=width, ascii_only=ascii_only)
    for line in shown[shown.index("\nPlan") :].split("\n"):
        assert len(line) <= width or line.strip().removeprefix("code").strip().removesuffix("\\").count(" ") <= 1
    assert not ascii_only or shown.isascii()


def test_the_command_can_be_copied_from_the_text() -> None:
    """Lines that were broken end with a backslash, and a shell puts them together again."""
    models = given(*(f"model number {number}" for number in range(9)))
    shown = text_of(reported(models))
    whole = shown[shown.index("$ ") + 2 :].split("\n")
    last = next(number for number, line in enumerate(whole) if not line.endswith("\\"))
    script = "\n".join(whole[: last + 1])
    done = subprocess.run(["sh", "-c", f"printf '%s|' {script}"], capture_output=True, text=True, check=True)
    words = done.stdout.split("|")[:-1]
    assert last > 0
    assert ["etpu-doctor", "plan", *(f"/models/model number {number}_edgetpu.tflite" for number in range(9))] == words


@generated(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), max_size=12), st.integers(10, 90)
)
def test_the_lines_of_a_command_are_its_words(words: list[str], width: int) -> None:
    """However they are quoted, and however narrow the page."""
    command = shlex.join(["plan", *words])
    lines = command_lines(command, width)
    assert shlex.split(command) == shlex.split("\n".join(lines).replace("\\\n", ""))
    assert all(len(line) <= width or len(shlex.split(line.removesuffix(" \\"))) == 1 for line in lines)


def test_a_tilde_stays_outside_its_quotes() -> None:
    """The shell must see it."""
    assert ["plan \\", "~/'a b.tflite' \\", "x"] == command_lines("plan ~/'a b.tflite' x", 16)


def test_the_markdown_has_a_table_and_the_command() -> None:
    """In a fence that nothing in it can end."""
    rendered = markdown.render(reported(with_plain(given("a", "b"))))
    section = rendered[rendered.index("### Plan") :]
    assert "| Model | Edge TPU | To expect |\n|---|---|---|\n| `a` | pci:1 = 0000:03:00.0, below" in section
    assert "**What limits:** " in section
    assert "- plain has no place: " in section
    assert "\n```sh\netpu-doctor plan /models/a_edgetpu.tflite" in section


NASTY = "x` | <script>alert(1)</script> **b** \n# h \x1b[31m"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_name_of_a_model_cannot_act_on_a_terminal(ascii_only: bool) -> None:
    """It is shown."""
    shown = text_of(reported(with_plain(given(NASTY))), ascii_only=ascii_only)
    assert "\x1b" not in shown
    assert "\n# h" not in shown


def test_the_name_of_a_model_cannot_act_in_markdown() -> None:
    """Nor open a block, a table's cell or a tag."""
    rendered = markdown.render(reported(given(NASTY)))
    section = rendered[rendered.index("### Plan") :]
    assert "\x1b" not in section
    assert [] == [line for line in section.split("\n") if line.startswith("# ")]
    table = next(line for line in section.split("\n") if line.startswith("| ") and "script" in line)
    assert 4 == table.count("|")
    assert "<script" not in table
