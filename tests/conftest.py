"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

REQUIRE_ALL = "ETPU_DOCTOR_REQUIRE_ALL"
"""Set to 1, this environment variable turns a missing Debian package from a skip into a failure."""


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def needs_program() -> Callable[..., str]:
    """The function with which a test asks for a program of a Debian package.

    ``needs_program("lsusb", package="usbutils")`` returns the program's path. Where it is not installed the test is
    skipped with the package's name; with ``ETPU_DOCTOR_REQUIRE_ALL=1`` it fails.
    """
    return _path_of_program


def _path_of_program(program: str, *, package: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is not None:
        return path
    reason = f"needs {program}: apt-get install {package}"
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set)", pytrace=False)
    pytest.skip(reason)
