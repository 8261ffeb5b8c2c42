"""What the workers measured of a plan, beside what was forecast."""

from __future__ import annotations

import msgspec

from etpu_doctor.placement.plan import Limit


class MeasuredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one Edge TPU; all figures are of the inference alone unless they say otherwise.

    ``None`` is what is not known; where it did not run, ``text`` says why. ``remarks`` are its other figures in words.

    * ``median_ms``, ``p95_ms`` (``None`` of fewer than 30 ``runs``), ``rate`` (inferences a second): while everything
      ran, models with a rate at theirs, the others as fast as they could. ``in_turns``: with others on the Edge TPU.
    * ``wanted_rate``, and whether it ``is_reached``; ``late_runs`` began 1 ms or more after they were due (at most
      ``most_late_ms``), ``missed_runs`` were due and never began.
    * ``switched_share``: the part of its inferences that followed a model of another token, and brought its parameters
      back; ``switched_ms`` is the median of these, ``kept_ms`` that of the others.
    * ``forecast_ms`` is for the same share of reloads, and leaves out what ``forecast_unknown`` names; ``ratio`` is
      what was measured, the two medians by their shares, divided by it.
    * ``host_ms``: milliseconds of a processor that Python needs around an inference: ``scaling_ms`` of a picture of
      1280x720 to the input (plain NumPy), ``outputs_ms`` of the work on the outputs. Without the scaling it is a part
      of it, and ``host_unknown`` says why.
    """

    model: str
    tpu: str
    text: str
    remarks: tuple[str, ...] = ()
    median_ms: float | None = None
    p95_ms: float | None = None
    rate: float | None = None
    in_turns: bool = False
    runs: int = 0
    outputs_differ: bool = False
    wanted_rate: float | None = None
    is_reached: bool | None = None
    late_runs: int | None = None
    missed_runs: int | None = None
    most_late_ms: float | None = None
    switched_share: float | None = None
    switched_ms: float | None = None
    kept_ms: float | None = None
    forecast_ms: float | None = None
    forecast_unknown: tuple[str, ...] = ()
    ratio: float | None = None
    host_ms: float | None = None
    scaling_ms: float | None = None
    outputs_ms: float | None = None
    host_unknown: str | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the whole plan.

    * ``host_busy_percent`` is of all the host's processors meanwhile, where that is known.
    * ``one_process_percent``: what Python's work around the inferences would need of one processor, were all models in
      one process at their measured rates, most of it under Python's lock. ``one_process_is_at_least``: of some models a
      part of it is not known.
    * ``limit``: what limits by these figures, in place of what was forecast; ``None`` where they show no limit.
    """

    seconds: float
    rows: tuple[MeasuredRow, ...]
    host_busy_percent: float | None = None
    host_processors: int | None = None
    one_process_percent: float | None = None
    one_process_is_at_least: bool = False
    limit: Limit | None = None
    notes: tuple[str, ...] = ()
