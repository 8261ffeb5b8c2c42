"""``etpu-doctor model`` and ``etpu-doctor model fetch``."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etpu_doctor.cli import main
from etpu_doctor.cli import model as command
from etpu_doctor.knowledge.smoke_models import smoke_models
from etpu_doctor.report.model import ModelReport
from etpu_doctor.smoke import models
from etpu_doctor.smoke.models import Fetched
from tests.cli.command_line import run, shell, valid
from tests.cli.test_start_up import imported, third_party
from tests.support.http_answers import ranges, serving, whole
from tests.support.mk_compiled import Graph, Operator, Program, Recipe, Tensor, compiled, synthetic, tflite

Captured = pytest.CaptureFixture[bytes]

TENSORS = (Tensor("in"), Tensor("out"))
PLAIN = tflite(Graph(TENSORS, (Operator(3),)))
PARTLY = tflite(Graph(TENSORS, (compiled(Program()), Operator("TFLite_Detection_PostProcess"))))
CONTENT = synthetic()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no proxy."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "etpu-doctor"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the smoke model's file; a small synthetic one stands for it."""
    entry = msgspec.structs.replace(
        smoke_models()[0], size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
    )
    monkeypatch.setattr(models, "smoke_models", lambda: (entry,))
    return entry.file


def file(folder: Path, content: bytes, name: str = "m.tflite") -> str:
    """A file with this content."""
    (folder / name).write_bytes(content)
    return str(folder / name)


def output(capture: Captured, *arguments: str, status: int = 0) -> bytes:
    """What the command prints, after a look at its exit status and at a silent standard error."""
    assert status == main(["model", *arguments])
    captured = capture.readouterr()
    assert b"" == captured.err
    return captured.out


def refusal(capture: Captured, *arguments: str) -> str:
    """The one line with which the command refuses; the same reason is given as JSON."""
    assert 2 == main(["model", *arguments])
    captured = capture.readouterr()
    assert b"" == captured.out
    assert 2 == main(["model", *arguments, "--json"])
    error = valid(capture.readouterr().out)["error"]
    line = captured.err.decode()
    assert f"etpu-doctor: {error['message']}\n" == line
    return line


@pytest.mark.parametrize(
    ("content", "word", "notes"),
    [
        (CONTENT, b"OK", []),
        (synthetic(Recipe(stand_alone=True)), b"OK", []),
        (PARTLY, b"INFO", ["on-the-cpu"]),
        (PLAIN, b"WARNING", ["not-compiled"]),
    ],
    ids=["compiled", "stand-alone", "partly", "plain"],
)
def test_models(capfdbinary: Captured, tmp_path: Path, content: bytes, word: bytes, notes: list[str]) -> None:
    """The verdict is the first word and the exit status; JSON has the same facts."""
    path, status = file(tmp_path, content), int(bool(notes))
    assert output(capfdbinary, path, status=status).startswith(word)
    report = msgspec.json.decode(output(capfdbinary, path, "--json", status=status), type=ModelReport)
    assert (path, hashlib.sha256(content).hexdigest(), notes) == (
        report.file,
        report.sha256,
        [note.about for note in report.notes],
    )
    assert len(content) == report.model.size_bytes


