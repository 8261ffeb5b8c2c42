"""Words and remedies about interpreters and libraries that several rules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etpu_doctor.facts.runtime import Library, PythonPackages, Runtime
from etpu_doctor.rules.finding import Fact
from etpu_doctor.topology.machine import Machine

if TYPE_CHECKING:  # the rules are always imported, what is known of runtimes only where there is something to judge
    from etpu_doctor.knowledge.runtimes import Wheel

STATUS = "/var/lib/dpkg/status"
CONTAINER_STEP = (
    "If the application runs in a container, look there: its own libedgetpu and packages count, not the host's."
)


def tpu_ids(machine: Machine) -> tuple[str, ...]:
    """Every Edge TPU: what user space lacks, all of them miss."""
    return tuple(tpu.id for tpu in machine.edge_tpus)


def asked_for(runtime: Runtime) -> list[PythonPackages]:
    """The interpreters that the person named and that could be read."""
    return [python for python in runtime.pythons if python.asked_for and python.failure is None]


def readable(runtime: Runtime) -> list[PythonPackages]:
    """All interpreters that could be read, the one that runs this program among them."""
    return [python for python in runtime.pythons if python.failure is None]


def installed(python: PythonPackages) -> list[tuple[str, str]]:
    """Names and versions of the TFLite runtimes in an interpreter."""
    packages = (
        ("tflite-runtime", python.tflite_runtime),
        ("ai-edge-litert", python.ai_edge_litert),
        ("tensorflow", python.tensorflow),
    )
    return [(name, version) for name, version in packages if version is not None]


def in_use(runtime: Runtime) -> Library | None:
    """The library that the loader takes."""
    return next((library for library in runtime.libraries if library.first), None)


def python_text(python: PythonPackages) -> str:
    """``Python 3.11.2 (/usr/bin/python3)``."""
    name = "PyPy" if python.implementation == "PyPy" else "Python"
    return f"{name} {python.version} ({python.executable})" if python.version else python.executable


def machine_text(machine: str | None, bits: int | None) -> str:
    """``x86_64``, ``32-bit arm``, ``an unknown machine``."""
    if machine is None:
        return "an unknown machine"
    return f"{bits}-bit {machine}" if bits is not None and machine in ("arm", "riscv", "mips") else machine


def library_facts(library: Library) -> list[Fact]:
    """The library and, where a package owns it, which."""
    facts = [Fact(name="library", value=library.path, where=library.path)]
    if library.package is not None:
        version = library.package_version or "version unknown"
        facts.append(Fact(name="from package", value=f"{library.package} {version}", where=STATUS))
    if library.google_build is not None:
        facts.append(Fact(name="built from change", value=library.google_build, where=library.path))
    return facts


def package_fact(python: PythonPackages, package: str, version: str | None) -> Fact:
    """A package in an interpreter."""
    return Fact(name=package, value=version, where=python.executable)


def pip_step(python: PythonPackages, wheel: Wheel) -> str:
    """The step that installs a wheel, with what must stand beside it."""
    # tflite-runtime's metadata sets no upper bound, and pip would take a NumPy that it fails with.
    beside = " 'numpy<2'" if wheel.package == "tflite-runtime" else ""
    return f"Run {quoted(python.executable)} -m pip install '{wheel.requirement}'{beside}"


def quoted(text: str) -> str:
    """A path as a shell takes it for one word."""
    import shlex  # noqa: PLC0415 - only where there is a command to write

    return shlex.quote(text)
