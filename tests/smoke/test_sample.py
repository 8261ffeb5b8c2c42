"""Latencies and their figures."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.smoke.sample import MINIMUM_RUNS, Sample, latency_of, median

times = st.floats(min_value=0.001, max_value=1e6, allow_nan=False)


@given(st.lists(times, min_size=MINIMUM_RUNS, max_size=200))
def test_figures_are_those_of_the_series(values: list[float]) -> None:
    """Median as the standard library has it; the 95th percentile is a value that at most 5 % exceed."""
    latency = latency_of(values)
    assert latency is not None
    assert statistics.median(values) == pytest.approx(latency.median_ms)
    assert (min(values), max(values)) == (latency.min_ms, latency.max_ms)
    assert latency.p95_ms in values
    assert sum(value > latency.p95_ms for value in values) <= 0.05 * len(values)


@given(st.lists(times, max_size=MINIMUM_RUNS - 1))
def test_too_few_runs_say_nothing(values: list[float]) -> None:
    """No claim is made from fewer than thirty runs."""
    assert latency_of(values) is None


@given(st.lists(times, max_size=400), st.integers(1, 20))
def test_a_sample_stays_small_and_keeps_its_count(values: list[float], kept: int) -> None:
    """Every stride-th value is kept, never more than twice the limit; count and total are of all."""
    sample = Sample(kept)
    sample.add(values)
    assert len(values) == sample.count
    assert sum(values) == pytest.approx(sample.total)
    assert values[:: sample.stride] == list(sample.values)
    assert len(sample.values) < 2 * kept


@given(st.lists(times, min_size=1, max_size=50))
def test_the_median_is_the_middle(values: list[float]) -> None:
    """Of sorted values, odd or even in number."""
    assert statistics.median(values) == pytest.approx(median(sorted(values)))
