"""User space around the Edge TPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.library_package import INFO, STATUS
from etpu_doctor.evidence.loader import CACHE
from etpu_doctor.evidence.runtime import probe_target, read_runtime
from etpu_doctor.facts.evidence import Missing
from etpu_doctor.facts.runtime import Library, Runtime
from tests.support.elf import BUILD_15, GLIBC, MAXIMUM, elf, files_below, ld_cache, library

FOLDER = "/usr/lib/x86_64-linux-gnu"
SONAME = "libedgetpu.so.1"
PATH = f"{FOLDER}/{SONAME}"
CPU = "processor\t: 0\nmodel name\t: flags: none\nflags\t\t: fpu sse4_1 avx\n\nprocessor\t: 1\nflags\t\t: other\n"
DPKG = "Package: libedgetpu1-std\nStatus: install ok installed\nArchitecture: amd64\nVersion: 16.0\n"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the real loader is told."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)


def system(**more: bytes | str) -> dict[str, bytes | str]:
    """A Debian with libedgetpu1-std."""
    return {
        "/proc/self/exe": elf(loader=GLIBC),
        "/proc/cpuinfo": CPU,
        f"{FOLDER}/libedgetpu.so.1.0": library(),
        PATH: "->libedgetpu.so.1.0",
        f"{FOLDER}/libusb-1.0.so.0": elf(),
        CACHE: ld_cache((SONAME, PATH), ("libusb-1.0.so.0", f"{FOLDER}/libusb-1.0.so.0")),
        f"{INFO}/libedgetpu1-std:amd64.list": f"{PATH}\n{PATH}.0\n",
        STATUS: DPKG,
        **more,
    }


def read(root: Path, contents: dict[str, bytes | str], *pythons: str) -> tuple[Runtime, list[Missing]]:
    """What is read below a root."""
    return read_runtime(files_below(root, contents), pythons)


def test_a_usual_system(tmp_path: Path) -> None:
    """The library, its package, clock and build, libusb and the CPU's flags, and nothing missing."""
    expected = Runtime(
        libraries=(
            Library(
                path=PATH,
                machine="x86_64",
                bits=64,
                package="libedgetpu1-std:amd64",
                package_version="16.0",
                clock="standard",
                google_build="385816442",
                first=True,
            ),
        ),
        cpu_flags=("fpu", "sse4_1", "avx"),
        libusb_present=True,
        machine="x86_64",
        bits=64,
    )
    assert (expected, []) == read(tmp_path, system())


def test_an_empty_system(tmp_path: Path) -> None:
    """Nothing is found, and what could not be read is said with the command that shows it."""
    runtime, missing = read_runtime(Files(str(tmp_path)), [])
    assert Runtime(libusb_present=False) == runtime
    assert [("what the CPU can do", "lscpu")] == [(each.what, each.how) for each in missing]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Features\t: half thumb neon vfpv4", ("half", "thumb", "neon", "vfpv4")),
        ("flags : sse2", ("sse2",)),
        ("flags :", ()),
        ("vmx flags\t: vnmi", None),
        ("flags without a colon", None),
        ("", None),
    ],
)
def test_cpu_flags(tmp_path: Path, line: str, expected: tuple[str, ...] | None) -> None:
    """x86 and ARM name the line differently; a list that is not there is not an empty one."""
    assert expected == read(tmp_path, {"/proc/cpuinfo": f"processor : 0\n{line}\n"})[0].cpu_flags


def test_the_library_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LD_LIBRARY_PATH of this process counts, and two clocks are seen."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/coral")
    runtime, _ = read(tmp_path, system(**{f"/opt/coral/{SONAME}": library(clock=MAXIMUM, build=BUILD_15)}))
    assert [
        (f"/opt/coral/{SONAME}", "maximum", "339933739", None, True),
        (PATH, "standard", "385816442", "16.0", False),
    ] == [(each.path, each.clock, each.google_build, each.package_version, each.first) for each in runtime.libraries]


@pytest.mark.parametrize("foreign", [library("aarch64"), library("i386", bits=32)])
def test_a_library_for_another_processor_is_passed_over(tmp_path: Path, foreign: bytes) -> None:
    """The loader goes on to the next one."""
    contents = system(**{f"/usr/local/lib/{SONAME}": foreign})
    contents[CACHE] = ld_cache((SONAME, f"/usr/local/lib/{SONAME}"), (SONAME, PATH))
    runtime, _ = read(tmp_path, contents)
    assert [False, True] == [each.first for each in runtime.libraries]
    assert PATH == probe_target(runtime)


