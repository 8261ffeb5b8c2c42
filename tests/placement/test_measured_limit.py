"""What limits, as it was measured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.measured import MeasuredRow
from etpu_doctor.placement.measured_limit import OneProcess, measured_limit, one_process


def row(rate: float | None = 100.0, host_ms: float | None = 2.0, **fields: Any) -> MeasuredRow:
    """A model that ran."""
    known = {"model": "a", "tpu": "2-1", "text": "", "median_ms": 3.0}
    return MeasuredRow(**{**known, "rate": rate, "host_ms": host_ms, **fields})


@given(st.lists(st.tuples(st.floats(0.1, 5000), st.floats(0.001, 50)), min_size=1, max_size=12))
def test_what_all_need_is_the_sum(models: list[tuple[float, float]]) -> None:
    """Milliseconds a second are tenths of a percent of a processor."""
    whole = one_process([row(rate, host_ms) for rate, host_ms in models])
    assert whole.percent == pytest.approx(sum(rate * host_ms for rate, host_ms in models) / 10, abs=0.06)
    assert not whole.is_at_least


def test_what_is_not_known_makes_it_at_least() -> None:
    """A model whose scaling is not known counts with what is known; one that did not run does not count."""
    whole = one_process([row(), row(host_ms=1.0, host_unknown="it has 3 inputs"), row(None, None, host_unknown="x")])
    assert OneProcess(percent=30.0, is_at_least=True) == whole
    assert "at least 30 %" in (whole.note or "")
    assert one_process([row(host_ms=None, host_unknown="MemoryError: ")]) == OneProcess()
    assert OneProcess().note is None


def test_a_known_sum_is_no_at_least() -> None:
    """The note says that the inference alone was measured, and what the rest would take."""
    note = one_process([row()]).note or ""
    assert "inference alone" in note
    assert "take 20 % of one processor" in note


def limit_of(*rows: MeasuredRow) -> tuple[str, str | None, str] | None:
    """What limits these."""
    found = measured_limit(rows, one_process(rows))
    return None if found is None else (found.kind, found.subject, found.text)


def test_a_full_processor_limits() -> None:
    """From 85 % of one processor on, and more processes are what helps."""
    assert limit_of(row(420.0)) is None
    found = limit_of(row(400.0), row(50.0, 1.0))
    assert found is not None
    assert ("host", None) == found[:2]
    assert "85 %" in found[2]
    assert "one process a model" in found[2]


def test_a_period_that_is_too_short_for_both_limits() -> None:
    """The inference alone has time, with the work around it it has not."""
    found = limit_of(row(), row(model="b", tpu="2-2", wanted_rate=220.0, rate=220.0, is_reached=True))
    assert found is not None
    assert ("host", "2-2") == found[:2]
    assert "b is wanted every 4.5 ms" in found[2]
    assert "(3.0 ms)" in found[2]
    assert "(2.0 ms" in found[2]
    assert limit_of(row(wanted_rate=190.0)) is None


def test_the_worst_is_named() -> None:
    """Of two whose periods are too short the one that lacks more."""
    found = limit_of(row(model="a", wanted_rate=220.0), row(model="b", wanted_rate=300.0))
    assert found is not None
    assert "b is wanted" in found[2]


def test_an_inference_that_is_too_slow_is_no_matter_of_the_host() -> None:
    """The Edge TPU is what limits where the inferences alone have no time."""
    found = limit_of(row(wanted_rate=500.0, rate=330.0, is_reached=False))
    assert found is not None
    assert ("edge-tpu", "2-1") == found[:2]


def test_nothing_limits_where_nothing_ran() -> None:
    """Rows without figures, and no rows."""
    assert limit_of(row(None, None, median_ms=None)) is None
    assert limit_of() is None
