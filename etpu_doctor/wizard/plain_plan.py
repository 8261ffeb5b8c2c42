"""The plan on plain lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from etpu_doctor.wizard import plan_views, takeaway
from etpu_doctor.wizard.plans import PlanError
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Row, Style, paragraph


class PlanTalk(NamedTuple):
    """How this part speaks: write rows, let the user choose, ask for a line, take in what happened meanwhile."""

    rows: Callable[[Iterable[Row]], None]
    choose: Callable[[Sequence[str], int], int | None]
    answer: Callable[[str], str]
    catch_up: Callable[[], None]
    style: Style


def plan(session: Session, talk: PlanTalk) -> None:
    """Ask for the models where there are none, show the plan, and save its code if that is wanted."""
    if session.plans.given is None and not _read(session, talk):
        return
    while True:
        show(session, talk, plan_views.plan_rows)
        chosen = _choose(session, talk)
        if chosen == "models":
            _read(session, talk)
        elif chosen is None:
            return


def show(session: Session, talk: PlanTalk, view: Callable[[Session, Style], Iterable[Row]]) -> None:
    """A view of the plan for the machine as it is now."""
    talk.catch_up()
    session.make_plan()
    talk.rows(view(session, talk.style))


def _read(session: Session, talk: PlanTalk) -> bool:
    """Ask for the files until they are models; an empty line leaves it."""
    while True:
        line = talk.answer(f"{plan_views.ASK} (empty: none)? ")
        if not line:
            return False
        try:
            session.plans.read(line)
        except PlanError as error:
            talk.rows(paragraph(str(error), talk.style))
        else:
            return True


def _choose(session: Session, talk: PlanTalk) -> str | None:
    """What to do with the plan: ``models`` for others, ``None`` to leave it. The rest is done here."""
    made = session.plans.made
    has_code = made is not None and bool(made.shown.code)
    choices = {"": "go on", **({"show": "show the code", "save": "save the code"} if has_code else {})}
    choices["models"] = "other models"
    while True:
        number = talk.choose(list(choices.values()), 1)
        chosen = list(choices)[number - 1] if number is not None else ""
        if chosen == "show":
            talk.rows(plan_views.code_rows(session, talk.style))
        elif chosen == "save" and made is not None:
            folder = talk.answer(f"folder [{os.getcwd()}]? ") or os.getcwd()
            for line in takeaway.told_of_code(made.shown, folder):
                talk.rows(paragraph(line, talk.style))
        else:
            return chosen or None
