"""What cannot be done is said in one line, or as JSON that fits the schema."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from etpu_doctor.cli import check as check_command
from etpu_doctor.cli import main
from tests.cli.command_line import run, shell, valid

Captured = pytest.CaptureFixture[bytes]

USAGE = {
    "an unknown option": ["--bogus"],
    "an unknown option of a command": ["tree", "--bogus"],
    "an unknown rule to choose": ["check", "--only", "usb3-link"],
    "an unknown rule to skip": ["check", "--skip", "usb2-link,ETD999"],
    "no rule to choose": ["check", "--only", ","],
    "an empty rule to skip": ["check", "--skip", ""],
    "a number that is none": ["check", "--expect-tpus", "two"],
    "a negative number": ["check", "--expect-tpus", "-1"],
    "a number with a sign inside": ["check", "--expect-tpus=1-1"],
    "an unknown clock": ["check", "--clock", "fast"],
    "an unknown level": ["check", "--fail-on", "info"],
    "an unknown format": ["check", "--format", "xml"],
    "an abbreviated option": ["check", "--expect", "1"],
    "an unknown command": ["diagnose"],
    "an option without its value": ["check", "--clock"],
    "sources without one": ["check", "--from"],
    "a word too many": ["tree", "usb2"],
    "nothing to explain": ["explain"],
    "a rule that cannot be explained": ["explain", "ETD999"],
    "a cause that is no rule": ["explain", "healthy"],
    "an unknown demo": ["demo", "nope"],
    "a demo outside the package": ["demo", "../rules"],
    "a capture without a file": ["capture"],
}


def refused(capture: Captured, *arguments: str, status: int = 2) -> str:
    """The one line that a refusal prints on standard error."""
    assert status == main(arguments)
    captured = capture.readouterr()
    assert b"" == captured.out
    (line,) = captured.err.decode().splitlines()
    assert line.startswith("etpu-doctor: ")
    return line


def refused_as_json(capture: Captured, *arguments: str, status: int = 2) -> dict[str, Any]:
    """The error in the report that a refusal prints on standard output."""
    assert status == main(arguments)
    captured = capture.readouterr()
    report = valid(captured.out)
    assert ("unknown", [], []) == (report["diagnosis"]["cause"], report["findings"], report["edge_tpus"])
    error: dict[str, Any] = report["error"]
    assert error["code"] == status
    return error


@pytest.mark.parametrize("what", USAGE)
def test_usage_errors(capfdbinary: Captured, what: str) -> None:
    """A command line that cannot be carried out is one line on standard error, and status 2."""
    refused(capfdbinary, *USAGE[what])


@pytest.mark.parametrize("what", USAGE)
def test_usage_errors_as_json(capfdbinary: Captured, what: str) -> None:
    """With ``--json`` the same is JSON on standard output, and standard error is silent."""
    error = refused_as_json(capfdbinary, "--json", *USAGE[what]) if what == "an unknown option" else None
    error = error or refused_as_json(capfdbinary, *USAGE[what], "--json")
    assert ("usage", None, None) == (error["kind"], error["file"], error["line"])


@pytest.mark.parametrize("form", [["--format=json"], ["--format", "json"], ["--json"]])
def test_every_way_to_ask_for_json(capfdbinary: Captured, form: list[str]) -> None:
    """Errors are JSON however it was asked for, also where the error comes first."""
    assert "usage" == refused_as_json(capfdbinary, "check", "--bogus", *form)["kind"]
    assert "usage" == refused_as_json(capfdbinary, "check", *form, "--bogus")["kind"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "no such command: nope (see etpu-doctor --help)"),
        (["explain", "x"], "no such rule: x (see etpu-doctor rules)"),
        (["check", "--only", "x"], "no such rule: x (see etpu-doctor rules)"),
        (["tree", "--x"], "unrecognized arguments: --x (see etpu-doctor tree --help)"),
        (["demo", "x"], "no such demo: x (there are: "),
    ],
)
def test_refusals_say_where_to_look(capfdbinary: Captured, arguments: list[str], said: str) -> None:
    """The line says what is wrong and which command shows what there is."""
    assert refused(capfdbinary, *arguments).startswith(f"etpu-doctor: {said}")


@pytest.mark.parametrize("command", ["check", "tree", "devices"])
def test_a_file_that_is_not_there(capfdbinary: Captured, tmp_path: Path, command: str) -> None:
    """A missing file is named."""
    path = str(tmp_path / "missing.txt")
    assert "etpu-doctor: missing.txt: No such file or directory" == refused(capfdbinary, command, "--from", path)
    error = refused_as_json(capfdbinary, command, "--json", "--from", path)
    assert ("evidence", "missing.txt") == (error["kind"], error["file"])


@pytest.mark.parametrize("files", [[], ["README.md", "expected.json"]])
def test_a_folder_without_evidence(capfdbinary: Captured, tmp_path: Path, files: list[str]) -> None:
    """A folder that holds nothing, or only words about it, is no evidence; one with a case.toml is a capture."""
    for name in files:
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert "the folder holds no evidence" in refused(capfdbinary, "check", "--from", str(tmp_path))
    assert "evidence" == refused_as_json(capfdbinary, "check", "--json", "--from", str(tmp_path))["kind"]
    (tmp_path / "case.toml").write_text('machine = "x"\n', encoding="utf-8")
    assert 0 == main(["check", "--json", "--from", str(tmp_path)])
    assert "unknown" == valid(capfdbinary.readouterr().out)["diagnosis"]["cause"]


def test_a_damaged_bundle(capfdbinary: Captured, tmp_path: Path) -> None:
    """A file that begins like a bundle and is none is named with the reason."""
    bundle = tmp_path / "x.tar.gz"
    bundle.write_bytes(b"\x1f\x8b\x08\x00nonsense")
    assert refused(capfdbinary, "check", "--from", str(bundle)).startswith("etpu-doctor: x.tar.gz: ")


def test_one_bad_file_among_good_ones(capfdbinary: Captured, slow: str) -> None:
    """Evidence that is half there is not judged as if it were whole."""
    assert "evidence" == refused_as_json(capfdbinary, "check", "--json", "--from", slow, f"{slow}.missing")["kind"]


def test_a_capture_is_not_overwritten(capfdbinary: Captured, bare_host: str, tmp_path: Path) -> None:
    """An existing file is kept, unless told otherwise."""
    bundle = tmp_path / "x.tar.gz"
    bundle.write_bytes(b"precious")
    arguments = ["capture", "-o", str(bundle), "--root", bare_host]
    assert "exists already" in refused(capfdbinary, *arguments)
    assert b"precious" == bundle.read_bytes()
    assert 0 == main([*arguments, "--force", "--json"])
    assert b"precious" != bundle.read_bytes()


def test_a_capture_that_cannot_be_written(capfdbinary: Captured, bare_host: str, tmp_path: Path) -> None:
    """A folder that does not exist is said."""
    path = str(tmp_path / "no" / "x.tar.gz")
    assert "evidence" == refused_as_json(capfdbinary, "capture", "--json", "-o", path, "--root", bare_host)["kind"]


@pytest.mark.parametrize(
    "arguments", [["check", "--from", "\udcff.txt"], ["\udcff"], ["explain", "\udcff"], ["check", "--only", "\udcff"]]
)
def test_names_that_are_no_text(arguments: list[str]) -> None:
    """An argument that is not UTF-8 is refused like any other, as text and as JSON."""
    result = run(*arguments)
    assert (2, b"", 1) == (result.returncode, result.stdout, len(result.stderr.splitlines()))
    result = run(*arguments, "--json")
    assert (2, b"") == (result.returncode, result.stderr)
    valid(result.stdout)


@pytest.mark.parametrize("form", ["json", "text", "markdown"])
def test_a_file_whose_name_is_no_text(slow: str, tmp_path: Path, form: str) -> None:
    """A listing in a file whose name is not UTF-8 is read, and its name shown as far as possible."""
    path = os.fsencode(tmp_path) + b"/a\xff.txt"
    with open(path, "wb") as handle:
        handle.write(Path(slow).read_bytes() + b"what is this\n")
    result = run("check", "--format", form, "--from", os.fsdecode(path))
    assert (1, b"") == (result.returncode, result.stderr)
    if form == "json":
        assert ["what is this"] == [run["text"] for run in valid(result.stdout)["source"]["ignored"]]


def test_a_capture_whose_name_is_no_text(bare_host: str, tmp_path: Path) -> None:
    """Nor does the name of a capture matter."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tar.gz")
    for arguments in ([], ["--json", "--force"]):
        result = run("capture", "-o", path, "--root", bare_host, *arguments)
        assert (0, b"") == (result.returncode, result.stderr)


