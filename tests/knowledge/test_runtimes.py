"""What is known of libedgetpu's builds and the packages beside it."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.runtime import Library
from etpu_doctor.knowledge.runtimes import (
    Build,
    NumpyLimit,
    Outcome,
    Pair,
    Rebuild,
    build_of,
    fitting_wheel,
    judge_numpy,
    judge_pair,
    numbers,
    runtimes,
    wheels_for,
    within,
)

OFFICIAL = Library(path="/l", package_version="16.0")
KNOWN = runtimes()
PACKAGES = {"tflite-runtime", "ai-edge-litert"}
RANGES: tuple[Pair | Rebuild | NumpyLimit, ...] = (*KNOWN.pair, *KNOWN.rebuild, *KNOWN.numpy)


def label(row: Pair | Rebuild | NumpyLimit) -> str:
    """A name for a row of any table."""
    kind = "numpy"
    if isinstance(row, Pair):
        kind = row.release
    elif isinstance(row, Rebuild):
        kind = f"tf{row.tensorflow_first}"
    return f"{kind}-{row.package}-{row.first}-{row.last}"


def rebuilt(tensorflow: str) -> Library:
    """A library of a package whose version names its TensorFlow."""
    return Library(path="/l", package_version=f"16.0tf{tensorflow}-1.bookworm")


def outcome(library: Library, package: str, version: str) -> str | None:
    """How a pair ends, ``None`` where nothing is known."""
    verdict = judge_pair(library, package, version)
    return verdict.outcome if verdict is not None else None


def test_every_row_names_its_source() -> None:
    """No row stands without saying where it is from."""
    rows = (*RANGES, *KNOWN.release, *KNOWN.wheel, *KNOWN.cpu)
    assert [] == [row for row in rows if not row.source.strip()]


@pytest.mark.parametrize("row", RANGES, ids=label)
def test_ranges_are_ranges(row: Pair | Rebuild | NumpyLimit) -> None:
    """The packages are known ones, and no range is upside down."""
    assert row.package in PACKAGES
    assert numbers(row.first) <= numbers(row.last)


@pytest.mark.parametrize("row", [*KNOWN.pair, *KNOWN.rebuild], ids=label)
def test_a_fault_has_a_symptom(row: Pair | Rebuild) -> None:
    """What does not work says how it shows, what works says nothing."""
    assert row.outcome in get_args(Outcome)
    assert (row.outcome == "works") == (row.symptom == "")


@pytest.mark.parametrize(
    ("row", "version"),
    [(row, version) for row in KNOWN.pair for version in row.observed],
    ids=lambda value: value if isinstance(value, str) else label(value),
)
def test_what_was_run_is_what_is_said(row: Pair, version: str) -> None:
    """Every version that was run falls into its own row and no other."""
    verdict = judge_pair(Library(path="/l", package_version=row.release), row.package, version)
    assert verdict is not None
    assert (row.outcome, row.symptom, row.source, True) == (
        verdict.outcome,
        verdict.symptom,
        verdict.source,
        verdict.observed,
    )


@pytest.mark.parametrize("row", [row for row in KNOWN.rebuild if row.observed], ids=label)
def test_rebuilds_that_were_run(row: Rebuild) -> None:
    """A pair of equal versions that somebody runs is in the table as such."""
    for version in row.observed:
        verdict = judge_pair(rebuilt(version), row.package, version)
        assert verdict is not None
        assert (row.outcome, True) == (verdict.outcome, verdict.observed)


def test_no_two_rows_speak_of_one_pair() -> None:
    """Ranges of one release and package do not overlap."""
    for first in KNOWN.pair:
        for second in KNOWN.pair:
            if first is not second and (first.release, first.package) == (second.release, second.package):
                assert not within(first.first, second.first, second.last), (first, second)


def test_unknown_keys_are_refused() -> None:
    """The list of keys is closed."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"package": "x", "colour": "red"}, NumpyLimit)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"package_version": "16.0"}, Build(release="16.0")),
        ({"package_version": "16.0-1"}, Build(release="16.0")),
        ({"package_version": "12.1-1"}, Build(release="12.1")),
        ({"package_version": "16.0tf2.17.1-1.bookworm"}, Build(release="16.0", tensorflow="2.17.1")),
        ({"package_version": "16.0TF2.10.1-1"}, Build(release="16.0", tensorflow="2.10.1")),
        ({"package_version": "15.0", "google_build": "385816442"}, Build(release="15.0")),
        ({"google_build": "339933739"}, Build(release="15.0")),
        ({"google_build": "385816442"}, Build(release="16.0", certain=False)),
        ({"google_build": "1"}, None),
        ({}, None),
    ],
)
def test_builds(fields: dict[str, str], expected: Build | None) -> None:
    """The package's version tells more than the number in the file, which later builds share."""
    assert expected == build_of(msgspec.structs.replace(Library(path="/l"), **fields))


