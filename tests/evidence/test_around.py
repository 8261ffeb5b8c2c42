"""The host around the buses, put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.facts.host import Clock
from tests.support.elf import MAXIMUM, STANDARD, elf, files_below, library
from tests.support.sysfs_folder import write_folder

PLACE = "/usr/lib/libedgetpu.so.1"
LOCAL = "/usr/local/lib/libedgetpu.so.1"


def host_of(root: Path, contents: dict[str, bytes | str]) -> tuple[str | None, Clock | None]:
    """Path and clock of the library of a host with these files."""
    write_folder(root / "sys")
    files_below(root, {"/proc/self/exe": elf(), **contents})
    host = gather_live(str(root)).host
    return host.libedgetpu_path, host.libedgetpu_clock


@pytest.mark.parametrize(("mark", "clock"), [(STANDARD, "standard"), (MAXIMUM, "maximum")])
def test_the_library_that_the_loader_takes(tmp_path: Path, mark: bytes, clock: Clock) -> None:
    """The host's library is the runtime's first one, and its clock that of the file."""
    assert (PLACE, clock) == host_of(tmp_path, {PLACE: library(clock=mark), LOCAL: library(clock=STANDARD)})


def test_a_library_of_another_machine_is_passed_over(tmp_path: Path) -> None:
    """As the loader does."""
    contents: dict[str, bytes | str] = {
        "/usr/lib/x86_64-linux-gnu/libedgetpu.so.1": library("aarch64", clock=MAXIMUM),
        PLACE: library(clock=STANDARD),
    }
    assert (PLACE, "standard") == host_of(tmp_path, contents)


def test_a_library_that_the_loader_does_not_find(tmp_path: Path) -> None:
    """It still tells which clock somebody installed."""
    assert (LOCAL, "maximum") == host_of(tmp_path, {LOCAL: library(clock=MAXIMUM)})


def test_no_library(tmp_path: Path) -> None:
    """Nothing is known of its clock then."""
    assert (None, None) == host_of(tmp_path, {})


def test_the_bytes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library has a megabyte or more, and a check wants its answer at once."""
    import os

    opened: list[str] = []
    real = os.open

    def counting(path: str, *rest: int) -> int:
        opened.append(str(path))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", counting)
    host_of(tmp_path, {PLACE: library()})
    assert 1 == sum(path.endswith(PLACE) for path in opened)


def test_the_buses_alone(tmp_path: Path) -> None:
    """Who asks for nothing around the buses gets nothing of the library either."""
    write_folder(tmp_path / "sys")
    files_below(tmp_path, {PLACE: library()})
    assert gather_live(str(tmp_path), request=HostRequest(around=False)).host.libedgetpu_path is None
