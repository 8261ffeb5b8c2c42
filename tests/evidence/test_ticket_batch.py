"""Many threads at once: folders of files, folders of folders, and lines of JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.ticket_batch import read_batch


def test_each_file_of_a_folder_is_a_thread(tmp_path: Path) -> None:
    """In the order of their names; what is about them and hidden files are left out."""
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "truth.json").write_text("{}")
    (tmp_path / ".hidden").write_text("no")
    found = list(read_batch(str(tmp_path)))
    assert [("a.txt", (("a.txt", b"one"),)), ("b.txt", (("b.txt", b"two"),))] == [(t.name, t.texts) for t in found]


def test_each_folder_of_a_folder_is_a_thread(tmp_path: Path) -> None:
    """All its texts belong together; files beside such folders are about them."""
    (tmp_path / "README.md").write_text("about")
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ticket.txt").write_text(name)
        (tmp_path / name / "truth.json").write_text("{}")
    (tmp_path / "y" / "log.txt").write_text("log")
    found = list(read_batch(str(tmp_path)))
    assert [("x", 1), ("y", 2)] == [(thread.name, len(thread.texts)) for thread in found]


def test_each_line_of_a_file_is_a_thread(tmp_path: Path) -> None:
    """Objects with a text and a name, or the text alone; a title is part of it."""
    path = tmp_path / "all.jsonl"
    path.write_text('{"id": 7, "title": "T", "body": "B"}\n\n"only text"\n{"name": "n", "text": "x", "more": [1]}\n')
    found = list(read_batch(str(path)))
    assert [("7", b"T\n\nB"), ("line-3", b"only text"), ("n", b"x")] == [(t.name, t.texts[0][1]) for t in found]


@pytest.mark.parametrize("line", ["{", "[1]", "7", '{"id": 1}', "null"])
def test_a_line_that_is_no_thread_has_a_problem(tmp_path: Path, line: str) -> None:
    """It is named, and the others are read."""
    path = tmp_path / "all.jsonl"
    path.write_text(f'{line}\n"next"\n')
    bad, good = read_batch(str(path))
    assert bad.problem is not None
    assert "line 1" in bad.problem
    assert good.problem is None


def test_a_missing_path_is_an_error() -> None:
    """What is not there cannot be read."""
    with pytest.raises(EvidenceError):
        list(read_batch("/nowhere/at/all.jsonl"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_file_gives_threads_or_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content of the file stops the reading."""
    path = tmp_path_factory.mktemp("batch") / "x.jsonl"
    path.write_bytes(content)
    for thread in read_batch(str(path)):
        assert thread.problem is not None or thread.texts
        msgspec.json.encode(thread.name)
