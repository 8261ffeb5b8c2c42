"""The copies in JSON are those of the files in TOML."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etpu_doctor import knowledge
from etpu_doctor.knowledge import frozen


@pytest.mark.parametrize("name", frozen.NAMES)
def test_the_copy_is_up_to_date(name: str) -> None:
    """After an edit of a TOML file: ``python -m etpu_doctor.knowledge.frozen``, or the switch of the fixtures."""
    if os.environ.get("ETPU_DOCTOR_UPDATE_FIXTURES"):
        frozen.freeze()
    assert frozen.frozen(name) == Path(frozen.FOLDER, f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", frozen.NAMES)
def test_both_ways_give_the_same(name: str) -> None:
    """What is read from the copy is what is read from the file."""
    path = str(Path(frozen.FOLDER, f"{name}.toml"))
    assert knowledge._from_toml(path) == knowledge.load(f"{name}.toml")


def test_a_copy_of_another_size_is_passed_over(tmp_path: Path) -> None:
    """An edited file counts, not its old copy; a file without a copy is read as it is."""
    path = tmp_path / "x.toml"
    path.write_text('a = "new"\n')
    assert knowledge._from_copy(str(path)) is None
    (tmp_path / "x.json").write_text('{"toml_bytes": 3, "content": {"a": "old"}}')
    assert knowledge._from_copy(str(path)) is None
    (tmp_path / "x.json").write_text('{"toml_bytes": 10, "content": {"a": "copy"}}')
    assert {"a": "copy"} == knowledge._from_copy(str(path))
