"""What a user takes away."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from etpu_doctor.report.markdown import render
from etpu_doctor.wizard import takeaway
from tests.cli.command_line import valid
from tests.support import builder
from tests.support.live_root import write_machine
from tests.support.sessions import looked, session


def test_the_saved_report_is_the_one_of_check_json(tmp_path: Path) -> None:
    """By the schema, whole."""
    path = takeaway.save_json(looked(session()).now.report, str(tmp_path / "report.json"))
    assert "sub-hub-secondary-port" == valid(Path(path).read_bytes())["diagnosis"]["cause"]


def test_the_saved_markdown_is_the_report_with_what_changed(tmp_path: Path) -> None:
    """A fenced block that no line can end."""
    report = looked(session()).now.report
    path = takeaway.save_markdown(report, str(tmp_path / "report.md"), ["Before: ```", "Now: OK"])
    text = Path(path).read_text(encoding="utf-8")
    assert text.startswith(render(report).rstrip("\n"))
    assert "````\nBefore: ```\nNow: OK\n````" in text


def test_without_a_change_the_markdown_is_the_report(tmp_path: Path) -> None:
    """Nothing is added."""
    report = looked(session()).now.report
    path = takeaway.save_markdown(report, str(tmp_path / "report.md"))
    assert render(report) == Path(path).read_text(encoding="utf-8")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The second report gets a number before its whole ending."""
    report = looked(session()).now.report
    paths = [takeaway.save_json(report, str(tmp_path / "r.tar.gz")) for _ in range(3)]
    assert ["r.tar.gz", "r-2.tar.gz", "r-3.tar.gz"] == [Path(path).name for path in paths]


def test_a_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People type it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / "r.json") == takeaway.save_json(looked(session()).now.report, "~/r.json")


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    """With the path and the reason."""
    with pytest.raises(takeaway.SaveError, match="No such file or directory"):
        takeaway.save_json(looked(session()).now.report, str(tmp_path / "no" / "r.json"))


def test_the_bundle_is_looked_into_before_it_is_kept(tmp_path: Path) -> None:
    """Each file with its size and first lines."""
    write_machine(
        builder.machine("pci 0000:00:14.0 xhci\n  root usb2=2 usb3=2\n    1: tpu").umockdev(), tmp_path / "host/sys"
    )
    path = takeaway.save_bundle(str(tmp_path / "bundle.tar.gz"), root=str(tmp_path / "host"))
    members = takeaway.look_into(path)
    assert {"case.toml", "host.json", "evidence.json", "sysfs.umockdev"} == {member.name for member in members}
    shown = list(takeaway.preview_texts(members))
    assert any(line.startswith("== sysfs.umockdev (") for line in shown)
    assert any(line.startswith("P: /devices/") for line in shown)


def test_a_long_file_is_previewed_in_part(tmp_path: Path) -> None:
    """A look is no reading."""
    content = b"line\n" * 10_000
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("long.txt")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    (member,) = takeaway.look_into(str(tmp_path / "b.tar.gz"))
    assert (50_000, 40) == (member.size_bytes, len(member.lines))


def test_what_is_no_bundle_is_told(tmp_path: Path) -> None:
    """And nothing else happens."""
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(takeaway.SaveError):
        takeaway.look_into(str(tmp_path / "x"))
    with pytest.raises(takeaway.SaveError):
        takeaway.save_bundle(str(tmp_path / "no" / "b.tar.gz"), root=str(tmp_path))
