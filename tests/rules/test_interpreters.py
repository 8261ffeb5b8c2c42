"""Words about interpreters and libraries."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.knowledge.runtimes import Wheel
from etpu_doctor.rules.interpreters import (
    asked_for,
    in_use,
    installed,
    library_facts,
    machine_text,
    pip_step,
    python_text,
    quoted,
    readable,
    tpu_ids,
)
from tests.support.user_space import PATH, library, own, python, runtime, with_runtime


def wheel(package: str) -> Wheel:
    """A wheel of a package."""
    requirement = f"{package}==1"
    return Wheel(package=package, first="1", last="1", pythons=(), machines=(), requirement=requirement, source="x")


def test_which_interpreters() -> None:
    """The named ones are told from the program's own, and those that cannot be read are left out."""
    all_three = runtime(own(), python("/a"), python("/b", failure="no such file"))
    assert ["/a"] == [each.executable for each in asked_for(all_three)]
    assert ["/opt/doctor/bin/python", "/a"] == [each.executable for each in readable(all_three)]


def test_installed_runtimes() -> None:
    """All TFLite runtimes count, NumPy and PyCoral do not."""
    assert [] == installed(python(numpy="2.0", pycoral="2.0.0"))
    assert [("tflite-runtime", "2.14.0"), ("tensorflow", "2.16.1")] == installed(
        python(tflite_runtime="2.14.0", tensorflow="2.16.1")
    )


def test_the_library_in_use() -> None:
    """It is the one that the loader takes, not the first on the list."""
    assert PATH == (in_use(runtime(library("/x", first=False), library())) or library("/none")).path
    assert in_use(runtime(library(first=False))) is None


def test_every_edge_tpu_is_concerned() -> None:
    """User space serves all of them."""
    assert ("2-1",) == tpu_ids(with_runtime(runtime()))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "Python 3.11.2 (/p)"),
        ({"implementation": "PyPy", "version": "3.10"}, "PyPy 3.10 (/p)"),
        ({"version": None}, "/p"),
    ],
)
def test_names_of_interpreters(fields: dict[str, str | None], expected: str) -> None:
    """By kind, version and place, as far as they are known."""
    assert expected == python_text(python("/p", **fields))


@pytest.mark.parametrize(
    ("machine", "bits", "expected"),
    [
        ("x86_64", 64, "x86_64"),
        ("aarch64", 64, "aarch64"),
        ("arm", 32, "32-bit arm"),
        ("i386", 32, "i386"),
        ("riscv", 64, "64-bit riscv"),
        (None, None, "an unknown machine"),
    ],
)
def test_names_of_machines(machine: str | None, bits: int | None, expected: str) -> None:
    """The width is said where the name leaves it open."""
    assert expected == machine_text(machine, bits)


def test_facts_of_a_library() -> None:
    """The package stands with where dpkg says it; what is not known is left out."""
    assert [("library", PATH), ("from package", "/var/lib/dpkg/status"), ("built from change", PATH)] == [
        (fact.name, fact.where) for fact in library_facts(library())
    ]
    assert ["library"] == [fact.name for fact in library_facts(library(package=None, google_build=None))]
    assert "libedgetpu1-std version unknown" == library_facts(library(package_version=None))[1].value


def test_pip_is_told_of_numpy() -> None:
    """Beside tflite-runtime pip would take a NumPy that it fails with."""
    assert "Run /p -m pip install 'tflite-runtime==1' 'numpy<2'" == pip_step(python("/p"), wheel("tflite-runtime"))
    assert "Run '/my p' -m pip install 'ai-edge-litert==1'" == pip_step(python("/my p"), wheel("ai-edge-litert"))


@given(st.text(min_size=1))
def test_a_path_is_one_word(path: str) -> None:
    """A shell takes any path, with blanks, quotes or commands in it, for one word."""
    assert [path] == shlex.split(quoted(path))
