"""Which library and which runtime a smoke test takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.runtime import Library, Probe, PythonPackages
from etpu_doctor.smoke.tools import Lacking, Tools, Wishes, choose_tools
from tests.support.elf import elf
from tests.support.user_space import PYTHON, library, own, python, runtime

REBUILT = library(package="libedgetpu1-std", package_version="16.0tf2.17.1-1", google_build=None)


def chosen(*parts: Library | PythonPackages | Probe, **wishes: Any) -> Tools:
    """The tools for a user space."""
    found = choose_tools(runtime(*parts), Files(), Wishes(**wishes))
    assert isinstance(found, Tools)
    return found


def lacking(*parts: Library | PythonPackages | Probe, **wishes: Any) -> Lacking:
    """What is missing in a user space."""
    found = choose_tools(runtime(*parts), Files(), Wishes(**wishes))
    assert isinstance(found, Lacking)
    return found


def test_of_two_runtimes_the_one_that_fits_is_taken() -> None:
    """Google's 16.0 crashes with tflite-runtime 2.14 and works with ai-edge-litert 2.3."""
    tools = chosen(library(), own())
    assert ("ai-edge-litert", "2.3.0", "ai_edge_litert") == (tools.package, tools.version, tools.module)
    assert tools.pair is not None
    assert "works" == tools.pair.outcome
    assert "libedgetpu 16.0" == tools.library_text


@pytest.mark.parametrize("package", ["tflite-runtime", "ai-edge-litert"])
def test_the_person_decides(package: str) -> None:
    """--runtime overrides, even where the table says that it fails."""
    assert package == chosen(library(), own(), runtime=package).package


def test_a_bad_pair_is_run_with_its_cure_at_hand() -> None:
    """Where only a runtime that fails is there, it is tried: its crash is the proof, and a wheel that fits is named."""
    tools = chosen(library(), own(ai_edge_litert=None))
    assert "tflite-runtime" == tools.package
    assert tools.pair is not None
    assert "works" != tools.pair.outcome
    assert "ai-edge-litert" in (tools.fitting or "")


def test_a_runtime_that_numpy_breaks_comes_last() -> None:
    """tflite-runtime beside NumPy 2 is passed over for one that works with it."""
    assert "ai-edge-litert" == chosen(REBUILT, own(numpy="2.2.6")).package


def test_the_interpreter_that_was_named_is_used() -> None:
    """--python names the application's own environment."""
    tools = chosen(library(), own(), python(ai_edge_litert="2.2.0"), python=PYTHON)
    assert (PYTHON, "2.2.0") == (tools.python, tools.version)
    assert sys.executable == chosen(library(), own()).python


def test_an_interpreter_that_cannot_be_read_is_asked_all_the_same() -> None:
    """A script that starts an interpreter shows its packages only when it runs."""
    tools = chosen(library(), own(), PythonPackages(executable="/x", failure="a script", asked_for=True), python="/x")
    assert ("/x", None, None) == (tools.python, tools.package, tools.pair)


def test_no_library_is_runtime_missing() -> None:
    """The loader finds none: that is the cause, and what to install is said."""
    found = lacking(own())
    assert ("runtime-missing", "Install libedgetpu1-std, or name the file with --lib.") == (found.cause, found.advice)


def test_a_library_that_the_loader_passes_over_is_named() -> None:
    """A file for another processor is there and not taken."""
    found = lacking(library(machine="aarch64", first=False), own())
    assert "aarch64" in found.reason


@pytest.mark.parametrize(("version", "cause"), [("3.11.2", "runtime-missing"), ("3.15.0", "python-unsupported")])
def test_no_runtime_depends_on_whether_there_is_a_wheel(version: str, cause: str) -> None:
    """Something to install, or no wheel for this Python at all."""
    assert cause == lacking(library(), python(version=version, asked_for=False)).cause


def test_a_runtime_that_is_not_there_is_not_taken() -> None:
    """--runtime of a package that the interpreter does not have."""
    assert (
        "ai-edge-litert is not installed"
        in lacking(library(), own(ai_edge_litert=None), runtime="ai-edge-litert").reason
    )


@pytest.mark.parametrize("kind", ["missing", "folder", "text"])
def test_a_library_that_is_none(kind: str, tmp_path: Path) -> None:
    """Not there, a directory, or no ELF file: each with its own sentence."""
    path = tmp_path / "libedgetpu.so.1"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("<html>", encoding="utf-8")
    words = {"missing": "there is no file", "folder": "is a directory", "text": "no ELF file"}
    found = lacking(library(), own(), library=str(path))
    assert ("runtime-missing", True) == (found.cause, words[kind] in found.reason)


def test_a_library_for_another_processor_is_noticed(tmp_path: Path) -> None:
    """The loader would say that it does not exist."""
    path = tmp_path / "libedgetpu.so.1"
    path.write_bytes(elf("aarch64"))
    tools = chosen(library(), own(), library=str(path))
    assert "is for aarch64" in (tools.foreign or "")
    assert chosen(library(), own()).foreign is None
