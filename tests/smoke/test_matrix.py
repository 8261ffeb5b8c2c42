"""Every runtime, every fault of the double, on machines with one to eight Edge TPUs.

The machines of a size run side by side: each has workers of its own, and much of their time is waiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from etpu_doctor.smoke.crew import Crew
from etpu_doctor.smoke.jobs import RUNTIMES, Done, Ended, Event, Hello, Limits, Started
from tests.smoke.conftest import Work
from tests.support.crew import PATIENCE_SECONDS, crew_of, is_alive, needs_runtime, stick, sticks

SIDE_BY_SIDE = 6
LIMIT_SECONDS = 0.5
PROGRESS_SECONDS = 0.1
SOON = Limits(
    library_seconds=LIMIT_SECONDS,
    open_seconds=LIMIT_SECONDS,
    model_seconds=LIMIT_SECONDS,
    invoke_seconds=LIMIT_SECONDS,
    close_seconds=LIMIT_SECONDS,
)


class Outcome(NamedTuple):
    """How a job ended: in which phase, by what, and what its outputs were (``None`` if it did not come to its end)."""

    phase: str
    by: str
    outputs: str | None = None


HANG = "hang"
FAULTS: dict[str, Outcome] = {
    "LIST=hang": Outcome("library", HANG),
    "LIST=segv": Outcome("library", "SIGSEGV"),
    "LIST=abort": Outcome("library", "SIGABRT"),
    "DEVICES=": Outcome("open", "DeviceNotListedError"),
    "CREATE=fail": Outcome("open", "DelegateRefusedError"),
    "CREATE=hang": Outcome("open", HANG),
    "CREATE=segv": Outcome("open", "SIGSEGV"),
    "CREATE=abort": Outcome("open", "SIGABRT"),
    "ABI=old": Outcome("model", "SIGSEGV"),
    "PREPARE=fail": Outcome("allocate", "RuntimeError"),
    "PREPARE=hang": Outcome("allocate", HANG),
    "PREPARE=segv": Outcome("allocate", "SIGSEGV"),
    "PREPARE=abort": Outcome("allocate", "SIGABRT"),
    "INVOKE=fail": Outcome("invoke", "RuntimeError"),
    "INVOKE=hang": Outcome("invoke", HANG),
    "INVOKE=segv": Outcome("invoke", "SIGSEGV"),
    "INVOKE=abort": Outcome("invoke", "SIGABRT"),
    "INVOKE=wrong": Outcome("close", "exit 0", "wrong"),
    "INVOKE=abort@5": Outcome("invoke", "SIGABRT"),
    "INVOKE=wrong@5": Outcome("close", "exit 0", "wrong"),
    "CLOSE=hang": Outcome("close", HANG, "right"),
    "CLOSE=abort": Outcome("close", "SIGABRT", "right"),
}
SOUND = Outcome("close", "exit 0", "right")
EVERYWHERE = ("LIST", "DEVICES")
"""What is asked before a device is chosen cannot be the fault of one device."""


class Cell:
    """A machine with so many devices, some of them faulty: workers of their own, and a job for each device."""

    def __init__(self, count: int, faults: dict[int, str], runtime: str, work: Work) -> None:
        self.count = count
        self.events: dict[int, list[Event]] = {}
        self._faults = faults
        self._crew = crew_of(runtime=runtime)
        self._work = work

    def open(self) -> Crew:
        """Start it, in the environment that makes the machine."""
        told = {"FAKE_EDGETPU_DEVICES": sticks(self.count)}
        for number, fault in self._faults.items():
            name, _, value = fault.partition("=")
            told[f"FAKE_EDGETPU_{name}{'' if name in EVERYWHERE else f'@2-{number}'}"] = value
        before = dict(os.environ)
        os.environ.update(told)
        try:
            crew = self._crew.__enter__()
        finally:
            os.environ.clear()
            os.environ.update(before)
        for number in range(1, self.count + 1):
            # Only where it must hang is the limit short: a busy machine must not make sound devices look late.
            limits = SOON if self.expected(number).by == HANG else Limits()
            crew.start(self._work(device_path=stick(number), limits=limits, progress_seconds=PROGRESS_SECONDS))
        return crew

    def fault(self, number: int) -> str:
        """What is wrong with a device."""
        everywhere = [fault for fault in self._faults.values() if fault.partition("=")[0] in EVERYWHERE]
        return (everywhere or [self._faults.get(number, "")])[0]

    def expected(self, number: int) -> Outcome:
        """What must come of a device."""
        return FAULTS.get(self.fault(number), SOUND)


def cells_of(count: int, runtime: str, work: Work) -> list[Cell]:
    """Machines of a size on which each fault occurs once: several faulty devices, and from two on a sound one."""
    everywhere = [fault for fault in FAULTS if fault.partition("=")[0] in EVERYWHERE]
    others = [fault for fault in FAULTS if fault not in everywhere]
    faulty = max(count - 1, 1)
    groups = [others[start : start + faulty] for start in range(0, len(others), faulty)]
    groups += [[fault] for fault in everywhere]
    return [Cell(count, dict(enumerate(group, 1)), runtime, work) for group in groups]


def outcome(events: list[Event]) -> Outcome:
    """How a job ended, by its events."""
    last = events[-1]
    assert isinstance(last, Ended)
    by = last.signal or f"exit {last.exit_status}"
    if last.timed_out is not None:
        assert ("SIGKILL", last.phase) == (last.signal, last.timed_out)
        by = HANG
    elif last.failure is not None:
        assert (1, last.phase) == (last.exit_status, last.failure.phase)
        by = last.failure.error_type
    dones = [event for event in events if isinstance(event, Done)]
    outputs = ["right" if done.difference is None else "wrong" for done in dones]
    return Outcome(last.phase, by, outputs[0] if outputs else None)


def overdue_seconds(events: list[Event]) -> float:
    """How long nothing was heard of a job before its end."""
    *_, before, last = events
    return last.at_seconds - before.at_seconds


def drive(cells: list[Cell]) -> Iterator[tuple[Cell, list[int]]]:
    """Run the cells, some at a time; each with the processes that it had, after its workers are sent home."""
    waiting, active = list(reversed(cells)), dict[Cell, Crew]()
    deadline = time.monotonic() + PATIENCE_SECONDS * 2
    try:
        while waiting or active:
            assert time.monotonic() < deadline, len(active)
            while waiting and len(active) < SIDE_BY_SIDE:
                cell = waiting.pop()
                active[cell] = cell.open()
            for cell, crew in list(active.items()):
                for event in crew.events(time.monotonic() + 0.01):
                    cell.events.setdefault(event.task, []).append(event)
                if not crew.running:
                    hello = crew.ready()
                    assert isinstance(hello, Hello)
                    active.pop(cell).close()
                    started = [event for events in cell.events.values() for event in events]
                    yield cell, [hello.pid, *(event.pid for event in started if isinstance(event, Started))]
    finally:
        for crew in active.values():
            crew.close()


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_fault_ends_as_it_must(runtime: str, count: int, work: Work) -> None:
    """Each fault is seen for what it is, in time; the sound devices beside it work; and no process is left."""
    seen: list[str] = []
    wrong: list[tuple[str, Outcome, Outcome]] = []
    late: list[tuple[str, float]] = []
    left: list[int] = []
    for cell, pids in drive(cells_of(count, needs_runtime(runtime), work)):
        assert count + 1 == len(pids)
        left += [pid for pid in pids if is_alive(pid)]
        for number, events in cell.events.items():
            fault, expected, found = cell.fault(number), cell.expected(number), outcome(events)
            seen.append(fault)
            if expected != found:
                wrong.append((fault, expected, found))
            if found.by == HANG and overdue_seconds(events) > LIMIT_SECONDS + PROGRESS_SECONDS + 2:
                late.append((fault, overdue_seconds(events)))
    assert {*FAULTS} == {*seen} - {""}
    assert (count > 1) == ("" in seen)
    assert ([], [], []) == (wrong, late, left)
