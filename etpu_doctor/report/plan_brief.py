"""A plan in a few lines, for the faces in which it is one part of many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from etpu_doctor.evidence.errors import shown
from etpu_doctor.report.plan import (
    BASIS_WORDS,
    ModelRow,
    Number,
    PlacedRow,
    PlanReport,
    latency_text,
    rate_text,
    verdict_text,
)
from etpu_doctor.report.report import Report

_WORSE = 1.05
"""From this factor on it is worth a word that a model is faster alone."""

_MISSED = 0.99
"""Below this part of a wanted rate it is missed, and not only rounded."""

# What ``remedies.quoting.shell`` makes: quotes may stand anywhere in a word.
_SHELL_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")


class PlacedText(NamedTuple):
    """A model's place in words: the model, its Edge TPU with its physical place, what to expect."""

    model: str
    device: str
    forecast: str


class Brief(NamedTuple):
    """The verdict; each model's place; the limit, where there is one; what was left out and why; the command."""

    sentence: str
    placed: tuple[PlacedText, ...]
    limit: str | None
    left_out: tuple[str, ...]
    command: str | None


def brief(plan: PlanReport, report: Report) -> Brief:
    """A plan in a few lines, its Edge TPUs named as in the report. No text in it is fit for a terminal yet."""
    return Brief(
        sentence=verdict_text(plan),
        placed=tuple(
            PlacedText(row.model, _device(row, plan, report), _forecast(row, plan)) for row in plan.assignment
        ),
        limit=plan.limit.text if plan.assignment else None,
        left_out=tuple(_left_out(plan)),
        command=plan.command,
    )


def brief_in(report: Report) -> Brief:
    """The plan that a report carries, in a few lines."""
    return brief(msgspec.convert(report.plan, PlanReport), report)


def _device(row: PlacedRow, plan: PlanReport, report: Report) -> str:
    """``usb:0 = 2-1, root port 1 of bus 2``, with the number of now where a stick has no firmware yet."""
    planned = next(tpu for tpu in plan.edge_tpus if tpu.id == row.tpu)
    string = planned.delegate_device or f"{planned.transport}:?"
    now = next((tpu.delegate_device for tpu in report.edge_tpus if tpu.id == row.tpu), None)
    later = f" (now {now}, before its firmware load)" if now is not None and now != string else ""
    return f"{string}{later} = {row.tpu}, {planned.place}"


def _forecast(row: PlacedRow, plan: PlanReport) -> str:
    model = next(model for model in plan.models if model.name == row.model)
    parts = [latency_text(row.latency_together_ms), f"{rate_text(row.rate_together)}{_missed(row, model)}"]
    if _is_worse(row.latency_together_ms, row.latency_ms):
        parts.append(f"alone {latency_text(row.latency_ms)}")
    return f"{', '.join(parts)}; {BASIS_WORDS[row.latency_ms.basis]}"


def _missed(row: PlacedRow, model: ModelRow) -> str:
    rate, wanted = row.rate_together.value, model.wanted_rate
    return f", where {wanted:g}/s are wanted" if rate and wanted and rate < wanted * _MISSED else ""


def _is_worse(together: Number, alone: Number) -> bool:
    return bool(together.value and alone.value and together.value > alone.value * _WORSE)


def _left_out(plan: PlanReport) -> Iterator[str]:
    for each in plan.unplaced:
        yield f"{shown(each.model)} has no place: {each.why}"
    for left in plan.left_out:
        yield f"Edge TPU {left.id} gets no model: {left.why}"


def command_lines(command: str, width: int) -> list[str]:
    """A command in lines that a shell puts together again; a word that is wider than ``width`` stays whole."""
    lines: list[str] = []
    for word in _SHELL_WORD.findall(command):
        # Room for the backslash, which the last line does not need: one command has one way of looking.
        if lines and len(lines[-1]) + 1 + len(word) + 2 <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return [*(f"{line} \\" for line in lines[:-1]), *lines[-1:]]
