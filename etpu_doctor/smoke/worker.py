"""The smoke test's other side: everything that may crash or hang happens in the processes of this file.

``python worker.py RUNTIMES SECONDS`` with names of packages, and a limit for importing one. It stands alone, because
the interpreter may be that of an application's environment: any CPython from 3.8 on with ``tflite_runtime`` or
``ai_edge_litert``; it imports nothing else than these, NumPy and the standard library.

The first process, the foreman, imports the runtime once and then forks a process for each job, so that eight jobs do
not pay for eight imports. It never loads libedgetpu, and does nothing that could block: it hands on what jobs report,
keeps what they print, and tells how they ended. Jobs die with it (PR_SET_PDEATHSIG), and it ends when its input does.

JSON lines: commands come on standard input (``do``: start, go, kill), reports leave on standard output (``kind``: the
events of ``jobs.py``). Limits are the parent's to enforce, except for address space.
"""

# ruff: noqa: B905 - zip has no strict before Python 3.10

from __future__ import annotations

import base64
import contextlib
import ctypes
import errno
import functools
import gc
import hashlib
import importlib
import io
import json
import os
import platform
import resource
import select
import signal
import sys
import time
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import NoReturn

KEPT_LINES = 200
KEPT_BYTES = 65536
LINE_BYTES = 1000
TEXT_CHARACTERS = 4000
REPORTED_RUNS = 4096
KEPT_RUNS = 50_000
LATE_NS = 1_000_000
WATCH_MS = 10
REAP_MS = 5
END_SECONDS = 1.0
PICTURE = (720, 1280, 3)
BEST = 5
HOST_SECONDS, HOST_RUNS, FEWEST_HOST_RUNS = 0.3, 50, 5

FRESH, READY = "1a6e:089a", "18d1:9302"
STATUS_FAILED, STATUS_BUG = 1, 70

