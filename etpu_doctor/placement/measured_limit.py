"""What limits, as it was measured: the host's processor, or an Edge TPU whose time is full."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.placement.measured import MeasuredRow
from etpu_doctor.placement.plan import Limit

_FULL_PERCENT = 85.0

WORK = "scaling a picture of 1280x720 (plain NumPy) and the work on the outputs"


class OneProcess(msgspec.Struct, frozen=True, kw_only=True):
    """All models in one Python process: the percent of one processor that the work around their inferences takes.

    NumPy lets go of Python's lock for parts of some operations, and the runtimes during an inference.
    """

    percent: float | None = None
    is_at_least: bool = False

    @property
    def percent_text(self) -> str:
        """``12 %``, ``at least 12 %``."""
        return f"{'at least ' if self.is_at_least else ''}{self.percent or 0.0:.0f} %"

    @property
    def note(self) -> str | None:
        """As a sentence; ``None`` where nothing is known."""
        if self.percent is None:
            return None
        return (
            f"Measured is the inference alone. In one Python process, {WORK} would take {self.percent_text} of one "
            "processor at these rates, most of it under Python's lock."
        )


def one_process(rows: Sequence[MeasuredRow]) -> OneProcess:
    """What the models of these rows would need, at their measured rates."""
    ran = [row for row in rows if row.rate is not None]
    known = [row.rate * row.host_ms / 10 for row in ran if row.rate is not None and row.host_ms is not None]
    if not known:
        return OneProcess()
    return OneProcess(percent=round(sum(known), 1), is_at_least=any(row.host_unknown is not None for row in ran))


def measured_limit(rows: Sequence[MeasuredRow], whole: OneProcess) -> Limit | None:
    """The one thing that limits, by what was measured; ``None`` where that shows no limit."""
    if whole.percent is not None and whole.percent >= _FULL_PERCENT:
        return Limit(kind="host", text=_lock_text(whole))
    worst = max(rows, key=_excess, default=None)
    if worst is not None and _excess(worst) > 0:
        return Limit(kind="host", subject=worst.tpu, text=_period_text(worst))
    short = next((row for row in rows if row.is_reached is False), None)
    if short is not None:
        text = f"the Edge TPU {short.tpu}: its models are wanted more often than it has time for, as measured"
        return Limit(kind="edge-tpu", subject=short.tpu, text=text)
    return None


def _lock_text(whole: OneProcess) -> str:
    return (
        f"the host's CPU: in one Python process, {WORK} take {whole.percent_text} of one processor at the measured "
        "rates, most of it under Python's lock; one process a model, or one an Edge TPU, shares it out"
    )


def _excess(row: MeasuredRow) -> float:
    """By which part of the period inference and host work in turns exceed it; 0 where the inference alone does."""
    if row.wanted_rate is None or row.median_ms is None or row.host_ms is None:
        return 0.0
    period_ms = 1000 / row.wanted_rate
    return max(0.0, (row.median_ms + row.host_ms) / period_ms - 1) if row.median_ms <= period_ms else 0.0


def _period_text(row: MeasuredRow) -> str:
    return (
        f"the host's CPU: {row.model} is wanted every {1000 / (row.wanted_rate or 1.0):.1f} ms, and in turns its "
        f"inference ({row.median_ms:.1f} ms) and the work around it ({row.host_ms:.1f} ms: {WORK}) take longer; do "
        "that work in another process, or while the Edge TPU computes"
    )
