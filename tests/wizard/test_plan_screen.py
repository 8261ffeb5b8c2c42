"""The plan on the full screen, by keyboard and by mouse."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from etpu_doctor.wizard.app import WizardApp
from etpu_doctor.wizard.plans import Plans
from etpu_doctor.wizard.session import Session
from tests.cli.command_line import valid
from tests.support.plans import given, write_models
from tests.support.screens import LARGE, SMALL, Driver, click_on, drive, lines_of, text_of, until
from tests.support.sequences import TWO_STICKS, as_fresh, deltas, device_at, evidence_of, with_device, without
from tests.support.sessions import real_session

CHOICE = "which model on which Edge TPU"
START = evidence_of(TWO_STICKS)


def with_models(*names: str, **options: object) -> Session:
    """A session to which models were given before it began."""
    return real_session(plans=Plans(given=given(*names)), **options)  # type: ignore[arg-type] # options of a session


async def typed(pilot: Driver, text: str) -> None:
    """Letters of a line that may already hold some."""
    await pilot.press("ctrl+u")
    await pilot.press(*("minus" if each == "-" else "slash" if each == "/" else each for each in text), "enter")


def test_models_are_asked_for_and_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names none is told, and asked for again with what was typed."""
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path, "a", "b")

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await click_on(pilot, CHOICE)
        await until(pilot, "Compiled models (.tflite), as a shell would take them")
        await typed(pilot, "gone.tflite")
        await until(pilot, "gone.tflite: cannot be opened: No such file or directory")
        await until(pilot, "\n gone.tflite")
        await typed(pilot, "a_edgetpu.tflite b_edgetpu.tflite")
        await until(pilot, "2 models on 2 Edge TPUs: no assignment is better")
        await pilot.press("escape")
        await until(pilot, "- a -> usb:0 = 2-2.4.3, port 3 of hub 2-2.4")

    drive(real_session(), steps)


def test_escape_names_none() -> None:
    """Back to the step."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("6", "down", "down", "enter")
        await until(pilot, "Compiled models")
        await pilot.press("escape")
        await until(pilot, "[6 Take away]")
        await until(pilot, "Name the compiled models (.tflite)")

    app = drive(real_session(), steps)
    assert app.session.plans.given is None


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
def test_models_of_the_command_line_are_planned_up_front(theme: str, size: tuple[int, int]) -> None:
    """The choice stands first, its summary beside it, and Enter shows the whole."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        text = await until(pilot, "2 models on 2 Edge TPUs")
        assert text.split("\n")[2].startswith(f"> {CHOICE}")
        await pilot.press("enter")
        await until(pilot, "\n Models")
        assert all(len(line) <= size[0] for line in lines_of(pilot.app))  # type: ignore[arg-type] # it is ours
        await pilot.press("end")
        await until(pilot, "In Frigate's container")

    drive(with_models("a", "b"), steps, theme=theme, size=size)


def test_the_plan_is_ascii_where_that_is_asked_for() -> None:
    """Summary and whole."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        assert (await until(pilot, "2 models on 2 Edge TPUs")).isascii()
        await pilot.press("enter")
        assert (await until(pilot, "\n Models")).isascii()

    drive(with_models("a", "ü"), steps, ascii_only=True)


def test_the_code_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user says; nothing is overwritten, and what one must know stays until it was read."""
    monkeypatch.chdir(tmp_path)

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "2 models on 2 Edge TPUs")
        await pilot.press("enter")
        await until(pilot, "Save the code")
        for _ in range(2):
            await pilot.press("s")
            await until(pilot, "Save the code in this folder")
            await pilot.press("enter")
            await until(pilot, "part-of-config")
            await pilot.press("enter")
            await until(pilot, "\n Models")

    drive(with_models("a", "b"), steps, size=LARGE)
    names = ["part-of-config-2.yml", "part-of-config.yml", "plan-2.cc", "plan.cc"]
    names += ["plan_pycoral-2.py", "plan_pycoral.py", "plan_tflite-2.py", "plan_tflite.py"]
    assert names == sorted(os.listdir(tmp_path))
    assert (tmp_path / "plan_tflite.py").read_text(encoding="utf-8").startswith("# REPLAY")


