"""ETD704: no wheel for a Python."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.runtime import PythonPackages
from etpu_doctor.rules.runtime.python_unsupported import check
from tests.support.facts import machine, root, steps, tpu
from tests.support.user_space import PYTHON, found, library, own, python, with_runtime


def test_no_evidence() -> None:
    """Where user space was not looked at nothing is said."""
    assert [] == list(check(machine(root(2), tpu("2-1"))))
    assert [] == list(check(with_runtime(None)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": "3.15.0"}, "Python 3.15.0 (/srv/my app/venv/bin/python) on x86_64"),
        ({"version": "3.6"}, "Python 3.6 (/srv/my app/venv/bin/python) on x86_64"),
        ({"version": "3.13", "machine": "arm", "bits": 32}, "on 32-bit arm"),
        ({"machine": "riscv"}, "on 64-bit riscv"),
        ({"libc": "musl"}, "on x86_64 with musl"),
        ({"implementation": "PyPy", "version": "3.10"}, "PyPy 3.10"),
    ],
)
def test_no_wheel(fields: dict[str, Any], words: str) -> None:
    """Python, machine, C library and implementation all decide."""
    (finding,) = found(check, library(), python(**fields))
    assert ("ETD704", "python-unsupported", "error", "certain") == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
    )
    assert finding.title.startswith("No TFLite wheel on PyPI is for ")
    assert words in finding.title
    assert "CPython 3.10 to 3.14" in steps(finding)[0]


@pytest.mark.parametrize(
    ("fields", "version", "machine_name", "wheels"),
    [
        ({"package_version": "16.0tf2.12.1-1"}, "3.11", "x86_64", "ai-edge-litert>=2.2,<3 and tflite-runtime==2.14.0"),
        ({}, "3.11", "arm", "tflite-runtime==2.14.0"),
    ],
)
def test_only_wheels_that_do_not_fit(fields: dict[str, Any], version: str, machine_name: str, wheels: str) -> None:
    """There are wheels, but none for this library: it is likely, since not each pair was run."""
    interpreter = python(version=version, machine=machine_name, bits=32 if machine_name == "arm" else 64)
    (finding,) = found(check, library(**fields), interpreter)
    assert "likely" == finding.confidence
    assert finding.title.endswith(f"do not fit libedgetpu: {wheels}")


@pytest.mark.parametrize(
    "interpreter",
    [
        python(),
        python(version="3.14"),
        python(version="3.9"),
        python(version=None),
        python(version="3.15", tflite_runtime="2.20.0"),
        python(version="3.15", failure="unreadable"),
        own(version="3.15", tflite_runtime=None, ai_edge_litert=None),
    ],
)
def test_what_is_supported_or_not_judged(interpreter: PythonPackages) -> None:
    """A Python with a wheel, one that has a runtime already, and the program's own are no fault."""
    assert [] == found(check, library(), interpreter)


def test_without_a_library() -> None:
    """What fits Google's last library is what counts then."""
    assert [] == found(check, python())
    assert ["certain"] == [finding.confidence for finding in found(check, python(version="3.15"))]


@pytest.mark.parametrize("interpreter", [python, own])
def test_the_other_pycoral(interpreter: Any) -> None:
    """The package of that name on PyPI is something else, and is told in any interpreter."""
    (finding,) = found(check, library(), interpreter(pycoral="0.2.0", pycoral_is_google=False, ai_edge_litert="2.3.0"))
    assert "warning" == finding.severity
    assert "pycoral 0.2.0" in finding.title
    assert "is not Google's PyCoral" in finding.title
    assert "-m pip uninstall pycoral" in steps(finding)[0]


def test_a_path_with_a_blank_is_quoted() -> None:
    """The step can be pasted."""
    (finding,) = found(check, library(), python(pycoral="0.2.0", pycoral_is_google=False, ai_edge_litert="2.3.0"))
    assert f"Run '{PYTHON}' -m pip uninstall pycoral" == steps(finding)[0]


@pytest.mark.parametrize("google", [True, None])
def test_googles_pycoral(google: bool | None) -> None:
    """It is no fault, nor is one that could not be told."""
    assert [] == found(
        check, library(), python(pycoral="2.0.0", pycoral_is_google=google, tflite_runtime="2.5.0.post1")
    )
