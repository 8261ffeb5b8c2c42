"""The reply face: Markdown that can be posted in the thread as it is. Verdict, evidence, steps, what to run next.

Everything that comes from the thread stands in code spans, fences or escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etpu_doctor.report.escape import code_span, fence, for_markdown
from etpu_doctor.report.report import Report
from etpu_doctor.report.tree import error_text, fit, place_text, speed_words, state_text, tree_lines
from etpu_doctor.rules.finding import Command, Fact, Finding

_TREE_CELLS = 100
_TREE_LINES = 60
_FURTHER_LIMIT = 4

_SURE = {"certain": "", "likely": " (likely)", "possible": " (a guess)"}


def render(report: Report) -> str:
    """The reply as Markdown (CommonMark with GitHub's tables), ending with a newline."""
    if report.error is not None:
        return f"{for_markdown(error_text(report))}\n"
    lines = [*_verdict(report), *_devices(report)]
    main = next((finding for finding in report.findings if finding.rule == report.diagnosis.cause), None)
    if main is not None and main.severity in ("error", "warning"):
        lines += [*_evidence(main), *_steps(main, report.diagnosis.next_evidence)]
    lines += [*_further(report), *_next(report)]
    note = f"Read by {report.tool.name} {report.tool.version}; line numbers are those of the text that was pasted."
    return "\n".join([*lines, "", f"<sub>{for_markdown(note)}</sub>"]) + "\n"


def _verdict(report: Report) -> Iterator[str]:
    diagnosis = report.diagnosis
    sure = "" if diagnosis.cause in ("healthy", "unknown") else _SURE[diagnosis.confidence]
    yield f"**{for_markdown(diagnosis.summary)}.**"
    yield ""
    word = "Verdict" if diagnosis.cause in ("healthy", "unknown") else "Cause"
    yield f"{word}: {code_span(diagnosis.cause)}{sure}"
    others = [cause.cause for cause in diagnosis.ranked[1:]]
    if others:
        yield f"Also possible or also there: {', '.join(map(code_span, others[:_FURTHER_LIMIT]))}"


def _devices(report: Report) -> Iterator[str]:
    if not report.edge_tpus:
        return
    places = place_text(report)
    yield from ("", "| Edge TPU | Plugged into | Speed | State |", "|---|---|---|---|")
    for tpu in report.edge_tpus:
        cells = (places[tpu.id], speed_words(tpu.speed_mbps), state_text(tpu))
        yield f"| {code_span(tpu.id)} | {' | '.join(map(for_markdown, cells))} |"
    lines = [
        "".join(part.text for part in row).rstrip()
        for line in tree_lines(report, width=_TREE_CELLS, max_lines=_TREE_LINES)
        for row in fit(line, _TREE_CELLS)
    ]
    if len(lines) > 1:
        yield ""
        yield from fence(lines, "text")


def _evidence(finding: Finding) -> Iterator[str]:
    facts = [fact for fact in finding.facts if fact.value is not None]
    if not facts:
        return
    yield from ("", "### What shows it", "")
    files = {fact.where.rpartition(":")[0] for fact in facts if fact.where}
    for fact in facts:
        unit = f" {fact.unit}" if fact.unit else ""
        where = _where(fact, several=len(files) > 1)
        yield f"- {for_markdown(fact.name)}: {code_span(f'{fact.value}{unit}')}{where}"


def _where(fact: Fact, *, several: bool) -> str:
    """The line, unless the name of the fact says it already; the file where there is more than one."""
    file, _, number = (fact.where or "").rpartition(":")
    if not number:
        return ""
    if fact.name.endswith(f"line {number}"):
        return f" ({code_span(file)})" if several else ""
    return f" ({code_span(file)}, line {number})" if several else f" (line {number})"


def _steps(finding: Finding, asked: Sequence[Command]) -> Iterator[str]:
    """The remedy, without the commands that are asked for at the end."""
    remedy = finding.remedy
    if remedy is None:
        return
    yield from ("", "### What to do", "", for_markdown(remedy.summary))
    if remedy.steps:
        yield ""
        yield from (f"{number}. {for_markdown(step)}" for number, step in enumerate(remedy.steps, 1))
    known = {command.command for command in asked}
    yield from _commands([command for command in remedy.commands if command.command not in known])


def _further(report: Report) -> Iterator[str]:
    loud = (finding for finding in report.findings if finding.severity in ("error", "warning"))
    others = [finding for finding in loud if finding.rule != report.diagnosis.cause]
    if others:
        yield from ("", "### Also seen", "")
        for finding in others[:_FURTHER_LIMIT]:
            yield f"- {for_markdown(finding.title)} ({code_span(finding.code)})"


def _next(report: Report) -> Iterator[str]:
    commands = report.diagnosis.next_evidence
    if not commands:
        return
    yield from ("", "### What would decide", "", "Please run this and post what it prints:")
    yield from _commands(commands)


def _commands(commands: Sequence[Command]) -> Iterator[str]:
    """One block to copy, with what each command is for above it."""
    if not commands:
        return
    lines = []
    for command in commands:
        root = " (needs root)" if command.needs_root and not command.command.startswith("sudo ") else ""
        lines += [f"# {command.why or 'shows more'}{root}", command.command]
    yield ""
    yield from fence(lines, "sh")
