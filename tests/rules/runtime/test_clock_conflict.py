"""ETD706: two builds of libedgetpu."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.rules.runtime.clock_conflict import check
from tests.support.facts import apex, card, machine, root, steps, tpu, values
from tests.support.user_space import PATH, found, library, with_runtime

OTHER = "/usr/local/lib/libedgetpu.so.1"


def maximum(**fields: Any) -> Any:
    """The other build, behind the first one."""
    known = {"clock": "maximum", "package": None, "package_version": None, "first": False}
    return library(OTHER, **{**known, **fields})


def test_no_evidence() -> None:
    """Where user space was not looked at nothing is said."""
    assert [] == list(check(machine(root(2), tpu("2-1"))))
    assert [] == list(check(with_runtime(None)))


def test_both_packages() -> None:
    """They exclude each other; that they are both there is a warning."""
    (finding,) = found(check, library(), conflicting_packages=("libedgetpu1-max", "libedgetpu1-std"))
    assert ("ETD706", "runtime-mismatch", "warning", "certain") == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
    )
    assert "libedgetpu1-max and libedgetpu1-std are installed together, but exclude each other" == finding.title
    assert f"{PATH} (standard clock)" == values(finding)["the loader takes"]
    assert "purge libedgetpu1-max" in steps(finding)[0]


def test_both_packages_and_no_library_in_use() -> None:
    """The files may be for another processor; the packages are there all the same."""
    (finding,) = found(check, conflicting_packages=("a", "b"))
    assert {"installed": "a and b"} == values(finding)


def test_an_unknown_clock_in_use() -> None:
    """What the file does not say is called unknown."""
    (finding,) = found(check, library(clock=None), conflicting_packages=("a", "b"))
    assert f"{PATH} (unknown clock)" == values(finding)["the loader takes"]


def test_two_files() -> None:
    """A second build in another folder is a note that says which is used."""
    (finding,) = found(check, library(), maximum())
    assert ("info", ("2-1",)) == (finding.severity, finding.concerns)
    assert f"Two builds of libedgetpu are within reach; the standard clock is used ({PATH})" == finding.title
    assert f"{OTHER} (maximum clock)" == values(finding)["also there"]
    assert finding.facts[1].where == OTHER


def test_the_packages_say_it_all() -> None:
    """Where the packages conflict, the files are not named once more."""
    assert 1 == len(found(check, library(), maximum(), conflicting_packages=("a", "b")))


def test_cards_do_not_mind() -> None:
    """For PCIe the builds are alike: such Edge TPUs are not concerned."""
    (finding,) = found(check, library(), maximum(), facts=(card("0000:01:00.0"), apex(0, "0000:01:00.0")))
    assert () == finding.concerns


@pytest.mark.parametrize(
    "other",
    [
        maximum(clock="standard"),
        maximum(clock=None),
        maximum(machine="aarch64"),
        maximum(loader_finds=False),
    ],
)
def test_what_is_no_conflict(other: Any) -> None:
    """The same clock, an unknown one, another processor's, and one out of reach."""
    assert [] == found(check, library(), other)


def test_nothing_in_use() -> None:
    """Without a library that is taken there is nothing to compare."""
    assert [] == found(check, maximum())
