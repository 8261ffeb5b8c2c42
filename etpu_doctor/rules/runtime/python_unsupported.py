"""ETD704 python-unsupported."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.runtime import Library, PythonPackages
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo, about_machine
from etpu_doctor.rules.interpreters import (
    asked_for,
    in_use,
    installed,
    machine_text,
    package_fact,
    python_text,
    quoted,
    readable,
)
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD704",
    name="python-unsupported",
    severity="error",
    summary="There is no TFLite wheel for an interpreter that was asked for, or its pycoral is not Google's.",
    documentation="""\
## What it means
pip finds TFLite runtimes only for some Pythons and machines: tflite-runtime ended with CPython 3.11, ai-edge-litert has
CPython 3.10 to 3.14 on x86_64 and aarch64, and neither has wheels for PyPy or for musl (Alpine). Google's PyCoral ended
with CPython 3.9 and is not on PyPI; the package of that name there is something else.

## Why it matters
"Could not find a version that satisfies the requirement tflite-runtime", or an import of pycoral.utils that fails.

## How to fix
Use a Python that has a wheel, in a virtual environment or a container. Instead of PyCoral, a TFLite runtime with
load_delegate does the same.

## What it cannot see
Wheels outside PyPI (Google's own index has tflite-runtime 2.5.0.post1 for CPython 3.5 to 3.9, piwheels and feranick
have others), and distribution packages that are not installed.

## Source
PyPI's file lists of tflite-runtime, ai-edge-litert and pycoral; google-coral.github.io/py-repo.
""",
)

_finding = about_machine(INFO)


def check(machine: Machine) -> Iterator[Finding]:
    """For each interpreter that was asked for and has no runtime: whether there is one. For all: whose pycoral."""
    runtime = machine.evidence.runtime
    if runtime is None:
        return
    for python in asked_for(runtime):
        if not installed(python) and python.version is not None:
            yield from _wheels(machine, python, python.version, in_use(runtime))
    for python in readable(runtime):
        if python.pycoral is not None and python.pycoral_is_google is False:
            yield _foreign_pycoral(machine, python)


def _wheels(machine: Machine, python: PythonPackages, version: str, library: Library | None) -> Iterator[Finding]:
    from etpu_doctor.knowledge.runtimes import fitting_wheel, wheels_for  # noqa: PLC0415 - parses a file

    is_pypy = python.implementation == "PyPy"
    wheels = [] if is_pypy else wheels_for(version, python.machine, python.libc)
    if wheels and fitting_wheel(library, version, python.machine, python.libc) is not None:
        return
    where = machine_text(python.machine, python.bits) + (" with musl" if python.libc == "musl" else "")
    title = f"No TFLite wheel on PyPI is for {python_text(python)} on {where}"
    if wheels:
        names = " and ".join(wheel.requirement for wheel in wheels)
        title = f"The only TFLite wheels for {python_text(python)} on {where} do not fit libedgetpu: {names}"
    yield _finding(
        machine,
        ("error", "likely" if wheels else "certain"),
        title,
        [
            Fact(name="Python", value=python.version, where=python.executable),
            Fact(name="machine", value=where, where=python.executable),
        ],
        Remedy(
            summary="Use a Python that has a wheel.",
            steps=(
                (
                    "On x86_64 and aarch64 take a CPython 3.10 to 3.14 with glibc, and in its virtual environment run "
                    "python -m pip install 'ai-edge-litert>=2.2,<3'"
                ),
                "Or run the application in a container with such a Python.",
            ),
        ),
    )


def _foreign_pycoral(machine: Machine, python: PythonPackages) -> Finding:
    return _finding(
        machine,
        ("warning", "certain"),
        f"pycoral {python.pycoral} in {python_text(python)} is not Google's PyCoral but an unrelated package of PyPI",
        [
            package_fact(python, "pycoral", python.pycoral),
            Fact(name="pycoral/utils/edgetpu.py", value="missing", where=python.executable),
        ],
        Remedy(
            summary="Remove it.",
            steps=(
                f"Run {quoted(python.executable)} -m pip uninstall pycoral",
                (
                    "Use a TFLite runtime with load_delegate in its place, or for CPython 3.6 to 3.9 PyCoral from "
                    "google-coral.github.io/py-repo."
                ),
            ),
        ),
    )
