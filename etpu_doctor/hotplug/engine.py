"""The engine of ``watch`` and of the wizard: waits, looks, judges, and says what changed.

After an event the buses are read at once, and what changed on them is told at once. The findings are compared only
when it has been quiet for a moment: before that, udev has not set the permissions of a new node, and a device may be
between its two identities.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import msgspec

from etpu_doctor.evidence.redact import redact as redact_evidence
from etpu_doctor.facts.evidence import Evidence, SourceKind
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.hotplug.changes import Change, changes_between
from etpu_doctor.hotplug.difference import difference
from etpu_doctor.hotplug.follow import Arrival, Follower
from etpu_doctor.hotplug.places import HopLoad, Port, loads_of, ports_of
from etpu_doctor.hotplug.sockets import other_halves
from etpu_doctor.hotplug.triggers import TriggerKind
from etpu_doctor.hotplug.world import World
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.make import make_report
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine

Stage = Literal["buses", "host", "library"]


class Timing(NamedTuple):
    """How the engine spaces its looks, in seconds.

    ``quiet``: so long nothing may come before the buses are read (a device announces itself in several events);
    ``latest``: but read they are, so long after the first event; ``gap``: the least between two readings;
    ``settle``: so long nothing may come before findings are compared; ``away``: so long one waits for an Edge TPU that
    left, because while its firmware is loaded it is away for a moment; ``patience``: but compared they are, so long
    after the first change; ``attentive``: how often everything is read while somebody waits for a remedy to work, of
    which no event may tell; ``calm``: so long nothing may come before the library is asked again.
    """

    quiet: float = 0.025
    latest: float = 0.08
    gap: float = 0.1
    settle: float = 0.4
    away: float = 1.5
    patience: float = 3.0
    attentive: float = 2.0
    calm: float = 1.5


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine tells its face.

    ``stage``: how much of the host the report is made from; ``settled``: whether the findings are of now, or still
    those of the last settled report. ``followed``: where each Edge TPU is now, by the node id at which it was first
    seen, ``None`` while it is away. ``halves``: the other half of a socket's port. ``ports``: the free ports.
    ``loads``: what each hub above an Edge TPU bears. ``asks_library``: whether a stage ``library`` is to come or came.
    ``is_over``: a replay came to its end.
    """

    stage: Stage
    settled: bool
    seconds: float
    trigger: TriggerKind
    report: Report
    changes: tuple[Change, ...] = ()
    opened: tuple[Finding, ...] = ()
    closed: tuple[Finding, ...] = ()
    followed: dict[str, str | None] = {}
    halves: dict[str, str] = {}
    ports: tuple[Port, ...] = ()
    loads: dict[str, HopLoad] = {}
    asks_library: bool = False
    is_over: bool = False


class Feed(Protocol):
    """What a face needs of the engine, whether it runs here or in a child process."""

    def step(self, timeout_s: float) -> Update | None:
        """The next update, or ``None`` if there was none in that time."""

    def look(self) -> None:
        """Read everything again; may be called from another thread."""

    def attend(self, *, attentive: bool) -> None:
        """Look often, because somebody waits for something that no event may tell of; from any thread."""

    def tested(self, results: tuple[SmokeResult, ...]) -> None:
        """Take results of smoke tests into the reports, in the place of older ones; from any thread."""

    def evidence(self) -> Evidence | None:
        """What the last settled report was made from, not redacted."""

    def close(self) -> None:
        """Let go of what it holds."""


class Marks(NamedTuple):
    """How the reports are marked: kind and name of a replay."""

    kind: SourceKind | None = None
    name: str | None = None


