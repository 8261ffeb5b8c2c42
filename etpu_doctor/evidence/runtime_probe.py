"""Asks a libedgetpu for its version and its devices, in a child process: a library may crash or hang who loads it.

``edgetpu_list_devices`` opens no device and needs no rights (libedgetpu ``tflite/edgetpu_manager_direct.cc``).
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.facts.runtime import Probe

if TYPE_CHECKING:
    from subprocess import Popen

LIMIT_SECONDS = 10.0
ADDRESS_SPACE_BYTES = 1 << 30

_KEPT_BYTES = 16384
_SHOWN_CHARACTERS = 300
_DEAD_SECONDS = 2.0

SCRIPT = f"""\
import ctypes, json, os, resource, signal, sys
for name, most in (("RLIMIT_AS", {ADDRESS_SPACE_BYTES}), ("RLIMIT_CORE", 0)):
    try:
        resource.setrlimit(getattr(resource, name), (most, most))
    except (ValueError, OSError):
        pass
# Nobody may be left behind: not when the parent dies (PR_SET_PDEATHSIG), and not if that cannot be asked for.
signal.alarm(int(sys.argv[2]))
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
except AttributeError:
    pass
if os.getppid() != int(sys.argv[3]):
    sys.exit(0)
# What the library prints must not stand between the answers.
answers = os.dup(1)
os.dup2(2, 1)
def answer(**fields):
    os.write(answers, json.dumps(fields).encode() + b"\\n")
class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("path", ctypes.c_char_p)]
def text(raw):
    return raw.decode("utf-8", "replace") if raw else ""
try:
    library = ctypes.CDLL(sys.argv[1])
    library.edgetpu_version.restype = ctypes.c_char_p
    answer(version_text=text(library.edgetpu_version()))
    library.edgetpu_list_devices.restype = ctypes.POINTER(Device)
    count = ctypes.c_size_t()
    devices = library.edgetpu_list_devices(ctypes.byref(count))
    found = range(min(count.value, 256)) if devices else ()
    types = ("pci", "usb")
    answer(devices=[(types[devices[n].type & 1], text(devices[n].path)) for n in found])
except (OSError, AttributeError) as error:
    answer(failure=str(error))
"""


class _Answer(msgspec.Struct, frozen=True):
    version_text: str | None = None
    devices: tuple[tuple[str, str], ...] | None = None
    failure: str | None = None


class ProbeHandle:
    """A probe under way. Who starts one must call ``result`` or ``stop``; ``failure`` is why none could be started."""

    def __init__(self, process: Popen[bytes] | None, failure: str | None = None) -> None:
        self._process = process
        self._failure = failure
        self._started = time.monotonic()

    def result(self, limit_seconds: float = LIMIT_SECONDS) -> Probe:
        """What the library answered within so many seconds of its start. The child is gone when this returns."""
        process = self._process
        if process is None:
            return Probe(failure=self._failure)
        try:
            output, errors, ended = _read(process, self._started + limit_seconds)
        finally:
            self.stop()
        if not ended:
            return _judge(output, f"no answer in {limit_seconds:g} s")
        return _judge(output, _why(process.returncode, errors))

    def stop(self) -> None:
        """End the child, if it still runs. May be called more than once."""
        process, self._process = self._process, None
        if process is None:
            return
        from subprocess import TimeoutExpired  # noqa: PLC0415 - loaded already if there is a child

        if process.poll() is None:
            process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_DEAD_SECONDS)
        except TimeoutExpired:
            # It hangs in the kernel, where no signal reaches it; the kernel ends it when the device lets go.
            process.returncode = -9


def start_probe(library: str, limit_seconds: float = LIMIT_SECONDS) -> ProbeHandle:
    """Start a child that loads the library. Call it from the thread that waits for the result: the child dies with it.

    The child ends itself two seconds after ``limit_seconds``, if whoever started it does not.
    """
    if not sys.executable:
        return ProbeHandle(None, "no Python interpreter to run it in")
    import subprocess  # noqa: PLC0415 - slow to import, and only needed where there is a library

    arguments = [library, str(int(limit_seconds) + 2), str(os.getpid())]
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", SCRIPT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        return ProbeHandle(None, f"could not be started: {error}")
    return ProbeHandle(process)


def _read(process: Popen[bytes], deadline: float) -> tuple[bytes, bytes, bool]:
    """Output, error output (the first part of each) and whether the child ended before the deadline."""
    import select  # noqa: PLC0415 - only with a child

    pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe is not None]
    kept = dict.fromkeys(pipes, b"")
    # Not select.select: it refuses descriptors from 1024 on.
    poll, waiting = select.poll(), set(pipes)
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    while waiting:
        left = deadline - time.monotonic()
        ready = poll.poll(left * 1000) if left > 0 else []
        if not ready:
            return kept[pipes[0]], kept[pipes[1]], False
        for pipe, _ in ready:
            chunk = os.read(pipe, 65536)
            if not chunk:
                poll.unregister(pipe)
                waiting.discard(pipe)
            kept[pipe] = (kept[pipe] + chunk)[:_KEPT_BYTES]
    return kept[pipes[0]], kept[pipes[1]], _ends(process, deadline)


def _ends(process: Popen[bytes], deadline: float) -> bool:
    """Both pipes are closed, so it ends now, unless the library closed them and goes on."""
    from subprocess import TimeoutExpired  # noqa: PLC0415 - loaded already if there is a child

    try:
        process.wait(max(deadline - time.monotonic(), 0.05))
    except TimeoutExpired:
        return False
    return True


def _why(code: int, errors: bytes) -> str | None:
    """Why a child that ended gave no answer; ``None`` if it ended well."""
    if code == 0:
        return None
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    said = f": {lines[-1][:_SHOWN_CHARACTERS]}" if lines else ""
    if code > 0:
        return f"exit {code}{said}"
    import signal  # noqa: PLC0415 - only after a crash

    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"exit {128 - code} ({name}){said}"


def _judge(output: bytes, failure: str | None) -> Probe:
    """What the answers say; a library that crashes on the second question has answered the first."""
    version: str | None = None
    devices: tuple[tuple[str, str], ...] | None = None
    for line in output.splitlines():
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except msgspec.DecodeError:
            failure = failure or "its answer was not understood"
            continue
        version = answer.version_text or version
        devices = answer.devices if answer.devices is not None else devices
        failure = answer.failure or failure
    if devices is None and failure is None:
        failure = "it gave no list of devices"
    return Probe(version_text=version, runtime_version=_runtime_version(version), devices=devices, failure=failure)


def _runtime_version(text: str | None) -> int | None:
    """The number in ``BuildLabel(...), RuntimeVersion(14)``."""
    digits = (text or "").partition("RuntimeVersion(")[2].partition(")")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
