"""sysfs in a directory and in memory: what is missing, refused, hostile or no text."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence import sysfs
from etpu_doctor.evidence.sysfs import (
    ATTRIBUTE_LIMIT_BYTES,
    DirectoryTree,
    MemoryTree,
    RecordingTree,
    folder_of,
    integer,
    is_sound,
    resolve,
    text,
)
from tests.support.sysfs_folder import HUB, ROOT, TPU, XHCI, memory_tree, write_folder


@pytest.fixture
def tree(tmp_path: Path) -> DirectoryTree:
    """The hand-written machine in a folder, read as a copy of sysfs."""
    return DirectoryTree(str(write_folder(tmp_path)), contained=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, None),
        (b"", None),
        (b"\n", None),
        (b" \n", None),
        (b"\0", None),
        (b"480\n", "480"),
        (b" 2.10\n", "2.10"),
        (b"Raspberry Pi 5\0", "Raspberry Pi 5"),
        (b"model\n\0", "model"),
        ("Größe\n".encode(), "Größe"),
        (b"a\xffb\n", "a\ufffdb"),
    ],
)
def test_text_of_an_attribute(raw: bytes | None, expected: str | None) -> None:
    """An attribute is text without what surrounds it; an empty one is as unknown as a missing one."""
    assert expected == text(raw)


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [
        (None, 10, None),
        ("1", 10, 1),
        (" 1", 10, 1),
        ("-1000", 10, -1000),
        ("0x1ac1", 16, 0x1AC1),
        ("9302", 16, 0x9302),
        ("96mA", 10, None),
        ("", 10, None),
        ("1_000", 10, None),
        ("٣", 10, None),
        ("0xffffffffffffffff", 16, 2**64 - 1),
        ("0x10000000000000000", 16, None),
        ("9" * 100, 10, None),
        ("9" * 5000, 10, None),
    ],
)
def test_numbers(value: str | None, base: int, expected: int | None) -> None:
    """A number of up to 64 bits is read, anything else is unknown."""
    assert expected == integer(value, base)


@given(st.text(), st.sampled_from([10, 16]))
def test_no_text_is_a_number_that_json_cannot_hold(value: str, base: int) -> None:
    """Whatever an attribute says, its number fits into 64 bits or is unknown."""
    parsed = integer(value, base)
    assert parsed is None or -(2**63) <= parsed < 2**64


@pytest.mark.parametrize(
    ("base", "target", "expected"),
    [
        ("/bus/usb/devices", "../../../devices/pci0000:00/usb1", "/devices/pci0000:00/usb1"),
        ("/a/b", "c", "/a/b/c"),
        ("/a/b", "./c//d", "/a/b/c/d"),
        ("/a/b", "../..", "/"),
        ("/a/b", "../../..", None),
        ("/a/b", "../../../etc/passwd", None),
        ("/a", "/etc/passwd", None),
    ],
)
def test_link_targets(base: str, target: str, expected: str | None) -> None:
    """A relative link is followed inside the tree, and one that leaves it leads nowhere."""
    assert expected == resolve(base, target)


@given(st.text(alphabet="/ab"), st.text(alphabet="./ab"))
def test_no_link_leaves_the_tree(base: str, target: str) -> None:
    """A resolved link is absolute and holds no step upwards."""
    path = resolve(base, target)
    assert path is None or (path.startswith("/") and ".." not in path.split("/"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/devices/pci0000:00/0000:00:14.0/usb2", True),
        ("/devices/\udcff", False),
        ("/devices/a\nb", False),
        ("/devices/" + "a/" * 100, False),
        ("/" + "a" * 5000, False),
    ],
)
def test_paths_that_the_kernel_makes(path: str, expected: bool) -> None:
    """Paths that are no text, hold line ends, or are thousands of folders deep are none of the kernel's."""
    assert expected == is_sound(path)


