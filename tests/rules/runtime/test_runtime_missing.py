"""ETD701: no library, or no package."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.runtime import Library, PythonPackages
from etpu_doctor.rules.runtime.runtime_missing import check
from tests.support.facts import machine, root, steps, tpu
from tests.support.user_space import PATH, bare, found, library, own, python, with_runtime


def test_no_evidence() -> None:
    """Where user space was not looked at nothing is said."""
    assert [] == list(check(machine(root(2), tpu("2-1"))))
    assert [] == list(check(with_runtime(None)))


def test_a_host_of_containers() -> None:
    """A host with a stick and nothing else may run containers only: it is a note, and points there."""
    (finding,) = found(check, own())
    assert ("ETD701", "runtime-missing", "info", "machine", ("2-1",)) == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.subject,
        finding.concerns,
    )
    assert "No libedgetpu.so.1 is installed on this host" == finding.title
    assert "container" in steps(finding)[0]
    assert "libedgetpu1-std" in steps(finding)[1]


def test_a_host_without_an_edge_tpu() -> None:
    """It needs no library, unless somebody asks."""
    assert [] == found(check, own(), facts=bare())
    assert ["error"] == [finding.severity for finding in found(check, python(), facts=bare())]


@pytest.mark.parametrize(
    ("interpreter", "severity"),
    [
        (own(), "info"),
        (own(pycoral="2.0.0", pycoral_is_google=True), "warning"),
        (own(pycoral="0.2.0", pycoral_is_google=False), "info"),
        (python(), "error"),
        (python(tflite_runtime="2.14.0"), "error"),
        (python(failure="no such file"), "info"),
    ],
)
def test_how_bad_it_is(interpreter: PythonPackages, severity: str) -> None:
    """What somebody installed or named decides; the packages that come with this program do not."""
    (finding,) = found(check, interpreter)
    assert severity == finding.severity


def test_a_library_that_the_loader_does_not_find() -> None:
    """A file that was copied is worth a warning: ldconfig is missing."""
    (finding,) = found(check, library("/opt/my lib/libedgetpu.so.1.0", first=False, loader_finds=False))
    assert "warning" == finding.severity
    assert "/opt/my lib/libedgetpu.so.1.0 is there, but the loader does not find it" in finding.title
    assert "sudo ldconfig" in steps(finding)[0]
    assert "LD_LIBRARY_PATH='/opt/my lib'." in steps(finding)[1]


def test_a_file_that_is_no_library() -> None:
    """A failed download stands in the way of the one behind it."""
    broken = library("/usr/local/lib/libedgetpu.so.1", machine=None, bits=None, first=False, package=None)
    (finding,) = found(check, broken, library(first=False))
    assert "warning" == finding.severity
    assert "is no shared library, or cannot be read" in finding.title
    assert finding.remedy is not None
    assert "ls -lL /usr/local/lib/libedgetpu.so.1" == finding.remedy.commands[0].command


def test_a_library_for_another_processor_is_not_missing() -> None:
    """Another rule speaks of it."""
    assert [] == found(check, library(machine="aarch64", first=False))


@pytest.mark.parametrize(("present", "count"), [(False, 1), (None, 0), (True, 0)])
def test_libusb(present: bool | None, count: int) -> None:
    """Without libusb the library does not load; where it is not known nothing is said."""
    findings = found(check, library(), own(), libusb_present=present)
    assert count == len(findings)
    assert ["warning"] * count == [finding.severity for finding in findings]


def test_libusb_for_an_interpreter_that_was_named() -> None:
    """It then is an error."""
    severities = [each.severity for each in found(check, library(), python(tensorflow="2.8.0"), libusb_present=False)]
    assert ["error"] == severities


def test_no_package_in_a_named_interpreter() -> None:
    """The step installs one that fits the library, with the interpreter quoted."""
    (finding,) = found(check, library(), python(numpy="2.0"))
    assert "error" == finding.severity
    assert "Python 3.11.2 (/srv/my app/venv/bin/python) has no TFLite runtime" == finding.title
    assert ("Run '/srv/my app/venv/bin/python' -m pip install 'ai-edge-litert>=2.2,<3'",) == steps(finding)


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [
        (python(version="3.9.2"), "'tflite-runtime==2.9.1' 'numpy<2'"),
        (python(version="3.13"), "'ai-edge-litert>=2.2,<3'"),
        (python(version="3.13", libc="musl"), "No wheel is known"),
        (python(version=None), "No wheel is known"),
        (python(machine="arm", bits=32), "No wheel is known"),
    ],
)
def test_the_package_that_fits(interpreter: PythonPackages, words: str) -> None:
    """By Python, machine and C library."""
    (finding,) = found(check, library(), interpreter)
    assert words in steps(finding)[0]


@pytest.mark.parametrize(
    "interpreter",
    [
        own(tflite_runtime=None, ai_edge_litert=None),
        python(tflite_runtime="2.9.1"),
        python(ai_edge_litert="2.3.0"),
        python(tensorflow="2.8.0"),
        python(failure="no such file"),
    ],
)
def test_nothing_missing(interpreter: PythonPackages) -> None:
    """Any runtime will do; the program's own interpreter and one that could not be read are not judged."""
    assert [] == found(check, library(), interpreter)


def test_several_interpreters() -> None:
    """Each named interpreter without a package has its finding."""
    findings = found(check, library(), python("/a"), python("/b", tflite_runtime="2.9.1"), python("/c"))
    assert ["/a", "/c"] == [finding.facts[-1].where for finding in findings]


def test_facts_say_where() -> None:
    """Every fact has its place."""
    cases: list[tuple[Library | PythonPackages, ...]] = [
        (own(),),
        (library(), python()),
        (library(first=False, machine=None),),
    ]
    facts = [fact for case in cases for finding in found(check, *case) for fact in finding.facts]
    assert [] == [fact for fact in facts if fact.where is None]
    assert PATH in {fact.where for fact in facts}
