"""For tests of the smoke test's workers: models for the double, jobs, and whether processes are gone."""

from __future__ import annotations

import importlib.util
import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytest

from etpu_doctor.smoke.crew import Crew, CrewRequest
from etpu_doctor.smoke.jobs import Channels, Ended, Event, Job
from tests.conftest import REQUIRE_ALL
from tests.support.mk_compiled import Graph, Layer, Operator, Program, Tensor, compiled, tflite

PATIENCE_SECONDS = 60.0
"""No test waits longer for what must happen: a busy machine is slow, but not for ever."""

SYSFS = "/sys/bus/usb/devices"
MAXIMUM = 55
"""The number of an operator that every runtime has; of a tensor with itself it is that tensor."""

MOVES = Channels(inputs=(("a", 2), ("b", 1)), outputs=(("x", (2,)), ("y", (0, 1))))
MOVED = "channels=2/0,1"
"""What the double must be told to compute ``MOVES``."""

E = TypeVar("E", bound=Event)


def compiled_model(*layers: Layer, inputs: int = 1) -> bytes:
    """A compiled model whose first layers are its inputs and the others its outputs."""
    program = Program(inputs=layers[:inputs], outputs=layers[inputs:])
    numbers = tuple(range(len(layers)))
    operator = compiled(program)._replace(inputs=numbers[:inputs], outputs=numbers[inputs:])
    tensors = tuple(Tensor(layer.name, (1, layer.y, layer.x, layer.z)) for layer in layers)
    return tflite(Graph(tensors, (operator,), operator.inputs, operator.outputs))


def moving_model() -> bytes:
    """A compiled model of two inputs and two outputs, ``MOVES`` between them if the double is told so."""
    return compiled_model(Layer("a", 4, 4, 2), Layer("b", 4, 4, 1), Layer("x", 4, 4, 1), Layer("y", 4, 4, 2), inputs=2)


def plain_model(kind: int = 3, names: tuple[str, str] = ("input", "output"), channels: int = 3) -> bytes:
    """An uncompiled model that gives its input back. ``kind`` is the number of the tensors' type (3: uint8)."""
    shape = (1, 4, 4, channels)
    tensors = tuple(Tensor(name, shape, kind) for name in names)
    return tflite(Graph(tensors, (Operator(MAXIMUM, (0, 0), (1,)),)))


def needs_runtime(name: str) -> str:
    """The name of a runtime that is installed here; the test is skipped, or in CI fails, where it is not."""
    if importlib.util.find_spec(name) is None:
        reason = f"needs the package {name}"
        if os.environ.get(REQUIRE_ALL) == "1":
            pytest.fail(f"{reason} ({REQUIRE_ALL} is set)", pytrace=False)
        pytest.skip(reason)
    return name


def stick(number: int = 1) -> str:
    """The path of one of the double's sticks."""
    return f"{SYSFS}/2-{number}"


def sticks(count: int) -> str:
    """So many sticks, as the double is told of them."""
    return ",".join(f"usb={stick(number)}" for number in range(1, count + 1))


def crew_of(python: str = sys.executable, *, runtime: str | None = None, start_seconds: float = 30.0) -> Crew:
    """Workers that have not been started yet."""
    return Crew(CrewRequest(python=python, runtime=runtime, start_seconds=start_seconds))


def collect(crew: Crew) -> dict[int, list[Event]]:
    """All events to the end, by job; every job has one ``Ended``, the last of its events."""
    found: dict[int, list[Event]] = {}
    for event in crew.events(time.monotonic() + PATIENCE_SECONDS):
        found.setdefault(event.task, []).append(event)
    assert frozenset() == crew.running
    for events in found.values():
        assert [isinstance(event, Ended) for event in events] == [False] * (len(events) - 1) + [True]
    return found


def run(*jobs: Job, runtime: str | None = None) -> list[list[Event]]:
    """The events of each job, from workers of their own."""
    with crew_of(runtime=runtime) as crew:
        numbers = [crew.start(job) for job in jobs]
        found = collect(crew)
    return [found[number] for number in numbers]


def until(crew: Crew, kind: type[E], task: int | None = None) -> E:
    """The next event of a kind, of one job if that is given."""
    for event in crew.events(time.monotonic() + PATIENCE_SECONDS):
        if isinstance(event, kind) and task in (None, event.task):
            return event
    raise AssertionError(f"no {kind.__name__} came")


def only(events: Iterable[Event], kind: type[E]) -> E:
    """The one event of a kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def ended(events: Sequence[Event]) -> Ended:
    """The last event, which says how a job ended."""
    last = events[-1]
    assert isinstance(last, Ended)
    return last


def is_alive(pid: int) -> bool:
    """Whether a process exists, be it as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pidfds: Iterable[int]) -> bool:
    """Whether the processes of these descriptors end in time; closes the descriptors."""
    ends = []
    for descriptor in pidfds:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        ends.append(bool(end.poll(PATIENCE_SECONDS * 1000)))
        os.close(descriptor)
    return all(ends)


def eventually(condition: Callable[[], Any]) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
