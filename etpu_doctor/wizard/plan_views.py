"""What the plan looks like, for both faces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.takeaway import code_name
from etpu_doctor.wizard.views import Row, Span, Style, clean, heading, paragraph

if TYPE_CHECKING:  # placement is imported only where models are given
    from etpu_doctor.report.plan import PlanReport

ASK = "Compiled models (.tflite), as a shell would take them"

_ABOUT = (
    "Name the compiled models (.tflite) that are to run here: this says which Edge TPU each of them belongs on, what "
    "speed to expect, what limits it, and gives the code that does it."
)
_IS_OF_BEFORE = "The devices changed: the plan is made anew."


def summary_rows(session: Session, style: Style) -> Iterator[Row]:
    """The plan in a few lines; where there is none, why."""
    plan = _state_of(session)
    if isinstance(plan, str):
        yield from paragraph(plan, style, role="quiet")
        return
    from etpu_doctor.report.plan_brief import brief  # noqa: PLC0415 - only where there is a plan

    told = brief(plan, session.now.report)
    yield heading("The plan", style)
    yield from paragraph(_noted(session, told.sentence), style)
    for each in told.placed:
        yield from paragraph(session.labelled(f"{each.model} -> {each.device}: {each.forecast}"), style, mark="- ")
    if told.limit:
        yield from paragraph(session.labelled(told.limit), style, mark="limit  ")
    for text in told.left_out:
        yield from paragraph(session.labelled(text), style, mark="out    ", role="WARNING")


def plan_rows(session: Session, style: Style) -> Iterator[Row]:
    """The whole plan without its code; where there is none, why."""
    plan = _state_of(session)
    if isinstance(plan, str):
        yield from paragraph(plan, style, role="quiet")
        return
    from etpu_doctor.report.plan import COMMAND_DEPTH, sections, verdict_text  # noqa: PLC0415 - only where there is a plan

    yield from paragraph(_noted(session, verdict_text(plan)), style, role="heading")
    for title, rows in sections(plan):
        yield ()
        yield heading(title, style)
        for depth, text in rows:
            if depth == COMMAND_DEPTH:
                yield (Span("  $ "), Span(clean(text, style), "command"))
            else:
                mark = "- " if depth == 1 else "  "
                yield from paragraph(session.labelled(text), style, mark=mark, role="" if depth == 1 else "quiet")


def code_rows(session: Session, style: Style) -> Iterator[Row]:
    """The code of the plan. It is not wrapped: it is copied."""
    plan = _state_of(session)
    if isinstance(plan, str):
        return
    for file in plan.code:
        yield ()
        yield heading(f"{code_name(file)}{' (add it to yours)' if file.fragment else ''}", style)
        for line in file.content.rstrip("\n").split("\n"):
            yield (Span(clean(line, style), "command"),)
    if plan.code_notes:
        yield ()
        yield heading("About the code", style)
    for note in plan.code_notes:
        yield from paragraph(session.labelled(note), style, mark="- ")


def _state_of(session: Session) -> PlanReport | str:
    """The plan, or in words why there is none."""
    plans = session.plans
    if plans.given is None:
        return _ABOUT
    if not session.is_whole:
        return "Not everything was read yet."
    return "Planning..." if plans.made is None else plans.made.shown


def _noted(session: Session, sentence: str) -> str:
    """A sentence about the plan; of one for the machine as it was it says so."""
    return f"{sentence}. {_IS_OF_BEFORE}" if session.plans.is_of_before(session.now) else sentence
