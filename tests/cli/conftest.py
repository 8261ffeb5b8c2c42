"""Fixtures for the command line: listings on disk, and a host without buses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import FINE, NONE, SLOW


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """A file with a listing that has one warning."""
    return _written(tmp_path / "slow.txt", SLOW)


@pytest.fixture
def fine(tmp_path: Path) -> str:
    """A file with a listing without faults."""
    return _written(tmp_path / "fine.txt", FINE)


@pytest.fixture
def none(tmp_path: Path) -> str:
    """A file with a listing without an Edge TPU."""
    return _written(tmp_path / "none.txt", NONE)


@pytest.fixture
def bare_host(tmp_path: Path) -> str:
    """The root of a host whose sysfs has no bus."""
    (tmp_path / "host" / "sys").mkdir(parents=True)
    return str(tmp_path / "host")


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