def test_json_of_a_model(capfdbinary: Captured, tmp_path: Path) -> None:
    """Its keys are those of the vocabulary; unknown numbers are null, and tokens text."""
    model: dict[str, Any] = msgspec.json.decode(output(capfdbinary, file(tmp_path, CONTENT), "--json"))["model"]
    assert ("full", 13, 384, 320, 10, None) == (
        model["compiled"],
        model["min_runtime"],
        model["once_bytes"],
        model["out_bytes_per_inference"],
        model["in_bytes_per_inference"],
        model["traffic_unknown_because"],
    )
    first = model["packages"][0]["executables"][0]
    assert ("execution-only", "0x1122334455667788") == (first["kind"], first["caching_token"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html>\n", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"0 person\n", "a text file"),
        (b"\x1c\0\0\0TFL3", "damaged or cut off"),
        (CONTENT[: len(CONTENT) // 2], "damaged or cut off"),
        (os.urandom(3) + b"\0" * 100, "not a TensorFlow Lite model"),
    ],
    ids=["empty", "page", "pointer", "zip", "text", "stub", "half", "random"],
)
def test_what_is_no_model(capfdbinary: Captured, tmp_path: Path, content: bytes, expected: str) -> None:
    """Each kind of wrong file is called by its name, with status 2."""
    assert expected in refusal(capfdbinary, file(tmp_path, content))


def test_what_is_no_file(capfdbinary: Captured, tmp_path: Path) -> None:
    """A folder, a missing file, a device."""
    file(tmp_path, CONTENT)
    assert "a folder: name one of the files in it (m.tflite)" in refusal(capfdbinary, str(tmp_path))
    assert "No such file" in refusal(capfdbinary, str(tmp_path / "none"))
    assert "no regular file" in refusal(capfdbinary, "/dev/null")


def test_no_file_is_named(capfdbinary: Captured) -> None:
    """What is missing on the command line is said."""
    assert "FILE" in refusal(capfdbinary)
    assert "unrecognized" in refusal(capfdbinary, "a", "b")
    assert "unrecognized" in refusal(capfdbinary, "fetch", "what")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A name that is no UTF-8, or full of escapes, does no harm in any output."""
    for name in (b"\xff\xfe.tflite", b"\x1b[31m\n.tflite"):
        path = os.fsencode(tmp_path) + b"/" + name
        Path(os.fsdecode(path)).write_bytes(PLAIN)
        for more in ([], ["--json"]):
            result = run("model", os.fsdecode(path), *more)
            assert (1, b"") == (result.returncode, result.stderr)
            assert b"\x1b" not in result.stdout
            assert b"\xff" not in result.stdout
        folder = run("model", str(tmp_path))
        assert b"\x1b" not in folder.stderr


def test_an_ascii_terminal(tmp_path: Path) -> None:
    """A locale that knows ASCII only gets what it can show."""
    path = file(tmp_path, tflite(Graph((Tensor("Ein\u00ad\u00fcbung"), Tensor("out")), (compiled(Program()),))))
    result = run("model", path, environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert (0, b"") == (result.returncode, result.stderr)
    assert b"Ein" in result.stdout


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """A closed pipe is no crash."""
    result = shell(f"$DOCTOR model {file(tmp_path, CONTENT)} | true; echo ${{PIPESTATUS[0]}}", stdin=None)
    assert result.stdout.strip() in (b"0", b"141")
    assert b"" == result.stderr


def test_it_needs_nothing_but_msgspec(tmp_path: Path) -> None:
    """Neither text nor JSON of a model imports a third-party module, nor a runtime or NumPy."""
    path = file(tmp_path, PARTLY)
    for more in ([], ["--json"]):
        modules = imported("model", path, *more)
        assert set() == third_party(modules)
        assert not {"numpy", "flatbuffers", "urllib.request", "ssl"} & modules


def test_a_model_called_fetch(capfdbinary: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of that name is reached with its folder before it."""
    file(tmp_path, CONTENT, "fetch")
    monkeypatch.chdir(tmp_path)
    assert output(capfdbinary, "./fetch").startswith(b"OK")


def test_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal's own, up to a limit; without one the limit."""
    for columns, expected in ((80, 80), (300, 100), (0, 100)):
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(os, "get_terminal_size", lambda _handle, size=size: size)
        monkeypatch.setattr(sys, "stdout", open(os.devnull, "w", encoding="ascii"))  # noqa: SIM115 - closed below
        assert expected == command._width()
        sys.stdout.close()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert 100 == command._width()


# ---- fetch


def test_fetch(capfdbinary: Captured, cache: Path, known: str) -> None:
    """The model comes into the cache; what is there already is not fetched again."""
    with serving(whole(CONTENT)) as server:
        printed = output(capfdbinary, "fetch", "--url", server.url).decode()
        assert (f"{cache / known}: {len(CONTENT):,} bytes from {server.url}, its SHA-256 is right\n") == printed
        assert "there already" in output(capfdbinary, "fetch", "--url", server.url).decode()
    assert 1 == len(server.asked)
    assert CONTENT == (cache / known).read_bytes()


def test_fetch_as_json(capfdbinary: Captured, tmp_path: Path, known: str) -> None:
    """JSON says where it is, and what was done."""
    folder = str(tmp_path / "models")
    with serving(whole(CONTENT)) as server:
        for was_there in (False, True):
            printed = output(capfdbinary, "fetch", "--dest", folder, "--url", server.url, "--json")
            fetched = msgspec.json.decode(printed, type=Fetched)
            assert (f"{folder}/{known}", was_there) == (fetched.path, fetched.was_there)


def test_fetch_says_what_it_found(capfdbinary: Captured, cache: Path, known: str) -> None:
    """A wrong file in its place, and the part of an earlier try, are spoken of."""
    cache.mkdir(parents=True)
    (cache / known).write_bytes(b"old")
    (cache / f"{known}.part").write_bytes(CONTENT[:100])
    with serving(ranges(CONTENT)) as server:
        printed = output(capfdbinary, "fetch", "--url", server.url).decode()
    assert f"the file there has 3 bytes and should have {len(CONTENT):,}, and was replaced" in printed
    assert f"the last {len(CONTENT) - 100:,} now" in printed


@pytest.mark.usefixtures("known")
def test_fetch_fails(capfdbinary: Captured, tmp_path: Path) -> None:
    """Each way of failing has its line, and status 2."""
    with serving(whole(b"<html>")) as server:
        assert "6 bytes" in refusal(capfdbinary, "fetch", "--url", server.url)
    with serving(whole(b"x" * len(CONTENT))) as server:
        assert "other bytes" in refusal(capfdbinary, "fetch", "--url", server.url)
    assert "cannot be reached" in refusal(capfdbinary, "fetch", "--url", "http://nowhere.invalid/")
    assert "is no folder" in refusal(capfdbinary, "fetch", "--dest", file(tmp_path, b""))
    assert "--dest and --url" in refusal(capfdbinary, "fetch", "--dest", "")
    assert "--dest and --url" in refusal(capfdbinary, "fetch", "--url=")


def test_fetch_where_no_file_may_grow(tmp_path: Path) -> None:
    """The kernel's refusal to write more is told as one; the model is not there, and nothing crashed."""
    size = smoke_models()[0].size_bytes
    with serving(whole(bytes(size))) as server:
        result = shell(f"ulimit -f 8; $DOCTOR model fetch --dest {tmp_path}/d --url {server.url}", stdin=None)
    assert 2 == result.returncode
    assert b"cannot be written to: File too large" in result.stderr
    assert [f"{smoke_models()[0].file}.part"] == os.listdir(tmp_path / "d")


def test_progress_is_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are counted on a terminal's standard error only."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), "\r1,000 of 2,000 bytes\r2,000 of 2,000 bytes\n"), (io.StringIO(), "")):
        monkeypatch.setattr(sys, "stderr", stream)
        command._progress(1000, 2000)
        command._progress(2000, 2000)
        assert expected == stream.getvalue()
    monkeypatch.setattr(sys, "stderr", None)
    command._progress(1, 2)


@pytest.mark.parametrize("arguments", [["model", "--help"], ["model", "fetch", "--help"]])
def test_help(arguments: list[str]) -> None:
    """Both have help that names what they take."""
    result = run(*arguments)
    assert 0 == result.returncode
    assert (b"--dest" if "fetch" in arguments else b"FILE") in result.stdout
