"""``--from``: every kind of path, alone and in any mix, and everything that a path may turn out to be."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import threading
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence import sources
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.sources import covered_by, missing_from, read_sources
from etpu_doctor.evidence.sysfs import MemoryTree, RecordingTree
from etpu_doctor.evidence.umockdev import write_description
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Host
from tests.evidence.test_umockdev import UDEVADM, recorded
from tests.support.sysfs_folder import APEX, FILES, LINKS, memory_tree, write_folder

LSUSB = """\
Bus 002 Device 007: ID 18d1:9302 Google Inc.
Bus 002 Device 002: ID 2109:0817 VIA Labs, Inc. USB3.0 Hub
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
"""
TREE = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/2p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 5000M
        |__ Port 4: Dev 7, If 0, Class=Vendor Specific Class, Driver=usbfs, 5000M
"""
LSPCI = "01:00.0 System peripheral [0880]: Global Unichip Corp. Coral Edge TPU [1ac1:089a]\n"


def put(folder: Path, **texts: str | bytes) -> Path:
    """Files in a folder, which is made; ``lsusb_txt`` is ``lsusb.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def read(*paths: Path | str, stdin: bytes | None = None) -> Evidence:
    """The evidence of some paths; it can always be written as JSON."""
    evidence = read_sources([str(path) for path in paths], stdin=None if stdin is None else io.BytesIO(stdin))
    assert evidence == msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence)
    return evidence


def description() -> str:
    """The hand-written machine as a device description."""
    return "\n".join(write_description(recorded(memory_tree()))) + "\n"


def bundle(path: Path, folder: Path, mode: str = "w:gz") -> Path:
    """A folder packed by tar."""
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload] # a mode is a text here
        packed.add(folder, arcname="capture")
    return path


def whole(evidence: Evidence) -> None:
    """All devices of the hand-written machine are there, and nothing else."""
    assert {(): 1, (1,): 2, (1, 4): 7} == {device.port_chain: device.devnum for device in evidence.usb}
    assert {"0000:00:14.0", "0000:00:1c.0", "0000:01:00.0"} == {function.address for function in evidence.pci}
    assert ["apex_0"] == [node.name for node in evidence.apex]
    assert () == evidence.missing


class TestCaptures:
    """What shows sysfs."""

    def test_a_description_alone(self, tmp_path: Path) -> None:
        """A device description is a capture, whatever its name."""
        put(tmp_path, anything=description())
        evidence = read(tmp_path / "anything")
        whole(evidence)
        assert ("capture", ()) == (evidence.kind, evidence.ignored)

    @pytest.mark.parametrize("name", ["sysfs", "sys"])
    def test_a_folder_with_a_sysfs_folder(self, tmp_path: Path, name: str) -> None:
        """A folder that holds sysfs/ or sys/ is a capture."""
        write_folder(tmp_path / name)
        whole(read(tmp_path))
        whole(read(f"{tmp_path}/"))

    def test_a_sysfs_folder_itself(self, tmp_path: Path) -> None:
        """The copy of sysfs may be given itself."""
        whole(read(write_folder(tmp_path / "anything")))

    def test_a_folder_with_a_description(self, tmp_path: Path) -> None:
        """A capture's folder holds a description, the host and papers about the capture."""
        put(
            tmp_path,
            sysfs_umockdev=description(),
            host_json='{"hostname": "box", "architecture": "aarch64"}',
            case_toml="machine = 'x'\n",
            expected_json="{}",
            README_md="Bus 001 Device 001: ID 1234:5678 not evidence\n",
        )
        evidence = read(tmp_path)
        whole(evidence)
        assert Host(hostname="box", architecture="aarch64") == evidence.host
        assert "host" in evidence.covers
        assert 0 == evidence.ignored_count

    @pytest.mark.parametrize("mode", ["w:gz", "w"])
    def test_a_bundle(self, tmp_path: Path, mode: str) -> None:
        """A bundle gives what its folder gives, compressed or not, whatever its name."""
        folder = put(tmp_path / "folder", sysfs_umockdev=description(), host_json="{}", lspci_txt=LSPCI)
        packed = bundle(tmp_path / "bundle", folder, mode)
        evidence = read(packed)
        whole(evidence)
        assert read(folder) == evidence
        assert read("-", stdin=packed.read_bytes()) == evidence

    def test_a_bundle_with_a_sysfs_folder(self, tmp_path: Path) -> None:
        """A bundle may hold the tree of files itself."""
        write_folder(tmp_path / "folder" / "sys")
        whole(read(bundle(tmp_path / "b.tar.gz", tmp_path / "folder")))

    def test_a_bundle_in_a_folder(self, tmp_path: Path) -> None:
        """A folder may hold the packed tree beside the texts."""
        write_folder(tmp_path / "x" / "sys")
        folder = put(tmp_path / "folder", lsusb_txt=LSUSB)
        bundle(folder / "sysfs.tar.gz", tmp_path / "x")
        evidence = read(folder)
        whole(evidence)
        assert {"VIA Labs, Inc. USB3.0 Hub"} & {device.vendor_name for device in evidence.usb} or evidence.usb

    def test_a_bundle_in_a_bundle_is_refused(self, tmp_path: Path) -> None:
        """Bundles exist that hold themselves, so none is opened inside of another."""
        inner = bundle(tmp_path / "inner.tar.gz", put(tmp_path / "x", lsusb_txt=LSUSB))
        outer = put(tmp_path / "outer", lspci_txt=LSPCI)
        inner.rename(outer / "inner.tar.gz")
        evidence = read(bundle(tmp_path / "outer.tar.gz", outer))
        assert () == evidence.usb
        assert [("inner.tar.gz", "refused: a bundle inside a bundle is not opened")] == [
            (run.file, run.why) for run in evidence.ignored
        ]

    def test_what_a_bundle_refuses_is_said(self, tmp_path: Path) -> None:
        """Members that are not opened are listed under the bundle's name."""
        os.symlink("/etc/passwd", put(tmp_path / "folder", lsusb_txt=LSUSB) / "link")
        (run,) = read(bundle(tmp_path / "b.tar.gz", tmp_path / "folder")).ignored
        assert ("b.tar.gz", "capture/link") == (run.file, run.text)
        assert run.why.startswith("refused: ")

    @pytest.mark.parametrize("again", ["same", "bundle"])
    def test_a_capture_given_twice_is_one(self, tmp_path: Path, again: str) -> None:
        """Devices and apex nodes of a capture that comes twice are there once, and so is where they were seen."""
        folder = put(tmp_path / "folder", sysfs_umockdev=description())
        other = folder if again == "same" else bundle(tmp_path / "b.tar.gz", folder)
        assert read(folder) == read(folder, other)

    def test_a_capture_with_links_is_not_followed(self, tmp_path: Path) -> None:
        """A link in a capture's folder is refused and said so."""
        secret = put(tmp_path / "outside", lsusb_txt=LSUSB)
        folder = put(tmp_path / "folder", lspci_txt=LSPCI)
        os.symlink(secret / "lsusb.txt", folder / "lsusb.txt")
        os.symlink(secret, folder / "sys")
        evidence = read(folder)
        assert () == evidence.usb
        assert ["lsusb.txt", "sys"] == [run.file for run in evidence.ignored]

    def test_other_entries_of_a_folder_are_said(self, tmp_path: Path) -> None:
        """Folders and special files that are not read are listed, and a named pipe is not waited for."""
        folder = put(tmp_path / "folder", lspci_txt=LSPCI)
        (folder / "more").mkdir()
        os.mkfifo(folder / "pipe")
        assert {"more", "pipe"} == {run.file for run in read(folder).ignored}

    def test_more_files_than_allowed_are_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Files beyond the limit are not dropped in silence."""
        monkeypatch.setattr(sources, "FILES_LIMIT", 1)
        evidence = read(put(tmp_path, a_txt=LSPCI, b_txt=LSUSB))
        assert (1, ()) == (len(evidence.pci), evidence.usb)
        assert [("b.txt", "more than 1 files in one folder")] == [(run.file, run.why) for run in evidence.ignored]

    def test_a_file_of_another_kind_is_one_entry(self, tmp_path: Path) -> None:
        """In a capture, a file of no known format is one ignored run with its length, beside others of the folder."""
        folder = put(tmp_path, diary_txt="a\n" * 50, notes_txt="one\n\ntwo\n", lspci_txt=LSPCI)
        evidence = read(folder)
        assert [("diary.txt", 1, 50), ("notes.txt", 1, 3)] == [
            (run.file, run.line, run.last_line) for run in evidence.ignored
        ]
        assert 2 == evidence.ignored_count

    def test_many_files_of_another_kind(self, tmp_path: Path) -> None:
        """More such files than are listed are still counted, and each run keeps its own file."""
        put(tmp_path, **{f"{index:03}_log": "x\ny\nz\n" for index in range(250)})
        evidence = read(tmp_path)
        assert 250 == evidence.ignored_count
        assert 200 == len(evidence.ignored)
        assert {(1, 3)} == {(run.line, run.last_line) for run in evidence.ignored}
        assert 200 == len({run.file for run in evidence.ignored})

    def test_a_capture_with_an_empty_bus(self, tmp_path: Path) -> None:
        """A copy of sysfs with a bus and no device covers the bus."""
        (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
        evidence = read(tmp_path)
        assert "usb" in evidence.covers
        assert {"PCI devices", "PCIe link speeds"} == {fact.what for fact in evidence.missing}


class TestTexts:
    """Pasted listings."""

    def test_one_file_with_several_listings(self, tmp_path: Path) -> None:
        """Listings in one file are joined."""
        put(tmp_path, paste=LSUSB + "\n" + TREE + "\n" + LSPCI)
        evidence = read(tmp_path / "paste")
        device = next(device for device in evidence.usb if device.devnum == 7)
        assert ((1, 4), 0x18D1, 5000) == (device.port_chain, device.vendor_id, device.speed_mbps)
        assert {"paste"} == {place.file for place in device.seen}
        assert 1 == len(evidence.pci)
        assert ("text", 0) == (evidence.kind, evidence.ignored_count)

    def test_several_files_give_the_same(self, tmp_path: Path) -> None:
        """Listings in several files, in any order, and on standard input are joined as well."""
        put(tmp_path, a=LSUSB, b=TREE, c=LSPCI)
        (tmp_path / "one").write_text(LSUSB + TREE + LSPCI)

        def facts(evidence: Evidence) -> set[tuple[object, ...]]:
            return {(d.busnum, d.devnum, d.port_chain, d.vendor_id, d.speed_mbps, d.configured) for d in evidence.usb}

        expected = facts(read(tmp_path / "one"))
        assert expected == facts(read(tmp_path / "a", tmp_path / "b", tmp_path / "c"))
        assert expected == facts(read(tmp_path / "c", tmp_path / "b", tmp_path / "a"))
        assert expected == facts(read(tmp_path / "c", "-", tmp_path / "a", stdin=TREE.encode()))

    def test_a_folder_of_texts(self, tmp_path: Path) -> None:
        """A folder of listings is a capture without sysfs."""
        evidence = read(put(tmp_path, lsusb_txt=LSUSB, tree_txt=TREE))
        assert "capture" == evidence.kind
        assert 3 == len(evidence.usb)

    def test_a_capture_and_a_text(self, tmp_path: Path) -> None:
        """A text adds to the devices of a capture what sysfs does not know."""
        put(tmp_path, machine=description(), lsusb=LSUSB)
        for order in (("machine", "lsusb"), ("lsusb", "machine")):
            evidence = read(*(tmp_path / name for name in order))
            whole(evidence)
            device = next(device for device in evidence.usb if device.devnum == 7)
            assert ("capture", "Google Inc.") == (evidence.kind, device.vendor_name)
            assert ["sysfs", "lsusb"] == [place.kind for place in device.seen]

    def test_devices_that_sysfs_does_not_have_are_set_aside(self, tmp_path: Path) -> None:
        """A text of another moment adds no devices, and what is set aside is listed with its line."""
        put(tmp_path, machine=description(), lsusb=LSUSB + "Bus 002 Device 009: ID 18d1:9302 Google Inc.\n")
        evidence = read(tmp_path / "machine", tmp_path / "lsusb")
        whole(evidence)
        assert [("lsusb", 4, "not on the bus when sysfs was read")] == [
            (run.file, run.line, run.why) for run in evidence.ignored
        ]

    def test_an_empty_file(self, tmp_path: Path) -> None:
        """An empty file is a text that shows nothing."""
        evidence = read(put(tmp_path, empty=b"") / "empty")
        assert ((), (), 0) == (evidence.usb, evidence.covers, evidence.ignored_count)
        assert 7 == len(evidence.missing)

    def test_udevadm_is_no_description(self, tmp_path: Path) -> None:
        """The database of udevadm begins like a description, and is a text of a kind that is not known."""
        evidence = read(put(tmp_path, db=UDEVADM) / "db")
        assert ("text", 10) == (evidence.kind, evidence.ignored_count)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_encodings(self, tmp_path: Path, encoding: str, end: str) -> None:
        """What Windows writes is read, with and without a byte order mark."""
        mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
        put(tmp_path, paste=(mark + (LSUSB + TREE).replace("\n", end)).encode(encoding))
        evidence = read(tmp_path / "paste")
        assert (3, 0) == (len(evidence.usb), evidence.ignored_count)

    @pytest.mark.parametrize(
        "content",
        [
            b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40,
            bytes(10_000),
            b"\xff\xfe" + b"\xd8\x00" * 100 + b"x",
            b"\xed\xa0\x80" * 10,
            b"P: /devices/x\nA: \xff=\xff\n",
            b"x" * (5 << 20),
            b"\x1b]0;" * 1000,
            b"&#" + b"9" * 5000 + b";",
        ],
    )
    def test_no_listing_at_all(self, tmp_path: Path, content: bytes) -> None:
        """Programs, zeros, half characters and lines of megabytes are evidence of nothing."""
        evidence = read(put(tmp_path, data=content) / "data")
        assert ((), ()) == (evidence.usb, evidence.pci)
        assert len(evidence.ignored) <= 200

    def test_a_listing_after_a_long_line(self, tmp_path: Path) -> None:
        """A line of five megabytes is read in pieces, and what follows it is still a listing."""
        put(tmp_path, paste="x" * (5 << 20) + "\n" + LSUSB)
        assert 3 == len(read(tmp_path / "paste").usb)


class TestStandardInput:
    """``-``."""

    def test_it_may_come_in_pieces(self) -> None:
        """A pipe that gives a byte at a time gives the same evidence."""

        class Slow(io.RawIOBase):
            """Gives one byte a call."""

            def __init__(self, data: bytes) -> None:
                super().__init__()
                self.rest = data

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer will do
                piece, self.rest = self.rest[:1], self.rest[1:]
                buffer[: len(piece)] = piece
                return len(piece)

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            info = tarfile.TarInfo("lsusb.txt")
            info.size = len(LSUSB)
            archive.addfile(info, io.BytesIO(LSUSB.encode()))
        for data in (packed.getvalue(), LSUSB.encode()):
            assert 3 == len(read_sources(["-"], stdin=io.BufferedReader(Slow(data))).usb)

    def test_a_real_pipe(self) -> None:
        """Standard input that cannot go back is read as a file is."""
        reading, writing = os.pipe()
        data = (description() + "\n" * 10).encode()

        def write() -> None:
            with open(writing, "wb") as pipe:
                pipe.write(data)

        thread = threading.Thread(target=write)
        thread.start()
        with open(reading, "rb") as pipe:
            whole(read_sources(["-"], stdin=pipe))
        thread.join()

    def test_twice(self) -> None:
        """Given twice it is empty the second time, and it stays open."""
        stdin = io.BufferedReader(io.BytesIO(LSUSB.encode()))
        assert read_sources(["-"], stdin=io.BytesIO(LSUSB.encode())) == read_sources(["-", "-"], stdin=stdin)
        assert not stdin.closed

    def test_it_continues_where_it_stands(self, tmp_path: Path) -> None:
        """What a shell has read of a redirected file before is not read again."""
        put(tmp_path, paste="Bus 001 Device 009: ID 1234:5678 x\n" + LSUSB)
        with open(tmp_path / "paste", "rb") as stdin:
            stdin.readline()
            assert [2, 2, 2] == [device.busnum for device in read_sources(["-"], stdin=stdin).usb]

    @pytest.mark.parametrize("path", ["-", "paste"])
    def test_closed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        """A program started without standard input can read files, and says so if it is asked for ``-``."""
        monkeypatch.setattr(sys, "stdin", None)
        monkeypatch.chdir(put(tmp_path, paste=LSUSB))
        if path == "-":
            with pytest.raises(EvidenceError, match="standard input"):
                read_sources([path])
        else:
            assert 3 == len(read_sources([path]).usb)

    def test_the_real_one_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without another stream, the program's own standard input is read."""
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LSUSB.encode())))
        assert 3 == len(read_sources(["-"]).usb)


