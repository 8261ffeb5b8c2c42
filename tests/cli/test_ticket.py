"""``etpu-doctor ticket`` from the command line: one thread, several files, many threads, and what cannot be read."""

from __future__ import annotations

import gc
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.cli import main
from tests.cli.command_line import run, valid

Captured = pytest.CaptureFixture[bytes]
KEY = "modprobe: ERROR: could not insert 'apex': Key was rejected by service\n"
EMPTY = "Failed to load delegate from libedgetpu.so.1\n"


@pytest.fixture
def thread(tmp_path: Path) -> str:
    """A file with a thread that shows its cause."""
    path = tmp_path / "thread.txt"
    path.write_text(f"hello all,\n\n{KEY}", encoding="utf-8")
    return str(path)


def output(capture: Captured, *arguments: str, status: int = 0) -> bytes:
    """What the command prints."""
    assert status == main(["ticket", *arguments])
    return capture.readouterr().out


def test_a_thread_as_json_is_a_report(capfdbinary: Captured, thread: str) -> None:
    """The same report as that of check, valid, with the line of the finding."""
    report = valid(output(capfdbinary, thread, "--json"))
    assert ("text", "secure-boot-module-signing") == (report["source"]["kind"], report["diagnosis"]["cause"])
    assert "thread.txt:3" == report["findings"][0]["facts"][0]["where"]


def test_a_thread_as_text_names_cause_and_line(capfdbinary: Captured, thread: str) -> None:
    """A person sees the cause, the line and what to do."""
    printed = output(capfdbinary, thread).decode()
    assert all(word in printed for word in ("secure-boot-module-signing", "line 3 modprobe", "Enrol"))


def test_a_thread_as_markdown_is_a_reply(capfdbinary: Captured, thread: str) -> None:
    """It can be posted as it is."""
    assert "Cause: `secure-boot-module-signing`" in output(capfdbinary, thread, "--format", "markdown").decode()


def test_a_thread_may_come_by_pipe() -> None:
    """Without a file, or with a dash, standard input is read."""
    for arguments in (("ticket", "--json"), ("ticket", "-", "--json")):
        done = run(*arguments, stdin=None, input=KEY.encode())
        assert "secure-boot-module-signing" == valid(done.stdout)["diagnosis"]["cause"]


def test_several_files_are_one_thread(capfdbinary: Captured, thread: str, tmp_path: Path) -> None:
    """The second file adds the card."""
    other = tmp_path / "lspci.txt"
    other.write_text("02:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n")
    report = valid(output(capfdbinary, thread, str(other), "--json"))
    assert ["0000:02:00.0"] == [tpu["id"] for tpu in report["edge_tpus"]]


def test_fail_on_gives_a_status(thread: str) -> None:
    """Only where it is asked for: a thread is of another machine."""
    assert (0, 1) == (main(["ticket", thread]), main(["ticket", thread, "--fail-on", "error"]))


def test_a_batch_of_files_is_a_line_each(capfdbinary: Captured, tmp_path: Path) -> None:
    """Name, cause, and how sure it is."""
    (tmp_path / "a.txt").write_text(KEY)
    (tmp_path / "b.txt").write_text(EMPTY)
    first, second = output(capfdbinary, "--batch", str(tmp_path)).decode().splitlines()
    assert first.startswith("a.txt: secure-boot-module-signing (likely): ")
    assert second.startswith("b.txt: unknown ")


def test_a_batch_as_json_is_a_report_a_line(capfdbinary: Captured, tmp_path: Path) -> None:
    """Each line is a whole report that carries the thread's name."""
    path = tmp_path / "all.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode({"id": name, "text": KEY}) + b"\n" for name in ("x", "y")))
    reports = [valid(line) for line in output(capfdbinary, "--batch", str(path), "--json").splitlines()]
    assert ["x", "y"] == [report["source"]["name"] for report in reports]


def test_a_thread_that_cannot_be_read_does_not_stop_a_batch(capfdbinary: Captured, tmp_path: Path) -> None:
    """It is told of in its place, and the exit status says that something was wrong."""
    path = tmp_path / "all.jsonl"
    path.write_bytes(b"{\n" + msgspec.json.encode(KEY) + b"\n")
    lines = output(capfdbinary, "--batch", str(path), "--json", status=2).splitlines()
    bad, good = map(valid, lines)
    assert "line 1" in bad["error"]["message"]
    assert good["error"] is None


@pytest.mark.parametrize(
    "arguments",
    [["--batch", "x", "file"], ["--batch", "x", "--format", "markdown"], ["/nowhere/x.txt"], ["--batch", "/nowhere"]],
)
def test_what_cannot_be_done_is_a_usage_error(capfdbinary: Captured, arguments: list[str]) -> None:
    """Status 2 and a sentence."""
    assert b"" == output(capfdbinary, *arguments, status=2)


def test_a_batch_shows_no_control_characters(capfdbinary: Captured, tmp_path: Path) -> None:
    """The name of a file is a stranger's too."""
    (tmp_path / "a\x1b[31m.txt").write_text(EMPTY)
    assert b"\x1b" not in output(capfdbinary, "--batch", str(tmp_path))


def test_a_name_that_is_no_utf8_is_printed(tmp_path: Path) -> None:
    """Bytes that no encoding knows do not end the command."""
    (tmp_path / "x\udcff.txt").write_text(EMPTY)
    done = run("ticket", "--batch", str(tmp_path), "--json")
    assert (0, b"") == (done.returncode, done.stderr)


def test_names_are_redacted_unless_asked_for(capfdbinary: Captured, tmp_path: Path) -> None:
    """A quoted line loses the user's name."""
    path = tmp_path / "t.txt"
    path.write_text("OSError: /home/mia/lib/libedgetpu.so.1: file too short\n")
    assert b"mia" not in output(capfdbinary, str(path), "--json")
    assert b"mia" in output(capfdbinary, str(path), "--json", "--no-redact")


def test_how_often_python_looks_for_cycles_is_as_before(capfdbinary: Captured, thread: str) -> None:
    """The command changes it for itself alone, whatever comes of it."""
    before = gc.get_threshold()
    output(capfdbinary, thread)
    output(capfdbinary, "missing.txt", status=2)
    assert before == gc.get_threshold()