_ELF_MACHINES = {3: "i386", 8: "mips", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_PR_SET_PDEATHSIG = 1
_MOST_DEVICES = 256
_OUTPUTS_FORMAT = "etpu-doctor outputs 1"
_HEADER_BYTES = 1 << 20
_USB = 1

# The smallest model there is: version 3, one subgraph with nothing in it, one empty buffer.
_EMPTY_MODEL = (
    b"GAAAAFRGTDMAAA4AFAAQAAwACAAAAAQADgAAABQAAAAgAAAACAAAAAMAAAAAAAAAAQAAAAgAAAAEAAQABAAAAAEAAAAQAAAADAAUABAADAAI"
    b"AAQADAAAABAAAAAQAAAAEAAAABAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

_C_API = ("edgetpu_list_devices", "edgetpu_free_devices", "edgetpu_create_delegate", "edgetpu_free_delegate")
_PLUGIN = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")


class WrongArchitectureError(Exception):
    """The library is for another processor than the interpreter."""


class NotEdgeTpuLibraryError(Exception):
    """A library with neither of libedgetpu's interfaces."""


class DeviceNotListedError(Exception):
    """The device to open is not in libedgetpu's list."""


class DelegateRefusedError(Exception):
    """The open by path gave nothing."""


class ModelChangedError(Exception):
    """The model is not the one that was looked at before."""


class NotDelegatedError(Exception):
    """Nothing of the model runs on the Edge TPU."""


class InputsUnknownError(Exception):
    """An input of a type that cannot be filled."""


class ReferenceMismatchError(Exception):
    """Expected outputs that do not belong to this model or to these inputs."""


class Caught:
    """Keeps the exception that ends its block: whatever a runtime raises is a result here, not an accident."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> Caught:  # noqa: PYI034 - Self is of Python 3.11
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> bool:
        self.error = error
        return error is not None

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.error).__name__

    @property
    def text(self) -> str:
        """What it says, and on a line of its own what the exception says that it was made of."""
        cause = self.error.__cause__ if self.error is not None else None
        text = str(self.error) if cause is None else f"{self.error}\n{type(cause).__name__}: {cause}"
        return text[:TEXT_CHARACTERS]

    @property
    def line(self) -> int | None:
        """Where in this file it came from."""
        line, traceback = None, self.error.__traceback__ if self.error is not None else None
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == __file__:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return line


class Kept:
    """The first and the last lines of what may be endless."""

    def __init__(self) -> None:
        self.dropped = 0
        self._first: list[bytes] = []
        self._last: deque[bytes] = deque()
        self._room = [KEPT_BYTES, KEPT_BYTES]
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """Take what was printed since."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:LINE_BYTES]
        for line in lines:
            self._keep(line[:LINE_BYTES])

    def lines(self) -> list[str]:
        """What was kept, the unfinished last line too."""
        if self._rest:
            self._keep(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in (*self._first, *self._last)]

    def _keep(self, line: bytes) -> None:
        if not self._last and len(self._first) < KEPT_LINES and len(line) <= self._room[0]:
            self._first.append(line)
            self._room[0] -= len(line)
            return
        self._last.append(line)
        self._room[1] -= len(line)
        while len(self._last) > KEPT_LINES or self._room[1] < 0:
            self._room[1] += len(self._last.popleft())
            self.dropped += 1


def send(pipe: int, kind: str, **fields: object) -> None:
    """Write one report, of now unless ``at_seconds`` is given. Raises ``BrokenPipeError`` if nobody reads any more."""
    message = {"at_seconds": time.monotonic(), **fields, "kind": kind}
    # Names of files may be no text; what is no text cannot be in JSON.
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def parse(line: bytes) -> dict[str, Any]:
    """A message; one without fields for anything else."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def milliseconds_since(start_ns: int) -> float:
    """Since a reading of ``time.perf_counter_ns``."""
    return round((time.perf_counter_ns() - start_ns) / 1e6, 3)


def signal_name(number: int) -> str:
    """``SIGSEGV``; real-time signals have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def elf_of(path: str) -> tuple[str, int] | None:
    """Machine and bits of an ELF file (System V ABI); ``None`` if it is none or cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return None
    if len(head) < 20 or not head.startswith(b"\x7fELF"):
        return None
    number = int.from_bytes(head[18:20], "big" if head[5] == 2 else "little")
    return _ELF_MACHINES.get(number, f"machine {number}"), 64 if head[4] == 2 else 32


def usb_identity(path: str) -> str | None:
    """Vendor and product of a USB device by its folder in sysfs; ``None`` while it is away."""
    try:
        found = []
        for name in ("idVendor", "idProduct"):
            with open(os.path.join(path, name), encoding="ascii") as file:
                found.append(file.read(16).strip())
    except (OSError, ValueError):
        return None
    return ":".join(found)


def die_with_parent(parent: int | None) -> None:
    """Ask the kernel to kill this process when its parent ends; end at once if ``parent`` has ended already."""
    # Where it cannot be asked for, the end of the pipes has to do.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(STATUS_BUG)


def limit(kind: int, most: int) -> None:
    """Lower one of this process's limits; one that is lower already stays."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))


# The runtime


class Runtime:
    """An imported package: ``module`` is its ``interpreter``, ``numpy`` NumPy."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module: Any = importlib.import_module(f"{name}.interpreter")
        self.numpy: Any = importlib.import_module("numpy")
        self.version = getattr(sys.modules[name], "__version__", None)

    def check(self) -> None:
        """Raise what the package raises at its first use: one built for NumPy 1 can be imported with NumPy 2."""
        # That a runtime does not take this model, which no compiler made, would say nothing about it.
        with contextlib.suppress(ValueError, RuntimeError):
            self.module.Interpreter(model_content=base64.b64decode(_EMPTY_MODEL), num_threads=1)


def load_runtime(names: list[str], reports: int) -> tuple[Runtime | None, list[dict[str, str]], str | None]:
    """The first package that can be used, those that cannot, and why one that is there cannot."""
    tried: list[dict[str, str]] = []
    broken = None
    for name in names:
        send(reports, "importing", runtime=name)
        with Caught() as caught:
            runtime = Runtime(name)
            runtime.check()
            return runtime, tried, None
        tried.append({"runtime": name, "error_type": caught.kind, "text": caught.text})
        is_missing = isinstance(caught.error, ModuleNotFoundError) and caught.error.name == name
        broken = broken if is_missing else f"{name}: {caught.kind}: {caught.text}"
    return None, tried, broken


def introduce(runtime: Runtime, tried: list[dict[str, str]], import_ms: float, reports: int) -> None:
    """Say who is here."""
    machine, bits = elf_of("/proc/self/exe") or (None, None)
    send(
        reports,
        "hello",
        pid=os.getpid(),
        executable=sys.executable,
        python_version=platform.python_version(),
        machine=machine,
        bits=bits,
        runtime=runtime.name,
        runtime_version=runtime.version,
        numpy_version=runtime.numpy.__version__,
        import_ms=import_ms,
        threads=_threads(),
        tried=tried,
    )


def refuse(tried: list[dict[str, str]], broken: str | None, reports: int) -> None:
    """Say that no runtime can be used, and why."""
    send(
        reports,
        "refusal",
        reason="no-runtime" if broken is None else "runtime-broken",
        text=broken or f"{sys.executable} has no {' and no '.join(each['runtime'] for each in tried)}",
        python_version=platform.python_version(),
        numpy_version=getattr(sys.modules.get("numpy"), "__version__", None),
        tried=tried,
    )


def _threads() -> int | None:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


# The foreman


class Task:
    """A job as the foreman sees it."""

    def __init__(self, number: int, pid: int, events: int, errors: int, control: int) -> None:
        self.number = number
        self.pid = pid
        self.events = events
        self.errors = errors
        self.control = control
        self.phase = "start"
        self.failure: dict[str, object] | None = None
        self.kept = Kept()
        self.is_silent = False
        self.watched: str | None = None
        self.watched_since = 0.0
        self._rest = b""

    def lines(self, chunk: bytes) -> list[bytes]:
        """The whole lines of what was reported since."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

    @property
    def ends(self) -> tuple[int, ...]:
        """The foreman's ends of its pipes that are still open."""
        return tuple(each for each in (self.events, self.errors, self.control) if each >= 0)


class Foreman:
    """Forks a process for each job, hands on what they report, and tells how they end."""

    def __init__(self, runtime: Runtime, commands: int, reports: int) -> None:
        self._runtime = runtime
        self._commands = commands
        self._reports = reports
        self._tasks: dict[int, Task] = {}
        self._poll = select.poll()
        self._rest = b""
        self._has_input = True

    def serve(self) -> None:
        """Work until the commands end; no job is left then."""
        self._poll.register(self._commands, select.POLLIN)
        try:
            while self._has_input:
                for descriptor, _ in self._poll.poll(self._wait_ms()):
                    self._take(descriptor)
                for task in list(self._tasks.values()):
                    self._watch(task)
                    self._reap(task)
        except BrokenPipeError:
            pass  # the parent is gone
        finally:
            self._end_all()

    def _wait_ms(self) -> int | None:
        tasks = self._tasks.values()
        if any(task.is_silent for task in tasks):
            return REAP_MS
        return WATCH_MS if any(task.watched is not None for task in tasks) else None

    def _take(self, descriptor: int) -> None:
        if descriptor == self._commands:
            self._read_commands()
            return
        for task in self._tasks.values():
            if descriptor in (task.events, task.errors):
                self._read(task, descriptor)
                return

    def _read_commands(self) -> None:
        chunk = os.read(self._commands, 65536)
        self._has_input = bool(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            command = json.loads(line)
            number = command["task"]
            task = self._tasks.get(number)
            if command["do"] == "start":
                self._start(number, command["job"])
            elif command["do"] == "kill" and task is not None:
                # It is not reaped yet, so the number cannot be another process's.
                os.kill(task.pid, signal.SIGKILL)
            elif command["do"] == "go" and task is not None:
                self._go(task, command)

    @staticmethod
    def _go(task: Task, command: dict[str, object]) -> None:
        # One that has ended meanwhile is about to be seen.
        with contextlib.suppress(BrokenPipeError):
            send(task.control, "go", runs=command.get("runs"), seconds=command.get("seconds"))

    def _start(self, number: int, job: dict[str, Any]) -> None:
        pipes = [os.pipe() for _ in range(3)]
        foreman = os.getpid()
        # The new process may report before this one goes on.
        before = time.monotonic()
        try:
            pid = os.fork()
        except OSError as error:
            for descriptor in (each for pipe in pipes for each in pipe):
                os.close(descriptor)
            failure = {"phase": "start", "error_type": "OSError", "text": f"no new process: {error}"}
            send(self._reports, "ended", task=number, phase="start", failure=failure)
            return
        (events, events_in), (errors, errors_in), (control, control_in) = pipes
        if pid == 0:
            try:
                die_with_parent(foreman)
                os.dup2(errors_in, 1)
                os.dup2(errors_in, 2)
                for descriptor in (errors_in, events, errors, control_in, *self._descriptors()):
                    os.close(descriptor)
                JobProcess(job, number, self._runtime, (events_in, control)).work()
            finally:
                sys.excepthook(*sys.exc_info())
                os._exit(STATUS_BUG)
        for descriptor in (events_in, errors_in, control):
            os.close(descriptor)
        task = self._tasks[number] = Task(number, pid, events, errors, control_in)
        for descriptor in (events, errors):
            os.set_blocking(descriptor, False)
            self._poll.register(descriptor, select.POLLIN)
        send(self._reports, "started", task=number, pid=task.pid, at_seconds=before)

    def _descriptors(self) -> Iterator[int]:
        """What is the foreman's and no job's."""
        yield self._commands
        yield self._reports
        for task in self._tasks.values():
            yield from task.ends

    def _read(self, task: Task, descriptor: int) -> bool:
        """Take a chunk of what a job reported or printed; false if there is none now."""
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        if not chunk:
            self._close(task, descriptor)
        elif descriptor == task.errors:
            task.kept.add(chunk)
        else:
            for line in task.lines(chunk):
                self._hand_on(task, line)
        return bool(chunk)

    def _close(self, task: Task, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.close(descriptor)
        if descriptor == task.errors:
            task.errors = -1
        else:
            task.events = -1
        task.is_silent = True

    def _hand_on(self, task: Task, line: bytes) -> None:
        message = parse(line)
        kind = message.get("kind")
        if kind is None:
            # Not from here: a library has written where it had nothing to write.
            task.kept.add(line + b"\n")
            return
        if kind == "failed":
            task.failure = message["failure"]
            return
        if kind == "entered":
            task.phase = message["phase"]
        elif kind == "opening" and message["identity"] == FRESH:
            task.watched, task.watched_since = message["device_path"], message["at_seconds"]
        elif kind == "opened":
            self._watch(task)
            task.watched = None
        line += b"\n"
        while line:
            line = line[os.write(self._reports, line) :]

    def _watch(self, task: Task) -> None:
        """Whether a fresh device is back with its firmware. The job cannot look: its open may hold the interpreter."""
        if task.watched is not None and usb_identity(task.watched) == READY:
            waited_ms = round((time.monotonic() - task.watched_since) * 1000, 3)
            task.watched = None
            send(self._reports, "firmware", task=task.number, firmware_load_ms=waited_ms)

    def _reap(self, task: Task) -> None:
        pid, status = os.waitpid(task.pid, os.WNOHANG)
        if pid == 0:
            return
        self._drain(task)
        self._watch(task)
        for descriptor in (task.events, task.errors):
            if descriptor >= 0:
                self._close(task, descriptor)
        os.close(task.control)
        del self._tasks[task.number]
        is_signal = os.WIFSIGNALED(status)
        send(
            self._reports,
            "ended",
            task=task.number,
            phase=task.phase,
            signal=signal_name(os.WTERMSIG(status)) if is_signal else None,
            exit_status=None if is_signal else os.WEXITSTATUS(status),
            failure=task.failure,
            stderr=task.kept.lines(),
            stderr_dropped=task.kept.dropped,
        )

    def _drain(self, task: Task) -> None:
        """Read what a job that is gone has left in its pipes."""
        for descriptor in (task.events, task.errors):
            while descriptor in task.ends and self._read(task, descriptor):
                pass

    def _end_all(self) -> None:
        """Kill the jobs and wait for them; one that hangs in the kernel is left to it."""
        for task in self._tasks.values():
            os.kill(task.pid, signal.SIGKILL)
        deadline = time.monotonic() + END_SECONDS
        waiting = [task.pid for task in self._tasks.values()]
        while waiting and time.monotonic() < deadline:
            waiting = [pid for pid in waiting if os.waitpid(pid, os.WNOHANG)[0] == 0]
            time.sleep(0.002 if waiting else 0)


# libedgetpu


class Device(ctypes.Structure):
    """``struct edgetpu_device`` of ``edgetpu_c.h``."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


class Library:
    """A loaded libedgetpu and its C API. Raises what the loader says, or what is true where it misleads."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._so = ctypes.CDLL(path)
        except OSError as error:
            raise _why_not_loaded(path, error) from None
        self.has_c_api = all(hasattr(self._so, name) for name in _C_API)
        if not self.has_c_api and not all(hasattr(self._so, name) for name in _PLUGIN):
            raise NotEdgeTpuLibraryError(f"{path} has neither {_C_API[2]} nor {_PLUGIN[0]}: it is no libedgetpu")

    def version_text(self) -> str | None:
        """What ``edgetpu_version`` says; ``None`` without it."""
        version = getattr(self._so, "edgetpu_version", None)
        if version is None:
            return None
        version.restype = ctypes.c_char_p
        return _text(version())

    def talk(self, level: int) -> None:
        """How much it prints: the reason of a failed open from level 1 on."""
        verbosity = getattr(self._so, "edgetpu_verbosity", None)
        if verbosity is not None:
            verbosity.restype, verbosity.argtypes = None, [ctypes.c_int]
            verbosity(level)

    def devices(self) -> list[tuple[str, str]] | None:
        """(type, path) in its order; ``None`` if it cannot be asked. Opens no device."""
        if not self.has_c_api:
            return None
        ask, free, count = self._so.edgetpu_list_devices, self._so.edgetpu_free_devices, ctypes.c_size_t()
        ask.restype, ask.argtypes = ctypes.POINTER(Device), [ctypes.POINTER(ctypes.c_size_t)]
        free.restype, free.argtypes = None, [ctypes.POINTER(Device)]
        devices = ask(ctypes.byref(count))
        if not devices:
            return []
        found = [devices[index] for index in range(min(count.value, _MOST_DEVICES))]
        listed = [("usb" if each.type == _USB else "pci", _text(each.path)) for each in found]
        free(devices)
        return listed

    def create(self, kind: str, path: str) -> int | None:
        """Open the device at a path; the delegate's address, ``None`` if that failed."""
        create = self._so.edgetpu_create_delegate
        create.restype = ctypes.c_void_p
        create.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
        address: int | None = create(int(kind == "usb"), os.fsencode(path), None, 0)
        return address

    def free(self, address: int) -> None:
        """Give back what ``create`` gave."""
        free = self._so.edgetpu_free_delegate
        free.restype, free.argtypes = None, [ctypes.c_void_p]
        free(address)


class PathDelegate:
    """A delegate of ``Library.create`` in the form in which both runtimes take one."""

    def __init__(self, address: int) -> None:
        self.address = address

    def _get_native_delegate_pointer(self) -> int:
        return self.address


def _text(raw: bytes | None) -> str:
    return os.fsdecode(raw) if raw else ""


def _why_not_loaded(path: str, error: OSError) -> Exception:
    """The true reason: glibc says of a library for another processor that there is no such file."""
    if os.path.isdir(path):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    theirs, ours = elf_of(path), elf_of("/proc/self/exe")
    if theirs is None or ours is None or theirs == ours:
        return error
    texts = [f"{machine}, {bits} bits" for machine, bits in (theirs, ours)]
    return WrongArchitectureError(f"{path} is for {texts[0]}; this Python is for {texts[1]}")


def string_of(devices: list[tuple[str, str]] | None, device: tuple[str, str | None]) -> str | None:
    """``usb:N`` of a device in a list; ``None`` if it is not in it."""
    kind, wanted = device
    paths = [path for each, path in devices or () if each == kind]
    return f"{kind}:{paths.index(wanted)}" if wanted in paths else None


def path_of(devices: list[tuple[str, str]] | None, string: str | None) -> str | None:
    """The path that ``usb:N``, ``pci:N`` or ``:N`` means by a list; ``None`` if that is not known."""
    kind, _, number = (string or "").partition(":")
    paths = [path for each, path in devices or () if kind in ("", each)]
    return paths[int(number)] if number.isdecimal() and int(number) < len(paths) else None


# Inputs and outputs


def input_bytes(name: str, number: int, size: int) -> bytes:
    """The bytes of a set's input: the same in every environment, different for each input and each set."""
    return hashlib.shake_256(f"etpu-doctor {number} {name}".encode("utf-8", "replace")).digest(size)


def make_input(numpy: Any, detail: dict[str, Any], number: int) -> Any:
    """An input of a set: any bytes for types of one byte, 0 to 255 for wider integers, -1 to 1 for floating point.

    Raises ``InputsUnknownError``.
    """
    dtype, shape = numpy.dtype(detail["dtype"]), tuple(int(each) for each in detail["shape"])
    size = 1
    for each in shape:
        size *= each
    raw = numpy.frombuffer(input_bytes(detail["name"], number, size), numpy.uint8).reshape(shape)
    if dtype.kind == "b":
        return (raw & 1).astype(dtype)
    if dtype.kind == "f":
        return ((raw.astype(numpy.float32) - 128) / 128).astype(dtype)
    if dtype.kind not in "iu":
        raise InputsUnknownError(f"input {detail['name']} is of type {dtype}")
    return raw.view(dtype) if dtype.itemsize == 1 else raw.astype(dtype)


def describe(details: list[dict[str, Any]], numpy: Any) -> list[dict[str, Any]]:
    """Name, type and shape of tensors."""
    return [
        {
            "name": detail["name"],
            "dtype": str(numpy.dtype(detail["dtype"])),
            "shape": [int(each) for each in detail["shape"]],
        }
        for detail in details
    ]


def permuted(
    numpy: Any, reference: dict[str, Any], inputs: dict[str, Any], outputs: list[dict[str, Any]]
) -> list[bytes]:
    """The outputs of a model that only moves channels. Raises ``ReferenceMismatchError`` for any other model."""
    try:
        parts = [inputs[name] for name, _ in reference["inputs"]]
        if [part.shape[-1] for part in parts] != [channels for _, channels in reference["inputs"]]:
            raise ReferenceMismatchError("the model's inputs have other numbers of channels than expected")
        joined, chosen = numpy.concatenate(parts, axis=-1), dict(reference["outputs"])
        moved = [joined[..., chosen[each["name"]]].astype(each["dtype"]).reshape(each["shape"]) for each in outputs]
    except (KeyError, IndexError, ValueError) as error:
        raise ReferenceMismatchError(f"the model's inputs and outputs are not those expected: {error!r}") from None
    return [each.tobytes() for each in moved]


class OutputsFile:
    """Outputs in a file: a line of JSON, then the bytes of each output, set by set.

    The line holds ``format``, ``model_sha256``, ``inputs`` (name, dtype, shape, and sha256 of each set), ``outputs``
    (name, dtype, shape) and ``sizes`` (for each set, of each output, in bytes). Raises ``ReferenceMismatchError`` for
    anything else.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            head, data = file.readline(_HEADER_BYTES), file.read()
        try:
            header = json.loads(head)
            if header["format"] != _OUTPUTS_FORMAT:
                raise ReferenceMismatchError(f"{path} is of another format")
            self._inputs = {each["name"]: each["sha256"] for each in header["inputs"]}
            self._outputs = [(each["name"], each["dtype"]) for each in header["outputs"]]
            sizes = [[int(size) for size in one] for one in header["sizes"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ReferenceMismatchError(f"{path} is no file of outputs: {error!r}") from None
        wrong_count = any(len(one) != len(self._outputs) for one in sizes)
        wrong_count = wrong_count or any(len(digests) != len(sizes) for digests in self._inputs.values())
        if len(data) != sum(map(sum, sizes)) or wrong_count:
            raise ReferenceMismatchError(f"{path} does not hold what its first line says")
        rest = io.BytesIO(data)
        self.sets = [[rest.read(size) for size in one] for one in sizes]

    def check(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        """Raise ``ReferenceMismatchError`` unless it holds these outputs of these inputs."""
        for each in inputs:
            theirs = self._inputs.get(each["name"], [])
            if theirs[: len(each["sha256"])] != each["sha256"]:
                raise ReferenceMismatchError(f"the expected outputs are of other inputs than {each['name']} is")
        ours = [(each["name"], each["dtype"]) for each in outputs]
        if self._outputs != ours:
            raise ReferenceMismatchError(f"the expected outputs are {self._outputs}, the model's are {ours}")


def write_outputs(path: str, header: dict[str, Any], sets: list[list[bytes]]) -> None:
    """Write what ``OutputsFile`` reads; whoever looks for the file sees all of it or none."""
    part = f"{path}.part"
    sizes = [[len(output) for output in outputs] for outputs in sets]
    with open(part, "wb") as file:
        file.write(json.dumps(dict(header, format=_OUTPUTS_FORMAT, sizes=sizes)).encode("ascii") + b"\n")
        for outputs in sets:
            file.writelines(outputs)
    os.replace(part, path)


class Expected:
    """The outputs to expect for each set of inputs; ``tolerance`` is in the outputs' own numbers."""

    def __init__(self, basis: str, sets: list[list[bytes]], tolerance: float = 0) -> None:
        self.basis = basis
        self.sets = sets
        self.tolerance = tolerance


class Judge:
    """Compares the outputs of each run with what they must be.

    ``known`` holds for each set of inputs the bytes that a run has given and that are right, ``None`` before that: who
    sees them again need not ask further. What is right at first within a tolerance must come again to the bit, because
    an Edge TPU computes no noise.
    """

    def __init__(self, numpy: Any, outputs: list[dict[str, Any]], sets: int, expected: Expected | None) -> None:
        self.known: list[list[bytes] | None] = [None] * sets
        self.seen: list[list[bytes] | None] = [None] * sets
        self._numpy = numpy
        self._outputs = outputs
        self._expected = expected
        self.begin()

    def begin(self) -> None:
        """Count anew, for another round; what was seen is kept."""
        self.wrong_runs = 0
        self.uncompared_runs = 0
        self.basis: str | None = None
        self._first: dict[str, Any] = {}
        self._first_set = -1
        self._first_wrong: list[bytes] = []
        self._same = 0

    def note(self, run: int, number: int, outputs: list[bytes]) -> None:
        """A run gave something else than is known to be right of its set of inputs, or nothing is known yet."""
        if self.seen[number] is None:
            self.seen[number] = outputs
            self.uncompared_runs += self._expected is None
        wanted, basis, tolerance = self._wanted(number, outputs)
        masks = [
            outside(self._numpy, one, other, (detail["dtype"], tolerance))
            for one, other, detail in zip(wanted, outputs, self._outputs)
        ]
        if not any(mask.any() for mask in masks):
            self.known[number] = outputs
            return
        self.wrong_runs += 1
        if self.basis is None:
            self.basis, self._first_set, self._first_wrong = basis, number, outputs
            self._first = self._describe(run, (wanted, outputs, masks))
        elif number == self._first_set:
            self._same += outputs == self._first_wrong

    def difference(self, last_run: int) -> dict[str, Any] | None:
        """The first difference of a round that ended with a run, and how often there was one."""
        if self.basis is None:
            return None
        again = (last_run - self._first["run"]) // len(self.seen)
        return dict(self._first, runs=self.wrong_runs, repeatable=None if again == 0 else self._same == again)

    def digests(self) -> list[dict[str, Any]]:
        """SHA-256 of each output for each set of inputs."""
        return [
            {"name": output["name"], "sha256": [None if one is None else sha256(one[index]) for one in self.seen]}
            for index, output in enumerate(self._outputs)
        ]

    def _wanted(self, number: int, outputs: list[bytes]) -> tuple[list[bytes], str, float]:
        """What the outputs of a set must be, where that comes from, and how far they may be from it."""
        known, expected = self.known[number], self._expected
        if expected is not None and (known is None or expected.tolerance == 0):
            return expected.sets[number], expected.basis, expected.tolerance
        return known if known is not None else outputs, "repetition", 0

    def _describe(self, run: int, compared: tuple[list[bytes], list[bytes], list[Any]]) -> dict[str, Any]:
        wanted, outputs, masks = compared
        index = next(index for index, mask in enumerate(masks) if mask.any())
        at = int(masks[index].argmax())
        return {
            "run": run,
            "output": self._outputs[index]["name"],
            "index": at,
            "expected": wanted[index][at] if at < len(wanted[index]) else None,
            "got": outputs[index][at] if at < len(outputs[index]) else None,
            "differing_bytes": sum(int(mask.sum()) for mask in masks),
        }


def outside(numpy: Any, one: bytes, other: bytes, kind: tuple[str, float]) -> Any:
    """Which bytes differ; with a tolerance, in values that are further apart than it. ``kind`` is (type, tolerance)."""
    dtype, tolerance = kind
    common, longest = min(len(one), len(other)), max(len(one), len(other))
    mask = numpy.ones(longest, bool)
    mask[:common] = numpy.frombuffer(one, numpy.uint8, common) != numpy.frombuffer(other, numpy.uint8, common)
    if tolerance and common == longest:
        values = [numpy.frombuffer(each, dtype).astype(numpy.float64) for each in (one, other)]
        with numpy.errstate(all="ignore"):  # infinity less infinity is no number, and so not near
            near = numpy.abs(values[0] - values[1]) <= tolerance
        mask &= ~near.repeat(numpy.dtype(dtype).itemsize)
    return mask


def sha256(data: bytes) -> str:
    """As hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


# A job


class Bench:
    """A model in its interpreter, with the inputs of each set, ready to run."""

    def __init__(self, interpreter: Any, numpy: Any, sets: int) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.interpreter = interpreter
        self.inputs = describe(inputs, numpy)
        self.outputs = describe(outputs, numpy)
        self.sets = [[make_input(numpy, detail, number) for detail in inputs] for number in range(sets)]
        self.feeds = [[(detail["index"], data) for detail, data in zip(inputs, one)] for one in self.sets]
        for index, tensor in enumerate(self.inputs):
            tensor["sha256"] = [sha256(one[index].tobytes()) for one in self.sets]
        # Not the arrays themselves: the runtime refuses to run while somebody holds one, and may move them.
        self.views = [interpreter.tensor(detail["index"]) for detail in outputs]

    def feed(self, number: int) -> None:
        """Give the interpreter the inputs of a set."""
        for index, data in self.feeds[number]:
            self.interpreter.set_tensor(index, data)

    def read(self) -> list[bytes]:
        """The outputs as they are now."""
        return [view().tobytes() for view in self.views]

    def close(self) -> None:
        """Let the interpreter go: it must be gone before its delegate is."""
        self.interpreter, self.views = None, []
        gc.collect()


class Seat:
    """One of the models that use the device in turns: when its next inference is due, and what was measured of it.

    With a ``rate`` it is due at even intervals, else whenever nobody else is. Models of one ``group`` keep their
    parameters on the chip side by side; ``switched`` inferences followed one of another group.
    """

    def __init__(self, wanted: dict[str, Any], bench: Bench, judge: Judge, delegate: Any = None) -> None:
        self.name: str = wanted["model"]
        self.group: str | None = wanted["group"]
        self.period_ns = max(1, round(1e9 / wanted["rate"])) if wanted["rate"] else None
        self.bench = bench
        self.judge = judge
        self.delegate = delegate
        self.ran = 0
        self.begin(0, 0)

    def begin(self, start_ns: int, delay_ns: int) -> None:
        """Count anew, for another round; the first inference is due so long after its start."""
        self._latencies_ns: array[int] = array("q")
        self._switched = bytearray()
        self._first_ns = start_ns + delay_ns
        self._dues = self._most_late_ns = 0
        self.runs = self.switched = self.late = self.missed = 0

    @property
    def due_ns(self) -> int:
        """When it is to run again; of one without a rate, always."""
        return self._first_ns + self._dues * (self.period_ns or 0)

    def run(self, is_switch: bool) -> None:
        """One inference, timed and compared. Of a long round the latest latencies are kept."""
        number = self.ran % len(self.bench.sets)
        self.bench.feed(number)
        before = time.perf_counter_ns()
        self.bench.interpreter.invoke()
        self._latencies_ns.append(time.perf_counter_ns() - before)
        self._switched.append(is_switch)
        self.ran += 1
        self.runs += 1
        self.switched += is_switch
        outputs = self.bench.read()
        if outputs != self.judge.known[number]:
            self.judge.note(self.ran, number, outputs)
        if len(self._latencies_ns) >= 2 * KEPT_RUNS:
            del self._latencies_ns[:KEPT_RUNS], self._switched[:KEPT_RUNS]

    def attend(self, now_ns: int) -> None:
        """It runs now: the latest due time is served. Those before it are missed, they are not made up for."""
        if self.period_ns is None:
            return
        latest = (now_ns - self._first_ns) // self.period_ns
        self.missed += latest - self._dues
        late_ns = now_ns - self._first_ns - latest * self.period_ns
        self.late += late_ns >= LATE_NS
        self._most_late_ns = max(self._most_late_ns, late_ns)
        self._dues = latest + 1

    def end(self, now_ns: int) -> None:
        """The round is over: whatever was due is missed, but for the last, for which there may have been no time."""
        if self.period_ns is not None:
            self.missed += max(0, (now_ns - self.due_ns) // self.period_ns)

    def turn(self) -> dict[str, Any]:
        """What to tell of the round."""
        pairs = list(zip(self._latencies_ns, self._switched))
        return {
            "model": self.name,
            "runs": self.runs,
            "switched_runs": self.switched,
            "late_runs": self.late,
            "missed_runs": self.missed,
            "most_late_ms": self._most_late_ns / 1e6,
            "latency": figures([latency for latency, _ in pairs]),
            "switched": figures([latency for latency, is_switch in pairs if is_switch]),
            "kept": figures([latency for latency, is_switch in pairs if not is_switch]),
            "wrong_runs": self.judge.wrong_runs,
        }


def figures(latencies_ns: list[int]) -> dict[str, float] | None:
    """Median and 95th percentile (nearest rank) in milliseconds; ``None`` of no latencies."""
    if not latencies_ns:
        return None
    ordered = sorted(latencies_ns)
    rank = -(-len(ordered) * 95 // 100) - 1
    return {"median_ms": median(ordered) / 1e6, "p95_ms": ordered[rank] / 1e6}


def median(ordered: list[int]) -> float:
    """The median of sorted numbers, of which there is one at least."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class Rota:
    """Whose turn it is: who is due first, and in the time between those without a rate, one after the other."""

    def __init__(self, seats: list[Seat]) -> None:
        self._seats = seats
        self._paced = [seat for seat in seats if seat.period_ns is not None]
        self._idle = deque(seat for seat in seats if seat.period_ns is None)
        self._last = seats[-1]
        self.own = seats[0]

    def begin(self, now_ns: int, most_ns: int) -> None:
        """Spread the first due times, as pictures of several cameras do not come at once either."""
        for seat in self._seats:
            seat.begin(now_ns, 0)
        for number, seat in enumerate(self._paced):
            seat.begin(now_ns, min(seat.period_ns or 0, most_ns) * number // len(self._paced))

    def next(self, now_ns: int) -> Seat:
        """Who runs next; a due time that is still to come has to be waited for."""
        paced = min(self._paced, key=lambda seat: seat.due_ns) if self._paced else None
        if paced is not None and (paced.due_ns <= now_ns or not self._idle):
            return paced
        return self._idle[0]

    def end(self, now_ns: int) -> list[dict[str, Any]]:
        """What to tell of each model, in their order."""
        for seat in self._seats:
            seat.end(now_ns)
        return [seat.turn() for seat in self._seats]

    def run(self, seat: Seat, now_ns: int) -> None:
        """Let it have its turn."""
        if seat.period_ns is None:
            self._idle.rotate(-1)
        seat.attend(now_ns)
        seat.run(seat.group != self._last.group)
        self._last = seat


class HostWork:
    """What an application does in Python around an inference, to be timed: a picture in, the best of the outputs out.

    The picture is scaled in the plainest way, to the nearest pixel. Outputs are copied and dequantised, and the best
    values of each are sought.
    """

    def __init__(self, numpy: Any, interpreter: Any) -> None:
        self._numpy = numpy
        self._interpreter = interpreter
        self._inputs = interpreter.get_input_details()
        self._outputs = interpreter.get_output_details()

    def measure(self) -> dict[str, Any]:
        """Milliseconds of a processor, and why there is none of the scaling."""
        why = self._no_picture()
        scaling_ms = None
        if why is None:
            picture = self._numpy.frombuffer(input_bytes("picture", 0, 1 << 16), self._numpy.uint8)
            picture = self._numpy.resize(picture, PICTURE)
            scaling_ms = processor_ms(lambda: self.take(picture))
        return {"scaling_ms": scaling_ms, "no_scaling_because": why, "outputs_ms": processor_ms(self.best)}

    def _no_picture(self) -> str | None:
        """Why the input is no picture; ``None`` if it is one."""
        if len(self._inputs) != 1:
            return f"it has {len(self._inputs)} inputs"
        shape, dtype = [int(each) for each in self._inputs[0]["shape"]], self._numpy.dtype(self._inputs[0]["dtype"])
        if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3):
            return f"its input of {'x'.join(map(str, shape))} is no picture"
        return None if dtype in ("uint8", "int8", "float32") else f"its input is of type {dtype}"

    def take(self, picture: Any) -> None:
        """Scale a picture, make it what the input wants, and give it to the interpreter."""
        numpy, wanted = self._numpy, self._inputs[0]
        _, height, width, channels = (int(each) for each in wanted["shape"])
        rows = numpy.arange(height) * picture.shape[0] // height
        columns = numpy.arange(width) * picture.shape[1] // width
        scaled = picture[rows[:, None], columns]
        if channels == 1:
            scaled = scaled.mean(axis=2, keepdims=True).astype(numpy.uint8)
        dtype = numpy.dtype(wanted["dtype"])
        if dtype == "int8":
            scaled = (scaled.astype(numpy.int16) - 128).astype(numpy.int8)
        elif dtype == "float32":
            scaled = scaled.astype(numpy.float32) / 127.5 - 1
        self._interpreter.set_tensor(wanted["index"], scaled[None])

    def best(self) -> list[list[int]]:
        """Where the best values of each output are, the best first."""
        numpy, found = self._numpy, []
        for detail in self._outputs:
            values = self._interpreter.get_tensor(detail["index"])
            scale, zero = detail["quantization"]
            if values.dtype.kind in "iu" and scale:
                values = (values.astype(numpy.float32) - zero) * scale
            values = values.reshape(-1)
            many = min(BEST, values.size)
            best = numpy.argpartition(values, values.size - many)[-many:] if many else numpy.arange(0)
            found.append(best[numpy.argsort(values[best])[::-1]].tolist())
        return found


def processor_ms(action: Callable[[], object]) -> float:
    """The median time of this thread on a processor: what others do meanwhile does not count."""
    action()  # what is slow at first is not what it costs
    taken: list[int] = []
    until = time.monotonic() + HOST_SECONDS
    while len(taken) < FEWEST_HOST_RUNS or (len(taken) < HOST_RUNS and time.monotonic() < until):
        before = time.thread_time_ns()
        action()
        taken.append(time.thread_time_ns() - before)
    return round(median(sorted(taken)) / 1e6, 4)


class JobProcess:
    """What a forked process does: one job, from loading the library to giving the device back."""

    def __init__(self, job: dict[str, Any], number: int, runtime: Runtime, pipes: tuple[int, int]) -> None:
        self._job = job
        self._runtime = runtime
        self._events, self._control = pipes
        self._send: Callable[..., None] = functools.partial(send, self._events, task=number)
        self._device: tuple[str, str | None] = (job["device_type"], job["device_path"])
        self._phase = "start"
        self._allocate_ms = 0.0
        self._run = 0
        self._guests: list[Seat] = []
        self._delegate: Callable[[Library], Any] = lambda _: None

    def work(self) -> NoReturn:
        """Do it, report an exception, and end the process without anything that a runtime does at its exit."""
        with Caught() as caught:
            self._work()
        if caught.error is None:
            os._exit(0)
        failure = {"phase": self._phase, "error_type": caught.kind, "text": caught.text, "line": caught.line}
        self._send("failed", failure=failure)
        os._exit(STATUS_FAILED)

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._send("entered", phase=phase)

    def _work(self) -> None:
        limit(resource.RLIMIT_AS, int(self._job["limits"]["address_space_bytes"]))
        gc.disable()
        library, delegate = None, None
        if self._job["library"] is not None:
            library, listed = self._load(self._job["library"])
            delegate = self._open(library, listed)
        digest, bench = self._prepare(delegate)
        judge = Judge(self._runtime.numpy, bench.outputs, len(bench.sets), self._expected(bench))
        if library is not None:
            self._guests = [self._guest(each, library) for each in self._job["guests"]]
        self._send("ready", allocate_ms=self._allocate_ms, inputs=bench.inputs, outputs=bench.outputs)
        rota = Rota([Seat(self._job, bench, judge), *self._guests]) if self._guests or self._job["rate"] else None
        for number in range(1, int(self._job["rounds"]) + 1):
            self._round(number, bench, judge, rota)
        if self._job["host_work"]:
            self._tell_host_work(bench)
        self._enter("close")
        if self._job["write_outputs"] is not None:
            header = {"model_sha256": digest, "inputs": bench.inputs, "outputs": bench.outputs}
            write_outputs(self._job["write_outputs"], header, [one for one in judge.seen if one is not None])
        bench.close()
        for guest in self._guests:
            guest.bench.close()
            if library is not None and isinstance(guest.delegate, PathDelegate):
                library.free(guest.delegate.address)
        self._guests = []
        if library is not None and isinstance(delegate, PathDelegate):
            library.free(delegate.address)
        del delegate  # one that was made from a string frees itself

    def _guest(self, guest: dict[str, Any], library: Library) -> Seat:
        """Prepare a guest: a device that this process has open is shared by who opens it again."""
        self._enter("model")
        model = self._read(guest)
        delegate = self._delegate(library)
        interpreter = self._interpreter(model, delegate)
        if delegated_operators(interpreter) == 0:
            raise NotDelegatedError(f"no operator of {guest['model']} runs on the Edge TPU: it is not compiled for it")
        self._enter("allocate")
        interpreter.allocate_tensors()
        numpy, sets = self._runtime.numpy, max(int(self._job["input_sets"]), 1)
        bench = Bench(interpreter, numpy, sets)
        return Seat(guest, bench, Judge(numpy, bench.outputs, sets, None), delegate)

    def _load(self, path: str) -> tuple[Library, list[tuple[str, str]] | None]:
        self._enter("library")
        start = time.perf_counter_ns()
        library = Library(path)
        load_ms = milliseconds_since(start)
        library.talk(1)
        listed, version = library.devices(), library.version_text()
        device = string_of(listed, self._device)
        self._send("listed", devices=listed, device=device, version_text=version, load_ms=load_ms)
        return library, listed

    def _open(self, library: Library, listed: list[tuple[str, str]] | None) -> Any:
        self._enter("open")
        (kind, path), string = self._device, string_of(listed, self._device)
        if path is not None and listed is not None and string is None:
            raise DeviceNotListedError(f"libedgetpu does not list {path}")
        wants_path = self._job["via"] == "path"
        by_path = wants_path and path is not None and library.has_c_api
        string = string or self._job["device"]
        place = path or path_of(listed, string)
        self._send(
            "opening",
            via="path" if by_path else "string",
            fallback=wants_path and not by_path,
            device=string,
            device_path=place,
            identity=usb_identity(place) if place is not None and kind == "usb" else None,
        )
        start = time.perf_counter_ns()
        # How to open the same device again.
        self._delegate = lambda library: (
            self._create(library, kind, str(path)) if by_path else self._load_delegate(library.path, string)
        )
        delegate = self._delegate(library)
        open_ms = milliseconds_since(start)
        # What it would print at each transfer from now on costs time, and says nothing.
        library.talk(0)
        after = library.devices()
        self._send("opened", open_ms=open_ms, devices=after, device=string_of(after, (kind, place)))
        return delegate

    @staticmethod
    def _create(library: Library, kind: str, path: str) -> PathDelegate:
        address = library.create(kind, path)
        if not address:
            raise DelegateRefusedError(f"edgetpu_create_delegate gave no delegate for {path}")
        return PathDelegate(address)

    def _load_delegate(self, path: str, string: str | None) -> Any:
        return self._runtime.module.load_delegate(path, {} if string is None else {"device": string})

    def _prepare(self, delegate: Any) -> tuple[str, Bench]:
        self._enter("model")
        model = self._read(self._job)
        digest = sha256(model)
        start = time.perf_counter_ns()
        interpreter = self._interpreter(model, delegate)
        interpreter_ms = milliseconds_since(start)
        delegated = delegated_operators(interpreter) if delegate is not None else None
        size = len(model)
        self._send("model", sha256=digest, size_bytes=size, delegated=delegated, interpreter_ms=interpreter_ms)
        if delegated == 0:
            raise NotDelegatedError("no operator of the model runs on the Edge TPU: it is not compiled for it")
        self._enter("allocate")
        start = time.perf_counter_ns()
        interpreter.allocate_tensors()
        self._allocate_ms = milliseconds_since(start)
        return digest, Bench(interpreter, self._runtime.numpy, max(int(self._job["input_sets"]), 1))

    @staticmethod
    def _read(wanted: dict[str, Any]) -> bytes:
        with open(wanted["model"], "rb") as file:
            model = file.read()
        digest = sha256(model)
        if wanted["model_sha256"] not in (None, digest):
            raise ModelChangedError(f"{wanted['model']} was replaced: its SHA-256 is {digest}")
        return model

    def _interpreter(self, model: bytes, delegate: Any) -> Any:
        module = self._runtime.module
        if delegate is not None:
            return module.Interpreter(model_content=model, experimental_delegates=[delegate], num_threads=1)
        resolvers = getattr(module, "OpResolverType", None)
        options = {}
        if resolvers is not None:
            # Plain kernels: their results differ less between runtimes and processors than those of XNNPACK.
            options["experimental_op_resolver_type"] = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return module.Interpreter(model_content=model, num_threads=1, **options)

    def _expected(self, bench: Bench) -> Expected | None:
        reference = self._job["reference"]
        if reference is None:
            return None
        if reference["kind"] == "file":
            outputs = OutputsFile(reference["path"])
            outputs.check(bench.inputs, bench.outputs)
            return Expected("reference", outputs.sets, float(reference["tolerance"]))
        numpy, names = self._runtime.numpy, [tensor["name"] for tensor in bench.inputs]
        sets = [permuted(numpy, reference, dict(zip(names, one)), bench.outputs) for one in bench.sets]
        return Expected("permutation", sets)

    def _round(self, number: int, bench: Bench, judge: Judge, rota: Rota | None) -> None:
        order = self._wait() if number > 1 or self._job["hold"] else {}
        span = Span(self._job, order, len(bench.sets))
        self._enter("invoke")
        for each in (judge, *(guest.judge for guest in self._guests)):
            each.begin()
        if number == 1:
            self._first(bench, judge)
        if rota is None:
            runs, elapsed_ms = self._loop(number, span, bench, judge)
        else:
            runs, elapsed_ms = self._take_turns(number, span, rota)
        self._send(
            "done",
            round=number,
            runs=runs,
            elapsed_ms=elapsed_ms,
            compared_runs=runs + (number == 1) - judge.uncompared_runs,
            basis=judge.basis,
            difference=judge.difference(self._run),
            outputs=judge.digests(),
        )

    def _first(self, bench: Bench, judge: Judge) -> None:
        bench.feed(0)
        start = time.perf_counter_ns()
        bench.interpreter.invoke()
        self._send("first", first_ms=milliseconds_since(start))
        self._run = 1
        judge.note(1, 0, bench.read())
        for guest in self._guests:
            # Its first inference takes its parameters to the device, and is not timed.
            guest.run(is_switch=True)

    def _loop(self, number: int, span: Span, bench: Bench, judge: Judge) -> tuple[int, float]:
        """Run, measure and compare; how many runs, and in how many milliseconds with all that is around them.

        A latency is that of ``invoke()`` alone. Everything else in this loop costs some microseconds.
        """
        invoke, feed, read, known = bench.interpreter.invoke, bench.feed, bench.read, judge.known
        clock, latencies, sets = time.perf_counter_ns, array("q", bytes(8 * REPORTED_RUNS)), len(bench.sets)
        kept, runs = 0, 0
        start = after = clock()
        report_at = start + span.report_ns
        while runs < span.runs and after - start < span.time_ns:
            chosen = self._run % sets
            feed(chosen)
            before = clock()
            invoke()
            after = clock()
            latencies[kept] = after - before
            kept += 1
            runs += 1
            self._run += 1
            outputs = read()
            if outputs != known[chosen]:
                judge.note(self._run, chosen, outputs)
            if after >= report_at or kept == REPORTED_RUNS:
                self._report(number, runs, after - start, judge.wrong_runs, latencies[:kept])
                kept, report_at = 0, after + span.report_ns
        if kept:
            self._report(number, runs, after - start, judge.wrong_runs, latencies[:kept])
        return runs, round((after - start) / 1e6, 3)

    def _take_turns(self, number: int, span: Span, rota: Rota) -> tuple[int, float]:
        """Run all models by the rota until the time is over; how often the job's own ran, and in how many milliseconds.

        Until somebody is due it sleeps. There are no latencies in its reports: they are told at the end, by model.
        """
        clock, own, nothing = time.perf_counter_ns, rota.own, array("q")
        own.ran = self._run
        start = now = clock()
        report_at = start + span.report_ns
        rota.begin(start, span.time_ns)
        while now - start < span.time_ns:
            seat = rota.next(now)
            if seat is own and own.runs >= span.runs:
                break
            if seat.due_ns > now:
                time.sleep((min(seat.due_ns, report_at, start + span.time_ns) - now) / 1e9)
            else:
                rota.run(seat, now)
            now = clock()
            if now >= report_at:
                self._report(number, own.runs, now - start, own.judge.wrong_runs, nothing)
                report_at = now + span.report_ns
        self._run = own.ran
        self._send("turns", round=number, turns=rota.end(now))
        return own.runs, round((now - start) / 1e6, 3)

    def _tell_host_work(self, bench: Bench) -> None:
        """Time what applications do around an inference, once told to: nobody else is to work meanwhile."""
        self._wait()
        self._enter("invoke")
        works = []
        for each in (bench, *(guest.bench for guest in self._guests)):
            with Caught() as caught:  # a picture may be too large for the memory, which is no fault of the device
                works.append(HostWork(self._runtime.numpy, each.interpreter).measure())
            if caught.error is not None:
                works.append({"failed_because": f"{caught.kind}: {caught.text}"})
            self._enter("invoke")
        self._send("host", works=works)

    def _report(self, number: int, runs: int, elapsed_ns: int, wrong_runs: int, latencies_ns: array[int]) -> None:
        self._send(
            "progress",
            round=number,
            runs=runs,
            elapsed_ms=round(elapsed_ns / 1e6, 3),
            latencies_ms=[each / 1e6 for each in latencies_ns],
            wrong_runs=wrong_runs,
        )

    def _wait(self) -> dict[str, Any]:
        """The word to go. The end of the pipe is the foreman's end, which no job survives."""
        line = b""
        while not line.endswith(b"\n"):
            chunk = os.read(self._control, 4096)
            if not chunk:
                os._exit(STATUS_BUG)
            line += chunk
        order: dict[str, Any] = json.loads(line)
        return order


class Span:
    """How long a round lasts: so many runs, or so much time. ``order`` is what ``go`` said, and goes before the job."""

    def __init__(self, job: dict[str, Any], order: dict[str, Any], sets: int) -> None:
        asked = order if order.get("runs") or order.get("seconds") else job
        seconds = asked.get("seconds")
        self.runs = sys.maxsize if seconds else int(asked["runs"])
        if job["write_outputs"] is not None:
            self.runs = max(self.runs, sets - 1)
        self.time_ns = int(seconds * 1e9) if seconds else sys.maxsize
        self.report_ns = int(job["progress_seconds"] * 1e9)


def delegated_operators(interpreter: Any) -> int | None:
    """How many operators a delegate has taken; ``None`` where the runtime does not say.

    To be asked before ``allocate_tensors``: LiteRT's own XNNPACK takes the others then, and counts as a delegate too.
    """
    operators = getattr(interpreter, "_get_ops_details", None)
    return None if operators is None else sum(each["op_name"] == "DELEGATE" for each in operators())


def main(arguments: list[str]) -> int:
    """The foreman, from its start to its end."""
    names, seconds = arguments[1].split(","), float(arguments[2])
    # Python looks first where the program lies, but nothing here is for importing.
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [each for each in sys.path if os.path.realpath(each) != here]
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started the parent may have left it ignored
    # An import may hang, and then nobody looks whether the parent is still there.
    signal.alarm(int(seconds) + 2)
    die_with_parent(None)
    limit(resource.RLIMIT_CORE, 0)
    commands, reports = take_pipes()
    start = time.perf_counter_ns()
    runtime, tried, broken = load_runtime(names, reports)
    signal.alarm(0)
    if runtime is None:
        refuse(tried, broken, reports)
        return STATUS_FAILED
    introduce(runtime, tried, milliseconds_since(start), reports)
    gc.collect()
    gc.freeze()
    Foreman(runtime, commands, reports).serve()
    return 0


def take_pipes() -> tuple[int, int]:
    """Where commands come from and reports go; whatever prints to standard output from now on prints an error."""
    commands, reports = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, reports


if __name__ == "__main__":
    # Not by way of the interpreter's own end, in which a runtime may crash.
    os._exit(main(sys.argv))
