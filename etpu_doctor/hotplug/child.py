"""The engine in a child process, for a face that must never wait.

Reading an attribute of a device that does not answer can take over a minute, and only the main thread of a process can
break it off (``evidence.patience``). So a full-screen face lets a child look: one JSON object a line comes out of it,
one word a line goes in. The child ends when its input does, whatever became of the parent.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.hotplug.wire import json_line
from etpu_doctor.report.examine import Request

if TYPE_CHECKING:
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.hotplug.engine import Engine, Update
    from etpu_doctor.hotplug.line import Line

LOOK, ATTEND, RELAX, TESTED = b"look", b"attend", b"relax", b"tested"

_CHUNK_BYTES = 1 << 20
_ERRORS_KEPT_CHARACTERS = 4000
_DEAD_SECONDS = 2.0
_FOREVER_SECONDS = 3600.0


class FeedError(Exception):
    """The child ended although nobody asked it to; holds the last lines of what it said."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to look at, and how to judge."""

    root: str = "/"
    pythons: tuple[str, ...] = ()
    probe: bool = True
    request: Request = Request()


class ChildFeed:
    """A ``Feed`` whose engine runs in a child; it begins with the first step, before which it would be in the way."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._process: subprocess.Popen[bytes] | None = None
        self._decoder: msgspec.json.Decoder[Line] | None = None
        self._parts: list[bytes] = []
        self._lines: deque[bytes] = deque()
        self._evidence: bytes | None = None
        self._errors = ""
        self._listener: threading.Thread | None = None

    def _begin(self) -> subprocess.Popen[bytes]:
        here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        above = os.environ.get("PYTHONPATH")
        environment = {**os.environ, "PYTHONPATH": here if not above else f"{here}{os.pathsep}{above}"}
        process = subprocess.Popen(
            [sys.executable, "-m", "etpu_doctor.hotplug.child", msgspec.json.encode(self._order).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the face.
        )
        self._process = process
        self._listener = threading.Thread(target=self._listen, args=(process,), daemon=True)
        self._listener.start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Keep the last of what the child complains about, so that its pipe never fills."""
        stream = process.stderr
        while stream is not None and (data := os.read(stream.fileno(), _CHUNK_BYTES)):
            self._errors = (self._errors + data.decode("utf-8", "replace"))[-_ERRORS_KEPT_CHARACTERS:]

    def step(self, timeout_s: float) -> Update | None:
        """The next update. Raises ``FeedError`` if the child is gone."""
        process = self._process or self._begin()
        end = time.monotonic() + timeout_s
        while not self._lines:
            left = end - time.monotonic()
            if not self._read(process, max(left, 0.0)) and left <= 0:
                return None
        line = self._decoded(self._lines.popleft())
        if line.update.settled:
            self._evidence = bytes(line.evidence)
        return line.update

    def _decoded(self, line: bytes) -> Line:
        if self._decoder is None:
            from etpu_doctor.hotplug.line import Line  # noqa: PLC0415 - the engine's types, not before the first screen

            self._decoder = msgspec.json.Decoder(Line)
        return self._decoder.decode(line)

    def _read(self, process: subprocess.Popen[bytes], timeout_s: float) -> bool:
        stream = process.stdout
        if stream is None or stream.closed or not select.select([stream], [], [], timeout_s)[0]:
            return False
        data = os.read(stream.fileno(), _CHUNK_BYTES)
        if not data:
            if self._listener is not None:
                self._listener.join(_DEAD_SECONDS)
            raise FeedError(f"the process that looks at this machine ended: {self._errors.strip() or 'without a word'}")
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._lines.append(b"".join([*self._parts, line]))
            self._parts = []
        self._parts.append(rest)
        return True

    def _say(self, word: bytes) -> None:
        stream = self._process.stdin if self._process is not None else None
        if stream is None or stream.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            # The next step finds out that the child is gone, and says why.
            stream.write(word + b"\n")
            stream.flush()

    def look(self) -> None:
        """Read everything again."""
        self._say(LOOK)

    def attend(self, *, attentive: bool) -> None:
        """Look often, or no longer."""
        self._say(ATTEND if attentive else RELAX)

    def tested(self, results: tuple[SmokeResult, ...]) -> None:
        """Take results of smoke tests into the reports."""
        self._say(TESTED + b" " + json_line(results).rstrip(b"\n"))

    def evidence(self) -> Evidence | None:
        """What the last settled report was made from, not redacted."""
        from etpu_doctor.facts.evidence import Evidence  # noqa: PLC0415 - loaded by then

        return None if self._evidence is None else msgspec.json.decode(self._evidence, type=Evidence)

    def close(self) -> None:
        """End the child; it may be waiting in the kernel, where no signal reaches it at once."""
        process = self._process
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        process.kill()
        try:
            process.wait(_DEAD_SECONDS)
        except subprocess.TimeoutExpired:
            process.returncode = -9
        if self._listener is not None:
            self._listener.join(_DEAD_SECONDS)
        if process.stderr is not None:
            process.stderr.close()


def _obey(engine: Engine) -> None:
    """The child's side: words from the parent, in a thread; the end of input ends the process at once."""
    while word := sys.stdin.buffer.readline():
        order, _, rest = word.strip().partition(b" ")
        if order == LOOK:
            engine.look()
        elif order in (ATTEND, RELAX):
            engine.attend(attentive=order == ATTEND)
        elif order == TESTED:
            engine.tested(msgspec.json.decode(rest, type=tuple[SmokeResult, ...]))
    os._exit(0)


def main(order: Order) -> None:
    """The child: look for ever."""
    from etpu_doctor.evidence.around import HostRequest  # noqa: PLC0415 - the parent does without
    from etpu_doctor.hotplug.engine import Engine  # noqa: PLC0415 - as above
    from etpu_doctor.hotplug.world import LiveWorld  # noqa: PLC0415 - as above

    engine = Engine(LiveWorld(order.root, HostRequest(pythons=order.pythons, probe=order.probe)), order.request)
    threading.Thread(target=_obey, args=(engine,), daemon=True).start()
    while True:
        update = engine.step(_FOREVER_SECONDS)
        if update is not None:
            evidence = engine.evidence() if update.settled else None
            try:
                sys.stdout.buffer.write(json_line({"update": update, "evidence": evidence}))
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                os._exit(0)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Order))
