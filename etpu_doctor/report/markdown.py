"""The Markdown face: a report to post in a forum or a ticket.

Strings of devices and pastes stand in code spans, fences or escaped, so that none of them can be markup.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.report.escape import code_span, fence, for_markdown
from etpu_doctor.report.report import Report
from etpu_doctor.report.smoke import smoke_texts, tools_text
from etpu_doctor.report.tree import (
    delegate_text,
    error_text,
    fact_text,
    fit,
    ignored_text,
    place_text,
    source_text,
    speed_words,
    state_text,
    tree_lines,
    verdict,
)
from etpu_doctor.rules.finding import Command, Fact, Finding

_TREE_CELLS = 110
_TREE_LINES = 200


def render(report: Report) -> str:
    """The report as Markdown (CommonMark with GitHub's tables), ending with a newline."""
    if report.error is not None:
        return f"{for_markdown(error_text(report))}\n"
    word, sentence = verdict(report)
    lines = [f"## {word}: {for_markdown(sentence)}", "", for_markdown(source_text(report))]
    lines += [*_devices(report), *_tree(report), *_smoke(report)]
    for finding in report.findings:
        lines += _finding(finding)
    lines += _plan(report)
    return "\n".join([*lines, *_footer(report)]) + "\n"


def _devices(report: Report) -> Iterator[str]:
    if not report.edge_tpus:
        return
    places = place_text(report)
    yield from ("", "| Delegate | Device | Plugged into | Speed | State |", "|---|---|---|---|---|")
    for tpu in report.edge_tpus:
        later = tpu.delegate_device_after_firmware
        moves = later is not None and tpu.delegate_device is not None and later != tpu.delegate_device
        note = f" (after firmware load {code_span(later or '')})" if moves else ""
        speed, state = for_markdown(speed_words(tpu.speed_mbps)), for_markdown(state_text(tpu))
        place = for_markdown(places[tpu.id])
        yield f"| {code_span(delegate_text(tpu))}{note} | {code_span(tpu.id)} | {place} | {speed} | {state} |"


def _tree(report: Report) -> Iterator[str]:
    lines = [
        "".join(part.text for part in row).rstrip()
        for line in tree_lines(report, width=_TREE_CELLS, max_lines=_TREE_LINES)
        for row in fit(line, _TREE_CELLS)
    ]
    if lines:
        yield ""
        yield from fence(lines, "text")


def _smoke(report: Report) -> Iterator[str]:
    texts = smoke_texts(report)
    if texts:
        yield from ("", "### Smoke tests", "")
    for each in texts:
        yield f"- **{each.word}** {for_markdown(each.sentence)}"
        yield from (f"  - {for_markdown(line)}" for line in each.lines)
    with_what = tools_text(report)
    if with_what is not None:
        yield from ("", for_markdown(f"Tested with {with_what}"))


def _finding(finding: Finding) -> Iterator[str]:
    sure = "" if finding.confidence == "certain" else f", {finding.confidence}"
    yield from ("", f"### {finding.severity.upper()}: {for_markdown(finding.title)}", "")
    yield f"{code_span(finding.code)} {code_span(finding.rule)}{sure}"
    if finding.facts:
        yield ""
        yield from (f"- {_fact(fact)}" for fact in finding.facts)
    remedy = finding.remedy
    if remedy is None:
        return
    yield from ("", f"**What to do:** {for_markdown(remedy.summary)}")
    if remedy.steps:
        yield ""
        yield from (f"{number}. {for_markdown(step)}" for number, step in enumerate(remedy.steps, 1))
    for command in remedy.commands:
        yield from _command(command)


def _plan(report: Report) -> Iterator[str]:
    """Which model belongs on which Edge TPU, where models were given."""
    if report.plan is msgspec.UNSET:
        return
    from etpu_doctor.report.plan_brief import brief_in  # noqa: PLC0415 - only where there is a plan

    told = brief_in(report)
    yield from ("", "### Plan", "", f"{for_markdown(told.sentence)}.")
    if told.placed:
        yield from ("", "| Model | Edge TPU | To expect |", "|---|---|---|")
    for each in told.placed:
        yield f"| {code_span(each.model)} | {for_markdown(each.device)} | {for_markdown(each.forecast)} |"
    if told.limit:
        yield from ("", f"**What limits:** {for_markdown(told.limit)}")
    if told.left_out:
        yield ""
        yield from (f"- {for_markdown(text)}" for text in told.left_out)
    if told.command:
        yield from ("", "The code for it:", "")
        yield from fence([told.command], "sh")


def _fact(fact: Fact) -> str:
    text = for_markdown(fact_text(fact, with_origin=False))
    return f"{text} ({code_span(fact.where)})" if fact.where else text


def _command(command: Command) -> Iterator[str]:
    root = " (needs root)" if command.needs_root else ""
    yield from ("", f"{for_markdown(command.why)}{root}:", "")
    yield from fence([command.command], "sh")


def _footer(report: Report) -> Iterator[str]:
    source, tool = report.source, report.tool
    made_by = for_markdown(f"{tool.name} {tool.version}, {report.generated_at}")
    covers = for_markdown(", ".join(source.covers) or "nothing")
    yield from ("", "---", "", f"{made_by}; the evidence covers {covers}.")
    if source.missing:
        yield from ("", "Not in the evidence:", "")
        for each in source.missing:
            how = f" ({code_span(each.how)})" if each.how else ""
            yield f"- {for_markdown(each.what)}: {for_markdown(each.why)}{how}"
    ignored = ignored_text(report)
    if ignored:
        yield from ("", f"{for_markdown(ignored)}.")
