"""All rules about user space over random ones: what holds for every finding, whatever was read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.runtime import Library, Probe, PythonPackages, Runtime
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.runtime import (
    architecture_cpu_unsupported,
    clock_conflict,
    enumeration_differs,
    numpy_mismatch,
    python_unsupported,
    runtime_mismatch,
    runtime_missing,
)
from etpu_doctor.topology.machine import Machine
from tests.support.facts import Fact, apex, card, root, tpu
from tests.support.user_space import bare, host, library, own, python, runtime, with_runtime

RULES = (
    runtime_missing,
    runtime_mismatch,
    numpy_mismatch,
    python_unsupported,
    architecture_cpu_unsupported,
    clock_conflict,
    enumeration_differs,
)
CHECKS: tuple[Callable[[Machine], Iterator[Finding]], ...] = tuple(rule.check for rule in RULES)
MACHINES: tuple[tuple[Fact, ...], ...] = (
    bare(),
    (root(2), tpu("2-1"), tpu("2-2", dfu=True)),
    (card("0000:01:00.0"), apex(0, "0000:01:00.0"), host("aarch64")),
    (root(2), tpu("2-1"), host("armv6l")),
)

texts = st.text(max_size=12)
paths = texts.map(lambda text: f"/x/{text}")
versions = st.sampled_from([None, "1.0.1", "2.1.6", "2.3.0", "2.5.0.post1", "2.9.1", "2.11.0", "2.14.0", "²", ""])
machines = st.sampled_from(
    [(None, None), ("x86_64", 64), ("arm", 32), ("aarch64", 64), ("riscv", 64), ("machine 9", 64)]
)


@st.composite
def libraries(draw: st.DrawFn) -> Library:
    """A library in any state."""
    machine, bits = draw(machines)
    return Library(
        path=draw(paths),
        machine=machine,
        bits=bits,
        package=draw(st.none() | texts),
        package_version=draw(
            st.sampled_from([None, "16.0", "15.0", "14.1", "16.0tf2.8.4-1", "16.0tf2.17.1-1", "tf", "x"])
        ),
        clock=draw(st.sampled_from([None, "standard", "maximum"])),
        google_build=draw(st.sampled_from([None, "385816442", "339933739", "7"])),
        first=draw(st.booleans()),
        loader_finds=draw(st.booleans()),
    )


@st.composite
def interpreters(draw: st.DrawFn) -> PythonPackages:
    """An interpreter in any state."""
    machine, bits = draw(machines)
    return PythonPackages(
        executable=draw(paths),
        version=draw(st.none() | st.sampled_from(["3.8", "3.11.2", "3.13", "3.15", "", "x"])),
        implementation=draw(st.sampled_from([None, "CPython", "PyPy"])),
        machine=machine,
        bits=bits,
        tflite_runtime=draw(versions),
        ai_edge_litert=draw(versions),
        tensorflow=draw(versions),
        numpy=draw(st.sampled_from([None, "1.26.4", "2.0.0", "x"])),
        pycoral=draw(versions),
        pycoral_is_google=draw(st.none() | st.booleans()),
        failure=draw(st.none() | texts),
        asked_for=draw(st.booleans()),
        libc=draw(st.sampled_from([None, "glibc", "musl"])),
    )


@st.composite
def probes(draw: st.DrawFn) -> Probe:
    """An answer of any kind."""
    device = st.tuples(
        st.sampled_from(["usb", "pci", "9"]), st.sampled_from(["/sys/bus/usb/devices/2-1", "/dev/apex_0", ""])
    )
    return Probe(
        version_text=draw(st.none() | texts),
        devices=draw(st.none() | st.lists(device, max_size=3).map(tuple)),
        failure=draw(st.none() | st.sampled_from(["exit 132 (SIGILL)", "version `GLIBC_2.38' not found", "x", ""])),
    )


@st.composite
def user_spaces(draw: st.DrawFn) -> Runtime:
    """User space in any state, also one that no reader would give."""
    machine, bits = draw(machines)
    return Runtime(
        libraries=tuple(draw(st.lists(libraries(), max_size=3))),
        conflicting_packages=tuple(draw(st.lists(texts, max_size=2))),
        probe=draw(st.none() | probes()),
        pythons=tuple(draw(st.lists(interpreters(), max_size=2))),
        cpu_flags=draw(st.none() | st.lists(st.sampled_from(["sse4_1", "avx", "neon"])).map(tuple)),
        libusb_present=draw(st.none() | st.booleans()),
        machine=machine,
        bits=bits,
    )


def findings_of(user_space: Runtime, facts: tuple[Fact, ...]) -> list[Finding]:
    """What all of the rules say."""
    machine = with_runtime(user_space, *facts)
    return [finding for check in CHECKS for finding in check(machine)]


@given(user_spaces(), st.sampled_from(MACHINES))
def test_every_finding_can_be_acted_on(user_space: Runtime, facts: tuple[Fact, ...]) -> None:
    """No user space makes a rule raise; each finding has facts, a remedy with steps, and says whom it concerns."""
    known = {tpu.id for tpu in with_runtime(user_space, *facts).edge_tpus}
    for finding in findings_of(user_space, facts):
        assert finding.facts
        assert finding.remedy is not None
        assert finding.remedy.steps
        assert known.issuperset(finding.concerns)
        assert "machine" == finding.subject


@given(user_spaces(), st.sampled_from(MACHINES))
def test_every_command_is_a_shells_own(user_space: Runtime, facts: tuple[Fact, ...]) -> None:
    """A path stands in a command as one word, whatever is in it: quotes, blanks, line ends or other commands."""
    for finding in findings_of(user_space, facts):
        assert finding.remedy is not None
        for command in finding.remedy.commands:
            words = shlex.split(command.command.replace("; dpkg-query", " dpkg-query"))
            odd = [word for word in words if word.startswith("/x/")]
            assert {library.path for library in user_space.libraries}.issuperset(odd)


@given(user_spaces(), st.sampled_from(MACHINES))
def test_what_was_not_read_is_no_fault(user_space: Runtime, facts: tuple[Fact, ...]) -> None:
    """An interpreter that could not be read, and libraries that could not be told, are never an error by themselves."""
    unread = Runtime(
        pythons=tuple(each for each in user_space.pythons if each.failure is not None),
        libraries=(),
        cpu_flags=None,
        libusb_present=None,
    )
    kernel_is_old = any(fact == host("armv6l") for fact in facts)
    severities = {finding.severity for finding in findings_of(unread, facts)}
    assert kernel_is_old or severities <= {"info"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.INFO.code)
def test_a_healthy_host_is_silent(rule: object) -> None:
    """Google's library, a runtime that fits it, and the program's own two runtimes give no finding at all."""
    check: Callable[[Machine], Iterator[Finding]] = rule.check  # type: ignore[attr-defined] # a module
    devices = (("usb", "/sys/bus/usb/devices/2-1"),)
    probe = Probe(version_text="BuildLabel(N/A), RuntimeVersion(14)", runtime_version=14, devices=devices)
    user_space = runtime(library(), own(), python(ai_edge_litert="2.3.0", numpy="2.4.6"), probe)
    assert [] == list(check(with_runtime(user_space)))


def test_codes_and_names() -> None:
    """Each rule has its own code, in order; three of them serve one cause."""
    assert [f"ETD70{number}" for number in range(1, 8)] == [rule.INFO.code for rule in RULES]
    assert 3 == [rule.INFO.name for rule in RULES].count("runtime-mismatch")
