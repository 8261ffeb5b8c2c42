"""How far smoke tests are, on standard error: a bar for each Edge TPU on a terminal, or JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from etpu_doctor.facts.smoke_progress import Progress
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.smoke import ms_text

Watch = Callable[[Progress], None]


@contextmanager
def watching(choice: str) -> Iterator[Watch]:
    """A function to tell of progress. ``auto``: bars if standard error is a terminal, else nothing."""
    if choice == "json":
        yield _json_line
    elif choice == "bar" or (choice == "auto" and sys.stderr is not None and sys.stderr.isatty()):
        with _bars() as watch:
            yield watch
    else:
        yield lambda progress: None  # noqa: ARG005 - nobody looks


def _json_line(progress: Progress) -> None:
    sys.stderr.write(msgspec.json.encode({"event": "progress", **msgspec.structs.asdict(progress)}).decode() + "\n")
    sys.stderr.flush()


@contextmanager
def _bars() -> Iterator[Watch]:
    from rich.console import Console  # noqa: PLC0415 - rich is slow to import
    from rich.progress import BarColumn, TaskID, TextColumn  # noqa: PLC0415 - as above
    from rich.progress import Progress as Bars  # noqa: PLC0415 - as above

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def watch(progress: Progress) -> None:
            total = progress.of_seconds or progress.of
            done = progress.seconds if progress.of_seconds else progress.runs
            if progress.id not in tasks:
                tasks[progress.id] = bars.add_task(for_terminal(progress.id), total=total, state="")
            completed = total if progress.stage == "done" else min(done, total or done)
            bars.update(tasks[progress.id], completed=completed, state=_state(progress))

        yield watch


def _state(progress: Progress) -> str:
    median = f", {ms_text(progress.median_ms)}" if progress.median_ms is not None else ""
    warmth = f", {progress.temperature_c:.1f} °C" if progress.temperature_c is not None else ""
    return f"{progress.stage}{median}{warmth}"
