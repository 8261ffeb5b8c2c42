"""Behaves like ``etpu-doctor smoke --json --progress json`` in the ways that a face has to bear.

``fake_smoke.py WHAT ID...``: ``pass``, ``fail``, ``hang`` (no more progress, but listens), ``deaf`` (does not listen
either), ``crash`` (dies without a report), ``refuse`` (a report that only says why there is none).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from etpu_doctor.facts.smoke import SmokeModel, SmokeResult
from etpu_doctor.hotplug.wire import json_line
from etpu_doctor.report.report import Diagnosis, Report, ReportError, Source, Tool


def say(name: str, stage: str, runs: int) -> None:
    """One line of progress."""
    beat = {"event": "progress", "id": name, "stage": stage, "runs": runs, "of": 50, "median_ms": 2.5 + runs / 100}
    sys.stderr.write(json.dumps(beat) + "\n")
    sys.stderr.flush()


def report(results: tuple[SmokeResult, ...], error: ReportError | None = None) -> None:
    """The report on standard output."""
    diagnosis = Diagnosis(cause="unknown", confidence="certain", summary="x")
    made = Report(
        tool=Tool(version="0"),
        generated_at="x",
        source=Source(kind="live"),
        diagnosis=diagnosis,
        smoke=results,
        error=error,
    )
    sys.stdout.buffer.write(json_line(made))


def main() -> None:
    """Do it."""
    what, *names = sys.argv[1:]
    sys.stderr.write("a library prints something\n")
    for runs in (0, 10, 20):
        for name in names:
            say(name, "running" if runs else "opening", runs)
        time.sleep(0.02)
    if what == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if what in ("hang", "deaf"):
        time.sleep(600)
    if what == "crash":
        sys.stderr.write("Segmentation fault\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "refuse":
        report((), ReportError(code=2, kind="usage", message="There is no model to run"))
        return
    model = SmokeModel(name="m", size_bytes=1, sha256="0", checked_by="permutation")
    for name in names:
        say(name, "done", 50)
    good = {"verdict": "pass", "runs": 50, "median_ms": 2.5, "p95_ms": 2.7, "model": model}
    bad = {
        "verdict": "wrong-output",
        "cause": "hardware-defective",
        "reason": "byte 17 of output 0 is wrong",
        "runs": 3,
    }
    report(tuple(SmokeResult(id=name, **(bad if what == "fail" else good)) for name in names))  # type: ignore[arg-type] # two sets of fields


if __name__ == "__main__":
    main()