def test_folder_of_a_subsystem() -> None:
    """A bus lists its devices in a folder of their own, a class does so itself."""
    assert "/bus/usb/devices" == folder_of("bus/usb")
    assert "/class/apex" == folder_of("class/apex")


def test_devices_are_listed_with_their_paths(tree: DirectoryTree) -> None:
    """A device is named as in the listing and lies where its link points."""
    assert {"usb2": ROOT, "2-1": HUB, "2-1.4": TPU}.items() <= dict(tree.devices("bus/usb")).items()
    assert [("apex_0", "/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/apex/apex_0")] == tree.devices("class/apex")


def test_a_listing_without_links_is_read_in_place(tmp_path: Path) -> None:
    """A copy of sysfs that holds folders instead of links is read where it lies."""
    write_folder(tmp_path, {"/bus/usb/devices/usb1/speed": b"480\n"}, {})
    tree = DirectoryTree(str(tmp_path), contained=True)
    assert [("usb1", "/bus/usb/devices/usb1")] == tree.devices("bus/usb")
    assert b"480\n" == tree.read("/bus/usb/devices/usb1", "speed")


def test_what_is_missing_is_no_news(tree: DirectoryTree) -> None:
    """A missing attribute, link, folder or subsystem is unknown and is not noted."""
    assert tree.read(HUB, "no-such-attribute") is None
    assert tree.link(HUB, "driver") is None
    assert [] == tree.devices("bus/nothing")
    assert not tree.has("bus/nothing")
    assert {} == tree.unreadable or all("nothing" not in path for path in tree.unreadable)


@pytest.mark.parametrize("contained", [True, False])
def test_an_attribute_that_vanishes_is_unknown(tmp_path: Path, contained: bool) -> None:
    """A device that goes away between the listing and the reading leaves no trace."""
    tree = DirectoryTree(str(write_folder(tmp_path)), contained=contained)
    devices = dict(tree.devices("bus/usb"))
    (tmp_path / TPU[1:] / "speed").unlink()
    assert tree.read(devices["2-1.4"], "speed") is None
    assert {} == tree.unreadable


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(19, "No such device")])
def test_a_refused_attribute_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """An attribute that cannot be opened is unknown, and the reason is kept."""
    tree = DirectoryTree(str(write_folder(tmp_path)))

    def refuse(*_: object) -> int:
        raise error

    monkeypatch.setattr(os, "open", refuse)
    assert tree.read(HUB, "speed") is None
    assert {f"{HUB}/speed": error.strerror} == tree.unreadable


def test_an_attribute_that_fails_while_it_is_read_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle leaves the attribute unknown, and the file is closed again."""
    tree = DirectoryTree(str(write_folder(tmp_path)))
    before = len(os.listdir("/proc/self/fd"))

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    assert tree.read(HUB, "power/autosuspend_delay_ms") is None
    assert {f"{HUB}/power/autosuspend_delay_ms": "Input/output error"} == tree.unreadable
    assert before == len(os.listdir("/proc/self/fd"))


def test_a_folder_is_no_attribute(tmp_path: Path) -> None:
    """A folder in the place of an attribute is unknown, on the live system and in a copy."""
    write_folder(tmp_path)
    assert DirectoryTree(str(tmp_path)).read(HUB, "power") is None
    assert DirectoryTree(str(tmp_path), contained=True).read(HUB, "power") is None


def test_a_subsystem_that_may_not_be_listed_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the listing is refused, the subsystem does not count as one without devices."""
    tree = DirectoryTree(str(write_folder(tmp_path)))
    assert tree.has("bus/usb")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not tree.has("bus/usb")


