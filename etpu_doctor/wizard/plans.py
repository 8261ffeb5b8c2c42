"""Which model on which Edge TPU: the models that were given, and the plan for the machine as it is now."""

from __future__ import annotations

import os
import shlex
import threading
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.report.examine import Request
from etpu_doctor.report.report import Report

if TYPE_CHECKING:  # placement is imported only where models are given
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.hotplug.engine import Update
    from etpu_doctor.report.plan import PlanReport
    from etpu_doctor.report.planned import Given


class PlanError(Exception):
    """Why there is no plan: what was said names no models."""


class How(NamedTuple):
    """How plans are made: how the machine is judged; ``options`` and ``sources`` of the command that prints them."""

    request: Request = Request()
    options: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class Made(NamedTuple):
    """A plan for the machine of a report: as it is shown here, and as it may be given away."""

    machine: Report
    shown: PlanReport
    shared: PlanReport


class Plans:
    """The models, and the last plan for them."""

    def __init__(self, how: How | None = None, given: Given | None = None) -> None:
        self._how = how or How()
        self._lock = threading.Lock()
        self.given = None if given is None else _findable(given)
        self.made: Made | None = None
        self.is_up_front = given is not None
        """Whether models were given before the wizard began."""

    def read(self, line: str) -> None:
        """Take the models that a line names, separated and quoted as for a shell. Raises ``PlanError``."""
        from etpu_doctor.report.planned import GivenError, read_given  # noqa: PLC0415 - only where models are given

        try:
            files = [os.path.expanduser(word) for word in shlex.split(line)]
        except ValueError:
            raise PlanError("a quote is opened and not closed") from None
        if not files:
            raise PlanError("no file was named")
        try:
            given = read_given(files)
        except (EvidenceError, GivenError) as error:
            raise PlanError(str(error)) from None
        with self._lock:
            self.given, self.made = _findable(given), None

    @property
    def line(self) -> str:
        """The models as ``read`` takes them."""
        return "" if self.given is None else shlex.join(each.path for each in self.given.loaded)

    def is_due(self, update: Update) -> bool:
        """Whether there is no plan yet for the machine of an update; while devices come and go there need be none."""
        return self.given is not None and update.settled and not self._is_of(update.report)

    def is_of_before(self, update: Update) -> bool:
        """Whether the plan that there is is one for the machine as it was."""
        return self.made is not None and not self._is_of(update.report)

    def _is_of(self, report: Report) -> bool:
        made = self.made
        return made is not None and _same_machine(made.machine, report)

    def make(self, evidence: Evidence, report: Report) -> None:
        """Make the plan for a report and the evidence that it was made from, unless there is one."""
        with self._lock:
            if self.given is not None and not self._is_of(report):
                self.made = self._plan(self.given, evidence, report)

    def _plan(self, given: Given, evidence: Evidence, report: Report) -> Made:
        from etpu_doctor.report.planned import Telling, ground_of, solve, tell  # noqa: PLC0415 - only with models

        ground = ground_of(evidence, self._how.request, report.source)
        solved = solve(ground, given)
        telling = Telling(options=self._how.options, sources=self._how.sources)
        shown = tell(ground, solved, telling)
        return Made(report, shown, tell(ground, solved, msgspec.structs.replace(telling, for_others=True)))

    def into(self, report: Report) -> Report:
        """The report with the plan in it, if there is one for its machine."""
        from etpu_doctor.report.planned import with_plan  # noqa: PLC0415 - as above

        made = self.made
        return with_plan(report, made.shared) if made is not None and _same_machine(made.machine, report) else report


def _findable(given: Given) -> Given:
    """Models by their whole paths: their code is saved, and may be run, in another folder."""
    loaded = (msgspec.structs.replace(each, path=os.path.abspath(each.path)) for each in given.loaded)
    return msgspec.structs.replace(given, loaded=tuple(loaded))


def _same_machine(one: Report, other: Report) -> bool:
    """Whether a plan for one is a plan for the other: the Edge TPUs, what is around them, and which libedgetpu."""
    return (one.edge_tpus, one.topology, one.host) == (other.edge_tpus, other.topology, other.host)