class TestErrors:
    """Paths that give nothing."""

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """A file that does not exist is named."""
        with pytest.raises(EvidenceError, match=r"^nothing\.txt: No such file"):
            read(tmp_path / "nothing.txt")

    def test_a_folder_without_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder that may not be listed is named."""

        def refuse(_: str) -> list[str]:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "listdir", refuse)
        with pytest.raises(EvidenceError, match="Permission denied"):
            read(tmp_path)

    def test_an_error_while_reading(self, tmp_path: Path) -> None:
        """A file that fails in the middle is named."""
        with pytest.raises(EvidenceError, match=r"^mem: "):
            read("/proc/self/mem")
        assert tmp_path.exists()

    @pytest.mark.parametrize("content", ["", "[]", '{"hostname": 1}', "{", '{"hostname": "\\ud800"}'])
    def test_broken_notes(self, tmp_path: Path, content: str) -> None:
        """Notes of a capture that are none are named."""
        for name, field in (("host.json", "hostname"), ("evidence.json", "covers")):
            put(tmp_path / name, **{name: content.replace("hostname", field)})
            with pytest.raises(EvidenceError, match=f"^{name}: not "):
                read(tmp_path / name)

    def test_a_broken_bundle(self, tmp_path: Path) -> None:
        """A damaged bundle is named."""
        with pytest.raises(EvidenceError, match=r"^b\.tar\.gz: not a readable bundle"):
            read(put(tmp_path, b_tar_gz=b"\x1f\x8b\x08\x00broken") / "b.tar.gz")

    def test_a_name_of_any_bytes(self, tmp_path: Path) -> None:
        """A missing file with a name that is no text is an error that can be printed on one line."""
        with pytest.raises(EvidenceError) as caught:
            read_sources([str(tmp_path / "a\udcff\nb")])
        assert caught.value.file.isprintable()
        assert str(caught.value).isprintable()


def test_file_names_of_any_bytes(tmp_path: Path) -> None:
    """A file's name that is no text, or of several lines, is shown as one that is, everywhere."""
    for name in (b"\xff.txt", b"a\nb.txt", b"\x1b[31m.txt"):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write(b"not understood\n" + LSUSB.encode())
    evidence = read(tmp_path)
    names = {run.file for run in evidence.ignored} | {place.file for device in evidence.usb for place in device.seen}
    assert 3 == len(names)
    assert all(name.isprintable() for name in names)