class Broken:
    """Fails as a bug would."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_arguments: Any) -> None:
        raise self.error


def broken(monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception | None = None) -> None:
    """Make ``check`` fail, and let its log land in a folder."""
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", partial(tempfile.NamedTemporaryFile, dir=str(folder)))
    monkeypatch.setattr(check_command, "write_report", Broken(error or ValueError("an \udcff and a bug")))
    monkeypatch.setattr(sys, "argv", ["etpu-doctor", "check", "--from", "\udcff.txt"])


def test_a_bug_leaves_an_issue(
    capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fine: str
) -> None:
    """A bug is status 70, one line, and a file that is an issue's text: versions, command, traceback."""
    folder = tmp_path / "logs"
    folder.mkdir()
    broken(monkeypatch, folder)
    line = refused(capfdbinary, "check", "--from", fine, status=70)
    (log,) = folder.iterdir()
    assert str(log) in line
    text = log.read_text(encoding="utf-8")
    for part in ("### ValueError in etpu-doctor", "- Python 3.", "- command: `etpu-doctor check", "Traceback (most"):
        assert part in text


def test_a_bug_as_json(capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fine: str) -> None:
    """With ``--json`` a bug is a valid report as well."""
    broken(monkeypatch, tmp_path)
    error = refused_as_json(capfdbinary, "check", "--json", "--from", fine, status=70)
    assert "bug" == error["kind"]
    assert "ValueError" in error["message"]


def test_a_bug_without_a_place_for_its_log(
    capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fine: str
) -> None:
    """Where no file can be written (a read-only /tmp), the line comes without one."""
    broken(monkeypatch, tmp_path / "missing")
    line = refused(capfdbinary, "check", "--from", fine, status=70)
    assert line.endswith("a bug.")


@pytest.mark.parametrize("error", [OSError(13, "Permission denied", "/sys/x"), OSError("odd"), RecursionError("deep")])
def test_errors_that_are_bugs(
    capfdbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fine: str, error: Exception
) -> None:
    """A file that we failed to open is a bug of ours, and not a full disk."""
    broken(monkeypatch, tmp_path, error)
    assert "a bug in etpu-doctor" in refused(capfdbinary, "check", "--from", fine, status=70)


def test_a_bug_whose_reader_left(slow: str) -> None:
    """Even the report of a bug may find the pipe closed."""
    script = (
        "(sleep 0.3; exec $PYTHON -c 'import sys; from etpu_doctor.cli import check, main; check.write_report = None; "
        f'sys.exit(main(["check", "--json", "--from", "{slow}"]))\' 2>/dev/null) | true; echo ${{PIPESTATUS[0]}}'
    )
    assert b"141\n" == shell(script.replace("$PYTHON", sys.executable)).stdout