@pytest.mark.parametrize("broken", [b"", b"<html>404</html>"])
def test_a_file_that_is_no_library_ends_the_search(tmp_path: Path, broken: bytes) -> None:
    """The loader gives up at it: no library is the one that is taken."""
    contents = system(**{f"/usr/local/lib/{SONAME}": broken})
    contents[CACHE] = ld_cache((SONAME, f"/usr/local/lib/{SONAME}"), (SONAME, PATH))
    runtime, _ = read(tmp_path, contents)
    assert [(None, False), ("x86_64", False)] == [(each.machine, each.first) for each in runtime.libraries]
    assert probe_target(runtime) is None


def test_a_library_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its reason and the command, and the loader passes over it."""
    secret = f"/opt/it's/{SONAME}"
    files = files_below(tmp_path, system(**{secret: library()}))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/it's")
    real = files.read

    def refuse(path: str, limit: int = 1 << 22) -> bytes | None:
        if path == secret:
            files.refused[path] = "Permission denied"
            return None
        return real(path, limit)

    monkeypatch.setattr(files, "read", refuse)
    runtime, missing = read_runtime(files, [])
    assert [False, True] == [each.first for each in runtime.libraries]
    assert [
        Missing(what=secret, why="Permission denied", how="sudo file -L '/opt/it'\"'\"'s/libedgetpu.so.1'")
    ] == missing


def test_a_library_outside_the_loaders_reach(tmp_path: Path) -> None:
    """It is listed, but not as the one that is taken."""
    runtime, _ = read(tmp_path, {"/proc/self/exe": elf(), f"/usr/local/lib/{SONAME}": library()})
    assert [(False, False)] == [(each.loader_finds, each.first) for each in runtime.libraries]


def test_an_unknown_user_space(tmp_path: Path) -> None:
    """Without /proc the first library is taken to be the right one."""
    contents = system()
    del contents["/proc/self/exe"]
    runtime, _ = read(tmp_path, contents)
    assert (None, None, True) == (runtime.machine, runtime.bits, runtime.libraries[0].first)


def test_both_packages(tmp_path: Path) -> None:
    """Packages that exclude each other are named."""
    contents = system(**{f"{INFO}/libedgetpu1-max.list": f"{PATH}\n"})
    contents[STATUS] = DPKG + "\n" + DPKG.replace("-std", "-max")
    assert ("libedgetpu1-max", "libedgetpu1-std:amd64") == read(tmp_path, contents)[0].conflicting_packages


def test_named_interpreters(tmp_path: Path) -> None:
    """Each is read once; one that cannot be read is a missing fact, with a command only if it could be asked."""
    more: dict[str, bytes | str] = {"/usr/bin/python3.11": elf(loader=GLIBC), "/opt/my py": "#!/bin/sh\n"}
    contents = system(**more)
    paths = ("/usr/bin/python3.11", "/usr/bin/python3.11", "/none", "/opt/my py")
    runtime, missing = read(tmp_path, contents, *paths)
    assert ["/usr/bin/python3.11", "/none", "/opt/my py"] == [each.executable for each in runtime.pythons]
    assert all(each.asked_for for each in runtime.pythons)
    assert [
        Missing(what="the packages of /none", why="no such file"),
        Missing(
            what="the packages of /opt/my py",
            why="a script that starts an interpreter",
            how="'/opt/my py' -m pip list",
        ),
    ] == missing


def test_the_live_system() -> None:
    """The running interpreter is on the list, and its user space is known."""
    runtime, _ = read_runtime(Files("/"), [])
    assert [False] == [each.asked_for for each in runtime.pythons]
    assert runtime.machine is not None


def test_no_device_or_pipe_is_opened(tmp_path: Path) -> None:
    """A named pipe in the place of a file does not hold the reader up."""
    import os

    files = files_below(tmp_path, {"/proc/self/exe": elf(), "/etc/x": ""})
    for path in (CACHE, "/proc/cpuinfo", f"/usr/lib/{SONAME}"):
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(place)
    runtime, _ = read_runtime(files, [])
    assert [(f"/usr/lib/{SONAME}", None)] == [(each.path, each.machine) for each in runtime.libraries]


def test_nothing_to_probe() -> None:
    """Without a library nothing is asked."""
    assert probe_target(Runtime()) is None