class Engine:
    """One step at a time; only ``look``, ``attend`` and ``tested`` may be called from another thread."""

    def __init__(
        self, world: World, request: Request | None = None, *, marks: Marks | None = None, timing: Timing | None = None
    ) -> None:
        self._world = world
        self._request = request or Request()
        self._marks = marks or Marks()
        self._timing = timing or Timing()
        self._follower = Follower()
        self._started = world.now()
        self._stages: list[Stage] = ["buses", "host", *(["library"] if world.can_probe else [])]  # type: ignore[list-item] # closed list
        self._evidence: Evidence | None = None
        self._machine: Machine | None = None
        self._findings: tuple[Finding, ...] = ()
        self._smoke: dict[str, SmokeResult] = {}
        self._look_now = False
        self._told_end = False
        # Times at which something is due, None where nothing is.
        self._read_at: float | None = None
        self._first_event: float | None = None
        self._last_read = 0.0
        self._settle_at: float | None = None
        self._away_until = 0.0
        self._first_change: float | None = None
        self._calm_at: float | None = None
        self._attentive_at: float | None = None

    def evidence(self) -> Evidence | None:
        """What the last settled report was made from, not redacted."""
        return self._evidence

    def look(self) -> None:
        """Read everything again."""
        self._look_now = True
        self._world.wake()

    def attend(self, *, attentive: bool) -> None:
        """Look often, because somebody waits for something that no event may tell of."""
        self._attentive_at = self._world.now() + self._timing.attentive if attentive else None
        self._world.attend(attentive=attentive)
        self._world.wake()

    def tested(self, results: tuple[SmokeResult, ...]) -> None:
        """Take results of smoke tests into the reports, in the place of older ones."""
        self._smoke = {**self._smoke, **{result.id: result for result in results}}
        self.look()

    def close(self) -> None:
        """Let go of the event sockets."""
        self._world.close()

    def step(self, timeout_s: float) -> Update | None:
        """The next update, or ``None`` if there was none in that time."""
        if self._stages:
            return self._first_look(self._stages.pop(0))
        end = self._world.now() + timeout_s
        while True:
            update = self._due()
            if update is not None:
                return update
            now = self._world.now()
            if now >= end:
                return None
            if self._world.wait(max(min(end, self._next_due(end)) - now, 0.0)):
                self._note_event()

    def _next_due(self, end: float) -> float:
        due = (self._read_at, self._settle_due, self._calm_at, self._attentive_at)
        return min((each for each in due if each is not None), default=end)

    @property
    def _settle_due(self) -> float | None:
        if self._settle_at is None or self._first_change is None:
            return self._settle_at
        return max(self._settle_at, min(self._away_until, self._first_change + self._timing.patience))

    def _note_event(self) -> None:
        now, timing = self._world.now(), self._timing
        self._first_event = self._first_event if self._first_event is not None else now
        wanted = min(now + timing.quiet, self._first_event + timing.latest)
        self._read_at = max(wanted, self._last_read + timing.gap)
        self._first_change = self._first_change if self._first_change is not None else now
        self._settle_at = max(min(now + timing.settle, self._first_change + timing.patience), self._read_at)
        self._calm_at = now + timing.calm if self._world.can_probe else None

    def _due(self) -> Update | None:
        """The first of what is due now that has something to tell."""
        now = self._world.now()
        if self._look_now:
            self._look_now = False
            return self._examined(probe=self._world.can_probe, always=True)
        update = None
        if self._read_at is not None and now >= self._read_at:
            update = self._read_buses(now)
        elif self._settle_due is not None and now >= self._settle_due:
            update = self._examined(probe=False)
        elif self._calm_at is not None and now >= self._calm_at:
            self._calm_at = None
            update = self._examined(probe=True)
        elif self._attentive_at is not None and now >= self._attentive_at:
            self._attentive_at = now + self._timing.attentive
            update = self._examined(probe=False)
        return update or self._end()

    def _end(self) -> Update | None:
        """Says once that a recording came to its end; it was not one if it held no change."""
        if not self._world.is_over or self._told_end or self._first_change is not None or self._world.kind != "replay":
            return None
        self._told_end = True
        return self._update("library", settled=True, report=self._report())

    def _first_look(self, stage: Stage) -> Update:
        if stage == "buses":
            evidence = self._world.buses(None)
        else:
            evidence = self._world.whole(self._evidence, probe=stage == "library")
        changes = self._take(evidence) if self._machine is not None else self._begin(evidence)
        report = self._judge(evidence)
        opened = report.findings if not self._stages else ()
        self._findings = report.findings
        self._last_read = self._world.now()
        return self._update(stage, settled=True, report=report, changes=changes, opened=opened)

    def _begin(self, evidence: Evidence) -> list[Change]:
        self._evidence = evidence
        self._machine = self._build(evidence)
        self._follower.observe(self._machine, other_halves(self._machine))
        return []

    def _read_buses(self, now: float) -> Update | None:
        self._read_at = self._first_event = None
        self._last_read = now
        evidence = self._world.buses(self._evidence)
        changes = self._take(evidence)
        if not changes:
            return None
        kinds = {change.kind for change in changes if change.edge_tpu}
        self._away_until = now + self._timing.away if "unplugged" in kinds and "plugged" not in kinds else 0.0
        return self._update("host", settled=False, report=self._report(), changes=changes)

    def _examined(self, *, probe: bool, always: bool = False) -> Update | None:
        self._settle_at = self._first_change = self._read_at = self._first_event = None
        evidence = self._world.whole(self._evidence, probe=probe)
        changes = self._take(evidence)
        report = self._judge(evidence)
        opened, closed = difference(self._findings, report.findings)
        self._findings = report.findings
        if not (always or changes or opened or closed):
            return None
        stage: Stage = "library" if probe or not self._world.can_probe else "host"
        return self._update(stage, settled=True, report=report, changes=changes, opened=opened, closed=closed)

    def _take(self, evidence: Evidence) -> list[Change]:
        """Make this evidence the present one; returns what changed on the buses."""
        before, machine = self._machine, self._build(evidence)
        self._evidence, self._machine = evidence, machine
        arrivals = {each.id: each for each in self._follower.observe(machine, other_halves(machine))}
        changes = [] if before is None else changes_between(before, machine)
        if arrivals:
            # What was tested in another place, or before it was unplugged, says nothing of how it is now.
            stale = {*arrivals, *(each.was for each in arrivals.values())}
            self._smoke = {name: result for name, result in self._smoke.items() if name not in stale}
        return [_with_arrival(change, arrivals.get(change.id)) for change in changes]

    def _with_smoke(self, evidence: Evidence) -> Evidence:
        """The evidence with this session's results; a capture brings its own."""
        kept = [result for result in evidence.smoke if result.id not in self._smoke]
        return msgspec.structs.replace(evidence, smoke=(*kept, *self._smoke.values())) if self._smoke else evidence

    def _build(self, evidence: Evidence) -> Machine:
        tested = self._with_smoke(evidence)
        # Made anew each time, as for the reports: a redactor remembers every text that it saw.
        seen = redact_evidence(tested) if self._request.redact else tested
        return build(seen, self._request.options)

    def _judge(self, evidence: Evidence) -> Report:
        return examine(self._with_smoke(evidence), self._request, kind=self._marks.kind, name=self._marks.name)

    def _report(self) -> Report:
        """What is there now, with the findings of the last settled report."""
        machine = self._machine
        if machine is None:
            raise RuntimeError("nothing was looked at yet")
        return make_report(machine, self._findings, kind=self._marks.kind, name=self._marks.name)

    def _update(  # noqa: PLR0913 - the fields of the struct
        self,
        stage: Stage,
        *,
        settled: bool,
        report: Report,
        changes: list[Change] | tuple[Change, ...] = (),
        opened: tuple[Finding, ...] = (),
        closed: tuple[Finding, ...] = (),
    ) -> Update:
        machine = self._machine
        return Update(
            stage=stage,
            settled=settled,
            seconds=round(self._world.now() - self._started, 3),
            trigger=self._world.kind,
            report=report,
            changes=tuple(changes),
            opened=opened,
            closed=closed,
            followed=dict(self._follower.now),
            halves=other_halves(machine) if machine is not None else {},
            ports=ports_of(machine) if machine is not None else (),
            loads=loads_of(machine) if machine is not None else {},
            asks_library=self._world.can_probe,
            is_over=self._told_end,
        )


def _with_arrival(change: Change, arrival: Arrival | None) -> Change:
    if change.kind != "plugged" or arrival is None:
        return change
    return msgspec.structs.replace(change, was=arrival.was, surely=arrival.surely)