def test_a_build_has_a_name() -> None:
    """The TensorFlow is named where it is another than the release's own."""
    assert ["16.0", "16.0 for TensorFlow 2.17.1"] == [
        Build(release="16.0").text,
        Build(release="16.0", tensorflow="2.17.1").text,
    ]


@pytest.mark.parametrize(
    ("library", "package", "version", "expected"),
    [
        (OFFICIAL, "tflite-runtime", "2.9.1", "works"),
        (OFFICIAL, "tflite-runtime", "2.10.1", "crashes"),
        (OFFICIAL, "tflite-runtime", "2.17.1", "wrong-errors"),
        (OFFICIAL, "tflite-runtime", "2.20.0.dev20250409", "wrong-errors"),
        (OFFICIAL, "tflite-runtime", "2.21.0", None),
        (OFFICIAL, "tflite-runtime", "1.14.0", None),
        (OFFICIAL, "ai-edge-litert", "2.2.0", "works"),
        (OFFICIAL, "ai-edge-litert", "2.1.0rc1", "wrong-errors"),
        (OFFICIAL, "ai-edge-litert", "3.0.0", None),
        (OFFICIAL, "tensorflow", "2.8.4", "works"),
        (OFFICIAL, "tensorflow", "2.11.0", "crashes"),
        (OFFICIAL, "numpy", "2.0", None),
        (OFFICIAL, "tflite-runtime", "unknown", None),
        (rebuilt("2.17.1"), "tflite-runtime", "2.14.0", "works"),
        (rebuilt("2.17.1"), "ai-edge-litert", "2.3.0", "works"),
        (rebuilt("2.17.1"), "tflite-runtime", "2.9.1", None),
        (rebuilt("2.8.4"), "tflite-runtime", "2.14.0", "crashes"),
        (rebuilt("2.13.1"), "tflite-runtime", "2.13.0", "works"),
        (Library(path="/l", google_build="385816442"), "tflite-runtime", "2.14.0", "wrong-errors"),
        (Library(path="/l"), "tflite-runtime", "2.14.0", None),
    ],
)
def test_pairs(library: Library, package: str, version: str, expected: str | None) -> None:
    """What is known is said, and nothing else."""
    assert expected == outcome(library, package, version)


def test_what_is_only_taken_to_behave_alike_is_not_observed() -> None:
    """A version between two that were run, another package, and a library that may be another build."""
    uncertain = Library(path="/l", google_build="385816442")
    cases = [
        (OFFICIAL, "tflite-runtime", "2.9.0"),
        (OFFICIAL, "tensorflow", "2.9.1"),
        (uncertain, "tflite-runtime", "2.9.1"),
    ]
    verdicts = [judge_pair(*case) for case in cases]
    assert [False, False, False] == [verdict.observed for verdict in verdicts if verdict is not None]


@pytest.mark.parametrize(
    ("version", "numpy", "expected"),
    [
        ("2.14.0", "2.0.0", 2),
        ("2.14.0", "2.4.6", 2),
        ("2.5.0.post1", "2.0", 2),
        ("2.14.0", "3.0.0", 2),
        ("2.14.0", "1.26.4", None),
        ("2.17.1", "2.0.0", None),
        ("2.20.0.dev20250409", "2.2.6", 2),
        ("2.20.0", "2.2.6", None),
        ("2.14.0", "unknown", None),
    ],
)
def test_numpy(version: str, numpy: str, expected: int | None) -> None:
    """Google's releases and the nightly builds fail with NumPy 2; of others' builds nothing is known."""
    limit = judge_numpy("tflite-runtime", version, numpy)
    assert expected == (limit.below if limit is not None else None)


