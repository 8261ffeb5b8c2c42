"""The wizard without a face: where the user is on the way, what is known, what was done. Both faces show this."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from etpu_doctor.hotplug.changes import change_text
from etpu_doctor.report.report import Report
from etpu_doctor.report.tree import source_text, verdict
from etpu_doctor.rules.finding import Finding, Remedy
from etpu_doctor.wizard.guided import Guided, standing_of
from etpu_doctor.wizard.guides import hands_of
from etpu_doctor.wizard.labels import Labels, with_labels
from etpu_doctor.wizard.plans import Plans

if TYPE_CHECKING:
    # The engine is loaded by the thread or the process in which it runs, after the first screen is there.
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.hotplug.engine import Feed, Update
    from etpu_doctor.wizard.prove import Proof

StepName = Literal["look", "map", "findings", "setup", "prove", "takeaway"]

_LOG_LINES = 500


class Step(NamedTuple):
    """One step of the way."""

    name: StepName
    title: str
    purpose: str


STEPS: tuple[Step, ...] = (
    Step("look", "Look", "what this machine shows, and the verdict"),
    Step("map", "Map", "where each Edge TPU sits, and which free ports suit one"),
    Step("findings", "Findings", "what holds them back, worst first, and how to mend it"),
    Step("setup", "Set up", "ready configurations for exactly these Edge TPUs"),
    Step("prove", "Prove", "an inference on each Edge TPU"),
    Step("takeaway", "Take away", "what is better than before, reports to save, the plan for your models"),
)


class Group(NamedTuple):
    """Findings that the same steps mend: four sticks on one hub are one thing to do."""

    first: Finding
    others: tuple[Finding, ...]


class NothingYetError(Exception):
    """The machine was not looked at yet."""


class Session:
    """What both faces know. ``take`` every update of the feed."""

    def __init__(self, feed: Feed, labels: Labels, *, plans: Plans | None = None, is_replay: bool = False) -> None:
        self.feed = feed
        self.labels = labels
        self.plans = plans or Plans()
        self.is_replay = is_replay
        self.update: Update | None = None
        self.before: Report | None = None
        """The first whole report, to compare with at the end."""

        self.guided: Guided | None = None
        self.log: deque[tuple[float, str]] = deque(maxlen=_LOG_LINES)
        self.proof: Proof | None = None

    @property
    def now(self) -> Update:
        """The last update. Raises ``NothingYetError`` before the first."""
        if self.update is None:
            raise NothingYetError
        return self.update

    @property
    def is_whole(self) -> bool:
        """Whether everything was read once; before that the verdict is of the buses alone."""
        return self.before is not None

    def take(self, update: Update) -> list[str]:
        """Take in an update; returns the lines that tell of it."""
        self.update = update
        if update.stage != "buses" and update.settled and self.before is None:
            self.before = update.report
        told = [change_text(change) for change in update.changes]
        if self.guided is not None:
            told = self.guided.take(update)
        lines = [self.labelled(line) for line in told]
        self.log.extend((update.seconds, line) for line in lines)
        return lines

    def labelled(self, text: str) -> str:
        """A message with the user's names of ports."""
        return with_labels(text, self.names())

    def names(self) -> dict[str, str]:
        """Port name -> label."""
        return {} if self.update is None else self.labels.names(self.update.report, self.update.halves)

    def verdict(self) -> tuple[str, str]:
        """The word and the sentence that stand first."""
        return ("LOOKING", "reading the buses") if self.update is None else verdict(self.update.report)

    def source(self) -> str:
        """What this is about; a replay is never to be taken for this machine."""
        return "" if self.update is None else source_text(self.update.report)

    def groups(self) -> list[Group]:
        """All findings in the order in which they are shown, those with the same steps together."""
        grouped: dict[tuple[str, str, Remedy | None, str], list[Finding]] = {}
        for finding in self.now.report.findings:
            apart = "" if finding.severity in ("error", "warning") else finding.subject
            grouped.setdefault((finding.code, finding.severity, finding.remedy, apart), []).append(finding)
        return [Group(group[0], tuple(group[1:])) for group in grouped.values()]

    def can_guide(self, finding: Finding) -> bool:
        """Whether a guided step helps with it."""
        return hands_of(finding) is not None

    def guide(self, finding: Finding) -> Guided:
        """Begin a guided step."""
        self.guided = Guided(finding, self.now)
        self.feed.attend(attentive=self.guided.can_wait)
        return self.guided

    def end_guide(self) -> None:
        """Leave the guided step."""
        self.guided = None
        self.feed.attend(attentive=False)

    @property
    def cannot_prove(self) -> str | None:
        """Why no smoke test can be run here; ``None`` if one can."""
        if self.is_replay:
            return "This is a replay of another machine: nothing can be opened here."
        if self.update is not None and not self.update.report.edge_tpus:
            return "There is no Edge TPU to test: the findings say why."
        return None

    def prove(self, ids: Sequence[str], command: Sequence[str] | None = None) -> Proof:
        """Begin a smoke test. Whoever shows it calls ``Proof.step``, and ``proved`` when it is over."""
        from etpu_doctor.wizard.prove import Proof  # noqa: PLC0415 - a process, wanted for this step alone

        self.proof = Proof(ids, command)
        return self.proof

    def proved(self) -> None:
        """Take the results into the reports, where rules turn failures into findings."""
        if self.proof is not None and self.proof.results:
            self.feed.tested(self.proof.results)

    def close(self) -> None:
        """Leave no process behind."""
        if self.proof is not None:
            self.proof.close()
        self.feed.close()

    def name_port(self, port: str, label: str) -> None:
        """Give a port a name. Raises ``LabelError``."""
        self.labels.put(self.now.report, self.now.halves, port, label)

    def evidence(self) -> Evidence | None:
        """What the last settled report was made from, not redacted: for configurations that must work here."""
        return self.feed.evidence()

    @property
    def plan_is_due(self) -> bool:
        """Whether there are models, and no plan yet for the machine as it is now."""
        return self.is_whole and self.plans.is_due(self.now)

    def make_plan(self) -> None:
        """Make the plan if it is due; from any thread, for it takes a while. Raises ``NothingYetError``."""
        if self.plan_is_due:
            report, evidence = self.now.report, self.evidence()
            if evidence is None:
                raise NothingYetError
            self.plans.make(evidence, report)

    def report_to_save(self) -> Report:
        """The report of now, where models were given with their plan; that may take a while.

        While devices come and go there is no plan in it.
        """
        report = self.now.report
        if self.plans.given is None:
            return report
        self.make_plan()
        return self.plans.into(report)

    def comparison(self) -> list[str]:
        """Before and after, in a few sentences."""
        if self.before is None:
            return []
        first, last = self.before, self.now.report
        lines = [f"Before: {': '.join(verdict(first))}", f"Now:    {': '.join(verdict(last))}"]
        lines += [f"Mended: {each.code} {each.rule}: {each.title}" for each in _gone(first, last)]
        lines += [f"New:    {each.code} {each.rule}: {each.title}" for each in _gone(last, first)]
        was, now = standing_of(first, ()), standing_of(last, ())
        if was == now and len(lines) == 2:
            lines.append("Nothing changed.")
        return [self.labelled(line) for line in lines]


def _gone(these: Report, those: Report) -> list[Finding]:
    left = {(finding.code, finding.subject) for finding in those.findings}
    return [
        finding
        for finding in these.findings
        if finding.severity in ("error", "warning") and (finding.code, finding.subject) not in left
    ]
