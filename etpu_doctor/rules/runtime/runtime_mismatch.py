"""ETD702 runtime-mismatch: libedgetpu and a TFLite package that do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from etpu_doctor.facts.runtime import Library, Probe, PythonPackages
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.interpreters import (
    in_use,
    installed,
    library_facts,
    package_fact,
    pip_step,
    python_text,
    quoted,
    readable,
    tpu_ids,
)
from etpu_doctor.topology.machine import Machine

if TYPE_CHECKING:
    from etpu_doctor.knowledge.runtimes import Verdict

INFO = RuleInfo(
    code="ETD702",
    name="runtime-mismatch",
    severity="error",
    summary="libedgetpu and the TFLite runtime beside it were built for different versions of TensorFlow.",
    documentation="""\
## What it means
libedgetpu and the TFLite runtime hand each other C structs whose layout changes between TensorFlow versions. There is
no promise that two versions fit. Google's last libedgetpu, 16.0, fits tflite-runtime up to 2.9 and, as far as could be
shown without hardware, ai-edge-litert from 2.2 on; feranick's builds name the TensorFlow they fit in their version.

## Why it matters
load_delegate succeeds, then the program crashes (exit 139), hangs, or fails with errors that name the model. The Edge
TPU is healthy.

## How to fix
Install the runtime that the finding names, or a libedgetpu that was built for the runtime's TensorFlow.

## What it cannot see
From which TensorFlow a library was built whose package is not known: the library itself cannot be asked. Packages that
an interpreter gets by PYTHONPATH.

## Source
The official binary of libedgetpu 16.0 run with each release named; google-coral/libedgetpu issue 26;
google-coral/edgetpu issues 192, 707 and 712; google-coral/pycoral issue 1; feranick/libedgetpu README.
""",
)

_OUTCOMES = {
    "crashes": "crashes",
    "wrong-errors": "gives misleading errors",
    "hangs": "hangs",
}


class _Pair(NamedTuple):
    """A package of an interpreter, and what is known of it together with the library."""

    name: str
    version: str
    verdict: Verdict


def check(machine: Machine) -> Iterator[Finding]:
    """Each TFLite package that does not fit the library that the loader takes; a library that cannot be loaded."""
    runtime = machine.evidence.runtime
    library = in_use(runtime) if runtime is not None else None
    if runtime is None or library is None:
        return
    if runtime.probe is not None and runtime.probe.failure is not None:
        yield from _unloadable(machine, library, runtime.probe, runtime.probe.failure)
    for python in readable(runtime):
        yield from _interpreter(machine, library, python)


def _interpreter(machine: Machine, library: Library, python: PythonPackages) -> Iterator[Finding]:
    packages = installed(python)
    if not packages:
        return
    from etpu_doctor.knowledge.runtimes import judge_pair  # noqa: PLC0415 - parses a file; only where there is a pair

    pairs = [(name, version, judge_pair(library, name, version)) for name, version in packages]
    known = [_Pair(name, version, verdict) for name, version, verdict in pairs if verdict is not None]
    another = next((pair.name for pair in known if pair.verdict.outcome == "works"), None)
    # Both runtimes are installed with this program, and it takes the one that works.
    if another is not None and not python.asked_for:
        return
    for pair in known:
        if pair.verdict.outcome != "works":
            yield _mismatch(machine, library, python, pair, another)


def _severity(python: PythonPackages, verdict: Verdict, another: str | None) -> Severity:
    if not verdict.build.certain:
        return "unknown"
    return "error" if python.asked_for and another is None else "warning"


def _confidence(verdict: Verdict) -> Confidence:
    if not verdict.build.certain:
        return "possible"
    return "certain" if verdict.observed else "likely"


def _mismatch(machine: Machine, library: Library, python: PythonPackages, pair: _Pair, another: str | None) -> Finding:
    name, version, verdict = pair
    build = f"libedgetpu {verdict.build.text}"
    if not verdict.build.certain:
        build = f"{library.path}, if it is the official {verdict.build.release},"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=_severity(python, verdict, another),
        confidence=_confidence(verdict),
        title=f"{build} {_OUTCOMES[verdict.outcome]} with {name} {version} in {python_text(python)}",
        subject="machine",
        concerns=tpu_ids(machine),
        facts=(
            *library_facts(library),
            package_fact(python, name, version),
            Fact(name="what happens", value=verdict.symptom, where=verdict.source),
        ),
        remedy=_remedy(library, python, verdict, another),
    )


def _remedy(library: Library, python: PythonPackages, verdict: Verdict, another: str | None) -> Remedy:
    from etpu_doctor.knowledge.runtimes import fitting_wheel  # noqa: PLC0415 - as above

    wheel = fitting_wheel(library, python.version or "", python.machine, python.libc)
    steps = [pip_step(python, wheel)] if wheel is not None else []
    if another is not None:
        steps = [f"Let the application import {another} and not the other one, or uninstall that."]
    steps.append(
        "Or install a libedgetpu that was built for the runtime's TensorFlow (github.com/feranick/libedgetpu)."
    )
    commands: tuple[Command, ...] = ()
    if not verdict.build.certain:
        commands = (
            Command(
                command=f"dpkg -S {quoted(library.path)}; dpkg-query -W 'libedgetpu1*'",
                why="16.0 is Google's build; 16.0tf2.17.1 and the like are built for that TensorFlow",
            ),
        )
    return Remedy(summary="Use a TFLite runtime and a libedgetpu that fit.", steps=tuple(steps), commands=commands)


def _unloadable(machine: Machine, library: Library, probe: Probe, failure: str) -> Iterator[Finding]:
    # An illegal instruction is a matter of the processor, and has a rule of its own.
    if "SIGILL" in failure:
        return
    for_newer_system = "GLIBC" in failure and "not found" in failure
    severity: Severity = "error" if for_newer_system else "unknown"
    title = "was built for a newer distribution than this one" if for_newer_system else "could not be asked"
    loading = Command(
        command=f"python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' {quoted(library.path)}",
        why="loads it and shows the loader's message",
    )
    step = (
        "Install the libedgetpu of this distribution's release; one built for it is named after it (bookworm, jammy)."
    )
    if not for_newer_system:
        step = "Run the command below: a crash or an error message there is the reason, silence means that it loads."
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        title=f"{library.path} {title}: {failure}",
        subject="machine",
        concerns=tpu_ids(machine),
        facts=(
            *library_facts(library),
            Fact(name="what happened", value=failure, where=library.path),
            Fact(name="version it gave", value=probe.version_text, where=library.path),
        ),
        remedy=Remedy(summary="Find out why it does not load.", steps=(step,), commands=(loading,)),
    )
