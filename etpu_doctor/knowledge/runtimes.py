"""Which libedgetpu fits which TFLite package, which wheels exist, and what they ask of NumPy and of the CPU."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.facts.runtime import Library
from etpu_doctor.knowledge import load

Outcome = Literal["works", "crashes", "wrong-errors", "hangs"]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release of libedgetpu and the change number in its bytes; ``alone`` if no other build has that number."""

    release: str
    change: str
    alone: bool
    source: str


class Observation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a library with a range of versions of a package; the versions in ``observed`` were run."""

    package: str
    first: str
    last: str
    outcome: Outcome
    observed: tuple[str, ...]
    symptom: str
    source: str


class Pair(Observation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an official release."""

    release: str


class Rebuild(Observation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of builds against another TensorFlow."""

    tensorflow_first: str
    tensorflow_last: str


class Wheel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wheels on PyPI: for which Pythons and machines (``arm``: armv7l), all of them for CPython and glibc."""

    package: str
    first: str
    last: str
    pythons: tuple[str, ...]
    machines: tuple[str, ...]
    requirement: str
    source: str


class NumpyLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions of a package that fail with NumPy of major version ``below`` or later."""

    package: str
    first: str
    last: str
    below: int
    symptom: str
    source: str


class CpuNeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CPU flag without which ``who`` dies of an illegal instruction."""

    machine: str
    flag: str
    who: str
    severity: Literal["warning", "unknown"]
    source: str


class Knowledge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    release: tuple[Release, ...]
    pair: tuple[Pair, ...]
    rebuild: tuple[Rebuild, ...]
    wheel: tuple[Wheel, ...]
    numpy: tuple[NumpyLimit, ...]
    cpu: tuple[CpuNeed, ...]


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What a libedgetpu was built from. ``certain`` is false where only a number tells that other builds carry too."""

    release: str
    tensorflow: str | None = None
    certain: bool = True

    @property
    def text(self) -> str:
        """``16.0``, ``16.0 for TensorFlow 2.17.1``."""
        return self.release if self.tensorflow is None else f"{self.release} for TensorFlow {self.tensorflow}"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected of a library and a package together.

    ``observed``: this very pair was run. ``build_certain`` is false where the library may also be another build.
    """

    build: Build
    outcome: Outcome
    symptom: str
    source: str
    observed: bool


@cache
def runtimes() -> Knowledge:
    """The file, parsed and checked."""
    return msgspec.convert(load("runtimes.toml"), Knowledge)


def build_of(library: Library) -> Build | None:
    """From the package's version, else from the change number in the file; ``None`` where neither tells."""
    release, _, tensorflow = (library.package_version or "").lower().partition("tf")
    if tensorflow:
        return Build(release=release.strip("-~+"), tensorflow=".".join(map(str, numbers(tensorflow))))
    if release:
        return Build(release=".".join(map(str, numbers(release)[:2])))
    known = next((each for each in runtimes().release if each.change == library.google_build), None)
    return Build(release=known.release, certain=known.alone) if known is not None else None


def judge_pair(library: Library, package: str, version: str) -> Verdict | None:
    """What is known of a library and a version of ``tflite-runtime``, ``ai-edge-litert`` or ``tensorflow`` together.

    The TFLite in ``tensorflow`` is taken to be that of ``tflite-runtime`` of the same version.
    """
    build = build_of(library)
    if build is None:
        return None
    known = "tflite-runtime" if package == "tensorflow" else package
    row: Pair | Rebuild | None
    if build.tensorflow is None:
        pairs = (row for row in runtimes().pair if row.release == build.release)
        row = next((row for row in pairs if row.package == known and within(version, row.first, row.last)), None)
    else:
        row = _rebuild(build.tensorflow, known, version)
    if row is None:
        return None
    observed = package == known and version in row.observed and build.certain
    return Verdict(build=build, outcome=row.outcome, symptom=row.symptom, source=row.source, observed=observed)


def _rebuild(tensorflow: str, package: str, version: str) -> Rebuild | None:
    for row in runtimes().rebuild:
        fits = row.package == package and within(version, row.first, row.last)
        if fits and within(tensorflow, row.tensorflow_first, row.tensorflow_last):
            return row
    return None


def judge_numpy(package: str, version: str, numpy: str) -> NumpyLimit | None:
    """The limit that a NumPy breaks; ``None`` if it is known to fit or nothing is known."""
    major = numbers(numpy)[:1]
    for row in runtimes().numpy:
        special = ".dev" in row.first
        in_range = version.startswith(row.first) if special else within(version, row.first, row.last)
        if row.package == package and in_range and major and major[0] >= row.below:
            return row
    return None


def wheels_for(python: str, machine: str | None, libc: str | None = None) -> list[Wheel]:
    """Wheels on PyPI for an interpreter (``3.11.2``), the best first; an unknown machine is taken to be ``x86_64``."""
    minor = ".".join(python.split(".")[:2])
    if libc == "musl":
        return []
    return [row for row in runtimes().wheel if minor in row.pythons and (machine or "x86_64") in row.machines]


def fitting_wheel(library: Library | None, python: str, machine: str | None, libc: str | None = None) -> Wheel | None:
    """The best wheel that works with a library; where there is none yet, with the official 16.0."""
    official = Library(path="", package_version="16.0")
    build = build_of(library) if library is not None else None
    judged = library if library is not None and build is not None else official
    for row in wheels_for(python, machine, libc):
        verdict = judge_pair(judged, row.package, row.last)
        if verdict is not None and verdict.outcome == "works":
            return row
    return None


def within(version: str, first: str, last: str) -> bool:
    """Whether a version lies between two, each compared to its own length (2.9.1 is within 2.5 and 2.9)."""
    value, low, high = numbers(version), numbers(first), numbers(last)
    return bool(value) and value[: len(low)] >= low and value[: len(high)] <= high


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``2.5.0.post1`` is 2.5.0, ``2.17.1-1.bookworm`` 2.17.1."""
    found = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        # Digits of other scripts, or a number of absurd length, are no part of a version.
        if not digits or len(digits) > 9:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)
