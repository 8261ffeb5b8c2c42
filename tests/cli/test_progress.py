"""Progress of smoke tests on standard error."""

from __future__ import annotations

import io
import json
import sys

import pytest

from etpu_doctor.cli.progress import watching
from etpu_doctor.facts.smoke_progress import Progress

STEPS = (
    Progress(id="2-1", stage="opening", of=50),
    Progress(id="2-2", stage="opening", of=50),
    Progress(id="2-1", stage="running", of=50, runs=25, median_ms=2.6),
    Progress(id="2-1", stage="done", of=50, runs=50),
)


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


def said(choice: str, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *steps: Progress) -> str:
    """What is printed on the way."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with watching(choice) as watch:
        for step in steps:
            watch(step)
    return stream.getvalue()


def test_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """One object a line, each with the device and its stage."""
    lines = [json.loads(line) for line in said("json", io.StringIO(), monkeypatch, *STEPS).splitlines()]
    assert [(step.id, step.stage) for step in STEPS] == [(line["id"], line["stage"]) for line in lines]
    assert {"progress"} == {line["event"] for line in lines}
    assert (25, 2.6) == (lines[2]["runs"], lines[2]["median_ms"])


@pytest.mark.parametrize("choice", ["bar", "auto"])
def test_bars_on_a_terminal(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar for each Edge TPU with its stage."""
    printed = said(choice, Terminal(), monkeypatch, *STEPS)
    assert "2-1" in printed
    assert "2-2" in printed
    assert "opening" in printed


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_nothing_where_nobody_looks(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets no bars."""
    assert "" == said(choice, io.StringIO(), monkeypatch, *STEPS)


def test_no_terminal_code_of_a_name_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids come from sysfs and pastes."""
    printed = said("bar", Terminal(), monkeypatch, Progress(id="2-1\x1b]0;x\x07", stage="opening", of=5))
    assert "\x1b]0;x" not in printed
