"""Latencies of a run that may last for hours, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec

MINIMUM_RUNS = 30
"""Fewer runs say nothing about speed."""

KEPT = 100_000

_PERCENT = 95


class Sample:
    """A series of numbers of which every ``stride``-th is kept; ``count`` and ``total`` are of all."""

    def __init__(self, kept: int = KEPT) -> None:
        self.count = 0
        self.total = 0.0
        self.stride = 1
        self._kept = kept
        self._values = array("d")

    def add(self, values: Iterable[float]) -> None:
        """Take numbers in their order."""
        for value in values:
            if self.count % self.stride == 0:
                self._values.append(value)
            self.count += 1
            self.total += value
            if len(self._values) >= 2 * self._kept:
                self._values = self._values[::2]
                self.stride *= 2

    @property
    def values(self) -> Sequence[float]:
        """What was kept, in order."""
        return self._values


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a series of inferences, in milliseconds."""

    median_ms: float
    p95_ms: float
    min_ms: float
    max_ms: float


def latency_of(values_ms: Sequence[float]) -> Latency | None:
    """Median, 95th percentile (nearest rank) and range; ``None`` of fewer than ``MINIMUM_RUNS`` values."""
    if len(values_ms) < MINIMUM_RUNS:
        return None
    ordered = sorted(values_ms)
    rank = -(-len(ordered) * _PERCENT // 100) - 1
    return Latency(median_ms=median(ordered), p95_ms=ordered[rank], min_ms=ordered[0], max_ms=ordered[-1])


def median(ordered: Sequence[float]) -> float:
    """The median of sorted numbers, of which there is one at least."""
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
