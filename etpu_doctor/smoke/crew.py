"""The parent of the smoke test's workers: starts them, hears them, and sees to it that each one ends.

A ``Crew`` is one interpreter that has imported a TFLite runtime (``worker.py``, the foreman) and the jobs that it has
forked. The limits are kept here: a job that does not get on in time is killed. There is no thread, and nothing heavy is
imported: the standard library and msgspec.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import TypeAlias

import msgspec

from etpu_doctor.smoke.jobs import (
    RUNTIMES,
    Done,
    Ended,
    Entered,
    Event,
    Firmware,
    First,
    Hello,
    Host,
    Job,
    Listed,
    Model,
    Opened,
    Opening,
    Phase,
    Progress,
    Ready,
    Refusal,
    RefusalReason,
    Started,
    Turns,
)

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")

DEAD_SECONDS = 2.0
"""How long a killed process may take to be gone; one that takes longer hangs in the kernel."""

_AWAY_SECONDS = 1.0
_TURN_SECONDS = 0.25
_READS = 100
_KEPT_BYTES = 65536
_KEPT_LINES = 200
_LONGEST_LINE_BYTES = 1 << 22
_SENT_HOME = "the workers have been sent home"


class CrewError(Exception):
    """There is nobody to do it: the workers were refused, or their foreman has ended. The text says why."""


class CrewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which interpreter, and which runtime in it: the one named, else the first of ``RUNTIMES`` that can be used."""

    python: str
    runtime: str | None = None
    start_seconds: float = 30.0


class _Importing(msgspec.Struct, frozen=True, kw_only=True, tag="importing", tag_field="kind"):
    """The foreman is about to import a runtime: should that crash, it is known which one."""

    runtime: str


_Message: TypeAlias = (
    _Importing
    | Hello
    | Refusal
    | Started
    | Entered
    | Listed
    | Opening
    | Firmware
    | Opened
    | Model
    | Ready
    | First
    | Progress
    | Turns
    | Done
    | Host
    | Ended
)


class _Task:
    """A job that has not ended.

    ``deadline`` is when to kill it, and after that when to give it up; ``None`` while it has to wait for others.
    """

    def __init__(self, number: int, job: Job) -> None:
        self.number = number
        self.job = job
        self.phase: Phase = "start"
        self.deadline: float | None = None
        self.waits = False
        self.is_killed = False
        self.is_stopped = False
        self.timed_out: Phase | None = None

    def admit(self) -> None:
        """Its turn has come: the workers are ready."""
        self.deadline = time.monotonic() + self._limit_seconds()

    def hear(self, event: Event) -> None:
        """Something was reported: the time for the next thing begins."""
        if isinstance(event, Entered):
            self.phase = event.phase
        if self.is_killed:
            return
        self.waits = isinstance(event, Ready) and self.job.hold
        self.waits |= isinstance(event, Done) and (event.round < self.job.rounds or self.job.host_work)
        self.deadline = None if self.waits else event.at_seconds + self._limit_seconds()

    def go(self) -> None:
        """It was told to run; if it does not wait yet, it will not have to."""
        if self.waits and not self.is_killed:
            self.waits, self.phase = False, "invoke"
            self.deadline = time.monotonic() + self._limit_seconds()

    def _limit_seconds(self) -> float:
        # Within a series of inferences a job reports only so often.
        between = self.job.progress_seconds if self.phase == "invoke" else 0.0
        return self.job.limits.seconds(self.phase) + between


