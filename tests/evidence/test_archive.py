"""Bundles: nothing leaves the memory, nothing follows a link, and every size is bounded."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence import archive as module
from etpu_doctor.evidence.archive import Archive, read_archive
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.live import read_usb
from tests.support.sysfs_folder import write_folder


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member with some fields of its header set."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar archive."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()


def read(data: bytes) -> Archive:
    """What a bundle of these bytes holds."""
    return read_archive("bundle.tar.gz", io.BytesIO(data))


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    """The bare header of a member, whatever follows it."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("packed", [True, False])
def test_texts(form: int, *, packed: bool) -> None:
    """Texts are found by name in every form of tar, compressed or not."""
    data = tar(member("lsusb.txt", b"Bus"), member("folder/" + "x" * 90 + ".txt", b"long"), form=form)
    archive = read(gzip.compress(data) if packed else data)
    assert {"lsusb.txt": b"Bus", "folder/" + "x" * 90 + ".txt": b"long"} == archive.texts
    assert archive.tree is None
    assert [] == archive.refused


@pytest.mark.parametrize("prefix", ["sys", "sysfs", "./sys", "capture/sysfs", "a/b/sys"])
def test_sysfs(prefix: str) -> None:
    """A folder called sys or sysfs, wherever it is in the bundle, is a tree."""
    archive = read(
        tar(
            member(f"{prefix}/devices/pci0/usb1/speed", b"480\n"),
            member(f"{prefix}/bus/usb/devices/usb1", type=tarfile.SYMTYPE, linkname="../../../devices/pci0/usb1"),
            member(f"{prefix}/class/apex", type=tarfile.DIRTYPE),
            member(f"{prefix}/kernel/notes", b"not used"),
        )
    )
    assert archive.tree is not None
    assert [("usb1", "/devices/pci0/usb1")] == archive.tree.devices("bus/usb")
    assert b"480\n" == archive.tree.read("/devices/pci0/usb1", "speed")
    assert archive.tree.has("class/apex")
    assert [] == archive.refused


def test_a_folder_that_tar_packed(tmp_path: Path) -> None:
    """A copy of sysfs packed by tar has the devices that it has on the disk."""
    write_folder(tmp_path / "sys")
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as packed:
        packed.add(tmp_path / "sys", arcname="sys")
    archive = read(output.getvalue())
    assert archive.tree is not None
    assert {(), (1,), (1, 4)} == {device.port_chain for device in read_usb(archive.tree)}


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "sys/../../devices/x", "//x"])
def test_names_that_leave_the_bundle_are_refused(name: str) -> None:
    """An absolute name, or one that climbs out, is refused and said so."""
    archive = read(tar(member(name, b"x"), member("fine", b"y")))
    assert {"fine": b"y"} == archive.texts
    assert [(name, "its path leaves the bundle")] == archive.refused


def test_a_name_that_stays_inside_is_normalised() -> None:
    """A name may go up and down as long as it stays in the bundle."""
    assert {"b": b"x"} == read(tar(member("./a/../b", b"x"))).texts


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "fine"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "fine"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
    ],
)
@pytest.mark.parametrize("name", ["host.json", "sys/devices/x/speed"])
def test_links_and_special_files_are_refused(kind: bytes, target: str, name: str) -> None:
    """Links outside of sysfs, hard links, pipes and devices are refused and said so."""
    archive = read(tar(member("fine", b"y"), member(name, type=kind, linkname=target)))
    assert {"fine": b"y"} == archive.texts
    in_sysfs = name.startswith("sys") and kind == tarfile.SYMTYPE
    expected = "its link leaves the bundle" if in_sysfs else "links and special files are not opened"
    if not (in_sysfs and target == "fine"):
        assert [(name, expected)] == archive.refused
    assert archive.tree is None or archive.tree.read("/devices/x", "speed") is None


