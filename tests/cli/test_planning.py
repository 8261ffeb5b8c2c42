"""``check --model``: the report carries the plan."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.cli import main
from etpu_doctor.report.plan import PlanReport
from tests.cli.command_line import FINE, NONE, run, valid
from tests.support import builder
from tests.support.fixtures import FIXTURES
from tests.support.live_root import write_machine
from tests.support.plans import write_models

Captured = pytest.CaptureFixture[bytes]

MIXED = str(FIXTURES / "pcie-and-usb")


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Two models."""
    return write_models(tmp_path, "a", "b")


def given(models: list[str]) -> list[str]:
    """Both as options."""
    return [word for path in models for word in ("--model", path)]


def printed(capture: Captured, *arguments: str, status: int = 0) -> str:
    """What a command prints."""
    assert status == main(list(arguments))
    captured = capture.readouterr()
    assert b"" == captured.err
    return captured.out.decode()


def test_the_json_is_that_of_plan(models: list[str], capfdbinary: Captured) -> None:
    """The same object, and the report is valid by its schema."""
    report = valid(printed(capfdbinary, "check", "--from", MIXED, *given(models), "--json").encode())
    alone = msgspec.json.decode(printed(capfdbinary, "plan", *models, "--from", MIXED, "--json"))
    assert "etpu-doctor/plan/1" == report["plan"]["schema"]
    assert {**alone, "generated_at": "*"} == {**report["plan"], "generated_at": "*"}


def test_without_a_model_there_is_no_plan(capfdbinary: Captured) -> None:
    """Not even an empty one."""
    assert "plan" not in valid(printed(capfdbinary, "check", "--from", MIXED, "--json").encode())


def test_the_text_has_the_plan(models: list[str], capfdbinary: Captured) -> None:
    """With each model's place, and the command for the code of this very plan."""
    shown = printed(capfdbinary, "check", "--from", MIXED, *given(models), "--rate", "b=20")
    assert "\nPlan  2 models on 4 Edge TPUs" in shown
    assert "       runs   a -> pci:" in shown
    command = shown[shown.index("code   $ ") + 9 :].replace("\\\n", "").strip()
    words = shlex.split(command)
    assert ["etpu-doctor", "plan", *models, "--rate", "b=20", "--from", MIXED] == words
    report = msgspec.json.decode(printed(capfdbinary, *words[1:], "--json"), type=PlanReport)
    assert [None, 20.0] == [model.wanted_rate for model in report.models]


def test_the_markdown_has_the_plan(models: list[str], capfdbinary: Captured) -> None:
    """As a table."""
    shown = printed(capfdbinary, "check", "--from", MIXED, *given(models), "--format", "markdown")
    assert "### Plan\n" in shown
    assert "| `a` | pci:" in shown


def test_pasted_text_is_planned_for_too(models: list[str]) -> None:
    """From standard input, which the command names as it is."""
    done = run("check", "--from", "-", *given(models), stdin=None, input=FINE.encode())
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"Plan  2 models on 1 Edge TPU" in done.stdout
    assert b"--from -" in done.stdout


def test_a_live_machine_is_planned_for(models: list[str], tmp_path: Path, capfdbinary: Captured) -> None:
    """Its code says nothing of a replay."""
    write_machine(
        builder.machine("pci 0000:00:14.0 xhci\n  root usb2=2 usb3=2\n    1: tpu").umockdev(), tmp_path / "sys"
    )
    arguments = ("check", "--root", str(tmp_path), "--no-probe", *given(models), "--json", "--fail-on", "never")
    plan = valid(printed(capfdbinary, *arguments).encode())["plan"]
    assert ["2-1"] == [tpu["id"] for tpu in plan["edge_tpus"]]
    assert "live" == plan["source"]["kind"]
    assert not any("REPLAY" in file["content"] for file in plan["code"])
    assert f"--root {tmp_path}" in plan["command"]


def test_the_clock_reaches_the_plan(models: list[str], capfdbinary: Captured) -> None:
    """And its command."""
    arguments = ("check", "--from", MIXED, *given(models), "--clock", "standard", "--json")
    plan = valid(printed(capfdbinary, *arguments).encode())["plan"]
    assert {250, 500} == {tpu["clock_mhz"] for tpu in plan["edge_tpus"]}
    assert "--clock standard" in plan["command"]


def test_the_exit_status_is_that_of_the_findings(models: list[str], tmp_path: Path, capfdbinary: Captured) -> None:
    """A model without a place is no fault of the machine; its absence of Edge TPUs is."""
    (tmp_path / "none.txt").write_text(NONE, encoding="utf-8")
    arguments = ("check", "--from", str(tmp_path / "none.txt"), *given(models))
    shown = printed(capfdbinary, *arguments, status=1)
    assert "out    a has no place: there is no Edge TPU for it" in shown
    assert "Plan  2 models on 0 Edge TPUs" in printed(capfdbinary, *arguments, "--fail-on", "never")


def test_nobody_is_named_unless_that_is_wanted(capfdbinary: Captured, tmp_path: Path) -> None:
    """Neither in JSON nor in text; ``--no-redact`` keeps all."""
    (tmp_path / "home" / "anna").mkdir(parents=True)
    (path,) = write_models(tmp_path / "home" / "anna", "a")
    for face in ("json", "text", "markdown"):
        arguments = ("check", "--from", MIXED, "--model", path, "--format", face)
        assert "anna" not in printed(capfdbinary, *arguments)
        assert "anna" in printed(capfdbinary, *arguments, "--no-redact")


@pytest.mark.parametrize("content", [b"", b"just text\n", b"\x00" * 4000])
def test_what_is_no_model_is_refused_as_by_plan(content: bytes, tmp_path: Path, capfdbinary: Captured) -> None:
    """The same line and status, and no report."""
    (tmp_path / "bad.tflite").write_bytes(content)
    path = str(tmp_path / "bad.tflite")
    said = []
    for arguments in (["check", "--from", MIXED, "--model", path], ["plan", path, "--from", MIXED]):
        assert 2 == main(arguments)
        captured = capfdbinary.readouterr()
        assert b"" == captured.out
        said.append(captured.err)
    assert said[0] == said[1]
    assert b"bad.tflite: " in said[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "a=3"), "--rate is of a model: give it with --model"),
        (("--model", "MODEL", "--rate", "z=3"), "no such compiled model (there are: a)"),
        (("--model", "MODEL", "--rate", "a"), "MODEL=FPS"),
        (("--model", "MODEL") * 65, "at most 64 models"),
        (("--model", "gone.tflite"), "gone.tflite: cannot be opened"),
    ],
)
def test_what_goes_with_no_model_is_refused(
    arguments: tuple[str, ...], said: str, models: list[str], capfdbinary: Captured
) -> None:
    """In one line, in JSON too."""
    words = ["check", "--from", MIXED, *(models[0] if word == "MODEL" else word for word in arguments)]
    assert 2 == main(words)
    assert said in capfdbinary.readouterr().err.decode()
    assert 2 == main([*words, "--json"])
    assert said in valid(capfdbinary.readouterr().out)["error"]["message"]


def test_a_name_that_is_no_text_is_carried(tmp_path: Path) -> None:
    """In every face: file names are bytes."""
    (path,) = write_models(tmp_path, "a")
    odd = os.fsencode(path).replace(b"a_edge", b"\xff_edge")
    os.rename(path, odd)
    for face in ("json", "text", "markdown"):
        done = run("check", "--from", MIXED, "--model", os.fsdecode(odd), "--format", face)
        assert (0, b"") == (done.returncode, done.stderr)
        assert b"_edge" in done.stdout
