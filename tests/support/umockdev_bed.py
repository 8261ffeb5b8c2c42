"""A machine of umockdev whose devices come and go, with real events through udev's monitor.

Run under ``umockdev-wrapper``: ``umockdev_bed.py DESCRIPTION STEPS COMMAND...`` starts the command on the mocked
machine, carries out the steps (a JSON file) and prints what the command wrote, with times. libumockdev is spoken to by
ctypes: its introspection bindings are a package more.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import threading
import time
from typing import Any

LIMIT_SECONDS = 60.0


class Bed:
    """The testbed."""

    def __init__(self, description: str) -> None:
        self._library = ctypes.CDLL("libumockdev.so.0")
        self._library.umockdev_testbed_new.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._library.umockdev_testbed_new())
        self.add(description)

    def add(self, description: str) -> None:
        """Devices appear, each with its event."""
        error = ctypes.c_void_p()
        done = self._library.umockdev_testbed_add_from_string(self._bed, description.encode(), ctypes.byref(error))
        if not done:
            raise RuntimeError("umockdev refused the description")

    def event(self, devpath: str, action: str) -> None:
        """The kernel says that something happened to a device."""
        self._library.umockdev_testbed_uevent(self._bed, f"/sys{devpath}".encode(), action.encode())

    def remove(self, devpath: str) -> None:
        """A device is gone, and the kernel says so; libumockdev itself sends nothing here."""
        self.event(devpath, "remove")
        self._library.umockdev_testbed_remove_device(self._bed, f"/sys{devpath}".encode())


class Reader(threading.Thread):
    """Lines of the command with the seconds at which they came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.lines: list[tuple[float, str]] = []
        self.start()

    def run(self) -> None:
        """Read until the command ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line))

    def wait_for(self, word: str, since: int) -> float:
        """The time of the first line from number ``since`` on that holds a word."""
        end = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < end:
            for at, line in self.lines[since:]:
                if word in line:
                    return at
            time.sleep(0.002)
        raise TimeoutError(f"no line with {word!r} in {LIMIT_SECONDS:g} s: {self.lines[since:]}")


def do(bed: Bed, step: dict[str, Any]) -> None:
    """Carry out one step."""
    if "remove" in step:
        for path in step["remove"]:
            bed.remove(path)
    if "add" in step:
        bed.add(step["add"])
        for path in step["paths"]:
            bed.event(path, "add")
    for path in step.get("storm", ()):
        bed.event(path, "change")
        time.sleep(step.get("every_s", 0.0))


def main() -> None:
    """Do the steps; print the seconds from each step to the line that tells of it, and all lines."""
    description, steps, *command = sys.argv[1:]
    with open(description, encoding="utf-8") as handle:
        bed = Bed(handle.read())
    with open(steps, encoding="utf-8") as handle:
        plan = json.load(handle)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, bufsize=1) as process:
        reader = Reader(process)
        reader.wait_for(plan["ready"], 0)
        took = []
        for step in plan["steps"]:
            since, started = len(reader.lines), time.monotonic()
            do(bed, step)
            took.append(reader.wait_for(step["expect"], since) - started if "expect" in step else None)
            time.sleep(step.get("rest_s", 0.0))
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as handle:
            fields = handle.read().rpartition(")")[2].split()
        process.terminate()
        process.wait()
    answer = {"took_s": took, "ticks": int(fields[11]) + int(fields[12]), "lines": [line for _, line in reader.lines]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
