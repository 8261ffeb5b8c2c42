"""What DKMS prints about gasket, in pasted text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.collector import Collector, join_dkms
from etpu_doctor.evidence.formats.dkms import Dkms
from etpu_doctor.evidence.text import read_lines
from etpu_doctor.facts.driver import DkmsState

ERROR = "/var/lib/dkms/gasket/1.0/build/gasket_core.c:1376:19: error: 'no_llseek' undeclared here"
HEAD = "DKMS make.log for gasket-1.0 for kernel 6.12.0-custom (x86_64)"
LOG = f"""\
{HEAD}
Mo 18. Nov 13:51:31 CET 2024
make: Entering directory '/usr/src/linux-headers-6.12.0-custom'
  CC [M]  /var/lib/dkms/gasket/1.0/build/gasket_core.o
/var/lib/dkms/gasket/1.0/build/gasket_core.c: In function 'gasket_open':
{ERROR}
 1376 |         .llseek = no_llseek,
      |                   ^~~~~~~~~
make[2]: *** [scripts/Makefile.build:229: /var/lib/dkms/gasket/1.0/build/gasket_core.o] Error 1
make: Leaving directory '/usr/src/linux-headers-6.12.0-custom'
"""


def read(text: str) -> Collector:
    """The sink after a text was read like any other."""
    sink = Collector()
    read_lines("post.txt", text.splitlines(), sink)
    return sink


def state(text: str) -> DkmsState:
    """What a text says of DKMS."""
    found = read(text).dkms_state
    assert found is not None
    return found


def test_a_log() -> None:
    """The line that explains the failure is found, with its place and the kernel; every line is understood."""
    sink = read(LOG)
    expected = DkmsState(build_error=ERROR, build_error_where="post.txt:6", build_kernel="6.12.0-custom")
    assert (expected, [], None) == (sink.dkms_state, sink.ignored, sink.kernel_log())


def test_only_the_error() -> None:
    """Most people paste the error alone: the kernel is then not known."""
    found = state(f"I get\n{ERROR}\nwhat now?\n")
    assert (ERROR, "post.txt:2", None) == (found.build_error, found.build_error_where, found.build_kernel)


def test_a_known_reason_before_the_first_error() -> None:
    """Of several errors the one counts that the table knows."""
    other = "/var/lib/dkms/gasket/1.0/build/gasket_core.c:9:1: error: something new"
    assert ERROR == state(f"{HEAD}\n{other}\n{ERROR}\n").build_error


def test_a_log_without_an_error() -> None:
    """A log that was cut before its error says nothing."""
    assert read(f"{HEAD}\nMo 18. Nov\n  CC [M]  x.o\n").dkms_state is None


@pytest.mark.parametrize(
    "line",
    [
        "DKMS make.log for nvidia-535.54 for kernel 6.5.0-9-generic (x86_64)",
        "/var/lib/dkms/nvidia/535/build/nv.c:3:1: error: no",
        "gasket is not installed: what now?",
        "nvidia/535, 6.5.0-9-generic, x86_64: installed",
    ],
)
def test_of_something_else(line: str) -> None:
    """Other modules, and words of a person, are not taken."""
    sink = read(f"{line}\nmake[1]: *** [x] Error 1\n")
    assert sink.dkms_state is None


def test_words_after_a_log() -> None:
    """What a person writes below the log is no part of it."""
    assert [(11, 11)] == [(run.line, run.last_line) for run in read(f"{LOG}So what do I do?\n").ignored]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("gasket/1.0, 6.8.0-45-generic, x86_64: installed", {"6.8.0-45-generic": "installed"}),
        ("gasket, 1.0, 5.15.0-91-generic, x86_64: installed", {"5.15.0-91-generic": "installed"}),
        ("gasket, 1.0, 6.1.0-9-amd64, x86_64: built", {"6.1.0-9-amd64": "built"}),
        (
            "gasket/1.0-18, 6.8.12-4-pve, x86_64: installed (WARNING! Diff between built and installed module!)",
            {"6.8.12-4-pve": "installed"},
        ),
        ("gasket-dkms/1.0, 6.8.0, aarch64: installed (original_module exists)", {"6.8.0": "installed"}),
        ("gasket/1.0: added", {}),
    ],
)
def test_status(line: str, status: dict[str, str]) -> None:
    """Old and new forms of a line of ``dkms status``; what is only added is built for no kernel."""
    assert (status, True) == (state(line).status, state(line).source_present)


def test_a_log_and_a_status() -> None:
    """Both are one state; a later status of a kernel replaces the earlier one."""
    found = state(f"gasket/1.0, 6.1.0, x86_64: built\n{LOG}\ngasket/1.0, 6.1.0, x86_64: installed\n")
    assert ({"6.1.0": "installed"}, ERROR) == (found.status, found.build_error)


def test_a_line_is_a_message_of_a_program_too() -> None:
    """What the line means to others is not taken away from them."""
    messages = read("gasket/1.0, 6.8.0-45-generic, x86_64: installed\n").program_messages
    assert ["dkms-gasket-installed"] == [message.message for message in messages]


@given(
    *[
        st.builds(
            DkmsState,
            package_version=st.none() | st.just("1.0-18"),
            source_present=st.none() | st.booleans(),
            status=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["built", "installed"])),
            build_error=st.none() | st.text(min_size=1),
            build_error_where=st.just("x:1"),
        )
        for _ in range(2)
    ]
)
def test_joining(first: DkmsState, second: DkmsState) -> None:
    """The first look counts, the second fills what it lacks; a failed build is never made of two."""
    joined = join_dkms(first, second)
    assert {**second.status, **first.status} == joined.status
    whole = first if first.build_error is not None else second
    assert (whole.build_error, whole.build_kernel) == (joined.build_error, joined.build_kernel)
    assert joined.source_present == (second.source_present if first.source_present is None else first.source_present)


@given(st.lists(st.sampled_from([*LOG.splitlines(), "gasket/1.0: added", "x", "", "| error:"])))
def test_any_order_of_lines(lines: list[str]) -> None:
    """Lines in whatever order are read without an error, and an error that is given has its place."""
    sink = Collector()
    read_lines("x", lines, sink)
    if sink.dkms_state is not None and sink.dkms_state.build_error is not None:
        assert (sink.dkms_state.build_error_where or "").startswith("x:")


@given(st.text())
def test_any_text(text: str) -> None:
    """No line makes it fail."""
    assert Dkms(Collector()).starts(text) in (True, False)


@pytest.mark.parametrize(
    "text", ["gasket/" + "1" * 100_000, "gasket, 1.0, " + "a, " * 50_000, "|" * 100_000 + "gasket"]
)
def test_long_lines_take_no_time(text: str) -> None:
    """A hostile line costs time in proportion to its length."""
    started = time.process_time()
    read(f"{HEAD}\n{text}\n{text}\n")
    assert time.process_time() - started < 2
