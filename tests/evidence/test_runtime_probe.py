"""Asking a libedgetpu in a child process, with a double that does what it is told."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence import runtime_probe
from etpu_doctor.evidence.runtime_probe import ProbeHandle, start_probe
from etpu_doctor.facts.runtime import Probe
from tests.support.fake_edgetpu.build import build_library, build_source

VERSION = "BuildLabel(FAKE), RuntimeVersion(14)"
SHORT_SECONDS = 0.4


@pytest.fixture(scope="module")
def compiler(needs_program: Callable[..., str]) -> str:
    """The C compiler."""
    return needs_program("gcc", package="gcc")


@pytest.fixture(scope="module")
def double(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the double."""
    return str(build_library(compiler, tmp_path_factory.mktemp("double")))


@pytest.fixture(autouse=True)
def _one_stick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The double has one stick, unless a test says otherwise."""
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", "usb")


def pid_of(handle: ProbeHandle) -> int:
    """The child's process id."""
    assert handle._process is not None
    return handle._process.pid


def is_alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_version_and_devices(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both questions are answered, the devices in the library's order."""
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", "pci,usb=/sys/bus/usb/devices/2-1.4,usb=/sys/bus/usb/devices/2-1.1")
    expected = (("pci", "/dev/apex_0"), ("usb", "/sys/bus/usb/devices/2-1.4"), ("usb", "/sys/bus/usb/devices/2-1.1"))
    assert Probe(version_text=VERSION, runtime_version=14, devices=expected) == start_probe(double).result()


def test_no_device(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of none is an answer."""
    monkeypatch.setenv("FAKE_EDGETPU_DEVICES", "")
    assert Probe(version_text=VERSION, runtime_version=14, devices=()) == start_probe(double).result()


@pytest.mark.parametrize(
    ("action", "failure"),
    [
        ("segv", "exit 139 (SIGSEGV)"),
        ("abort", "exit 134 (SIGABRT): F fake_edgetpu.c:1] transfer on tag 1 failed. Abort."),
    ],
)
def test_a_crash(double: str, monkeypatch: pytest.MonkeyPatch, action: str, failure: str) -> None:
    """The signal and the library's last words are told; what it answered before is kept."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", action)
    assert Probe(version_text=VERSION, runtime_version=14, failure=failure) == start_probe(double).result()


def test_a_hang(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that does not return is killed at the limit, and the child is gone."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    handle = start_probe(double)
    pid = pid_of(handle)
    assert f"no answer in {SHORT_SECONDS:g} s" == handle.result(SHORT_SECONDS).failure
    assert not is_alive(pid)


def test_the_time_counts_from_the_start(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that had its time while other things were done is not waited for once more."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    handle = start_probe(double)
    handle._started -= 100
    assert "no answer in 10 s" == handle.result().failure


@pytest.mark.parametrize("version", ["BuildLabel(N/A)", "", "RuntimeVersion(x)", "RuntimeVersion(" + "9" * 30 + ")"])
def test_a_version_without_a_number(double: str, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """The text is kept, the number is not known."""
    monkeypatch.setenv("FAKE_EDGETPU_VERSION", version)
    found = start_probe(double).result()
    assert (version or None, None) == (found.version_text or None, found.runtime_version)
    assert found.failure is None


def test_a_library_that_prints(compiler: str, tmp_path: Path) -> None:
    """What a library writes to its output, even endlessly, does not stand between the answers or fill the memory."""
    source = """
        #include <stdio.h>
        #include <stddef.h>
        const char *edgetpu_version(void) __attribute__((visibility("default")));
        void *edgetpu_list_devices(size_t *n) __attribute__((visibility("default")));
        const char *edgetpu_version(void) {
            printf("{\\"failure\\": \\"no\\"}\\n");
            fflush(stdout);
            return "RuntimeVersion(13)";
        }
        void *edgetpu_list_devices(size_t *n) {
            int i;
            for (i = 0; i < 100000; i++) fprintf(stderr, "log line %d\\n", i);
            *n = 0;
            return NULL;
        }
    """
    library = build_source(compiler, tmp_path, source)
    assert (
        Probe(version_text="RuntimeVersion(13)", runtime_version=13, devices=()) == start_probe(str(library)).result()
    )


def test_an_absurd_count(compiler: str, tmp_path: Path) -> None:
    """A library of another kind that returns nonsense ends in a failure, not in nonsense."""
    source = """
        #include <stddef.h>
        struct device { int type; const char *path; };
        const char *edgetpu_version(void) __attribute__((visibility("default")));
        void *edgetpu_list_devices(size_t *n) __attribute__((visibility("default")));
        static struct device devices[256];
        const char *edgetpu_version(void) { return NULL; }
        void *edgetpu_list_devices(size_t *n) { *n = (size_t)-1; return devices; }
    """
    found = start_probe(str(build_source(compiler, tmp_path, source))).result()
    assert found.devices is not None
    assert (256, None) == (len(found.devices), found.failure)


def test_a_greedy_library(compiler: str, tmp_path: Path) -> None:
    """The child's address space ends at a gibibyte."""
    source = """
        #include <stdlib.h>
        #include <stddef.h>
        const char *edgetpu_version(void) __attribute__((visibility("default")));
        const char *edgetpu_version(void) { return malloc((size_t)2 << 30) ? "got it" : "refused"; }
    """
    found = start_probe(str(build_source(compiler, tmp_path, source))).result()
    assert "refused" == found.version_text
    assert "undefined symbol: edgetpu_list_devices" in (found.failure or "")


def test_a_library_of_another_kind(compiler: str, tmp_path: Path) -> None:
    """The loader's words are the failure."""
    library = build_source(compiler, tmp_path, "int x;")
    found = start_probe(str(library)).result()
    assert Probe(failure=f"{library}: undefined symbol: edgetpu_version") == found


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "file too short"), (b"<html>" * 50, "invalid ELF header"), (None, "No such file")]
)
def test_what_cannot_be_loaded(tmp_path: Path, content: bytes | None, words: str) -> None:
    """An empty file, a failed download and a missing file have the loader's own messages."""
    path = tmp_path / "it's a library; $(x).so"
    if content is not None:
        path.write_bytes(content)
    assert words in (start_probe(str(path)).result().failure or "")


def test_stopping(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that nobody wants any more is ended, once or twice."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    handle = start_probe(double)
    pid = pid_of(handle)
    handle.stop()
    handle.stop()
    assert not is_alive(pid)


def test_an_interrupt(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while waiting ends the child before it goes on its way."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    handle = start_probe(double)
    pid = pid_of(handle)

    def interrupt(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(runtime_probe, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        handle.result()
    assert not is_alive(pid)


def test_the_child_dies_with_its_parent(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the parent is killed and can do nothing, its child does not stay."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    script = (
        "import sys\n"
        "from etpu_doctor.evidence.runtime_probe import start_probe\n"
        "handle = start_probe(sys.argv[1])\n"
        "handle._process.stdout.readline()\n"
        "print(handle._process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    root = Path(__file__).resolve().parent.parent.parent
    parent = subprocess.Popen(
        [sys.executable, "-c", script, double], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    end = select.poll()
    end.register(child, select.POLLIN)
    assert [] == end.poll(0)
    parent.kill()
    parent.wait(10)
    parent.stdin.close()
    parent.stdout.close()
    assert [(child, select.POLLIN)] == end.poll(10_000)
    os.close(child)


def test_a_child_whose_parent_is_gone_does_nothing(double: str) -> None:
    """A parent that died before the child could ask to die with it is noticed."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", runtime_probe.SCRIPT, double, "5", "1"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (0, b"") == (done.returncode, done.stdout)


def test_the_child_ends_itself(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody to kill it, it dies of an alarm."""
    monkeypatch.setenv("FAKE_EDGETPU_LIST", "hang")
    arguments = [double, "1", str(os.getpid())]
    done = subprocess.run(
        [sys.executable, "-I", "-c", runtime_probe.SCRIPT, *arguments], capture_output=True, check=False, timeout=60
    )
    assert -signal.SIGALRM == done.returncode


@pytest.mark.parametrize("executable", ["", None])
def test_without_an_interpreter(monkeypatch: pytest.MonkeyPatch, executable: str | None) -> None:
    """Where the interpreter is not known nothing is started."""
    monkeypatch.setattr(sys, "executable", executable)
    assert Probe(failure="no Python interpreter to run it in") == start_probe("/x").result()


def test_an_interpreter_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason is told."""
    monkeypatch.setattr(sys, "executable", "/none/python")
    assert (start_probe("/x").result().failure or "").startswith("could not be started: [Errno 2]")


def test_a_path_that_no_program_can_be_given() -> None:
    """A NUL in a path is refused before anything is started."""
    assert "could not be started: embedded null byte" == start_probe("/x\0y").result().failure


def test_a_bare_environment(double: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ``env -i``, and with a locale that does not exist, the answer is the same."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "xx_XX.nonsense")
    assert VERSION == start_probe(double).result().version_text


@given(st.binary(max_size=200))
def test_any_answer(output: bytes) -> None:
    """Whatever a child prints, a probe is what comes of it."""
    found = runtime_probe._judge(output, None)
    assert found.devices is not None or found.failure is not None


@given(st.integers(-70, 300), st.binary(max_size=100))
def test_any_ending(code: int, errors: bytes) -> None:
    """Every way to end is told, also by a signal without a name."""
    found = runtime_probe._why(code, errors)
    assert (code == 0) == (found is None)
