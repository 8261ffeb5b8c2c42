"""``etpu-doctor wizard`` from the command line: which face, which machine, and what it refuses."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import msgspec
import pytest

from tests.cli.command_line import run, valid
from tests.support import builder
from tests.support.live_root import write_machine
from tests.support.plans import write_models
from tests.support.sequences import TWO_STICKS

ONE = "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=2 connect=hotplug\n    1: tpu"


@pytest.fixture
def live(tmp_path: Path) -> str:
    """The root of a machine with one Edge TPU."""
    write_machine(builder.machine(ONE).umockdev(), tmp_path / "live" / "sys")
    return str(tmp_path / "live")


def answers(tmp_path: Path, *lines: str) -> str:
    """A file with answers."""
    path = tmp_path / "answers.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def test_the_demo_is_walked_with_answers_from_a_file(tmp_path: Path) -> None:
    """The stick is moved, the finding ticked off, the report saved, and every title marked."""
    report = tmp_path / "report.json"
    file = answers(tmp_path, "3", "2", "1", "1", "6", "2", str(report), "q")
    done = run("wizard", "--demo", "--plain", "--answers", file, "--encoding", "ascii")
    text = done.stdout.decode("ascii")
    assert (0, b"") == (done.returncode, done.stderr)
    assert "[x] Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now)." in text
    assert "REPLAY Guided step" in text
    assert "demo" == valid(report.read_bytes())["source"]["kind"]


def test_a_capture_is_a_replay_as_well(tmp_path: Path) -> None:
    """It is not this machine."""
    done = run("wizard", "--from", str(TWO_STICKS), "--plain", "--answers", answers(tmp_path, "q"))
    assert b"REPLAY Look" in done.stdout
    assert b'From a capture "two-sticks-on-a-7-port-hub"' in done.stdout


def test_answers_may_come_through_a_pipe(live: str) -> None:
    """Enter takes what is proposed; the end of the pipe is the end of the walk."""
    done = run("wizard", "--plain", "--root", live, input=b"2\n4\n1\n", stdin=None)
    assert 0 == done.returncode
    assert b"Edge TPU 2-1\n" in done.stdout
    assert done.stdout.endswith(b"Left the wizard.\n")


def test_this_machine_is_looked_at_without_being_touched(live: str, tmp_path: Path) -> None:
    """Nothing of the host is written, not even labels."""
    before = sorted(os.listdir(live))
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = run(
        "wizard", "--plain", "--root", live, "--answers", answers(tmp_path, "2", "1", "q"), environment=environment
    )
    assert 0 == done.returncode
    assert before == sorted(os.listdir(live))
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the wizard needs a terminal"),
        (("--answers", "x"), "--answers goes with --plain"),
        (("--demo", "no-such-demo"), "no such demo: no-such-demo"),
        (("--demo", "--from", "x"), "two replays"),
        (("--root", "/no/such/root", "--plain"), "no such directory"),
        (("--plain", "--demo", "--answers", "/no/such/file"), "No such file"),
        (("--plain", "--from", "/no/such/capture"), "No such file"),
        (("--plain", "--demo", "--wait", "-3"), "invalid seconds value"),
        (("--plain", "--demo", "--rate", "a=3"), "--rate is of a model"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """With the usage status and one line."""
    done = run("wizard", *arguments)
    assert 2 == done.returncode
    assert said in done.stderr.decode()


def test_a_damaged_file_of_labels_is_told(tmp_path: Path) -> None:
    """It is the user's to mend."""
    (tmp_path / "etpu-doctor").mkdir()
    (tmp_path / "etpu-doctor" / "labels.json").write_text("{", encoding="utf-8")
    done = run("wizard", "--plain", environment={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)})
    assert 2 == done.returncode
    assert b"not a file of labels" in done.stderr


def test_a_closed_standard_input_is_refused(live: str) -> None:
    """Nobody can be asked."""
    command = f"$DOCTOR wizard --plain --root {live} <&-"
    from tests.cli.command_line import shell

    done = shell(command)
    assert 2 == done.returncode
    assert b"standard input is closed" in done.stderr


def test_models_are_planned_in_the_last_step(tmp_path: Path) -> None:
    """Up front, with the rate that is wanted; the saved report carries the plan, and its command is this plan's."""
    models, report = write_models(tmp_path, "a", "b"), tmp_path / "report.json"
    file = answers(tmp_path, "6", "1", "6", "2", str(report), "q")
    given = [word for path in models for word in ("--model", path)]
    done = run(
        "wizard",
        "--from",
        str(TWO_STICKS),
        "--plain",
        "--answers",
        file,
        *given,
        "--rate",
        "b=20",
        "--clock",
        "maximum",
    )
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"REPLAY Take away\nThe plan\n2 models on 2 Edge TPUs" in done.stdout
    plan = valid(report.read_bytes())["plan"]
    assert [None, 20.0] == [model["wanted_rate"] for model in plan["models"]]
    words = shlex.split(plan["command"])
    assert ["--rate", "b=20", "--clock", "maximum", "--from", str(TWO_STICKS)] == words[4:]
    again = msgspec.json.decode(run(*words[1:], "--json").stdout)
    assert plan["assignment"] == again["assignment"]


def test_a_demo_is_planned_for_by_its_folder(tmp_path: Path) -> None:
    """Its command works anywhere."""
    (model,), report = write_models(tmp_path, "a"), tmp_path / "report.json"
    run("wizard", "--demo", "--plain", "--answers", answers(tmp_path, "6", "2", str(report), "q"), "--model", model)
    words = shlex.split(valid(report.read_bytes())["plan"]["command"])
    assert 0 == run(*words[1:], "--json").returncode


def test_this_machine_is_planned_for(live: str, tmp_path: Path) -> None:
    """Its code is true here, and says nothing of a replay."""
    (model,) = write_models(tmp_path, "a")
    (tmp_path / "code").mkdir()
    file = answers(tmp_path, "6", "", "3", str(tmp_path / "code"), "1", "q")
    done = run("wizard", "--plain", "--no-probe", "--root", live, "--answers", file, "--model", model)
    assert 0 == done.returncode
    assert b"\nThe plan\n1 model on 1 Edge TPU: " in done.stdout
    text = (tmp_path / "code" / "plan_tflite.py").read_text(encoding="utf-8")
    assert f'("usb:0", "{model}")' in text
    assert "REPLAY" not in text


@pytest.mark.parametrize("face", [("--plain",), ()])
def test_a_file_that_is_no_model_is_refused_before_the_first_screen(face: tuple[str, ...], tmp_path: Path) -> None:
    """With the line and the status of ``plan``."""
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    path = str(tmp_path / "bad.tflite")
    done, plan = run("wizard", "--demo", *face, "--model", path), run("plan", path)
    assert (2, b"") == (done.returncode, done.stdout)
    assert plan.stderr == done.stderr
