"""Captures: they replay to the same report, hold no secrets, and are whole or not there."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from etpu_doctor.evidence import capture as module
from etpu_doctor.evidence.capture import capture_live, redact_record
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.redact import Redactor
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.evidence.sysfs import RecordingTree
from etpu_doctor.facts.host import Host
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.report import Report
from tests.support.sysfs_folder import APEX, HUB, ROOT, SERIAL, UNIQUE, memory_tree, write_folder

MEMBERS = ["case.toml", "host.json", "evidence.json", "sysfs.umockdev"]
NODENAME = "qlaptopz"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a host name among its product names."""
    system = SimpleNamespace(nodename=NODENAME, release="6.1.0-18-amd64", machine="x86_64")
    monkeypatch.setattr(os, "uname", lambda: system)
    write_folder(tmp_path / "root/sys")
    product = tmp_path / "root/sys" / HUB[1:] / "product"
    product.write_text(f"Hub {SERIAL} of {NODENAME} at 192.168.178.23\n")
    return tmp_path / "root"


def members(bundle: Path) -> dict[str, bytes]:
    """What is in a bundle."""
    with tarfile.open(bundle) as packed:
        return {info.name: reading.read() for info in packed if (reading := packed.extractfile(info)) is not None}


def comparable(report: Report) -> Report:
    """A report without what a replay may change."""
    source = msgspec.structs.replace(report.source, kind="live")
    return msgspec.structs.replace(report, source=source, generated_at="")


@pytest.mark.parametrize("redact", [True, False])
def test_a_capture_replays_to_the_same_report(root: Path, tmp_path: Path, redact: bool) -> None:
    """The report of a bundle is that of the machine, but for its kind and time."""
    assert MEMBERS == capture_live(str(tmp_path / "b.tar.gz"), root=str(root), redact=redact)
    live = examine(gather_live(str(root)), Request(redact=redact))
    replay = examine(read_sources([str(tmp_path / "b.tar.gz")]), Request(redact=redact))
    assert ("live", "capture") == (live.source.kind, replay.source.kind)
    assert comparable(live) == comparable(replay)


def test_the_evidence_is_the_same(root: Path, tmp_path: Path) -> None:
    """Every fact of an unredacted bundle is that of the machine, the order of the apex nodes included."""
    capture_live(str(tmp_path / "b.tar.gz"), root=str(root), redact=False)
    live, replay = gather_live(str(root)), read_sources([str(tmp_path / "b.tar.gz")])
    assert {device.sysfs_devpath: device for device in live.usb} == {d.sysfs_devpath: d for d in replay.usb}
    assert msgspec.structs.replace(live, kind="capture") == replay


def test_what_is_unpacked_replays_as_well(root: Path, tmp_path: Path) -> None:
    """A bundle that was unpacked into a folder is the same capture."""
    capture_live(str(tmp_path / "b.tar.gz"), root=str(root))
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in members(tmp_path / "b.tar.gz").items():
        (folder / name).write_bytes(content)
    assert read_sources([str(tmp_path / "b.tar.gz")]) == read_sources([str(folder)])


def test_a_capture_holds_no_secrets(root: Path, tmp_path: Path) -> None:
    """Serial numbers, unique ids, addresses and the host's name are replaced; a root hub's serial is an address."""
    capture_live(str(tmp_path / "b.tar.gz"), root=str(root))
    content = b"".join(members(tmp_path / "b.tar.gz").values())
    for secret in (SERIAL, UNIQUE, NODENAME, "192.168.178.23"):
        assert secret.encode() not in content
    assert b"A: serial=0000:00:14.0\\n" in content
    assert b"A: serial=serial-1\\n" in content


def test_without_redaction_everything_is_kept(root: Path, tmp_path: Path) -> None:
    """``--no-redact`` keeps what it finds, and the bundle says so."""
    capture_live(str(tmp_path / "b.tar.gz"), root=str(root), redact=False)
    content = members(tmp_path / "b.tar.gz")
    for secret in (SERIAL, UNIQUE, NODENAME, "192.168.178.23"):
        assert secret.encode() in b"".join(content.values())
    assert b"not redacted" in content["case.toml"]


def test_a_bundle_is_plain(root: Path, tmp_path: Path) -> None:
    """The archive holds files alone, without times, owners or names, and the same machine gives the same bytes."""
    for name in ("a", "b"):
        capture_live(str(tmp_path / name), root=str(root))
    data = (tmp_path / "a").read_bytes()
    assert data == (tmp_path / "b").read_bytes()
    assert 0 == int.from_bytes(data[4:8], "little")
    assert not data[3] & 0x08
    with tarfile.open(tmp_path / "a") as packed:
        for info in packed:
            assert info.isreg()
            assert (0, 0, 0, "", "") == (info.mtime, info.uid, info.gid, info.uname, info.gname)
    assert data[:2] == gzip.compress(b"")[:2]


def test_the_host_can_be_read_back(root: Path, tmp_path: Path) -> None:
    """The host's description is indented JSON that ends with a line end."""
    capture_live(str(tmp_path / "b.tar.gz"), root=str(root), redact=False)
    content = members(tmp_path / "b.tar.gz")["host.json"]
    assert content.endswith(b"}\n")
    assert content.count(b"\n") > 3
    assert gather_live(str(root)).host == msgspec.json.decode(content, type=Host)


