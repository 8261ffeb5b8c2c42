"""A guided step: follows the hands of the user, and ticks a finding off by the rules alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from etpu_doctor.hotplug.changes import change_text
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Finding, Remedy
from etpu_doctor.rules.wording import join_words, speed_text
from etpu_doctor.wizard.guides import HANDS, Hands, HandsText, hands_of

if TYPE_CHECKING:
    from etpu_doctor.hotplug.engine import Update

Phase = Literal["waiting", "away", "back", "closed"]
Outcome = Literal["closed", "better", "same", "worse"]

_EVENTS_KEPT = 200
_SUGGESTED_HUBS = 3


class Standing(NamedTuple):
    """How an Edge TPU, or a machine, stands: smaller is better."""

    errors: int
    warnings: int
    slowness: float


def standing_of(report: Report, ids: Iterable[str]) -> Standing:
    """Findings that concern these Edge TPUs (none: all findings), and how slow their links are."""
    wanted = set(ids)
    faults = [each for each in report.findings if not wanted or not wanted.isdisjoint((each.subject, *each.concerns))]
    speeds = [tpu.speed_mbps or 0.0 for tpu in report.edge_tpus if tpu.id in wanted]
    return Standing(
        errors=sum(each.severity == "error" for each in faults),
        warnings=sum(each.severity == "warning" for each in faults),
        slowness=-sum(speeds),
    )


class Guided:
    """One guided step. Feed it every update; it says where things stand."""

    def __init__(self, finding: Finding, update: Update) -> None:
        self.finding = finding
        self.hands: Hands = hands_of(finding) or "change"
        self.phase: Phase = "waiting"
        self.outcome: Outcome | None = None
        self.events: list[tuple[float, str]] = []
        self.update = update
        current = {now: first for first, now in update.followed.items() if now is not None}
        self._tpus = tuple(dict.fromkeys(current[each] for each in finding.concerns if each in current))
        self._before = standing_of(update.report, finding.concerns)
        self._moved = False

    @property
    def text(self) -> HandsText:
        """What the person is told to do, and what is waited for."""
        return HANDS[self.hands]

    @property
    def can_wait(self) -> bool:
        """Whether there is something to wait for while the machine stays on."""
        return self.hands != "restart"

    @property
    def remedy(self) -> Remedy:
        """The steps, by the rule that found it; as it says now if it still says something."""
        finding = self._standing_finding() or self.finding
        return finding.remedy or Remedy(summary=finding.title)

    def present(self) -> list[str]:
        """The node ids of the Edge TPUs it is about, as they are now; those that are away are left out."""
        return [now for now in (self.update.followed.get(first) for first in self._tpus) if now is not None]

    def take(self, update: Update) -> list[str]:
        """Take in an update; returns what there is to tell."""
        self.update = update
        told = [change_text(change) for change in update.changes]
        if any(change.edge_tpu and change.kind in ("plugged", "link", "identity") for change in update.changes):
            self._moved = True
        self._follow()
        if update.settled:
            told += self._judged()
        self.events = [*self.events, *((update.seconds, line) for line in told)][-_EVENTS_KEPT:]
        return told

    def _follow(self) -> None:
        if len(self.present()) < len(self._tpus):
            self.phase = "away"
        elif self.phase == "away" or (self._moved and self.phase == "waiting") or self.phase == "closed":
            self.phase = "back"

    def _judged(self) -> Iterator[str]:
        before = self.outcome
        if self.phase == "away":
            self.outcome = None
            return
        if self._standing_finding() is None:
            self.phase, self.outcome = "closed", "closed"
        elif self._moved:
            self.outcome = self._compared()
        elif before == "closed":
            self.outcome = "same"
        if self.outcome is not None and (self.outcome != before or self.update.changes):
            yield self.verdict()

    def _compared(self) -> Outcome:
        now = standing_of(self.update.report, self.present() or self.finding.concerns)
        return "better" if now < self._before else "same" if now == self._before else "worse"

    def _standing_finding(self) -> Finding | None:
        """The finding as it stands now; ``None`` if the rule has nothing more to say of it.

        What is about Edge TPUs is looked for where they are now, by any rule that finds the same cause.
        """
        about = set(self.present())
        for each in self.update.report.findings:
            if each.severity not in ("error", "warning") and each.severity != self.finding.severity:
                continue
            if self._tpus and each.rule == self.finding.rule and not about.isdisjoint((each.subject, *each.concerns)):
                return each
            if not self._tpus and each.code == self.finding.code and each.subject == self.finding.subject:
                return each
        return None

    def verdict(self) -> str:
        """Where it stands, in a sentence."""
        if self.outcome == "closed":
            return f"Done: the rules find no {self.finding.rule} any more{self._speed()}."
        if self.outcome == "better":
            return f"Better than before{self._speed()}, but {self.finding.rule} still stands: {self._title()}."
        if self.outcome == "worse":
            return f"Worse than before{self._speed()}: {self._title()}."
        if self.outcome == "same":
            return f"No better than before{self._speed()}: {self._title()}."
        if self.phase == "away":
            return "Unplugged. Now plug it in."
        return f"{self.text.waits[0].upper()}{self.text.waits[1:]} ..."

    def _title(self) -> str:
        finding = self._standing_finding()
        return finding.title if finding is not None else "other findings came up"

    def _speed(self) -> str:
        wanted = set(self.present())
        speeds = {tpu.speed_mbps for tpu in self.update.report.edge_tpus if tpu.id in wanted}
        known = [speed_text(speed) for speed in speeds if speed is not None]
        return f" ({known[0]} now)" if self._moved and len(known) == 1 else ""

    def places(self) -> list[str]:
        """Free sockets in words, for hands that do not know the numbers: which hub, which sockets, which not."""
        return list(places_in_words(self.update)) if self.hands == "move" else []


def places_in_words(update: Update, limit: int = _SUGGESTED_HUBS) -> Iterator[str]:
    """Where an Edge TPU may go, hub by hub, the hubs that have Edge TPUs already first."""
    nodes = {node.id: node for node in update.report.topology.usb}
    near = {node.parent for node in nodes.values() if node.edge_tpu is not None}
    hubs = dict.fromkeys(port.hub for port in update.ports if port.fault is None)
    ordered = sorted(hubs, key=lambda hub: hub not in near)
    for hub in ordered[:limit]:
        good = [str(port.number) for port in update.ports if port.hub == hub and port.fault is None]
        bad = [str(port.number) for port in update.ports if port.hub == hub and port.fault is not None]
        node = nodes.get(hub)
        is_root = node is not None and node.kind == "root-hub"
        if is_root and node is not None:
            bus = "?" if node.busnum is None else node.busnum
            fast = (node.speed_mbps or 0) >= 5000
            kind = "a USB 3 socket (mostly blue inside, or marked SS)" if fast else "a socket"
            yield f"The computer's own: {kind}, which is port {join_words(good, 'or')} of bus {bus}."
        else:
            but = f", but not port {join_words(bad, 'or')}" if bad else ""
            yield f"Port {join_words(good, 'or')} of hub {hub}{but}."
