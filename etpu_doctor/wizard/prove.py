"""The Prove step: a smoke test in a child process, whose progress both faces show and which can be cancelled.

The child is ``etpu-doctor smoke`` itself: its progress comes as JSON lines on standard error, its report on standard
output. It opens devices and may hang in the kernel, so nothing of it runs in the process that draws.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence

import msgspec

from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.facts.smoke_progress import Progress
from etpu_doctor.report.report import Report

HISTORY = 60

_CHUNK_BYTES = 1 << 16
_LAST_WORDS_CHARACTERS = 2000
_PATIENCE_SECONDS = 5.0


class Course:
    """One Edge TPU's test as it goes: the last beat, and the latencies before it."""

    def __init__(self) -> None:
        self.beat: Progress | None = None
        self.medians_ms: deque[float] = deque(maxlen=HISTORY)

    def take(self, beat: Progress) -> None:
        """Note a beat."""
        self.beat = beat
        if beat.median_ms is not None:
            self.medians_ms.append(beat.median_ms)

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; ``None`` where that is not known yet."""
        beat = self.beat
        if beat is None:
            return None
        if beat.stage == "done":
            return 1.0
        if beat.of_seconds:
            return min(beat.seconds / beat.of_seconds, 1.0)
        return min(beat.runs / beat.of, 1.0) if beat.of else None


class Proof:
    """A smoke test of some Edge TPUs.

    ``results`` is ``None`` until it is over; where there are none even then, ``failure`` says why.
    """

    def __init__(self, ids: Sequence[str], command: Sequence[str] | None = None) -> None:
        self.ids = tuple(ids)
        self.courses = {name: Course() for name in ids}
        self.results: tuple[SmokeResult, ...] | None = None
        self.failure: str | None = None
        self.cancelled = False
        self._last_words = ""
        self._rest = b""
        self._output: list[bytes] = []
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            list(command or _command(ids)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the face; it cancels by itself.
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._process is None

    def step(self, timeout_s: float) -> bool:
        """Wait for news; whether there were any."""
        process = self._process
        if process is None or process.stdout is None or process.stderr is None:
            return False
        streams = [each for each in (process.stdout, process.stderr) if not each.closed]
        ready = select.select(streams, [], [], timeout_s)[0]
        for stream in ready:
            data = os.read(stream.fileno(), _CHUNK_BYTES)
            if not data:
                stream.close()
            elif stream is process.stdout:
                self._output.append(data)
            else:
                self._take_lines(data)
        if process.stdout.closed and process.stderr.closed:
            self._finish(process)
            return True
        return bool(ready)

    def _take_lines(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                beat = msgspec.json.decode(line, type=Progress)
            except msgspec.DecodeError:
                # What a library prints beside the progress; only wanted if there is no report.
                words = self._last_words + line.decode("utf-8", "replace") + "\n"
                self._last_words = words[-_LAST_WORDS_CHARACTERS:]
                continue
            self.courses.setdefault(beat.id, Course()).take(beat)

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        _end(process)
        try:
            report = msgspec.json.decode(b"".join(self._output), type=Report)
        except msgspec.DecodeError:
            said = self._last_words.strip().splitlines()
            self.failure = said[-1] if said else f"it ended with status {process.returncode} and said nothing"
        else:
            self.results = report.smoke
            self.failure = report.error.message if report.error is not None else None
        if self.cancelled:
            self.failure = "cancelled"

    def cancel(self) -> None:
        """End it. The child ends its workers when it is interrupted; one that does not listen is killed."""
        process = self._process
        if process is None:
            return
        self.cancelled = True
        process.send_signal(signal.SIGINT)
        limit = time.monotonic() + _PATIENCE_SECONDS
        while self._process is not None and time.monotonic() < limit:
            self.step(0.1)
        if self._process is not None:
            process.kill()
            self._finish(process)

    def close(self) -> None:
        """Leave no process behind."""
        self.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None and not stream.closed:
            stream.close()
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        # In the kernel, where no signal reaches it.
        process.kill()
        process.returncode = -signal.SIGKILL


def _command(ids: Sequence[str]) -> list[str]:
    """Several are tested each alone and then together, so that what a shared link costs shows."""
    together = ["--parallel"] if len(ids) > 1 else []
    return [sys.executable, "-m", "etpu_doctor", "smoke", *ids, *together, "--json", "--progress", "json"]


def _environment() -> dict[str, str]:
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    above = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": here if not above else f"{here}{os.pathsep}{above}"}