@pytest.mark.parametrize("target", ["../../../../../etc", "/devices/x", "../../../../sys"])
def test_links_of_sysfs_that_leave_it_are_refused(target: str) -> None:
    """A link of sysfs is only looked up in sysfs."""
    archive = read(tar(member("sys/bus/usb/devices/1-1", type=tarfile.SYMTYPE, linkname=target)))
    assert [("sys/bus/usb/devices/1-1", "its link leaves the bundle")] == archive.refused


def test_the_last_of_several_members_counts() -> None:
    """A member that comes twice counts as it does when tar unpacks it."""
    archive = read(
        tar(member("a", b"1"), member("a", b"2"), member("sys/devices/x", b"1"), member("sys/devices/x", b"2"))
    )
    assert {"a": b"2"} == archive.texts
    assert archive.tree is not None
    assert b"2" == archive.tree.read("/devices", "x")


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "a\x1b[31m", ".", "a/."])
def test_names_of_any_bytes(name: str) -> None:
    """A name with line ends, escapes or bytes that are no text does no harm, in sysfs neither."""
    archive = read(tar(member(name, b"x"), member(f"sys/devices/{name}/speed", b"1")))
    assert list(archive.texts.values()) in ([b"x"], [])
    if archive.tree is not None:
        assert all(entry.isprintable() for entry in archive.tree.entries("/devices"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"no tar at all" * 100, mtime=0),
        gzip.compress(tar(member("a", b"x" * 5000)), mtime=0)[:-40],
        tar(member("a", b"x" * 5000))[:2000],
        b"BZh" + bytes(254) + b"ustar" + bytes(250),
        header(tarfile.REGTYPE, -1024) * 3,
        header(tarfile.XHDTYPE, -1) * 3,
        header(tarfile.GNUTYPE_SPARSE, 512) + bytes(512),
        header(tarfile.GNUTYPE_LONGNAME, 100),
        header(tarfile.XHDTYPE, 11) + b"11 path=aaa".ljust(512, b"\0"),
    ],
)
def test_damaged_bundles(data: bytes) -> None:
    """What is no bundle, is cut short or contradicts itself is an error that names the file."""
    with pytest.raises(EvidenceError, match=r"^bundle\.tar\.gz: not a readable bundle: "):
        read(data)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_name_without_end_is_refused(kind: bytes) -> None:
    """A name of a gigabyte, which tarfile would read whole, is refused by its header."""
    with pytest.raises(EvidenceError, match="a name that is too long"):
        read(gzip.compress(header(kind, 1 << 30) + bytes(1 << 16)))


def test_a_long_name_that_linux_allows_is_read() -> None:
    """A path as long as Linux allows is no attack."""
    name = "/".join(["x" * 200] * 20)
    assert {name: b"1"} == read(tar(member(name, b"1"))).texts
    assert {name: b"1"} == read(tar(member(name, b"1"), form=tarfile.PAX_FORMAT)).texts


def test_a_chain_of_names_is_refused() -> None:
    """Thousands of names for one member end in an error and not in a recursion."""
    chain = (header(tarfile.XHDTYPE, 12) + b"12 path=aaa\n".ljust(512, b"\0")) * 3000
    with pytest.raises(EvidenceError):
        read(chain)


def test_sparse_maps_are_refused() -> None:
    """A file with holes, whose size costs the sender nothing, is no part of a capture."""
    with pytest.raises(EvidenceError, match="holes"):
        read(header(tarfile.GNUTYPE_SPARSE, 0) + bytes(1024))