class Crew:
    """The workers of one interpreter, as a context: leaving it leaves no process behind, whatever happened.

    To be entered and left by one thread: the workers die with the thread that started them.
    """

    def __init__(self, request: CrewRequest) -> None:
        self._request = request
        self._process: subprocess.Popen[bytes] | None = None
        self._decoder = msgspec.json.Decoder(_Message)
        self._poll = select.poll()
        self._tasks: dict[int, _Task] = {}
        self._numbers = 0
        self._queue: deque[Event] = deque()
        self._hello: Hello | None = None
        self._refusal: Refusal | None = None
        self._lost: str | None = None
        self._importing: str | None = None
        self._rest = b""
        self._said = b""
        self._looked_at = time.monotonic()
        self._start_limit = request.start_seconds
        self._start_deadline = self._looked_at + request.start_seconds

    def __enter__(self) -> Crew:  # noqa: PYI034 - Self is of Python 3.11
        names = ",".join(RUNTIMES) if self._request.runtime is None else self._request.runtime
        # -B: an application's environment is not ours to write to. Not -I: what the application finds by PYTHONPATH or
        # in the user's own folder must be found here too.
        command = [self._request.python, "-B", WORKER, names, f"{self._request.start_seconds:g}"]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
            )
        except (OSError, ValueError) as error:
            self._refuse("python-not-run", f"{self._request.python} could not be started: {error}")
            return self
        for descriptor in self._descriptors():
            os.set_blocking(descriptor, False)
        for descriptor in self._descriptors()[1:]:
            self._poll.register(descriptor, select.POLLIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and wait until they are gone. What hangs in the kernel is left to it after some seconds."""
        process, self._process = self._process, None
        self._tasks.clear()
        if process is None:
            return
        try:
            # The end of its input tells the foreman to end; it takes its jobs with it.
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(DEAD_SECONDS)
        finally:
            _end(process)

    @property
    def running(self) -> frozenset[int]:
        """The jobs that have not ended."""
        return frozenset(self._tasks)

    def ready(self, limit_seconds: float | None = None) -> Hello | Refusal:
        """Wait until the runtime is imported: at most so long from now on, and never longer than ``start_seconds``.

        Raises ``CrewError`` if the workers were sent home before.
        """
        self._forgive_absence()
        deadline = self._start_deadline if limit_seconds is None else self._looked_at + limit_seconds
        if limit_seconds is not None and deadline < self._start_deadline:
            self._start_limit, self._start_deadline = limit_seconds, deadline
        while True:
            found = self._hello or self._refusal
            if found is not None:
                return found
            if self._process is None:
                raise CrewError(_SENT_HOME)
            self._turn(_TURN_SECONDS)

    def start(self, job: Job) -> int:
        """Start a job; its number. Need not wait for ``ready``. Raises ``CrewError``."""
        if self._refusal is not None:
            raise CrewError(self._refusal.text)
        if self._process is None or self._lost is not None:
            raise CrewError(self._lost or _SENT_HOME)
        self._numbers += 1
        task = self._tasks[self._numbers] = _Task(self._numbers, job)
        if self._hello is not None:
            task.admit()
        self._command(do="start", task=self._numbers, job=msgspec.to_builtins(job))
        return self._numbers

    def go(self, task: int, *, runs: int | None = None, seconds: float | None = None) -> None:
        """Let a waiting job run: so often or so long as its ``Job`` says, or as is said here.

        A job that has ended meanwhile is not an error: its ``Ended`` is under way.
        """
        if task in self._tasks:
            self._tasks[task].go()
            self._command(do="go", task=task, runs=runs, seconds=seconds)

    def stop(self, task: int) -> None:
        """Kill a job; its ``Ended`` follows."""
        found = self._tasks.get(task)
        if found is not None and not found.is_killed:
            found.is_stopped = True
            self._kill(found)

    def events(self, until_seconds: float | None = None) -> Iterator[Event]:
        """What the jobs report, until none is left, or until a time of the monotonic clock.

        Limits are kept only while somebody takes the events; time in which nobody does is not counted.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            left = _TURN_SECONDS if until_seconds is None else until_seconds - time.monotonic()
            if not self._tasks or left <= 0:
                return
            self._turn(left)

    def _descriptors(self) -> tuple[int, int, int]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None or process.stderr is None:
            raise CrewError(_SENT_HOME)
        return process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()

    def _turn(self, most_seconds: float) -> None:
        """Wait for something to happen, take it, and keep the limits."""
        if self._process is None or self._lost is not None:
            return
        self._forgive_absence()
        deadlines = [task.deadline for task in self._tasks.values() if task.deadline is not None]
        if self._hello is None:
            deadlines.append(self._start_deadline)
        left = min(deadlines, default=self._looked_at + _TURN_SECONDS) - self._looked_at
        if self._listen(max(min(left, most_seconds, _TURN_SECONDS), 0)):
            self._looked_at = time.monotonic()
            self._keep_limits()

    def _listen(self, most_seconds: float) -> bool:
        """Take all that was said; false if there is more, so that nobody can be called late yet."""
        wait_ms = most_seconds * 1000 + 1
        for _ in range(_READS):
            ready = self._poll.poll(wait_ms)
            wait_ms = 0
            for descriptor, _ in ready:
                self._receive(descriptor)
            if not ready or self._lost is not None:
                return True
        return False

    def _keep_limits(self) -> None:
        if self._hello is None and self._refusal is None and self._start_deadline <= self._looked_at:
            doing = f"imported {self._importing}" if self._importing else "started"
            limit, python = self._start_limit, self._request.python
            self._refuse("no-answer", f"{python} gave no answer in {limit:g} s while it {doing}")
        for task in list(self._tasks.values()):
            if task.deadline is not None and task.deadline <= self._looked_at:
                self._is_late(task)

    def _forgive_absence(self) -> None:
        """While this process was stopped (Ctrl-Z) or busy, nobody heard what the jobs had to say."""
        now = time.monotonic()
        away = now - self._looked_at
        self._looked_at = now
        if away > _AWAY_SECONDS:
            self._start_deadline += away
            for task in self._tasks.values():
                task.deadline = None if task.deadline is None else task.deadline + away

    def _is_late(self, task: _Task) -> None:
        if task.is_killed:
            self._finish(Ended(task=task.number, at_seconds=self._looked_at, phase=task.phase, stuck=True))
            return
        task.timed_out = task.phase
        self._kill(task)

    def _kill(self, task: _Task) -> None:
        task.is_killed = True
        task.deadline = time.monotonic() + DEAD_SECONDS
        # The foreman does it: it knows whether the process still is the one that it forked.
        self._command(do="kill", task=task.number)

    def _receive(self, descriptor: int) -> None:
        if self._process is None:
            return
        _, reports, errors = self._descriptors()
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if descriptor == errors:
            self._said = (self._said + chunk)[-_KEPT_BYTES:]
        if not chunk:
            self._poll.unregister(descriptor)
        if descriptor == reports:
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            self._lose(None)
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            for line in lines:
                self._hear(self._decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._lose("says what no worker says")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            self._lose("says what no worker says")

    def _hear(self, message: _Message) -> None:
        if isinstance(message, _Importing):
            self._importing = message.runtime
        elif isinstance(message, Hello):
            self._hello = message
            for task in self._tasks.values():
                task.admit()
        elif isinstance(message, Refusal):
            self._refusal = message
            self._lose(None)
        elif isinstance(message, Ended):
            self._finish(message)
        elif message.task in self._tasks:
            self._tasks[message.task].hear(message)
            self._queue.append(message)

    def _finish(self, ended: Ended) -> None:
        task = self._tasks.pop(ended.task, None)
        if task is not None:
            self._queue.append(msgspec.structs.replace(ended, timed_out=task.timed_out, stopped=task.is_stopped))

    def _command(self, **fields: object) -> None:
        """Tell the foreman something. That it has ended, or does not listen, is seen by what it no longer reports."""
        if self._process is None or self._lost is not None:
            return
        # Not msgspec: a path may be no text, which json can write and read back.
        data, (commands, _, _) = json.dumps(fields).encode("ascii") + b"\n", self._descriptors()
        waiting = select.poll()
        waiting.register(commands, select.POLLOUT)
        with contextlib.suppress(BrokenPipeError):
            while data and waiting.poll(DEAD_SECONDS * 1000):
                data = data[os.write(commands, data) :]
            if data:
                self._lose("does not listen")

    def _refuse(self, reason: RefusalReason, text: str) -> None:
        self._refusal = Refusal(reason=reason, text=text, importing=self._importing)
        self._lose(text)

    def _lose(self, why: str | None) -> None:
        """The foreman has ended, or is of no use: nobody of its group may stay."""
        process = self._process
        if process is None or self._lost is not None:
            return
        code = _end(process, is_ending=why is None)
        self._hear_last_words()
        if self._hello is None:
            self._refusal = self._refused(code, why)
            self._lost = self._refusal.text
        else:
            self._lost = f"the workers' foreman {why or _how(code)}{_last(self._stderr())}"
        for task in list(self._tasks.values()):
            at = time.monotonic()
            self._finish(Ended(task=task.number, at_seconds=at, phase=task.phase, lost=self._lost))

    def _hear_last_words(self) -> None:
        _, _, errors = self._descriptors()
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(errors, 65536):
                self._said = (self._said + chunk)[-_KEPT_BYTES:]

    def _stderr(self) -> tuple[str, ...]:
        return tuple(self._said.decode("utf-8", "replace").splitlines()[-_KEPT_LINES:])

    def _refused(self, code: int | None, why: str | None) -> Refusal:
        """The refusal that was said, or what the foreman's end says."""
        stderr = self._stderr()
        if self._refusal is not None:
            return msgspec.structs.replace(self._refusal, stderr=stderr)
        python, last = self._request.python, _last(stderr)
        code = code if why is None else None  # else it ended because it was made to
        killed = code is not None and code < 0
        reason: RefusalReason = "crashed"
        doing = f"while it imported {self._importing}" if self._importing else "as it started"
        text = f"{python} {why or _how(code)} {doing}{last}"
        if self._importing is None and "SyntaxError" in last:
            reason, text = "python-too-old", f"{python} is too old, Python 3.8 or newer is needed{last}"
        elif self._importing is None and not killed:
            reason, text = "not-understood", f"{python} is no Python that works: it {why or _how(code)}{last}"
        return Refusal(
            reason=reason,
            text=text,
            importing=self._importing,
            signal=_signal_name(-code) if code is not None and killed else None,
            exit_status=code if code is not None and not killed else None,
            stderr=stderr,
        )


def _end(process: subprocess.Popen[bytes], *, is_ending: bool = False) -> int | None:
    """Kill a process and its group, and wait for it; its exit code, ``None`` if it hangs in the kernel.

    ``is_ending``: it is about to end by itself, and how is worth waiting for.
    """
    if process.returncode is not None:
        return process.returncode
    deadline = time.monotonic() + (DEAD_SECONDS if is_ending else 0)
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    # Its number, and so its group's, is not given to others before it is waited for.
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_PID, process.pid, flags) is None and time.monotonic() < deadline:
            time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.wait(DEAD_SECONDS)
    except subprocess.TimeoutExpired:
        process.returncode = -signal.SIGKILL  # nobody needs to wait for it any more
        return None


def _last(lines: tuple[str, ...]) -> str:
    return f": {lines[-1]}" if lines else ""


def _how(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "hangs in the kernel"
    return f"died by {_signal_name(-code)}" if code < 0 else f"ended with exit status {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
