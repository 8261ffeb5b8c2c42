"""Smoke tests in words."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.smoke import SmokeModel, SmokeResult, SoakPoint, Together
from etpu_doctor.report import markdown, text
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report
from etpu_doctor.report.smoke import ms_text, smoke_texts, soak_rows, sparkline, tools_text
from tests.support.facts import evidence, root, tpu

MODEL = SmokeModel(name="split_concat", size_bytes=58504, sha256="f7", checked_by="permutation")
FIGURES = {
    "open_ms": 2412.5,
    "first_ms": 17.04,
    "median_ms": 2.6,
    "p95_ms": 3.1,
    "min_ms": 2.5,
    "max_ms": 9.9,
    "inferences_per_s": 380.4,
    "expected_ms": 0.372,
}


def result(**fields: Any) -> SmokeResult:
    """A pass of a stick, with figures."""
    known: dict[str, Any] = {
        "id": "2-1",
        "place": "root port 1 of bus 2",
        "delegate_device": "usb:0",
        "verdict": "pass",
        "runtime": "ai-edge-litert 2.3.0",
        "library": "/l/libedgetpu.so.1",
        "library_version": "libedgetpu 16.0",
        "model": MODEL,
        "runs": 50,
        **FIGURES,
    }
    return SmokeResult(**{**known, **fields})


def report(*results: SmokeResult) -> Report:
    """A report of a machine with a stick, after smoke tests."""
    return examine(msgspec.structs.replace(evidence(root(2), tpu("2-1")), smoke=results))


def lines(found: SmokeResult) -> str:
    """All that is said of a result."""
    (said,) = smoke_texts(report(found))
    return "\n".join([f"{said.word} {said.sentence}", *said.lines])


def test_a_pass_says_where_and_how_fast() -> None:
    """Verdict, string, place, runs, the check, and the figures with their spread."""
    assert lines(result()).splitlines() == [
        "PASS usb:0 = 2-1, root port 1 of bus 2: 50 runs, every output byte right",
        "opened in 2.41 s, first inference 17.0 ms",
        "then median 2.60 ms (p95 3.10 ms, 2.50 ms to 9.90 ms), 380/s, the link allows 0.37 ms (estimate)",
    ]


def test_firmware_is_told_apart() -> None:
    """How long a fresh stick took to become ready."""
    assert "(1.20 s until its firmware ran)" in lines(result(firmware_load_ms=1200.0))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"verdict": "slow", "cause": "usb2-link", "reason": "its link runs at 480 Mb/s"}, "SLOW"),
        ({"verdict": "wrong-output", "cause": "hardware-defective", "reason": "9 wrong bytes"}, "WRONG"),
        ({"verdict": "failed", "cause": "device-busy", "reason": "taken"}, "FAILED"),
        ({"verdict": "skipped", "cause": "device-busy", "reason": "held"}, "SKIPPED"),
    ],
)
def test_every_verdict_has_its_word_and_reason(fields: dict[str, Any], words: str) -> None:
    """Words carry the meaning; the reason stands beside them."""
    said = lines(result(**fields))
    assert said.startswith(words)
    assert fields["reason"] in said


def test_what_the_runtime_said_is_quoted_where_it_failed() -> None:
    """Not below a pass, where it is noise."""
    assert "said: F x.cc:1] died" in lines(result(verdict="failed", said=("F x.cc:1] died",)))
    assert "died" not in lines(result(said=("F x.cc:1] died",)))


def test_no_claim_without_enough_runs() -> None:
    """Too few runs: said instead of a figure."""
    few = result(runs=5, median_ms=None, p95_ms=None, min_ms=None, max_ms=None)
    assert "too few runs to say how fast" in lines(few)


def test_contention_is_told_beside_the_run_alone() -> None:
    """All at once, how much slower, and what they share."""
    together = Together(runs=50, median_ms=5.2, p95_ms=6.0, slowdown=2.0, shared=("usb2",))
    assert "all at once: median 5.20 ms (p95 6.00 ms), 2.00 x alone; shared: usb2" in lines(result(together=together))


def test_what_it_ran_with_is_said_once() -> None:
    """Model, runtime and library; nothing where nothing ran."""
    assert "split_concat with ai-edge-litert 2.3.0 and libedgetpu 16.0 (/l/libedgetpu.so.1)" == tools_text(
        report(result())
    )
    assert None is tools_text(report())


@pytest.mark.parametrize(("value", "words"), [(0.424, "0.42 ms"), (12.66, "12.7 ms"), (2412.5, "2.41 s")])
def test_times_have_three_figures(value: float, words: str) -> None:
    """In the unit that a person would use."""
    assert words == ms_text(value)


def test_a_soak_is_drawn_with_its_range() -> None:
    """Latency and, where there is a sensor, temperature."""
    points = tuple(SoakPoint(seconds=n, median_ms=2 + n, runs=100, temperature_c=60 + n) for n in range(3))
    latency, warmth = soak_rows(result(soak=points), 40, ascii_only=True)
    assert ("latency .+% 2.00 to 4.00 ms", "temperature .+% 60.00 to 62.00 C") == (latency, warmth)


def test_a_soak_of_a_stick_has_no_temperature() -> None:
    """USB sticks have no sensor."""
    points = (SoakPoint(seconds=1, median_ms=2, runs=100),)
    assert ["latency ▁ 2.00 to 2.00 ms"] == soak_rows(result(soak=points), 40, ascii_only=False)
    assert [] == soak_rows(result(), 40, ascii_only=False)


@given(st.lists(st.floats(0, 1e6), max_size=300), st.integers(8, 80), st.booleans())
def test_bars_fit(values: list[float], width: int, ascii_only: bool) -> None:
    """One bar a value, never more than the width, and no long soak hides its worst moment."""
    assert len(values) == len(sparkline(values, ascii_only=ascii_only))
    points = tuple(SoakPoint(seconds=n, median_ms=value, runs=1) for n, value in enumerate(values))
    rows = soak_rows(result(soak=points), width, ascii_only=ascii_only)
    assert bool(values) == bool(rows)
    if values:
        assert len(rows[0].split(" ")[1]) <= width or ascii_only
        assert f"to {max(values):.2f} ms" in rows[0]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("hostile", ["\x1b[31mred\x1b[0m", "a\u202eb", "[bold]x[/bold] `x` <b>"])
def test_nothing_of_a_runtime_reaches_a_terminal_or_markdown_raw(hostile: str, ascii_only: bool) -> None:
    """Control sequences, direction marks and markup come out as text."""
    failed = result(verdict="failed", cause="unknown", reason=hostile, said=(hostile,), place=hostile)
    stream = io.StringIO()
    text.render_smoke(report(failed), color="never", ascii_only=ascii_only, width=80, stream=stream)
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))
    assert all(line.isprintable() for line in markdown.render(report(failed)).split("\n"))
    assert "<b>" not in markdown.render(report(failed)).replace("`<b>`", "")


def test_the_smoke_face_shows_the_findings_that_came_of_it() -> None:
    """The finding of a failed test, and nothing about other things."""
    stream = io.StringIO()
    failed = result(verdict="failed", cause="device-busy", reason="taken")
    text.render_smoke(report(failed), color="never", ascii_only=True, width=80, stream=stream)
    assert "ETD903 device-busy" in stream.getvalue()
    assert "USB 3 bus" not in stream.getvalue()