class TestLimits:
    """Sizes, with the limits set low."""

    def test_claimed_sizes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A member larger than the limit is refused by its header."""
        monkeypatch.setattr(module, "TOTAL_LIMIT_BYTES", 1 << 20)
        with pytest.raises(EvidenceError, match="larger than 1 MiB"):
            read(header(tarfile.REGTYPE, 1 << 40))

    def test_sizes_add_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many members that are small alone are refused together."""
        monkeypatch.setattr(module, "TOTAL_LIMIT_BYTES", 1 << 20)
        files = [member(str(index), bytes(200_000)) for index in range(10)]
        with pytest.raises(EvidenceError, match="larger than 1 MiB"):
            read(gzip.compress(tar(*files)))

    def test_as_many_members_as_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The number of members is bounded, and the limit itself is still allowed."""
        monkeypatch.setattr(module, "MEMBERS_LIMIT", 10)
        assert 10 == len(read(tar(*(member(str(index)) for index in range(10)))).texts)
        with pytest.raises(EvidenceError, match="10 files"):
            read(tar(*(member(str(index)) for index in range(11))))

    def test_a_text_that_is_too_large_is_refused_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One text above its limit does not spoil the bundle."""
        monkeypatch.setattr(module, "TEXT_LIMIT_BYTES", 1 << 20)
        archive = read(tar(member("large.txt", bytes((1 << 20) + 1)), member("fits.txt", bytes(1 << 20))))
        assert ["fits.txt"] == list(archive.texts)
        assert [("large.txt", "larger than 1 MiB")] == archive.refused

    def test_an_attribute_is_cut(self) -> None:
        """An attribute has no more than 64 KiB, as on the live system."""
        archive = read(tar(member("sys/devices/x/speed", bytes(100_000)), member("after", b"y")))
        assert archive.tree is not None
        assert 65536 == len(archive.tree.read("/devices/x", "speed") or b"")
        assert {"after": b"y"} == archive.texts

    def test_a_gzip_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What unpacks to a thousand times its size is stopped at the limit."""
        monkeypatch.setattr(module, "TOTAL_LIMIT_BYTES", 1 << 20)
        with pytest.raises(EvidenceError):
            read(gzip.compress(tar(member("a", bytes(20 << 20)))))


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a bundle creates no file, wherever it is read."""
    monkeypatch.chdir(tmp_path)
    read(tar(member("a", b"x"), member("sys/devices/x/speed", b"1"), member("/abs", b"x"), member("../up", b"x")))
    assert [] == os.listdir(tmp_path)
    assert not (tmp_path.parent / "up").exists()


_NAMES = st.sampled_from(["a", "sys/devices/x", "sysfs/bus/usb/devices/1-1", "../x", "/x", "sys/class/apex/a", "sys"])
_KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, b"?"])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A bundle with some bytes changed."""
    names: Iterable[tuple[str, bytes, str]] = draw(st.lists(st.tuples(_NAMES, _KINDS, _NAMES), max_size=4))
    data = bytearray(tar(*(member(name, b"", type=kind, linkname=link) for name, kind, link in names)))
    for position, value in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4)):
        data[position] = value
    cut = draw(st.integers(0, len(data)))
    return gzip.compress(bytes(data[:cut])) if draw(st.booleans()) else bytes(data)


@given(damaged() | st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever a bundle consists of, it is read, or an error names it."""
    try:
        archive = read(data)
    except EvidenceError as error:
        assert error.file == "bundle.tar.gz"  # noqa: PT017 - either way is right
    else:
        assert all(".." not in name.split("/") for name in archive.texts)


_PAX = st.sampled_from(
    [
        "path",
        "linkpath",
        "size",
        "mtime",
        "hdrcharset",
        "GNU.sparse.map",
        "GNU.sparse.major",
        "GNU.sparse.minor",
        "GNU.sparse.name",
        "GNU.sparse.numblocks",
        "GNU.sparse.realsize",
    ]
)
_VALUES = st.text(alphabet="0123456789-,.\nxBINARY", max_size=12)


@given(st.dictionaries(_PAX, _VALUES, max_size=5), st.binary(max_size=1024))
def test_any_extended_header_is_read_or_refused(fields: dict[str, str], content: bytes) -> None:
    """Whatever an extended header claims, sizes and holes among it, the bundle is read or an error names it."""
    info, data = member("a", content)
    info.pax_headers = fields
    try:
        read(info.tobuf(tarfile.PAX_FORMAT) + data.ljust(1024, b"\0") + bytes(1024))
    except EvidenceError as error:
        assert error.file == "bundle.tar.gz"  # noqa: PT017 - either way is right
