"""What the workers measured of a plan, beside what was forecast."""

from __future__ import annotations

import msgspec


class MeasuredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one Edge TPU.

    ``median_ms``, ``p95_ms`` and ``rate`` are those while everything ran, each as fast as it can; ``None`` where it did
    not run, and then ``text`` says why. Models that share an Edge TPU took turns (``in_turns``), and a latency includes
    the reload of parameters, if any. ``forecast_ms`` is for the same, and leaves out what ``forecast_unknown`` names;
    ``ratio`` is the measured latency divided by it.
    """

    model: str
    tpu: str
    text: str
    median_ms: float | None = None
    p95_ms: float | None = None
    rate: float | None = None
    in_turns: bool = False
    runs: int = 0
    outputs_differ: bool = False
    forecast_ms: float | None = None
    forecast_unknown: tuple[str, ...] = ()
    ratio: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the whole plan; ``host_busy_percent`` is of all the host's processors meanwhile, where that is known."""

    seconds: float
    rows: tuple[MeasuredRow, ...]
    host_busy_percent: float | None = None
    host_processors: int | None = None
    notes: tuple[str, ...] = ()
