"""From what workers reported to rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.measured import MeasuredRow
from etpu_doctor.placement.measured_rows import Part, not_measured, rows_of
from etpu_doctor.placement.plan import make_plan
from etpu_doctor.placement.profile import Profile
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.jobs import Figures, HostWork, Turn
from etpu_doctor.smoke.trial import Trial
from tests.support.plans import places, profile
from tests.support.smoke import ended, failed, progress, trial_of

WORK = HostWork(scaling_ms=1.5, outputs_ms=0.25)


def parts_of(*profiles: Profile, spec: str = "usb3") -> list[Part]:
    """Models on the Edge TPUs of a description, as they were planned."""
    sites = places(spec)
    plan = make_plan(sites, profiles)
    tpus = {site.id: site.tpu for site in sites.sites}
    known = {each.label: each for each in profiles}
    return [Part(placement=each, profile=known[each.model], tpu=tpus[each.tpu]) for each in plan.placements]


def trial(*turns: Turn, works: tuple[HostWork, ...] | None = None, elapsed_ms: float = 1000) -> Trial:
    """A run that came to its good end."""
    done = jobs.Done(task=1, at_seconds=0, round=1, runs=1, elapsed_ms=elapsed_ms, compared_runs=1, outputs=())
    told = [jobs.Turns(task=1, at_seconds=0, round=1, turns=turns)] if turns else []
    host = [jobs.Host(task=1, at_seconds=0, works=works)] if works is not None else []
    return trial_of(*told, done, *host, ended())


def turn(runs: int = 100, ms: float = 5.0, **fields: Any) -> Turn:
    """What a model did that had no switches."""
    figures = Figures(median_ms=ms, p95_ms=ms + 1)
    return Turn(**{"model": "/m", "runs": runs, "latency": figures, "kept": figures, **fields})


def row_of(one: Turn, rate: float | None = None, **parts: int) -> MeasuredRow:
    """The row of a model that is alone."""
    (row,) = rows_of(parts_of(profile("a", rate, **parts)), trial(one, works=(WORK,)))
    return row


def test_a_model_alone_tells_its_latencies_one_by_one() -> None:
    """Flat out: the rate is what was made in the time, and the worker needs no summary."""
    run = trial(works=(WORK,))
    run.rounds[0].latencies_ms.add(progress(*[4.0] * 38, 9.0, 9.0).latencies_ms)
    (row,) = rows_of(parts_of(profile("a")), run)
    assert (4.0, 4.0, 40.0, 40, False) == (row.median_ms, row.p95_ms, row.rate, row.runs, row.in_turns)
    assert (None, None, None) == (row.wanted_rate, row.is_reached, row.late_runs)
    assert "40/s" in row.text
    assert (1.75, 1.5, 0.25, None) == (row.host_ms, row.scaling_ms, row.outputs_ms, row.host_unknown)


def test_few_runs_have_no_95th_percentile() -> None:
    """Fewer than thirty say nothing of one in twenty."""
    assert row_of(turn(29)).p95_ms is None
    assert 6.0 == row_of(turn(30)).p95_ms
    assert "(1 run)" in row_of(turn(1)).text


@pytest.mark.parametrize(
    ("runs", "missed", "reached", "rate"),
    [(50, 0, True, 10.0), (199, 1, True, 9.95), (49, 1, False, 9.8), (5, 45, False, 1.0)],
)
def test_a_rate_is_what_was_served_of_what_was_due(runs: int, missed: int, reached: bool, rate: float) -> None:
    """The time does not end with a whole period, and so is not what to divide by."""
    row = row_of(turn(runs, missed_runs=missed), rate=10)
    assert (10, reached, rate, missed) == (row.wanted_rate, row.is_reached, row.rate, row.missed_runs)
    (remark,) = [each for each in row.remarks if "wanted" in each]
    assert (f"{missed} of {runs + missed} left out" in remark) == bool(missed)
    assert ("not reached" in remark) != reached


def test_late_ones_are_told() -> None:
    """How many began late, and by how much at most; one in a hundred is not worth a word."""
    row = row_of(turn(100, late_runs=12, most_late_ms=3.25), rate=10)
    assert any("12 of 100 began late, by 3.2 ms at most" in remark for remark in row.remarks)
    few = row_of(turn(100, late_runs=1, most_late_ms=3.25), rate=10)
    assert not any("late" in remark for remark in few.remarks)
    assert 1 == few.late_runs


def test_the_forecast_has_as_many_reloads_as_there_were() -> None:
    """A quarter of its inferences followed another token: it stands beside a quarter of a reload."""
    models = [profile("a", 10, cached=3_500_000, cycles=1_000_000), profile("b", 40, token=2, cached=3_500_000)]
    parts = parts_of(*models)
    reload_ms = parts[0].placement.share.reload_ms
    alone_ms = parts[0].placement.share.alone.ms
    assert reload_ms is not None
    assert alone_ms is not None
    quarter = turn(
        latency=Figures(median_ms=3.0, p95_ms=13.0),
        kept=Figures(median_ms=3.0, p95_ms=4.0),
        switched=Figures(median_ms=13.0, p95_ms=14.0),
        switched_runs=25,
    )
    row, other = rows_of(parts, trial(quarter, turn(), works=(WORK, WORK)))
    assert (0.25, 13.0, 3.0) == (row.switched_share, row.switched_ms, row.kept_ms)
    assert row.forecast_ms == pytest.approx(alone_ms + reload_ms / 4, abs=0.001)
    assert row.ratio == pytest.approx(5.5 / (alone_ms + reload_ms / 4), abs=0.001)
    assert any("25%" in remark for remark in row.remarks)
    assert other.forecast_ms == pytest.approx(parts[1].placement.share.alone.ms, abs=0.001)
    assert row.in_turns


def test_a_full_link_draws_the_forecast_out() -> None:
    """Two behind one uplink that both fill: what is forecast is what each has of it."""
    parts = parts_of(profile("a", streamed=7_000_000), profile("b", streamed=7_000_000), spec="hub(usb3 usb3)")
    share = parts[0].placement.share
    assert share.ms is not None
    assert share.alone.ms is not None
    assert share.ms > share.alone.ms * 1.5
    (row,) = rows_of(parts[:1], trial(turn(), works=(WORK,)))
    assert row.forecast_ms == pytest.approx(share.ms, abs=0.001)


def test_an_unknown_part_of_the_forecast_stays_unknown() -> None:
    """Without the chip's computing it is a least, and said to be one."""
    row = row_of(turn())
    assert ("compute",) == row.forecast_unknown
    assert "at least" in row.text


