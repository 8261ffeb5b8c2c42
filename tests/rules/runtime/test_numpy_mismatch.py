"""ETD703: NumPy 2 beside tflite-runtime."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.runtime import PythonPackages
from etpu_doctor.rules.runtime.numpy_mismatch import check
from tests.support.facts import machine, root, steps, tpu, values
from tests.support.user_space import PYTHON, found, own, python, with_runtime


def test_no_evidence() -> None:
    """Where user space was not looked at nothing is said."""
    assert [] == list(check(machine(root(2), tpu("2-1"))))
    assert [] == list(check(with_runtime(None)))


def test_the_usual_case() -> None:
    """By itself pip installs the newest NumPy beside tflite-runtime, whether a library is there or not."""
    (finding,) = found(check, python(tflite_runtime="2.14.0", numpy="2.4.6"))
    assert ("ETD703", "runtime-mismatch", "error", "certain") == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
    )
    assert f"tflite-runtime 2.14.0 fails with NumPy 2.4.6 in Python 3.11.2 ({PYTHON})" == finding.title
    assert "_ARRAY_API" in str(values(finding)["what happens"])
    assert "Run '/srv/my app/venv/bin/python' -m pip install 'numpy<2'" == steps(finding)[0]
    assert [PYTHON, PYTHON] == [fact.where for fact in finding.facts[:2]]


@pytest.mark.parametrize(
    ("interpreter", "severity"),
    [
        (python(tflite_runtime="2.14.0", numpy="2.0.0", ai_edge_litert="2.3.0"), "warning"),
        (python(tflite_runtime="2.20.0.dev20250409", numpy="2.2.6"), "error"),
        (own(numpy="2.0.0"), "warning"),
    ],
)
def test_how_bad_it_is(interpreter: PythonPackages, severity: str) -> None:
    """An application that can import ai-edge-litert still works."""
    assert [severity] == [finding.severity for finding in found(check, interpreter)]


@pytest.mark.parametrize(
    "interpreter",
    [
        python(tflite_runtime="2.14.0", numpy="1.26.4"),
        python(tflite_runtime="2.14.0", numpy="0.9"),
        python(tflite_runtime="2.14.0"),
        python(numpy="2.4.6"),
        python(ai_edge_litert="2.3.0", numpy="2.4.6"),
        python(tflite_runtime="2.17.1", numpy="2.0.0"),
        python(tflite_runtime="2.14.0", numpy="unknown"),
        python(tflite_runtime="2.14.0", numpy="2.0.0", failure="unreadable"),
    ],
)
def test_what_fits_or_is_not_known(interpreter: PythonPackages) -> None:
    """NumPy 1, no NumPy, ai-edge-litert, and builds by others are no fault."""
    assert [] == found(check, interpreter)
