"""Sessions of the wizard on recorded sequences in which no real time passes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.hotplug.engine import Engine, Marks, Update
from etpu_doctor.hotplug.sequence import Delta, read_changes
from etpu_doctor.hotplug.world import ReplayWorld
from etpu_doctor.wizard.labels import Labels
from etpu_doctor.wizard.plans import Plans
from etpu_doctor.wizard.session import Session
from tests.support.clocks import Clock
from tests.support.sequences import TWO_STICKS, evidence_of


def session(
    start: Evidence | str | Path = TWO_STICKS,
    changes: Sequence[Delta] | None = None,
    *,
    is_replay: bool = True,
    labels: Labels | None = None,
    plans: Plans | None = None,
) -> Session:
    """A session that was not looked at yet; what happens begins with the guided step, and no real time passes."""
    clock = Clock()
    evidence = start if isinstance(start, Evidence) else evidence_of(start)
    known = read_changes(str(start)) if changes is None and isinstance(start, Path) else (changes or ())
    world = ReplayWorld(evidence, known, held=True, clock=clock.now, sleep=clock.sleep)
    marks = Marks("demo", "two-sticks") if is_replay else Marks("live")
    return Session(Engine(world, marks=marks), labels or Labels(), plans=plans, is_replay=is_replay)


def real_session(
    start: Evidence | str | Path = TWO_STICKS,
    changes: Sequence[Delta] = (),
    *,
    is_replay: bool = True,
    plans: Plans | None = None,
) -> Session:
    """A session in real time, for a face that listens in a thread of its own."""
    evidence = start if isinstance(start, Evidence) else evidence_of(start)
    marks = Marks("demo", "two-sticks") if is_replay else Marks("live")
    engine = Engine(ReplayWorld(evidence, changes, held=True), marks=marks)
    return Session(engine, Labels(), plans=plans, is_replay=is_replay)


def looked(walk: Session) -> Session:
    """The same session after its first looks."""
    for _ in range(2):
        take(walk)
    return walk


def take(walk: Session, seconds: float = 60.0) -> Update | None:
    """The next update, taken in."""
    update = walk.feed.step(seconds)
    if update is not None:
        walk.take(update)
    return update


def take_all(walk: Session) -> None:
    """Everything that happens."""
    while (update := take(walk)) is not None and not update.is_over:
        pass


def passed(name: str) -> SmokeResult:
    """A smoke test that an Edge TPU passed."""
    return SmokeResult(id=name, verdict="pass", runs=50, median_ms=2.5, p95_ms=2.7)
