"""ETD705: another processor, or one that lacks something."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.runtime import Library, Probe
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.runtime.architecture_cpu_unsupported import check
from tests.support.facts import Fact, apex, card, machine, root, steps, strings, tpu, values
from tests.support.user_space import FLAGS, PYTHON, bare, found, host, library, own, python, with_runtime

ARM: dict[str, Any] = {"machine": "arm", "bits": 32}
NEON = ("half", "thumb", "neon")


def one(*parts: Any, **fields: Any) -> Finding:
    """The only finding."""
    (finding,) = found(check, *parts, **fields)
    return finding


def test_no_evidence() -> None:
    """Where user space was not looked at nothing is said."""
    assert [] == list(check(machine(root(2), tpu("2-1"), host("armv6l"))))
    assert [] == list(check(with_runtime(None)))


def test_a_usual_pc() -> None:
    """A library, an interpreter and a processor that fit are no finding."""
    assert [] == found(check, library(), own(), python())


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        (library(machine="aarch64", first=False), "libedgetpu is for aarch64, this system's user space is x86_64"),
        (
            library(machine="arm", bits=32, first=False),
            "libedgetpu is for 32-bit arm, this system's user space is x86_64",
        ),
        (library(machine="i386", bits=32, first=False), "libedgetpu is for i386, this system's user space is x86_64"),
    ],
)
def test_a_library_for_another_processor(foreign: Library, words: str) -> None:
    """The loader says "No such file" of a file that is there; the finding says why."""
    finding = one(foreign)
    assert ("ETD705", "architecture-cpu-unsupported", "error", "certain", ("2-1",)) == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.concerns,
    )
    assert words == finding.title
    assert ("Install the package for amd64: sudo apt-get install libedgetpu1-std:amd64",) == steps(finding)


def test_one_of_several_fits() -> None:
    """A foreign library beside the right one is of no matter."""
    assert [] == found(check, library("/usr/lib/aarch64-linux-gnu/x", machine="aarch64", first=False), library())


def test_a_library_that_the_loader_does_not_find() -> None:
    """What is not within reach is not judged here, nor what is no library."""
    assert [] == found(check, library(machine="aarch64", first=False, loader_finds=False))
    assert [] == found(check, library(machine=None, bits=None, first=False))


def test_an_interpreter_of_another_width() -> None:
    """A 32-bit Python needs a 32-bit library, whatever the system has."""
    finding = one(library(), python(machine="arm", bits=32))
    assert f"libedgetpu is for x86_64, Python 3.11.2 ({PYTHON}) is 32-bit arm" == finding.title
    assert "libedgetpu1-std:armhf" in steps(finding)[0]


def test_an_interpreter_that_cannot_be_told() -> None:
    """Its machine is not known, so it is not judged; nor is the program's own one apart from the system."""
    assert [] == found(
        check, library(), python(machine=None, bits=None), python("/x", failure="unreadable", machine="arm")
    )


def test_a_processor_without_a_build() -> None:
    """For it there is no package to install."""
    finding = one(library(first=False), machine="riscv", cpu_flags=None)
    assert ("There is no such build: use a system for amd64, arm64 or armhf.",) == steps(finding)


@pytest.mark.parametrize("architecture", ["armv6l", "armv5tejl"])
def test_armv6(architecture: str) -> None:
    """The first Raspberry Pis take an armhf package and die of it: all else is of no matter then."""
    facts: tuple[Fact, ...] = (root(2), tpu("2-1"), host(architecture))
    finding = one(library(**ARM), facts=facts, cpu_flags=("half",), **ARM)
    assert ("error", "certain") == (finding.severity, finding.confidence)
    assert f"There is no libedgetpu for {architecture}" in finding.title
    assert "Zero 2 W" in steps(finding)[0]


