"""Which libedgetpu, which interpreter and which TFLite runtime a smoke test uses."""

from __future__ import annotations

import os
import sys
from typing import Literal

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.runtime import library_at
from etpu_doctor.facts.runtime import Library, PythonPackages, Runtime
from etpu_doctor.knowledge.runtimes import Verdict, build_of, fitting_wheel, judge_numpy, judge_pair

RuntimeName = Literal["tflite-runtime", "ai-edge-litert"]

_MODULES: dict[str, str] = {"tflite-runtime": "tflite_runtime", "ai-edge-litert": "ai_edge_litert"}


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers get. ``module`` is the package to import, ``None`` where the interpreter's cannot be read.

    ``pair`` is what is known of library and runtime together, ``fitting`` a pair that works, in words; ``foreign`` says
    that the library is for another machine than the interpreter. ``spare`` is to be used if this runtime is broken.
    """

    library: Library
    python: str
    module: str | None = None
    package: str | None = None
    version: str | None = None
    pair: Verdict | None = None
    fitting: str | None = None
    foreign: str | None = None
    spare: Tools | None = None

    @property
    def runtime_text(self) -> str | None:
        """``ai-edge-litert 2.3.0``; ``None`` where it is not known before the import."""
        return f"{self.package} {self.version}" if self.package and self.version else self.package

    @property
    def library_text(self) -> str:
        """``libedgetpu 16.0``, ``libedgetpu`` where its build is not known."""
        build = build_of(self.library)
        return f"libedgetpu {build.text}" if build is not None else "libedgetpu"


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing for a smoke test, as a cause and a sentence."""

    cause: str
    reason: str
    advice: str | None = None


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the person named: a library, an interpreter, a runtime."""

    library: str | None = None
    python: str | None = None
    runtime: RuntimeName | None = None


def choose_tools(runtime: Runtime, files: Files, wishes: Wishes) -> Tools | Lacking:
    """The library and the runtime to use: of two runtimes the one that fits the library."""
    library = _library(runtime, files, wishes.library)
    if isinstance(library, Lacking):
        return library
    python = next((each for each in runtime.pythons if each.asked_for == (wishes.python is not None)), None)
    executable = (wishes.python if wishes.python is not None else sys.executable) or ""
    if python is None or python.failure is not None:
        # What cannot be read without running it is run all the same: the worker says what it finds.
        return Tools(library=library, python=executable, module=_MODULES.get(wishes.runtime or ""))
    packages = _packages(python, library, wishes.runtime)
    if isinstance(packages, Lacking):
        return packages
    tools: Tools | None = None
    for package in reversed(packages):
        tools = Tools(
            library=library,
            python=python.executable if wishes.python is not None else executable,
            module=_MODULES[package],
            package=package,
            version=_versions(python)[package],
            pair=judge_pair(library, package, _versions(python)[package]),
            fitting=_fitting(library, python),
            foreign=_foreign(library, python),
            spare=tools,
        )
    return tools or _no_runtime(python, library)


def _library(runtime: Runtime, files: Files, asked: str | None) -> Library | Lacking:
    if asked is not None:
        return _asked_library(files, asked)
    first = next((library for library in runtime.libraries if library.first), None)
    if first is not None:
        return first
    if runtime.libraries:
        other = runtime.libraries[0]
        machine = other.machine or "no processor: it is no library"
        reason = f"the loader takes no libedgetpu.so.1 here; {other.path} is for {machine}"
        return Lacking(cause="runtime-missing", reason=reason)
    return Lacking(
        cause="runtime-missing",
        reason="there is no libedgetpu.so.1 where the loader looks",
        advice="Install libedgetpu1-std, or name the file with --lib.",
    )


def _asked_library(files: Files, asked: str) -> Library | Lacking:
    path = os.path.abspath(asked)
    if os.path.isdir(path):
        return Lacking(cause="runtime-missing", reason=f"{asked} is a directory, not a library")
    if not os.path.exists(path):
        return Lacking(cause="runtime-missing", reason=f"there is no file {asked}")
    library = library_at(files, path)
    if library.machine is None:
        return Lacking(cause="runtime-missing", reason=f"{asked} is no library (no ELF file)")
    return library


def _versions(python: PythonPackages) -> dict[str, str]:
    known = {"ai-edge-litert": python.ai_edge_litert, "tflite-runtime": python.tflite_runtime}
    return {package: version for package, version in known.items() if version is not None}


def _packages(python: PythonPackages, library: Library, asked: RuntimeName | None) -> list[str] | Lacking:
    """The runtimes to use, the best first; only the one that was asked for, if one was."""
    versions = _versions(python)
    if asked is not None and asked not in versions:
        return Lacking(cause="runtime-missing", reason=f"{asked} is not installed in {python.executable}")
    if asked is not None:
        return [asked]
    return sorted(versions, key=lambda package: _rank(python, library, package, versions[package]))


def _no_runtime(python: PythonPackages, library: Library) -> Lacking:
    wheel = fitting_wheel(library, python.version or "", python.machine, python.libc)
    return Lacking(
        cause="runtime-missing" if wheel is not None else "python-unsupported",
        reason=f"{python.executable} has neither tflite-runtime nor ai-edge-litert",
        advice=f"Install '{wheel.requirement}' there, or name another interpreter with --python." if wheel else None,
    )


def _rank(python: PythonPackages, library: Library, package: str, version: str) -> int:
    """What is known to work before what is not known, and that before what is known to fail."""
    if python.numpy is not None and judge_numpy(package, version, python.numpy) is not None:
        return 3
    pair = judge_pair(library, package, version)
    if pair is None:
        return 1
    return 0 if pair.outcome == "works" else 2


def _fitting(library: Library, python: PythonPackages) -> str | None:
    if build_of(library) is None:
        return None
    wheel = fitting_wheel(library, python.version or "", python.machine, python.libc)
    return f"{wheel.requirement} with this libedgetpu" if wheel is not None else None


def _foreign(library: Library, python: PythonPackages) -> str | None:
    """Of such a file glibc says that it does not exist."""
    if None in (library.machine, python.machine) or (library.machine, library.bits) == (python.machine, python.bits):
        return None
    return f"{library.path} is for {library.machine}, {python.executable} for {python.machine}"
