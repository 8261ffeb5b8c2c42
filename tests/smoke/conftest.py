"""What tests of the smoke test's workers share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from etpu_doctor.smoke.jobs import Job
from tests.support.crew import MOVED, MOVES, moving_model, stick, sticks
from tests.support.fake_edgetpu.build import build_library

Work = Callable[..., Job]


@pytest.fixture(scope="session")
def double(needs_program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the double of libedgetpu."""
    return str(build_library(needs_program("gcc", package="gcc"), tmp_path_factory.mktemp("double")))


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a compiled model that only moves channels."""
    path = tmp_path_factory.mktemp("models") / "moving_edgetpu.tflite"
    path.write_bytes(moving_model())
    return str(path)


@pytest.fixture
def one_stick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with one sound stick, and the means to change that."""
    for name in [name for name in os.environ if name.startswith("FAKE_EDGETPU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", sticks(1))
    monkeypatch.setenv("FAKE_EDGETPU_OUTPUT", MOVED)
    return monkeypatch


@pytest.fixture
def work(one_stick: pytest.MonkeyPatch, double: str, moving: str) -> Work:
    """Makes a job for the first stick; what is named differs from the usual one."""
    del one_stick

    usual = Job(library=double, model=moving, device_path=stick(), reference=MOVES, runs=8)
    return partial(msgspec.structs.replace, usual)