class TestOutput:
    """The file that is written."""

    @pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
    def test_what_is_there_is_not_overwritten(self, root: Path, tmp_path: Path, kind: str) -> None:
        """A file, a folder or even a dangling link in the place of the bundle is an error, and stays."""
        output = tmp_path / "b.tar.gz"
        if kind == "file":
            output.write_text("precious")
        elif kind == "folder":
            output.mkdir()
        else:
            os.symlink("nowhere", output)
        with pytest.raises(EvidenceError, match="exists already"):
            capture_live(str(output), root=str(root))
        assert sorted(["root", "b.tar.gz"]) == sorted(os.listdir(tmp_path))
        assert kind != "file" or "precious" == output.read_text()

    def test_force(self, root: Path, tmp_path: Path) -> None:
        """With ``--force`` the old file is replaced, and a link is replaced and not followed."""
        (tmp_path / "target").write_text("precious")
        os.symlink("target", tmp_path / "b.tar.gz")
        capture_live(str(tmp_path / "b.tar.gz"), root=str(root), force=True)
        assert MEMBERS == list(members(tmp_path / "b.tar.gz"))
        assert "precious" == (tmp_path / "target").read_text()
        assert not (tmp_path / "b.tar.gz").is_symlink()

    def test_a_place_that_cannot_be_written(self, root: Path, tmp_path: Path) -> None:
        """An output in a folder that does not exist is an error that names it."""
        with pytest.raises(EvidenceError, match=r"b\.tar\.gz: cannot be written: No such file"):
            capture_live(str(tmp_path / "nowhere/b.tar.gz"), root=str(root))

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_a_failure_leaves_nothing(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        """A full disk, or a person who stops it half-way, leaves neither a part of a bundle nor a spare file."""
        (tmp_path / "b.tar.gz").write_text("old")

        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(tarfile.TarFile, "addfile", fail)
        with pytest.raises((EvidenceError, KeyboardInterrupt)):
            capture_live(str(tmp_path / "b.tar.gz"), root=str(root), force=True)
        assert ["b.tar.gz", "root"] == sorted(os.listdir(tmp_path))
        assert "old" == (tmp_path / "b.tar.gz").read_text()

    def test_a_failure_at_the_last_step_leaves_nothing(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the finished file cannot take its place, it goes away."""

        def fail(*_: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(EvidenceError, match="cannot be written"):
            capture_live(str(tmp_path / "b.tar.gz"), root=str(root))
        assert ["root"] == os.listdir(tmp_path)

    def test_any_text_can_be_written(self, tmp_path: Path) -> None:
        """What is no text is written as a question mark and does not spoil the bundle."""
        module._write(str(tmp_path / "b"), [("x", "a\udcff\ud800")])
        assert {"x": b"a??"} == members(tmp_path / "b")


class TestRecord:
    """Redaction of what was recorded."""

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"SN-4711\n", b"serial-1\n"),
            (b" SN-4711\0\n", b"serial-1\n"),
            (b"\xff4711\n", b"serial-1\n"),
            (b"\n", b"\n"),
            (b"", b""),
        ],
    )
    def test_serials(self, content: bytes, expected: bytes) -> None:
        """A serial number is replaced; an empty one does not become one."""
        record = RecordingTree(memory_tree({f"{HUB}/serial": content}))
        record.read(HUB, "serial")
        redact_record(record, Redactor())
        assert expected == record.files[HUB]["serial"]

    def test_the_same_tokens_as_in_the_evidence(self) -> None:
        """A value that has a token already keeps it."""
        redactor = Redactor()
        redactor.token("serial", "other")
        redactor.token("serial", SERIAL)
        record = RecordingTree(memory_tree())
        for path, name in ((HUB, "serial"), (ROOT, "serial"), (APEX, "unique_id"), (HUB, "product"), (HUB, "speed")):
            record.read(path, name)
        redact_record(record, redactor)
        assert {"serial": b"serial-2\n", "product": b"USB3.0 Hub\n", "speed": b"5000\n"} == record.files[HUB]
        assert {"serial": b"0000:00:14.0\n"} == record.files[ROOT]
        assert {"unique_id": b"serial-3\n"} == record.files[APEX]


@pytest.mark.parametrize("gone", ["bus/usb", "bus/pci", "class/apex", "bus"])
def test_what_is_missing_is_missing_in_the_replay(root: Path, tmp_path: Path, gone: str) -> None:
    """A machine without a bus replays to the same gaps, with the same reasons."""
    (root / "sys" / gone).rename(tmp_path / "elsewhere")
    capture_live(str(tmp_path / "b"), root=str(root))
    live, replay = examine(gather_live(str(root))), examine(read_sources([str(tmp_path / "b")]))
    assert comparable(live) == comparable(replay)


def test_what_was_refused_is_missing_in_the_replay(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that this user may not read is named by the replay too."""
    real_open = os.open

    def refuse(path: str, *arguments: int) -> int:
        if path.endswith("/over_current_count"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    live = examine(gather_live(str(root)))
    capture_live(str(tmp_path / "b"), root=str(root))
    assert 2 == len([gap for gap in live.source.missing if gap.what.endswith("/over_current_count")])
    assert comparable(live) == comparable(examine(read_sources([str(tmp_path / "b")])))


def test_a_machine_without_buses_can_be_captured(tmp_path: Path) -> None:
    """Where there is no sysfs the bundle holds the host, and reading it raises nothing."""
    (tmp_path / "root").mkdir()
    capture_live(str(tmp_path / "b"), root=str(tmp_path / "root"))
    evidence = read_sources([str(tmp_path / "b")])
    assert ((), ()) == (evidence.usb, evidence.pci)
    assert "host" in evidence.covers


def test_the_bundle_is_read_from_a_stream(root: Path, tmp_path: Path) -> None:
    """A bundle may come through a pipe."""
    capture_live(str(tmp_path / "b"), root=str(root))
    data = (tmp_path / "b").read_bytes()
    assert read_sources([str(tmp_path / "b")]) == read_sources(["-"], stdin=io.BytesIO(data))
