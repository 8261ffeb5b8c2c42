"""The shared fixtures themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ABSENT = "no-such-program-anywhere"


def test_project_root_holds_the_project(project_root: Path) -> None:
    """The root is the folder of pyproject.toml and of the package."""
    assert (project_root / "pyproject.toml").is_file()
    assert (project_root / "etpu_doctor" / "__init__.py").is_file()


def test_a_program_that_is_there_is_found(needs_program: Callable[..., str]) -> None:
    """The path of an installed program is handed to the test."""
    assert "sh" == Path(needs_program("sh", package="dash")).name


def test_a_missing_program_skips_with_the_package(
    needs_program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the variable, a missing program skips the test and says which package brings it."""
    monkeypatch.delenv("ETPU_DOCTOR_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install some-package"):
        needs_program(ABSENT, package="some-package")


def test_a_missing_program_fails_where_all_are_required(
    needs_program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable set, the same missing program is a failure."""
    monkeypatch.setenv("ETPU_DOCTOR_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install some-package"):
        needs_program(ABSENT, package="some-package")


def test_another_value_of_the_variable_still_skips(
    needs_program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the value 1 requires everything."""
    monkeypatch.setenv("ETPU_DOCTOR_REQUIRE_ALL", "0")
    with pytest.raises(pytest.skip.Exception):
        needs_program(ABSENT, package="some-package")