def test_a_folder_that_cannot_be_listed_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose listing fails is empty, and the reason is kept."""
    tree = DirectoryTree(str(write_folder(tmp_path)))

    def refuse(_: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert [] == tree.devices("bus/usb")
    assert {"/bus/usb/devices": "Permission denied"} == tree.unreadable


def test_disable_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub port's disable file can block for a minute, so it is not opened whoever asks for it."""
    tree = DirectoryTree(str(write_folder(tmp_path)))
    opened: list[str] = []
    monkeypatch.setattr(os, "open", lambda path, *_: opened.append(path))
    port = f"{ROOT}/2-0:1.0/usb2-port1"
    assert tree.read(port, "disable") is None
    assert tree.read(f"{ROOT}/2-0:1.0", "usb2-port1/disable") is None
    assert [] == opened


def test_content_that_is_no_text_is_kept(tmp_path: Path) -> None:
    """An attribute's bytes come as they are."""
    write_folder(tmp_path, {f"{HUB}/product": b"\xff\xfe\0x\n"}, {})
    assert b"\xff\xfe\0x\n" == DirectoryTree(str(tmp_path)).read(HUB, "product")


def test_an_attribute_is_bounded(tmp_path: Path) -> None:
    """No more than 64 KiB of an attribute are read."""
    write_folder(tmp_path, {f"{HUB}/product": b"x" * 200_000}, {})
    assert b"x" * ATTRIBUTE_LIMIT_BYTES == DirectoryTree(str(tmp_path)).read(HUB, "product")


@pytest.mark.parametrize("size", [0, 100, 4095, 4096, 4097, 8192, 10_000, 65_536, 100_000])
def test_an_attribute_that_comes_by_the_page_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The kernel gives a page of a binary attribute at a time, and descriptors can be longer."""
    content = bytes(index % 251 for index in range(size))
    write_folder(tmp_path, {f"{HUB}/descriptors": content}, {})
    real_read = os.read
    monkeypatch.setattr(os, "read", lambda handle, wanted: real_read(handle, min(wanted, 4096)))
    assert content[:ATTRIBUTE_LIMIT_BYTES] == DirectoryTree(str(tmp_path)).read(HUB, "descriptors")


def test_a_short_attribute_costs_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary attribute is not asked for its end."""
    tree = DirectoryTree(str(write_folder(tmp_path)))
    sizes: list[int] = []
    real_read = os.read

    def count(handle: int, wanted: int) -> bytes:
        sizes.append(wanted)
        return real_read(handle, wanted)

    monkeypatch.setattr(os, "read", count)
    assert b"5000\n" == tree.read(HUB, "speed")
    assert 1 == len(sizes)


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the copy, with a secret in it."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "control").write_bytes(b"secret\n")
    (folder / "speed").write_bytes(b"secret\n")
    return folder