def test_a_folder_that_is_none_is_told() -> None:
    """Nothing else happens, and Escape saves nothing."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "1 model on 2 Edge TPUs")
        await pilot.press("enter", "s")
        await until(pilot, "Save the code in this folder")
        await pilot.press("escape")
        await until(pilot, "\n Models")
        await pilot.press("s")
        await until(pilot, "Save the code in this folder")
        await typed(pilot, "/no/such")
        await until(pilot, "Not saved: /no/such/plan_tflite.py")

    drive(with_models("a"), steps)


def test_other_models_begin_with_those_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is added by typing it; Escape keeps the plan."""
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path, "b")

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "1 model on 2 Edge TPUs")
        await pilot.press("enter", "m")
        await until(pilot, "/models/a_edgetpu.tflite")
        await pilot.press("escape")
        await until(pilot, "1 model on 2 Edge TPUs")
        await pilot.press("m")
        await typed(pilot, "b_edgetpu.tflite b_edgetpu.tflite")
        await until(pilot, "b (2)")

    drive(with_models("a"), steps)


def test_without_code_none_is_offered() -> None:
    """A machine without Edge TPUs has none."""

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "nothing to place")
        await pilot.press("enter")
        text = await until(pilot, "not placed: there is no Edge TPU for it")
        assert "Save the code" not in text
        await pilot.press("s")
        await pilot.pause(0.1)
        assert "in this folder" not in text_of(pilot.app)  # type: ignore[arg-type] # it is ours

    drive(with_models("a", start="no-tpu-two-expected"), steps)


def test_the_plan_is_made_anew_when_a_stick_moves() -> None:
    """In front of the user's eyes."""
    stick, away = device_at(START, "2-2.4.3"), without(START, "2-2.4.3")
    changes = deltas((0, START), (0.3, away), (0.9, with_device(away, as_fresh(stick), "2-2.2")))
    plans = Plans(given=given("a", "b"))

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "2-2.4.3")
        await pilot.press("3", "enter")
        await until(pilot, "[x] Done")
        await pilot.press("escape", "6")
        text = await until(pilot, "2-2.2, port 2 of hub 2-2")
        assert "= 2-2.4.3" not in text

    drive(real_session(START, changes, plans=plans), steps, size=LARGE)


def test_the_screen_does_not_wait_for_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is made one can go anywhere; then it is there."""
    go_on, make = threading.Event(), Plans.make

    def slow(self: Plans, *arguments: object) -> None:
        assert go_on.wait(20)
        make(self, *arguments)  # type: ignore[arg-type] # handed on

    monkeypatch.setattr(Plans, "make", slow)

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        await until(pilot, "Planning...")
        await pilot.press("enter")
        await until(pilot, "Planning...")
        await pilot.press("escape", "2")
        await until(pilot, "[2 Map]")
        await pilot.press("6")
        await until(pilot, "Planning...")
        go_on.set()
        await until(pilot, "2 models on 2 Edge TPUs")

    drive(with_models("a", "b"), steps)


def test_files_that_are_read_late_are_told_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who went to another step is not asked again there."""
    go_on, read = threading.Event(), Plans.read

    def slow(self: Plans, line: str) -> None:
        assert go_on.wait(20)
        read(self, line)

    monkeypatch.setattr(Plans, "read", slow)

    async def steps(pilot: Driver) -> None:
        await pilot.press("6", "down", "down", "enter")
        await until(pilot, "Compiled models")
        await typed(pilot, "gone.tflite")
        await until(pilot, "Name the compiled models")
        await pilot.press("2")
        await until(pilot, "[2 Map]")
        go_on.set()
        await until(pilot, "gone.tflite: cannot be")
        assert "[2 Map]" in text_of(pilot.app)  # type: ignore[arg-type] # it is ours

    drive(real_session(), steps)


def test_saved_reports_carry_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By keyboard and by mouse."""
    monkeypatch.chdir(tmp_path)

    async def steps(pilot: Driver) -> None:
        await pilot.press("6")
        for choice in ("save the report as JSON", "save the report as Markdown"):
            await click_on(pilot, choice)
            await until(pilot, "Save it as")
            await pilot.press("enter")
            await until(pilot, "Saved")
            await until(pilot, "[6 Take away]")

    app = drive(with_models("a", "b"), steps)
    assert isinstance(app, WizardApp)
    report = valid((tmp_path / "etpu-doctor-report.json").read_bytes())
    assert ["a", "b"] == [row["model"] for row in report["plan"]["assignment"]]
    assert "### Plan" in (tmp_path / "etpu-doctor-report.md").read_text(encoding="utf-8")
