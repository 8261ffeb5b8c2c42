"""The Prove step on plain lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from etpu_doctor.wizard import prove_views
from etpu_doctor.wizard.prove import Proof
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Row, Style, paragraph

_PULSE_SECONDS = 0.25
_RESULT_SECONDS = 5.0


class Talk(NamedTuple):
    """How this step speaks: write rows, let the user choose, see whether Enter was pressed."""

    rows: Callable[[Iterable[Row]], None]
    choose: Callable[[Sequence[str], int], int | None]
    pressed: Callable[[], bool]
    style: Style


def prove(session: Session, talk: Talk, command: Sequence[str] | None = None) -> None:
    """Let the user choose what to test, and test it."""
    refusal = session.cannot_prove
    if refusal is not None:
        talk.rows(paragraph(refusal, talk.style))
        for _, rows in prove_views.verdicts(session, talk.style):
            talk.rows(rows)
        return
    talk.rows(prove_views.prove_detail(session, None, talk.style))
    ids = [tpu.id for tpu in session.now.report.edge_tpus]
    chosen = talk.choose(["go on", "test all", *(f"test {name}" for name in ids)], 2)
    if chosen in (None, 1):
        return
    proof = session.prove(ids if chosen == 2 else [ids[(chosen or 3) - 3]], command)
    try:
        _follow(proof, talk)
    finally:
        proof.close()
    if proof.failure is not None:
        talk.rows(paragraph(f"No test: {proof.failure}", talk.style))
        return
    session.proved()
    _take_in(session)
    for _, rows in prove_views.verdicts(session, talk.style):
        talk.rows(rows)


def _follow(proof: Proof, talk: Talk) -> None:
    """A line whenever an Edge TPU comes to another stage: bars that move are for screens."""
    told: dict[str, str] = {}
    while not proof.is_over:
        if talk.pressed():
            proof.cancel()
            return
        proof.step(_PULSE_SECONDS)
        for name, course in proof.courses.items():
            stage = course.beat.stage if course.beat is not None else "waiting"
            if told.get(name) != stage:
                told[name] = stage
                talk.rows(paragraph(f"{name}: {stage}", talk.style))


def _take_in(session: Session) -> None:
    """Wait for the report that has the results in it."""
    left = _RESULT_SECONDS
    while left > 0:
        update = session.feed.step(_PULSE_SECONDS)
        if update is None:
            left -= _PULSE_SECONDS
        else:
            session.take(update)
            if update.settled and update.report.smoke:
                return
