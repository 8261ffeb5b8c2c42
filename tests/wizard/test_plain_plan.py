"""The plan on plain lines, with answers from a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etpu_doctor.wizard.plans import Plans
from tests.cli.command_line import valid
from tests.support.plans import given, write_models
from tests.support.sessions import session
from tests.wizard.test_plain import walked

PLAN = "4"  # of a replay, which has no bundle
ASKED = "Compiled models (.tflite), as a shell would take them (empty: none)? "


@pytest.fixture
def models(tmp_path: Path) -> str:
    """Two models, as one would type them."""
    return " ".join(write_models(tmp_path, "a", "b"))


def test_models_are_asked_for_and_planned(models: str) -> None:
    """Then the plan stands there whole, under a title that says that it is a replay."""
    text = walked(session(), "6", PLAN, models, "1", "q")
    assert f"{ASKED}{models}\n2 models on 2 Edge TPUs: no assignment is better" in text
    assert "\nREPLAY The plan\n" in text
    assert "- a on usb:0 (2-2.4.3): " in text


def test_what_names_no_model_is_told_and_asked_again(models: str) -> None:
    """As often as it takes; nothing leaves it."""
    text = walked(session(), "6", PLAN, "gone.tflite", "'", models, "1", "q")
    assert 3 == text.count(ASKED)
    assert "gone.tflite: cannot be opened: No such file or directory\n" in text
    assert "a quote is opened and not closed\n" in text
    assert "2 models on 2 Edge TPUs" in text


def test_an_empty_line_names_none(models: str) -> None:
    """Back to the step; and the next time it is asked again."""
    text = walked(session(), "6", PLAN, "", PLAN, models, "1", "q")
    assert 2 == text.count(ASKED)
    assert 3 == text.count("REPLAY Take away")


def test_answers_that_end_in_between_leave_the_wizard() -> None:
    """A script that is too short does not hang."""
    assert walked(session(), "6", PLAN).endswith("Left the wizard.\n")


def test_models_of_the_command_line_are_planned_up_front() -> None:
    """The summary stands first, and Enter opens the plan; the second time Enter leaves."""
    text = walked(session(plans=Plans(given=given("a", "b"))), "6", "", "", "", "q")
    assert ASKED not in text
    step = text[text.index("REPLAY Take away") :]
    assert step.startswith("REPLAY Take away\nThe plan\n2 models on 2 Edge TPUs")
    assert 1 == text.count("? [4] \n")
    assert text.endswith("Left the wizard.\n")


def test_the_code_is_shown_and_saved(models: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder that is named, or here; nothing is overwritten."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    text = walked(session(), "6", PLAN, models, "2", "3", str(tmp_path / "there"), "3", "", "3", "", "1", "q")
    names = ["part-of-config.yml", "plan.cc", "plan_pycoral.py", "plan_tflite.py"]
    assert names == sorted(os.listdir(tmp_path / "there"))
    assert {*names, "plan-2.cc", "plan_tflite-2.py"} <= set(os.listdir(tmp_path))
    assert f"Saved{tmp_path / 'there' / 'plan.cc'}" in "".join(text.split())
    assert "#include <cstdio>" in text
    assert "is true on the machine that was captured or pasted, and on no other." in " ".join(text.split())


def test_what_cannot_be_saved_is_told(models: str) -> None:
    """And the walk goes on."""
    text = walked(session(), "6", PLAN, models, "3", "/no/such/folder", "1", "q")
    assert "Not saved: /no/such/folder/plan_tflite.py: No such file or directory" in text
    assert text.endswith("Left the wizard.\n")


def test_other_models_are_planned_instead(models: str) -> None:
    """An empty line keeps those of before."""
    text = walked(session(plans=Plans(given=given("x"))), "6", "", "4", models, "4", "", "1", "q")
    assert 1 == text.count("1 model on 2 Edge TPUs: no assignment is better under the forecast\n\n")
    assert 2 == text.count("2 models on 2 Edge TPUs: no assignment is better under the forecast\n\n")


def test_saved_reports_carry_the_plan(models: str, tmp_path: Path) -> None:
    """Both of them, once there are models."""
    json, markdown, without = (tmp_path / name for name in ("r.json", "r.md", "without.json"))
    walked(session(), "6", "2", str(without), PLAN, models, "1", "2", str(json), "3", str(markdown), "q")
    assert "plan" not in valid(without.read_bytes())
    assert ["a", "b"] == [row["model"] for row in valid(json.read_bytes())["plan"]["assignment"]]
    assert "### Plan" in markdown.read_text(encoding="utf-8")


def test_a_report_carries_the_plan_of_the_command_line_without_a_look(tmp_path: Path) -> None:
    """It is made for it."""
    walked(session(plans=Plans(given=given("a"))), "6", "2", str(tmp_path / "r.json"), "q")
    assert ["a"] == [row["model"] for row in valid((tmp_path / "r.json").read_bytes())["plan"]["assignment"]]


def test_a_machine_without_edge_tpus_says_why_there_is_no_place(models: str) -> None:
    """And offers no code."""
    text = walked(session("no-tpu-two-expected"), "6", PLAN, models, "1", "q")
    assert "a: not placed: there is no Edge TPU for it" in text
    assert "show the code" not in text


def test_the_plan_is_of_the_machine_as_it_is_now(models: str) -> None:
    """A stick was moved since the first look."""
    text = walked(session(), "3", "2", "1", "1", "6", PLAN, models, "1", "q")
    assert "= 2-2.4.3, " not in text[text.index("REPLAY The plan") :]
    assert "- a on usb:" in text


def test_this_machine_has_its_plan_behind_the_bundle(models: str) -> None:
    """Where that is offered."""
    text = walked(session(is_replay=False), "6", "5", models, "1", "q")
    assert "  4  save the redacted bundle, after a look into it\n  5  which model on which Edge TPU" in text
    assert f"\nThe plan\n{ASKED}{models}\n2 models on 2 Edge TPUs" in text


def test_ascii_is_ascii(models: str) -> None:
    """Plan, summary and code."""
    from etpu_doctor.wizard.views import Style

    walk = session(plans=Plans(given=given("ü")))
    assert walked(walk, "6", "", "2", "4", models, "2", "1", "q", style=Style(80, ascii_only=True)).isascii()