def test_armv6_without_an_edge_tpu() -> None:
    """Nobody wants to use one there."""
    assert [] == found(check, facts=(root(2), host("armv6l")), cpu_flags=None, **ARM)


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        ((root(2), tpu("2-1")), "info"),
        ((card("0000:01:00.0"), apex(0, "0000:01:00.0")), "warning"),
    ],
)
def test_a_narrow_user_space(facts: tuple[Fact, ...], severity: str) -> None:
    """A 32-bit system on a 64-bit kernel works with a stick; for a PCIe card 64 bits are asked for."""
    finding = one(library(**ARM), facts=(*facts, host("aarch64")), cpu_flags=NEON, **ARM)
    assert severity == finding.severity
    assert "User space is 32-bit (32-bit arm) on a 64-bit kernel (aarch64)" == finding.title
    assert {"user space": "32-bit arm", "kernel": "aarch64"} == values(finding)


@pytest.mark.parametrize("architecture", ["armv7l", None])
def test_a_32_bit_system(architecture: str | None) -> None:
    """Where the kernel is as narrow, or not known, nothing is said."""
    facts: tuple[Fact, ...] = (root(2), tpu("2-1"), *([host(architecture)] if architecture else []))
    assert [] == found(check, library(**ARM), facts=facts, cpu_flags=NEON, **ARM)


@pytest.mark.parametrize(
    ("fields", "severity", "confidence", "names"),
    [
        ({"cpu_flags": ("sse2",)}, "warning", "likely", "sse4_1 and avx"),
        ({"cpu_flags": ("sse2", "avx")}, "warning", "likely", "sse4_1"),
        ({"cpu_flags": ("sse2", "sse4_1")}, "unknown", "possible", "avx"),
        ({"cpu_flags": (), **ARM}, "warning", "likely", "neon"),
    ],
)
def test_missing_flags(fields: dict[str, Any], severity: str, confidence: str, names: str) -> None:
    """Who needs what is cited; AVX is needed by some builds only, so it is not decided."""
    finding = one(library(**(ARM if "machine" in fields else {})), **fields)
    assert (severity, confidence) == (finding.severity, finding.confidence)
    assert f"The processor shows no {names}: programs may end in 'Illegal instruction'" == finding.title
    assert "/proc/cpuinfo" == finding.facts[0].where
    assert all("issue" in (fact.where or "") for fact in finding.facts[1:])


def test_how_to_tell_the_processor_from_the_driver() -> None:
    """An outdated gasket on a PCIe host ends the same way: the finding says which evidence decides."""
    finding = one(library(), cpu_flags=("sse2",))
    assert "gasket" in strings(finding)
    assert "--cpu host" in strings(finding)
    assert finding.remedy is not None
    assert "dmesg" in finding.remedy.commands[0].command
    assert finding.remedy.commands[0].needs_root


@pytest.mark.parametrize(
    "fields",
    [
        {"cpu_flags": FLAGS},
        {"cpu_flags": None},
        {"cpu_flags": ("fp", "asimd"), "machine": "aarch64"},
        {"cpu_flags": NEON, **ARM},
        {"cpu_flags": (), "machine": None, "bits": None},
    ],
)
def test_a_processor_that_has_all_or_is_not_known(fields: dict[str, Any]) -> None:
    """Nothing is said of what cannot be read, and 64-bit ARM has what is needed."""
    own_library = library(machine=fields.get("machine", "x86_64"), bits=fields.get("bits", 64))
    assert [] == found(check, own_library, **fields)


def test_nobody_wants_to_use_one() -> None:
    """An old PC without an Edge TPU, a library or a question is left in peace."""
    assert [] == found(check, own(), facts=bare(), cpu_flags=("sse2",))


def test_a_probe_that_died_of_an_illegal_instruction() -> None:
    """It opened no device, so the driver is not in it: the processor is."""
    finding = one(library(), Probe(failure="exit 132 (SIGILL)"), cpu_flags=("sse2",))
    assert ("error", "likely") == (finding.severity, finding.confidence)
    assert "with no device opened" in finding.title
    assert "exit 132 (SIGILL)" == values(finding)["what happened"]


def test_a_probe_that_died_of_something_else() -> None:
    """A crash or a hang is no matter of the processor."""
    assert [] == found(check, library(), Probe(failure="exit 139 (SIGSEGV)"))


def test_an_illegal_instruction_of_an_unknown_library() -> None:
    """A capture may lack the list of libraries; the probe's answer is judged all the same."""
    finding = one(Probe(failure="exit 132 (SIGILL)"))
    assert {"what happened": "exit 132 (SIGILL)"} == values(finding)
