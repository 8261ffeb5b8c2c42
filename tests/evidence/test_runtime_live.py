"""The whole way on the live system: a library is found where the loader would find it, and asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.runtime import probe_target, read_runtime
from etpu_doctor.evidence.runtime_probe import start_probe
from etpu_doctor.rules.runtime.enumeration_differs import check
from tests.support.elf import BUILD_16, MAXIMUM
from tests.support.facts import root, tpu
from tests.support.fake_edgetpu.build import build_library
from tests.support.user_space import runtime, with_runtime

DEVICES = "usb=/sys/bus/usb/devices/2-2,usb=/sys/bus/usb/devices/2-1"


@pytest.fixture
def double(needs_program: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The double in LD_LIBRARY_PATH, with the marks of the maximum clock's build behind its sections."""
    built = build_library(needs_program("gcc", package="gcc"), tmp_path)
    with built.open("ab") as handle:
        handle.write(BUILD_16 + MAXIMUM)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", DEVICES)
    return built


def test_found_and_asked(double: Path) -> None:
    """What the loader takes first is what is probed, and it needs no package to be known."""
    user_space, _ = read_runtime(Files("/"), [])
    first = user_space.libraries[0]
    assert (str(double), "maximum", "385816442", True) == (first.path, first.clock, first.google_build, first.first)
    assert (user_space.machine, user_space.bits) == (first.machine, first.bits)
    assert str(double) == probe_target(user_space)


@pytest.mark.parametrize(("places", "count"), [(("2-1", "2-2"), 0), (("2-1", "2-3"), 1)])
def test_the_list_against_the_tree(double: Path, places: tuple[str, str], count: int) -> None:
    """The library's own list is compared with the tree's."""
    probe = start_probe(str(double)).result()
    machine = with_runtime(runtime(probe), root(2), *(tpu(place) for place in places))
    assert count == len(list(check(machine)))