def test_member_names_of_any_bytes(tmp_path: Path) -> None:
    """The same holds for what a bundle holds and refuses."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, kind in (
            ("\udcff.txt", tarfile.REGTYPE),
            ("../\udcff\n", tarfile.REGTYPE),
            ("\udcfe", tarfile.LNKTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = 2 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"x\n"))
    (tmp_path / "b.tar.gz").write_bytes(packed.getvalue())
    assert all(f"{run.file}{run.text}".isprintable() for run in read(tmp_path / "b.tar.gz").ignored)


def test_what_a_tree_covers() -> None:
    """A tree covers what the buses in it show."""
    assert set() == covered_by(MemoryTree())
    files = {path: content for path, content in FILES.items() if "/usb2" in path}
    links = {path: target for path, target in LINKS.items() if path.startswith("/bus/usb")}
    usb = {"usb", "usb-ids", "usb-ports", "usb-power", "usb-tree"}
    assert usb == covered_by(memory_tree(files=files, links=links))
    assert usb | {"apex", "pci", "pci-links", "pci-tree"} == covered_by(memory_tree())


def test_what_is_missing_has_a_command() -> None:
    """Each gap is named with its reason and the command that closes it; a live listing has none."""
    assert [] == missing_from(covered_by(memory_tree()))
    assert all(fact.how for fact in missing_from(set()))
    assert ["PCIe link speeds"] == [fact.what for fact in missing_from(covered_by(memory_tree()) - {"pci-links"})]


def test_nodes_of_the_first_capture_come_first(tmp_path: Path) -> None:
    """The order of the apex nodes is the first capture's, and the first one's facts win."""
    tree = memory_tree({f"{APEX}/temp": b"99000\n"})
    tree.add_link("/class/apex/apex_1", "/devices/x/apex/apex_1")
    record = RecordingTree(tree)
    for subsystem in ("bus/usb", "bus/pci", "class/apex"):
        record.devices(subsystem)
    record.read(APEX, "temp")
    put(tmp_path, first=description(), second="\n".join(write_description(record)))
    nodes = read(tmp_path / "first", tmp_path / "second").apex
    assert {"apex_0": "41800", "apex_1": None} == {node.name: node.attributes.get("temp") for node in nodes}
    assert "apex_0" == nodes[0].name


@given(
    st.lists(
        st.sampled_from([*LSUSB.splitlines(), *TREE.splitlines(), *LSPCI.splitlines(), "x", "", "P: /x", "A: "])
        | st.text(),
        max_size=12,
    )
)
def test_any_text_is_read(lines: list[str]) -> None:
    """Any mix of lines ends in evidence that can be written as JSON."""
    read("-", stdin="\n".join(lines).encode("utf-8", "replace"))