def test_outputs_that_differ_are_told() -> None:
    """Of any of its runs."""
    row = row_of(turn(wrong_runs=1))
    assert row.outputs_differ
    assert any("etpu-doctor smoke" in remark for remark in row.remarks)


@pytest.mark.parametrize(
    ("work", "host_ms", "unknown", "words"),
    [
        (WORK, 1.75, None, "1.75 ms of a processor (1.50 ms to scale a picture, 0.25 ms for the outputs)"),
        (
            HostWork(outputs_ms=0.25, no_scaling_because="it has 3 inputs"),
            0.25,
            "it has 3 inputs",
            "0.25 ms for the outputs; it has 3 inputs",
        ),
        (HostWork(failed_because="MemoryError: "), None, "MemoryError: ", "not measured: MemoryError"),
    ],
)
def test_the_work_around_is_told(work: HostWork, host_ms: float | None, unknown: str | None, words: str) -> None:
    """What is not known has its reason, and is no 0."""
    (row,) = rows_of(parts_of(profile("a")), trial(turn(), works=(work,)))
    assert (host_ms, unknown) == (row.host_ms, row.host_unknown)
    assert any(words in remark for remark in row.remarks)


def test_work_that_was_not_timed_is_not_known() -> None:
    """A trial without it still has its figures."""
    (row,) = rows_of(parts_of(profile("a")), trial(turn()))
    assert (None, "it was not timed") == (row.host_ms, row.host_unknown)
    assert 5.0 == row.median_ms


def test_a_model_that_never_had_its_turn() -> None:
    """The others took all the time; that is said, and the others are measured."""
    parts = parts_of(profile("a", 100), profile("b", token=2))
    first, second = rows_of(parts, trial(turn(), turn(0, latency=None, kept=None), works=(WORK, WORK)))
    assert first.median_ms is not None
    assert second.median_ms is None
    assert "left no time" in second.text


def test_a_trial_that_failed_is_no_measurement() -> None:
    """All on that Edge TPU get its reason."""
    parts = parts_of(profile("a"), profile("b"))
    rows = list(rows_of(parts, failed("invoke", signal="SIGSEGV")))
    assert ["a", "b"] == [row.model for row in rows]
    assert all(row.text.startswith("not measured: ") and row.median_ms is None for row in rows)


def test_what_was_not_run_says_why() -> None:
    """In its text."""
    (part,) = parts_of(profile("a"))
    row = not_measured(part, "because")
    assert ("a", part.tpu.id, "not measured: because", None) == (row.model, row.tpu, row.text, row.rate)


@given(
    st.integers(1, 10_000),
    st.integers(0, 10_000),
    st.floats(0.001, 1e6),
    st.floats(0.01, 1e4),
)
def test_any_figures_make_a_row(runs: int, missed: int, rate: float, ms: float) -> None:
    """What was achieved is never more than what was wanted."""
    row = row_of(turn(runs, ms, missed_runs=missed), rate=rate)
    assert row.rate is not None
    assert row.rate <= rate * 1.01 + 0.05
    assert row.is_reached == (runs / (runs + missed) >= 0.99)
    assert row.text
