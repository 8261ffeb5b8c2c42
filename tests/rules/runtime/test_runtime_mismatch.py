"""ETD702: libedgetpu and a package that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.runtime import Probe, PythonPackages
from etpu_doctor.rules.runtime.runtime_mismatch import check
from tests.support.facts import machine, root, steps, strings, tpu, values
from tests.support.user_space import PATH, found, library, own, python

SHARED_NUMBER = {"package": None, "package_version": None}
REBUILT = {"package_version": "16.0tf2.17.1-1.bookworm"}


def test_no_evidence() -> None:
    """Without user space, or without a library, there is nothing to compare."""
    assert [] == list(check(machine(root(2), tpu("2-1"))))
    assert [] == found(check, python(tflite_runtime="2.14.0"))
    assert [] == found(check, library(first=False), python(tflite_runtime="2.14.0"))


def test_the_official_library_with_the_last_tflite_runtime() -> None:
    """A pair that was run is certain, and the message that a user meets is quoted."""
    (finding,) = found(check, library(), python(tflite_runtime="2.14.0"))
    assert ("ETD702", "runtime-mismatch", "error", "certain", ("2-1",)) == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.concerns,
    )
    assert "libedgetpu 16.0 gives misleading errors with tflite-runtime 2.14.0 in Python 3.11.2" in finding.title
    assert "unresolved custom op" in str(values(finding)["what happens"])
    assert "Run '/srv/my app/venv/bin/python' -m pip install 'ai-edge-litert>=2.2,<3'" == steps(finding)[0]


@pytest.mark.parametrize(
    ("fields", "words", "confidence"),
    [
        ({"tflite_runtime": "2.11.0"}, "16.0 crashes with tflite-runtime 2.11.0", "certain"),
        ({"tflite_runtime": "2.11.1"}, "16.0 crashes with tflite-runtime 2.11.1", "likely"),
        ({"ai_edge_litert": "1.0.1"}, "16.0 hangs with ai-edge-litert 1.0.1", "certain"),
        ({"ai_edge_litert": "2.1.0rc1"}, "16.0 gives misleading errors with ai-edge-litert 2.1.0rc1", "likely"),
        ({"tensorflow": "2.12.0"}, "16.0 crashes with tensorflow 2.12.0", "likely"),
    ],
)
def test_other_pairs(fields: dict[str, str], words: str, confidence: str) -> None:
    """What was run is certain, what is taken to behave alike is likely."""
    (finding,) = found(check, library(), python(**fields))
    assert words in finding.title
    assert confidence == finding.confidence


@pytest.mark.parametrize(
    "interpreter",
    [
        python(),
        python(tflite_runtime="2.9.1"),
        python(ai_edge_litert="2.3.0"),
        python(ai_edge_litert="9.0.0"),
        python(tflite_runtime="nonsense"),
        python(tflite_runtime="2.14.0", failure="unreadable"),
        own(),
    ],
)
def test_what_fits_or_is_not_known(interpreter: PythonPackages) -> None:
    """Nothing is said of pairs that work, of those that nobody ran, and of what comes with this program."""
    assert [] == found(check, library(), interpreter)


def test_the_programs_own_interpreter() -> None:
    """It has two runtimes; only if none of them fits there is something to say."""
    (finding,) = found(check, library(), own(ai_edge_litert=None))
    assert "warning" == finding.severity


def test_another_package_works() -> None:
    """An application may import either, so it is a warning, and the step says which."""
    (finding,) = found(check, library(), python(tflite_runtime="2.14.0", ai_edge_litert="2.3.0"))
    assert "warning" == finding.severity
    assert steps(finding)[0].startswith("Let the application import ai-edge-litert")


def test_a_library_that_may_be_another_build() -> None:
    """The number in the file is that of later builds too: the finding says which evidence decides."""
    (finding,) = found(check, library("/opt/it's.so.1", **SHARED_NUMBER), python(tflite_runtime="2.14.0"))
    assert ("unknown", "possible") == (finding.severity, finding.confidence)
    assert "/opt/it's.so.1, if it is the official 16.0, gives" in finding.title
    assert finding.remedy is not None
    (command,) = finding.remedy.commands
    assert "dpkg -S '/opt/it'\"'\"'s.so.1'; dpkg-query -W 'libedgetpu1*'" == command.command
    assert "385816442" == values(finding)["built from change"]


@pytest.mark.parametrize(
    ("fields", "version", "count"),
    [
        (REBUILT, "2.17.1", 0),
        (REBUILT, "2.14.0", 0),
        (REBUILT, "2.9.1", 0),
        ({"package_version": "16.0tf2.8.4-1"}, "2.14.0", 1),
        ({"package_version": "15.0"}, "2.14.0", 0),
        ({"package_version": "14.1"}, "2.5.0", 1),
        ({"package": None, "package_version": None, "google_build": None}, "2.14.0", 0),
    ],
)
def test_other_libraries(fields: dict[str, Any], version: str, count: int) -> None:
    """Rebuilds fit by their TensorFlow; of a library that says nothing of itself nothing is said."""
    assert count == len(found(check, library(**fields), python(tflite_runtime=version)))


def test_a_rebuild_is_named() -> None:
    """The TensorFlow it was built for stands in the title."""
    (finding,) = found(check, library(package_version="16.0tf2.8.4-1"), python(tflite_runtime="2.14.0"))
    assert finding.title.startswith("libedgetpu 16.0 for TensorFlow 2.8.4 crashes")
    assert [
        "Or install a libedgetpu that was built for the runtime's TensorFlow (github.com/feranick/libedgetpu)."
    ] == list(steps(finding))


def test_several_packages_and_interpreters() -> None:
    """Each pair that does not fit has its finding."""
    findings = found(
        check,
        library(),
        python("/a", tflite_runtime="2.14.0", tensorflow="2.12.0"),
        python("/b", ai_edge_litert="1.4.0"),
    )
    assert ["/a", "/a", "/b"] == [finding.facts[-2].where for finding in findings]


@pytest.mark.parametrize(
    "failure",
    [
        f"/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by {PATH})",
        f"/lib/libc.so.6: version `GLIBC_2.38' not found (required by {PATH})",
    ],
)
def test_a_library_for_a_newer_system(failure: str) -> None:
    """The loader's message tells; no package can help."""
    (finding,) = found(check, library(), Probe(failure=failure))
    assert ("error", "certain") == (finding.severity, finding.confidence)
    assert "built for a newer distribution" in finding.title
    assert "bookworm" in steps(finding)[0]


@pytest.mark.parametrize("failure", ["exit 139 (SIGSEGV)", "no answer in 10 s", "undefined symbol: edgetpu_version"])
def test_a_library_that_did_not_answer(failure: str) -> None:
    """It may be the library or the system under it: the finding says how to see."""
    (finding,) = found(check, library(), Probe(version_text="BuildLabel(N/A)", failure=failure))
    assert "unknown" == finding.severity
    assert failure in finding.title
    assert finding.remedy is not None
    assert "ctypes.CDLL" in finding.remedy.commands[0].command
    assert "BuildLabel(N/A)" == values(finding)["version it gave"]


def test_an_illegal_instruction_is_not_a_mismatch() -> None:
    """The processor has a rule of its own."""
    assert [] == found(check, library(), Probe(failure="exit 132 (SIGILL)"))


def test_a_library_that_answered() -> None:
    """An answer is no finding."""
    assert [] == found(check, library(), Probe(version_text="x", runtime_version=14, devices=()))


def test_the_text_names_no_device_as_faulty() -> None:
    """The Edge TPU is healthy, and nothing in the finding says otherwise."""
    (finding,) = found(check, library(), python(tflite_runtime="2.11.0"))
    assert "defective" not in strings(finding)
