"""ETD701 runtime-missing."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.runtime import Library, PythonPackages, Runtime
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.interpreters import (
    CONTAINER_STEP,
    asked_for,
    in_use,
    installed,
    library_facts,
    pip_step,
    python_text,
    quoted,
    readable,
    tpu_ids,
)
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD701",
    name="runtime-missing",
    severity="info",
    summary="There is no libedgetpu that the loader finds, or no TFLite runtime in an interpreter that was asked for.",
    documentation="""\
## What it means
A program needs two things to use an Edge TPU: the library libedgetpu.so.1 (and libusb-1.0 below it), and a TFLite
runtime in the Python that runs it (tflite-runtime, ai-edge-litert or tensorflow).

## Why it matters
Without the library, load_delegate fails with "libedgetpu.so.1: cannot open shared object file: No such file or
directory". The line about 'Delegate' object has no attribute '_library' that follows it is noise.

## How to fix
Install libedgetpu1-std, or libedgetpu1-max for the higher clock, and a TFLite runtime that fits it. After copying a
library by hand run ldconfig.

## What it cannot see
What lies in a container's image. On a host that only runs containers nothing needs to be installed; the finding is
then no more than a note. It is an error where an interpreter was named with --python.

## Source
glibc `elf/dl-load.c`; Coral's installation guide; error texts of tflite-runtime 2.14.0 and ai-edge-litert 2.3.0.
""",
)

_LOOK = Command(command="ldconfig -p | grep -E 'edgetpu|libusb-1.0'", why="lists what the loader finds")


def check(machine: Machine) -> Iterator[Finding]:
    """What a program on this host would miss."""
    runtime = machine.evidence.runtime
    if runtime is None:
        return
    library = in_use(runtime)
    if library is None:
        yield from _without_library(machine, runtime)
        return
    if runtime.libusb_present is False:
        yield _without_libusb(machine, runtime, library)
    for python in asked_for(runtime):
        if not installed(python):
            yield _without_package(machine, python, library)


def _severity(runtime: Runtime, otherwise: Severity) -> Severity:
    return "error" if asked_for(runtime) else otherwise


def _without_library(machine: Machine, runtime: Runtime) -> Iterator[Finding]:
    found = [library for library in runtime.libraries if library.loader_finds]
    if found and found[0].machine is None:
        yield _no_library(machine, runtime, found[0])
    elif runtime.libraries and not found:
        yield _not_found(machine, runtime, runtime.libraries[0])
    elif not runtime.libraries:
        yield from _none(machine, runtime)


def _none(machine: Machine, runtime: Runtime) -> Iterator[Finding]:
    # A TFLite runtime beside this program says nothing: it is installed with it. PyCoral was put there by somebody.
    wanted = any(python.pycoral_is_google for python in readable(runtime))
    severity = _severity(runtime, "warning" if wanted else "info")
    if severity == "info" and not machine.edge_tpus:
        return
    yield _finding(
        machine,
        severity,
        "No libedgetpu.so.1 is installed on this host",
        [Fact(name="libedgetpu.so.1", value="not found", where="/etc/ld.so.cache")],
        Remedy(
            summary="Install libedgetpu where the application runs.",
            steps=(
                CONTAINER_STEP,
                (
                    "Else add Coral's package source and run sudo apt-get install libedgetpu1-std (500 mA a stick) or "
                    "libedgetpu1-max (900 mA, hotter)."
                ),
            ),
            commands=(_LOOK,),
        ),
    )


def _not_found(machine: Machine, runtime: Runtime, library: Library) -> Finding:
    return _finding(
        machine,
        _severity(runtime, "warning"),
        f"{library.path} is there, but the loader does not find it as libedgetpu.so.1",
        library_facts(library),
        Remedy(
            summary="Tell the loader.",
            steps=(
                "Run sudo ldconfig; it makes the link libedgetpu.so.1 and enters it in the loader's cache.",
                f"If that does not help, start the program with LD_LIBRARY_PATH={quoted(_folder(library))}.",
            ),
            commands=(_LOOK,),
        ),
    )


def _folder(library: Library) -> str:
    return library.path.rpartition("/")[0] or "/"


def _no_library(machine: Machine, runtime: Runtime, library: Library) -> Finding:
    return _finding(
        machine,
        _severity(runtime, "warning"),
        f"{library.path} comes first and is no shared library, or cannot be read: it may be a failed download",
        library_facts(library),
        Remedy(
            summary="Replace the file.",
            steps=(
                (
                    "Remove it and install libedgetpu1-std or libedgetpu1-max again; loading it ends in "
                    "'invalid ELF header' or 'file too short'."
                ),
            ),
            commands=(Command(command=f"ls -lL {quoted(library.path)}", why="shows its size and rights"),),
        ),
    )


def _without_libusb(machine: Machine, runtime: Runtime, library: Library) -> Finding:
    missing = Fact(name="libusb-1.0.so.0", value="not found", where="/etc/ld.so.cache")
    return _finding(
        machine,
        _severity(runtime, "warning"),
        "libedgetpu needs libusb-1.0.so.0, which is not installed",
        [*library_facts(library), missing],
        Remedy(
            summary="Install libusb.",
            steps=("Run sudo apt-get install libusb-1.0-0 (Alpine: libusb, Fedora: libusb1).",),
            commands=(Command(command=f"ldd {quoted(library.path)}", why="lists what it needs and what is missing"),),
        ),
    )


def _without_package(machine: Machine, python: PythonPackages, library: Library) -> Finding:
    from etpu_doctor.knowledge.runtimes import fitting_wheel  # noqa: PLC0415 - parses a file; only where one is missing

    wheel = fitting_wheel(library, python.version or "", python.machine, python.libc)
    step = (
        pip_step(python, wheel)
        if wheel is not None
        else "No wheel is known that fits this Python and this libedgetpu: use another Python, or a container."
    )
    facts = [
        *library_facts(library),
        Fact(name="tflite-runtime, ai-edge-litert, tensorflow", value="not installed", where=python.executable),
    ]
    summary = "Install a TFLite runtime that fits the library."
    return _finding(
        machine,
        "error",
        f"{python_text(python)} has no TFLite runtime",
        facts,
        Remedy(summary=summary, steps=(step,)),
    )


def _finding(machine: Machine, severity: Severity, title: str, facts: list[Fact], remedy: Remedy) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        title=title,
        subject="machine",
        concerns=tpu_ids(machine),
        facts=tuple(facts),
        remedy=remedy,
    )
