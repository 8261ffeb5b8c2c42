"""Which package a library is from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.library_package import INFO, STATUS, Package, field, installed_packages, owner, status_block
from tests.support.elf import files_below

FOLDER = "/usr/lib/x86_64-linux-gnu"
PATHS = (f"{FOLDER}/libedgetpu.so.1", f"{FOLDER}/libedgetpu.so.1.0")
LIST = "/.\n/usr\n/usr/lib\n" + "\n".join(PATHS) + "\n/usr/share/doc/libedgetpu1-std/copyright\n"


def block(
    name: str = "libedgetpu1-std", version: str = "16.0", state: str = "ok installed", arch: str = "amd64"
) -> str:
    """One package's entry in dpkg's status."""
    return f"Package: {name}\nStatus: install {state}\nArchitecture: {arch}\nVersion: {version}\nDescription: x\n y\n"


def system(tmp_path: Path, lists: dict[str, str], *blocks: str) -> Files:
    """A root with lists of packages and dpkg's status."""
    contents: dict[str, bytes | str] = {f"{INFO}/{name}.list": content for name, content in lists.items()}
    contents[STATUS] = "\n".join(["Package: adduser\nStatus: install ok installed\nVersion: 3\n", *blocks])
    contents[PATHS[1]] = "library"
    contents[PATHS[0]] = "->libedgetpu.so.1.0"
    return files_below(tmp_path, contents)


@pytest.mark.parametrize("name", ["libedgetpu1-std", "libedgetpu1-std:amd64", "libedgetpu1-max:arm64"])
def test_a_package(tmp_path: Path, name: str) -> None:
    """The name of the list may carry the architecture."""
    plain, _, architecture = name.partition(":")
    files = system(tmp_path, {name: LIST}, block(plain, arch=architecture or "amd64"))
    assert [Package(name, "16.0", PATHS)] == installed_packages(files)


def test_the_version_of_the_right_architecture(tmp_path: Path) -> None:
    """Two architectures of one package have an entry each."""
    files = system(tmp_path, {"libedgetpu1-std:arm64": LIST}, block(version="15.0"), block(arch="arm64"))
    assert ["16.0"] == [package.version for package in installed_packages(files)]


def test_a_removed_package(tmp_path: Path) -> None:
    """Its list may stay behind, but it is not installed."""
    removed = block().replace("install ok installed", "deinstall ok config-files")
    assert [] == installed_packages(system(tmp_path, {"libedgetpu1-std": LIST}, removed))


def test_a_list_without_the_library(tmp_path: Path) -> None:
    """The development package is none that could be loaded."""
    assert [] == installed_packages(system(tmp_path, {"libedgetpu1-std": "/usr/include/edgetpu.h\n"}, block()))


def test_no_status(tmp_path: Path) -> None:
    """Where dpkg's status is missing the package is known without its version."""
    files = files_below(tmp_path, {f"{INFO}/libedgetpu1-std.list": LIST})
    assert [Package("libedgetpu1-std", None, PATHS)] == installed_packages(files)


def test_another_name_is_searched_for_on_demand(tmp_path: Path) -> None:
    """Listing the folder of all packages is slow; it is done only where a library is there to be explained."""
    files = system(tmp_path, {"my-edgetpu": LIST, "other": "/x\n"}, block("my-edgetpu"))
    assert [] == installed_packages(files)
    assert ["my-edgetpu"] == [package.name for package in installed_packages(files, search=True)]


def test_both_clocks(tmp_path: Path) -> None:
    """Packages that exclude each other are both listed if both are there."""
    lists = {"libedgetpu1-std": LIST, "libedgetpu1-max": LIST}
    files = system(tmp_path, lists, block(), block("libedgetpu1-max"))
    assert ["libedgetpu1-std", "libedgetpu1-max"] == [package.name for package in installed_packages(files)]


def test_the_owner_of_a_file(tmp_path: Path) -> None:
    """By whichever path the file was found."""
    files = system(tmp_path, {"libedgetpu1-std": LIST}, block())
    packages = installed_packages(files)
    (tmp_path / "alias").symlink_to("usr/lib/x86_64-linux-gnu")
    (tmp_path / "other.so").write_text("another")
    assert [packages[0]] * 2 == [owner(files, path, packages) for path in (PATHS[0], "/alias/libedgetpu.so.1")]
    assert [None] * 2 == [owner(files, path, packages) for path in ("/other.so", "/gone.so")]


def test_no_dpkg(tmp_path: Path) -> None:
    """On Fedora or Arch nothing is found and nothing fails."""
    assert [] == installed_packages(Files(str(tmp_path)), search=True)


@pytest.mark.parametrize(
    ("package", "found"),
    [
        ("adduser", True),
        ("libedgetpu1-std", True),
        ("libedgetpu1-std:amd64", True),
        ("libedgetpu1", False),
        ("x", False),
    ],
)
def test_status_blocks(package: str, found: bool) -> None:
    """Names are whole names; the first and the last entry are found too."""
    status = ("Package: adduser\nStatus: install ok installed\n\n" + block()).encode()
    assert found == (status_block(status, package) is not None)


def test_another_architecture_is_another_package() -> None:
    """An entry of a foreign architecture is not taken."""
    assert status_block(block().encode(), "libedgetpu1-std:armhf") is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\nVersion: 1\nX: 2\n", "1"), (b"\nVersion: \n", None), (b"\nA: 1\n", None), (b"", None)],
)
def test_fields(content: bytes, expected: str | None) -> None:
    """A field ends at the line's end and may be missing or empty."""
    assert expected == field(content, "Version")


@given(st.binary(max_size=300))
def test_any_status(content: bytes) -> None:
    """No status makes it raise."""
    found = status_block(content, "libedgetpu1-std:amd64")
    assert found is None or b"libedgetpu1-std" in found
