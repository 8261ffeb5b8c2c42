"""User space by hand, for the rules about it: a library, an interpreter, and a machine that has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from etpu_doctor.facts.host import Host
from etpu_doctor.facts.runtime import Library, Probe, PythonPackages, Runtime
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.machine import Machine
from tests.support.facts import Fact, machine, root, tpu

PATH = "/usr/lib/x86_64-linux-gnu/libedgetpu.so.1"
PYTHON = "/srv/my app/venv/bin/python"
FLAGS = ("sse2", "sse4_1", "avx")


def library(path: str = PATH, **fields: Any) -> Library:
    """Google's 16.0, which the loader takes."""
    known: dict[str, Any] = {
        "machine": "x86_64",
        "bits": 64,
        "package": "libedgetpu1-std",
        "package_version": "16.0",
        "clock": "standard",
        "google_build": "385816442",
        "first": True,
    }
    return Library(path=path, **{**known, **fields})


def python(executable: str = PYTHON, **fields: Any) -> PythonPackages:
    """An interpreter that a person named, with no package."""
    known: dict[str, Any] = {
        "version": "3.11.2",
        "implementation": "CPython",
        "machine": "x86_64",
        "bits": 64,
        "libc": "glibc",
        "asked_for": True,
    }
    return PythonPackages(executable=executable, **{**known, **fields})


def own(**fields: Any) -> PythonPackages:
    """The interpreter that runs the program, with both runtimes as they are installed with it."""
    known = {"tflite_runtime": "2.14.0", "ai_edge_litert": "2.3.0", "numpy": "1.26.4", "asked_for": False}
    return python("/opt/doctor/bin/python", **{**known, **fields})


def runtime(*parts: Library | PythonPackages | Probe, **fields: Any) -> Runtime:
    """A 64-bit PC with libusb and these parts."""
    known: dict[str, Any] = {"machine": "x86_64", "bits": 64, "cpu_flags": FLAGS, "libusb_present": True}
    return Runtime(
        libraries=tuple(part for part in parts if isinstance(part, Library)),
        pythons=tuple(part for part in parts if isinstance(part, PythonPackages)),
        probe=next((part for part in parts if isinstance(part, Probe)), None),
        **{**known, **fields},
    )


def with_runtime(user_space: Runtime | None, *facts: Fact, **options: Any) -> Machine:
    """A machine with a stick (or with what is given) and this user space."""
    built = machine(*(facts or (root(2), tpu("2-1"))), **options)
    built.evidence = msgspec.structs.replace(built.evidence, runtime=user_space)
    return built


def found(
    check: Callable[[Machine], Iterator[Finding]],
    *parts: Library | PythonPackages | Probe,
    facts: tuple[Fact, ...] = (),
    **fields: Any,
) -> list[Finding]:
    """What a rule says of a machine with this user space."""
    return list(check(with_runtime(runtime(*parts, **fields), *facts)))


def bare() -> tuple[Fact, ...]:
    """A machine without an Edge TPU."""
    return (root(2),)


def host(architecture: str) -> Host:
    """A host of an architecture."""
    return Host(architecture=architecture)