class TestContained:
    """A copy of sysfs is foreign data: nothing outside of it is read, and no device is touched."""

    def test_an_attribute_that_is_a_link_is_refused(self, tree: DirectoryTree, outside: Path) -> None:
        """A link in the place of an attribute is not followed."""
        os.symlink(outside / "speed", f"{tree.root}{HUB}/product_link")
        assert tree.read(HUB, "product_link") is None

    def test_a_folder_of_attributes_that_is_a_link_is_refused(self, tmp_path: Path, outside: Path) -> None:
        """A link in the place of power/ leads to no attribute outside."""
        write_folder(tmp_path, {f"{HUB}/speed": b"480\n"}, {f"{HUB}/power": str(outside)})
        assert DirectoryTree(str(tmp_path), contained=True).read(HUB, "power/control") is None

    def test_a_device_that_lies_outside_is_refused(self, tmp_path: Path, outside: Path) -> None:
        """A device folder that is a link out of the copy is empty."""
        write_folder(tmp_path, {"/devices/x/speed": b"1\n"}, {"/devices/out": str(outside)})
        tree = DirectoryTree(str(tmp_path), contained=True)
        assert tree.read("/devices/out", "speed") is None
        assert [] == tree.entries("/devices/out")

    @pytest.mark.parametrize("target", ["{outside}", "../../../../outside", "../" * 40 + "etc"])
    def test_a_listing_that_points_outside_is_refused(self, tmp_path: Path, outside: Path, target: str) -> None:
        """A device that the listing places outside has no attributes."""
        copy = tmp_path / "copy"
        write_folder(copy, {}, {"/bus/usb/devices/1-1": target.format(outside=outside)})
        tree = DirectoryTree(str(copy), contained=True)
        ((_, devpath),) = tree.devices("bus/usb")
        assert tree.read(devpath, "speed") is None
        assert tree.read(devpath, "hostname") is None

    def test_links_below_a_folder_outside_are_not_read(self, tmp_path: Path, outside: Path) -> None:
        """Not even the names of links outside become known."""
        os.symlink("somewhere/private", outside / "driver")
        write_folder(tmp_path, {}, {"/devices/out": str(outside)})
        (tmp_path / "bus").mkdir()
        assert DirectoryTree(str(tmp_path), contained=True).link("/devices/out", "driver") is None

    def test_a_bus_that_lies_outside_is_missing(self, tmp_path: Path, outside: Path) -> None:
        """A listing that is a link out of the copy does not count as one."""
        write_folder(tmp_path, {}, {"/bus/usb/devices": str(outside)})
        tree = DirectoryTree(str(tmp_path), contained=True)
        assert not tree.has("bus/usb")
        assert [] == tree.devices("bus/usb")

    def test_a_link_inside_is_followed(self, tmp_path: Path) -> None:
        """A folder that is a link inside of the copy is as good as the folder."""
        write_folder(tmp_path, {"/devices/a/speed": b"480\n"}, {"/devices/b": "a"})
        assert b"480\n" == DirectoryTree(str(tmp_path), contained=True).read("/devices/b", "speed")

    def test_a_copy_behind_a_link_is_read(self, tmp_path: Path) -> None:
        """The copy itself may be given by a link."""
        write_folder(tmp_path / "real", {"/devices/a/speed": b"480\n"}, {})
        os.symlink("real", tmp_path / "link")
        assert b"480\n" == DirectoryTree(str(tmp_path / "link"), contained=True).read("/devices/a", "speed")

    def test_only_files_are_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Named pipes, sockets and device nodes in the place of attributes are not even opened."""
        write_folder(tmp_path, {f"{HUB}/speed": b"480\n"}, {f"{HUB}/removable": "/dev/null"})
        os.mkfifo(tmp_path / HUB[1:] / "serial")
        monkeypatch.chdir(tmp_path / HUB[1:])
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("product")
            opened: list[str] = []
            monkeypatch.setattr(os, "open", lambda path, *_: opened.append(path))
            tree = DirectoryTree(str(tmp_path), contained=True)
            assert [None] * 3 == [tree.read(HUB, name) for name in ("serial", "product", "removable")]
        assert [] == opened

    def test_names_that_are_no_text_are_passed_over(self, tmp_path: Path) -> None:
        """A name of bytes that are no text, which no kernel gives, is not listed: it could not be printed."""
        write_folder(tmp_path)
        os.symlink(b"../../../devices/\xff", os.fsencode(tmp_path) + b"/bus/usb/devices/3-1")
        os.symlink(b"../../../devices/x", os.fsencode(tmp_path) + b"/bus/usb/devices/\xff-1")
        names = dict(DirectoryTree(str(tmp_path), contained=True).devices("bus/usb"))
        assert "/bus/usb/devices/3-1" == names["3-1"]
        assert all(is_sound(name) for name in names)


class TestMemory:
    """The tree in memory answers as the same sysfs on the disk does."""

    def test_it_answers_as_a_directory_does(self, tree: DirectoryTree) -> None:
        """Devices, attributes, links and entries are the same."""
        memory = memory_tree()
        for subsystem in ("bus/usb", "bus/pci", "class/apex"):
            assert sorted(tree.devices(subsystem)) == sorted(memory.devices(subsystem))
            assert memory.has(subsystem)
        for devpath in (XHCI, HUB, TPU, f"{ROOT}/2-0:1.0/usb2-port1"):
            assert sorted(tree.entries(devpath)) == sorted(memory.entries(devpath))
            for name in (*tree.entries(devpath), "power/control", "no-such-attribute"):
                assert (name, tree.link(devpath, name)) == (name, memory.link(devpath, name))
                if name != "disable" and tree.link(devpath, name) is None:
                    assert (name, tree.read(devpath, name)) == (name, memory.read(devpath, name))

    def test_the_order_of_a_listing_is_kept(self) -> None:
        """Devices come in the order in which they were added."""
        tree = MemoryTree()
        for name in ("apex_1", "apex_0", "apex_2"):
            tree.add_link(f"/class/apex/{name}", f"/devices/{name}")
        assert ["apex_1", "apex_0", "apex_2"] == [name for name, _ in tree.devices("class/apex")]

    def test_content_is_bounded(self) -> None:
        """No more than 64 KiB of an attribute are kept."""
        tree = MemoryTree()
        tree.add_file("/devices/a/b", b"x" * 100_000)
        assert b"x" * ATTRIBUTE_LIMIT_BYTES == tree.read("/devices/a", "b")

    @pytest.mark.parametrize("path", ["/devices/\udcff/a", "/devices/a\nb/a", "/a" * 100_000])
    def test_paths_that_no_kernel_makes_are_not_kept(self, path: str) -> None:
        """What could not be printed, or is there to fill the memory, is not in the tree."""
        tree = MemoryTree()
        tree.add_file(path, b"x")
        tree.add_link(path, "/devices/a")
        tree.add_link("/bus/usb/devices/1-1", path)
        tree.add_folder(path)
        assert [] == tree.entries("/devices")
        assert [] == tree.entries("/a")
        assert [] == tree.devices("bus/usb")

    @given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=8)), max_size=10))
    def test_any_path_can_be_added(self, files: list[tuple[str, bytes]]) -> None:
        """Nothing that is added makes a later question fail."""
        tree = MemoryTree()
        for path, content in files:
            tree.add_file(path, content)
            tree.add_link("/bus/usb/devices/" + path, path)
        for name, devpath in tree.devices("bus/usb"):
            tree.read(devpath, name)
            tree.entries(devpath)


class TestRecording:
    """A recording passes everything through and holds what was read."""

    def test_it_answers_as_the_tree_below(self) -> None:
        """Whoever reads through a recording notices nothing."""
        memory = memory_tree()
        record = RecordingTree(memory)
        assert memory.devices("bus/usb") == record.devices("bus/usb")
        assert memory.entries(HUB) == record.entries(HUB)
        assert record.has("bus/usb")
        assert not record.has("bus/none")
        assert b"5000\n" == record.read(HUB, "speed")
        assert record.read(HUB, "none") is None
        assert record.link(HUB, "none") is None
        assert record.unreadable is memory.unreadable

    def test_it_holds_what_was_read_and_nothing_else(self) -> None:
        """Attributes and links that nobody asked for, or that are missing, are not recorded."""
        record = RecordingTree(memory_tree())
        record.read(HUB, "speed")
        record.read(HUB, "power/control")
        record.read(HUB, "none")
        record.link(XHCI, "driver")
        record.link(HUB, "driver")
        record.devices("class/apex")
        assert {HUB: {"speed": b"5000\n", "power/control": b"auto\n"}} == record.files
        assert {XHCI: {"driver": "/bus/pci/drivers/xhci_hcd"}} == record.links
        assert ["class/apex"] == list(record.subsystems)


def test_the_limits_are_those_of_the_kernel() -> None:
    """A path is as long as Linux allows, and a page is the smallest that it has."""
    assert 4096 == sysfs._PATH_LIMIT
    assert 4096 == sysfs._PAGE_BYTES
