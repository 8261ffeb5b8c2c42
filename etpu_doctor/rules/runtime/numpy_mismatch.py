"""ETD703 runtime-mismatch: a NumPy that the TFLite runtime fails with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from etpu_doctor.facts.runtime import PythonPackages
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.interpreters import package_fact, python_text, quoted, readable, tpu_ids
from etpu_doctor.topology.machine import Machine

if TYPE_CHECKING:
    from etpu_doctor.knowledge.runtimes import NumpyLimit

INFO = RuleInfo(
    code="ETD703",
    name="runtime-mismatch",
    severity="error",
    summary="tflite-runtime stands beside NumPy 2, with which it cannot make an interpreter.",
    documentation="""\
## What it means
tflite-runtime was compiled for NumPy 1 and cannot use NumPy 2. Its package declares no upper bound, so pip installs
the newest NumPy beside it.

## Why it matters
The import succeeds; Interpreter() then fails with "_ARRAY_API not found", "numpy.core.multiarray failed to import" or
"SystemError: <built-in method CreateWrapperFromFile ...> returned a result with an exception set".

## How to fix
Install a NumPy below 2, or ai-edge-litert in place of tflite-runtime: it works with both.

## What it cannot see
Builds of tflite-runtime by others that were compiled for NumPy 2; they have versions that Google never released.

## Source
tflite-runtime 2.14.0 and ai-edge-litert 2.3.0 run with NumPy 1.23.2 to 2.4.6.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each interpreter whose tflite-runtime and NumPy do not fit."""
    runtime = machine.evidence.runtime
    for python in readable(runtime) if runtime is not None else ():
        if python.tflite_runtime is None or python.numpy is None or python.numpy.startswith(("0.", "1.")):
            continue
        from etpu_doctor.knowledge.runtimes import judge_numpy  # noqa: PLC0415 - parses a file; only with NumPy 2

        limit = judge_numpy("tflite-runtime", python.tflite_runtime, python.numpy)
        if limit is not None:
            yield _finding(machine, python, limit)


def _finding(machine: Machine, python: PythonPackages, limit: NumpyLimit) -> Finding:
    severity: Severity = "error" if python.asked_for and python.ai_edge_litert is None else "warning"
    interpreter = quoted(python.executable)
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        title=f"tflite-runtime {python.tflite_runtime} fails with NumPy {python.numpy} in {python_text(python)}",
        subject="machine",
        concerns=tpu_ids(machine),
        facts=(
            package_fact(python, "tflite-runtime", python.tflite_runtime),
            package_fact(python, "numpy", python.numpy),
            Fact(name="what happens", value=limit.symptom, where=limit.source),
        ),
        remedy=Remedy(
            summary=f"Use NumPy below {limit.below}, or ai-edge-litert.",
            steps=(
                f"Run {interpreter} -m pip install 'numpy<{limit.below}'",
                f"Or run {interpreter} -m pip install 'ai-edge-litert>=2.2,<3' and let the application import that.",
            ),
        ),
    )
