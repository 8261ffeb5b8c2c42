"""Smoke tests in words, for every face that shows them to a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from etpu_doctor.facts.smoke import SmokeResult, SoakPoint
from etpu_doctor.report.report import Report

VERDICT_WORDS = {
    "pass": "PASS",
    "slow": "SLOW",
    "wrong-output": "WRONG",
    "failed": "FAILED",
    "skipped": "SKIPPED",
}

_CHECKS = {
    "permutation": "every output byte right",
    "reference": "outputs as on the CPU",
    "repetition": "same inputs, same outputs",
}
_BARS = " ▁▂▃▄▅▆▇█"
_ASCII_BARS = " .:-=+*#%"


class SmokeText(NamedTuple):
    """One Edge TPU's smoke test: the verdict as a word, the sentence beside it, and further lines."""

    word: str
    sentence: str
    lines: tuple[str, ...]


def smoke_texts(report: Report) -> list[SmokeText]:
    """The smoke tests of a report in words; none if none ran."""
    return [SmokeText(VERDICT_WORDS[each.verdict], _sentence(each), tuple(_lines(each))) for each in report.smoke]


def tools_text(report: Report) -> str | None:
    """With what the tests ran, in a sentence; ``None`` if none came so far."""
    for each in report.smoke:
        ran = each.verdict != "skipped" and each.phase != "start"
        if ran and each.runtime is not None and each.model is not None:
            library = f"{each.library_version or 'libedgetpu'} ({each.library})"
            return f"{each.model.name} with {each.runtime} and {library}"
    return None


def ms_text(value: float) -> str:
    """``0.42 ms``, ``12.7 ms``, ``2.41 s``."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms"


def _sentence(result: SmokeResult) -> str:
    name = f"{result.delegate_device} = {result.id}" if result.delegate_device else result.id
    place = f", {result.place}" if result.place else ""
    return f"{name}{place}: {_outcome(result)}"


def _outcome(result: SmokeResult) -> str:
    if result.verdict in ("pass", "slow") and result.model is not None:
        checked = f"{result.runs} runs, {_CHECKS[result.model.checked_by]}"
        return f"{checked}, but {result.reason}" if result.verdict == "slow" and result.reason else checked
    cause = f" [{result.cause}]" if result.cause not in (None, "unknown") else ""
    return f"{result.reason or 'no reason known'}{cause}"


def _lines(result: SmokeResult) -> Iterator[str]:
    times = list(_times(result))
    if times:
        yield ", ".join(times)
    latency = list(_latency(result))
    if latency:
        yield ", ".join(latency)
    if result.together is not None:
        yield _together(result)
    for line in result.said if result.verdict in ("failed", "wrong-output") else ():
        yield f"said: {line}"
    if result.clock_stepped_down:
        yield "its clock stepped down meanwhile: it is hot"


def _times(result: SmokeResult) -> Iterator[str]:
    if result.open_ms is not None:
        firmware = result.firmware_load_ms
        yield f"opened in {ms_text(result.open_ms)}" + (
            f" ({ms_text(firmware)} until its firmware ran)" if firmware is not None else ""
        )
    if result.first_ms is not None:
        yield f"first inference {ms_text(result.first_ms)}"


def _latency(result: SmokeResult) -> Iterator[str]:
    if result.median_ms is None:
        if result.runs > 1 and result.verdict == "pass":
            yield "too few runs to say how fast"
        return
    spread = [f"p95 {ms_text(result.p95_ms)}"] if result.p95_ms is not None else []
    if result.min_ms is not None and result.max_ms is not None:
        spread.append(f"{ms_text(result.min_ms)} to {ms_text(result.max_ms)}")
    yield f"then median {ms_text(result.median_ms)} ({', '.join(spread)})"
    if result.inferences_per_s is not None:
        yield f"{result.inferences_per_s:.0f}/s"
    if result.expected_ms is not None:
        yield f"the link allows {ms_text(result.expected_ms)} (estimate)"


def _together(result: SmokeResult) -> str:
    together = result.together
    if together is None:
        return ""
    slower = f", {together.slowdown:.2f} x alone" if together.slowdown is not None else ""
    shared = f"; shared: {', '.join(together.shared)}" if together.shared else ""
    return f"all at once: median {ms_text(together.median_ms)} (p95 {ms_text(together.p95_ms)}){slower}{shared}"


def soak_rows(result: SmokeResult, width: int, *, ascii_only: bool) -> list[str]:
    """A soak as two rows of bars, latency and temperature, each with its range; none if there was no soak."""
    points = _thinned(result.soak, max(8, width))
    if not points:
        return []
    rows = [_row("latency", [point.median_ms for point in points], "ms", ascii_only=ascii_only)]
    warmth = [point.temperature_c for point in points]
    known = [value for value in warmth if value is not None]
    if known and len(known) == len(points):
        rows.append(_row("temperature", known, "°C" if not ascii_only else "C", ascii_only=ascii_only))
    return rows


def _row(name: str, values: list[float], unit: str, *, ascii_only: bool) -> str:
    bars = sparkline(values, ascii_only=ascii_only)
    return f"{name} {bars} {min(values):.2f} to {max(values):.2f} {unit}"


def sparkline(values: list[float], *, ascii_only: bool = False) -> str:
    """One character a value, from the lowest to the highest of them."""
    marks = _ASCII_BARS if ascii_only else _BARS
    low, high = min(values, default=0.0), max(values, default=0.0)
    steps = len(marks) - 2
    if high <= low:
        return marks[1] * len(values)
    return "".join(marks[1 + round((value - low) / (high - low) * steps)] for value in values)


def _thinned(points: tuple[SoakPoint, ...], most: int) -> list[SoakPoint]:
    """At most so many points, evenly spread, the worst of each stretch."""
    if len(points) <= most:
        return list(points)
    stretch = len(points) / most
    parts = (points[int(index * stretch) : int((index + 1) * stretch)] for index in range(most))
    return [max(part, key=lambda point: point.median_ms) for part in parts if part]
