"""What is known of the machine around the buses."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from etpu_doctor.evidence.host import read_host
from etpu_doctor.evidence.sysfs import MemoryTree
from etpu_doctor.facts.host import Host
from tests.support.sysfs_folder import DMI


def dmi(vendor: bytes | None = b"Intel\n", product: bytes | None = b"NUC8i7BEH\n") -> MemoryTree:
    """A sysfs with DMI names, where the kernel lists them."""
    tree = MemoryTree()
    for name, content in (("sys_vendor", vendor), ("product_name", product)):
        if content is not None:
            tree.add_file(f"/class/dmi/id/{name}", content)
    assert DMI.endswith("id")
    return tree


def put(root: Path, path: str, content: bytes) -> None:
    """Write a file below another root."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def test_this_machine() -> None:
    """The kernel's own words are taken as they are."""
    system = os.uname()
    host = read_host(MemoryTree())
    assert (system.nodename, system.release, system.machine) == (host.hostname, host.kernel_release, host.architecture)
    assert os.sysconf("SC_PAGE_SIZE") == host.page_size_bytes


def test_another_root(tmp_path: Path) -> None:
    """Names of system and board are read below the root that was given."""
    put(tmp_path, "etc/os-release", b'NAME=Debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n')
    put(tmp_path, "proc/device-tree/model", b"Raspberry Pi 5 Model B Rev 1.0\0")
    host = read_host(dmi(), str(tmp_path))
    assert "Debian GNU/Linux 12 (bookworm)" == host.os_name
    assert "Raspberry Pi 5 Model B Rev 1.0" == host.board_model


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"PRETTY_NAME=\n", None),
        (b'PRETTY_NAME=""\n', None),
        (b"PRETTY_NAME='Alpine Linux v3.19'\n", "Alpine Linux v3.19"),
        (b"PRETTY_NAME=Buildroot\n", "Buildroot"),
        (b"OTHER_PRETTY_NAME=x\n", None),
        (b"PRETTY_NAME=\xff\n", "\ufffd"),
    ],
)
def test_system_names(tmp_path: Path, content: bytes, expected: str | None) -> None:
    """A system's name may be quoted in either way, be empty, or be no text."""
    put(tmp_path, "etc/os-release", content)
    assert expected == read_host(MemoryTree(), str(tmp_path)).os_name


@pytest.mark.parametrize(
    ("vendor", "product", "expected"),
    [
        (b"Intel\n", b"NUC8i7BEH\n", "Intel NUC8i7BEH"),
        (None, b"NUC8i7BEH\n", "NUC8i7BEH"),
        (b"Intel\n", b"\n", "Intel"),
        (None, None, None),
    ],
)
def test_boards_of_pcs(tmp_path: Path, vendor: bytes | None, product: bytes | None, expected: str | None) -> None:
    """Without a device tree, the names of the firmware tell the board."""
    assert expected == read_host(dmi(vendor, product), str(tmp_path)).board_model


def test_nothing_there(tmp_path: Path) -> None:
    """A root without files leaves the names unknown."""
    host = read_host(MemoryTree(), str(tmp_path))
    assert (None, None) == (host.os_name, host.board_model)


def test_folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    """A named pipe or a folder in the place of a file is neither waited for nor an error."""
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/os-release")
    (tmp_path / "proc/device-tree/model").mkdir(parents=True)
    host = read_host(MemoryTree(), str(tmp_path))
    assert (None, None) == (host.os_name, host.board_model)


def test_a_host_name_of_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that is no text, or none, can still be reported."""
    for nodename, expected in (("b\udcffx", "b\ufffdx"), ("", None)):
        system = SimpleNamespace(nodename=nodename, release="", machine="")
        monkeypatch.setattr(os, "uname", lambda system=system: system)
        host = read_host(MemoryTree())
        assert (expected, None, None) == (host.hostname, host.kernel_release, host.architecture)
        assert host == msgspec.json.decode(msgspec.json.encode(host), type=Host)