def test_numpy_is_no_matter_for_litert() -> None:
    """ai-edge-litert works with both."""
    assert judge_numpy("ai-edge-litert", "2.3.0", "2.4.6") is None


@pytest.mark.parametrize(
    ("python", "machine", "libc", "expected"),
    [
        ("3.11.2", "x86_64", "glibc", ["ai-edge-litert>=2.2,<3", "tflite-runtime==2.14.0"]),
        ("3.12", "aarch64", None, ["ai-edge-litert>=2.2,<3"]),
        ("3.9", "x86_64", None, ["ai-edge-litert==2.1.0", "tflite-runtime==2.14.0", "tflite-runtime==2.9.1"]),
        ("3.11", "arm", None, ["tflite-runtime==2.14.0"]),
        ("3.13", "arm", None, []),
        ("3.11", "x86_64", "musl", []),
        ("3.15", "x86_64", None, []),
        ("2.7", "x86_64", None, []),
        ("3.1", "x86_64", None, []),
        ("3.11", "riscv", None, []),
        ("3.11", None, None, ["ai-edge-litert>=2.2,<3", "tflite-runtime==2.14.0"]),
        ("", "x86_64", None, []),
    ],
)
def test_wheels(python: str, machine: str | None, libc: str | None, expected: list[str]) -> None:
    """By Python, machine and C library."""
    assert expected == [wheel.requirement for wheel in wheels_for(python, machine, libc)]


@pytest.mark.parametrize(
    ("library", "python", "expected"),
    [
        (OFFICIAL, "3.11", "ai-edge-litert>=2.2,<3"),
        (OFFICIAL, "3.9", "tflite-runtime==2.9.1"),
        (OFFICIAL, "3.8", "tflite-runtime==2.9.1"),
        (None, "3.13", "ai-edge-litert>=2.2,<3"),
        (rebuilt("2.17.1"), "3.9", "ai-edge-litert==2.1.0"),
        (rebuilt("2.17.1"), "3.8", "tflite-runtime==2.14.0"),
        (rebuilt("2.12.1"), "3.11", None),
        (Library(path="/l"), "3.11", "ai-edge-litert>=2.2,<3"),
        (OFFICIAL, "3.15", None),
    ],
)
def test_the_wheel_that_fits(library: Library | None, python: str, expected: str | None) -> None:
    """The best that works with the library; of an unknown one it is taken that it is Google's last."""
    wheel = fitting_wheel(library, python, "x86_64")
    assert expected == (wheel.requirement if wheel is not None else None)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.14.0", (2, 14, 0)),
        ("2.5.0.post1", (2, 5, 0)),
        ("2.1.0rc1", (2, 1, 0)),
        ("16.0-1", (16, 0)),
        ("2.17.1-1.bookworm", (2, 17, 1)),
        ("v2", ()),
        ("", ()),
        ("².1", ()),
        ("1." + "9" * 5000, (1,)),
    ],
)
def test_numbers(version: str, expected: tuple[int, ...]) -> None:
    """The leading numbers count; what is no version has none."""
    assert expected == numbers(version)


@pytest.mark.parametrize(
    ("version", "first", "last", "expected"),
    [
        ("2.9.1", "2.5", "2.9", True),
        ("2.5.0", "2.5", "2.9", True),
        ("2.10.0", "2.5", "2.9", False),
        ("2.4.9", "2.5", "2.9", False),
        ("2", "2.5", "2.9", False),
        ("x", "2.5", "2.9", False),
    ],
)
def test_within(version: str, first: str, last: str, expected: bool) -> None:
    """A bound takes in everything that begins with it."""
    assert expected == within(version, first, last)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_texts(library: str, package: str, version: str) -> None:
    """No version that a file could hold makes it raise."""
    found = Library(path="/l", package_version=library or None, google_build=version)
    for name in (package, "tflite-runtime", "ai-edge-litert"):
        judge_pair(found, name, version)
    judge_numpy("tflite-runtime", version, library)
    fitting_wheel(found, version, package)
