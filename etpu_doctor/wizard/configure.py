"""The Set-up step: a configuration for exactly these Edge TPUs, and the writing of it by explicit choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etpu_doctor.remedies import load
from etpu_doctor.remedies.apply import ApplyError, NoRightsError, Plan, plan, write
from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.wizard.session import Session

__all__ = ["ApplyError", "NoRightsError", "carry_out", "plans_of", "preview", "setup_of"]


def setup_of(session: Session, target: str) -> Setup:
    """What ``etpu-doctor setup TARGET`` gives. Made from evidence that is not redacted, for it has to work here."""
    evidence = session.evidence()
    report = session.now.report if evidence is None else examine(evidence, Request(redact=False))
    return load(target).build(report)


def plans_of(setup: Setup, root: str) -> list[Plan]:
    """What would be written. Raises ``ApplyError``."""
    return [plan(file, root) for file in setup.files]


def preview(plans: Sequence[Plan]) -> Iterator[str]:
    """The difference, line by line."""
    for planned in plans:
        if planned.is_done:
            yield f"{planned.path} is already as it should be."
        yield from planned.diff.split("\n") if planned.diff else ()


def carry_out(setup: Setup, plans: Sequence[Plan]) -> list[str]:
    """Write what is not as it should be; returns what to tell, a refusal included."""
    told = []
    try:
        for planned in plans:
            if not planned.is_done:
                written = write(planned)
                told.append(f"Wrote {written.path}. To undo: {written.undo}")
    except NoRightsError as error:
        return [*told, f"Not written: {error}. Run:  sudo etpu-doctor setup {setup.target} --apply"]
    except ApplyError as error:
        return [*told, f"Not written: {error}"]
    return [*told, *(f"Then run: {command.command}" for command in setup.commands)]
