"""The engine: when it looks, what it tells, and when it judges."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.hotplug.changes import change_text
from etpu_doctor.hotplug.engine import Engine, Marks, Update
from etpu_doctor.hotplug.sequence import Delta, read_changes
from etpu_doctor.hotplug.triggers import TriggerKind
from etpu_doctor.hotplug.world import ReplayWorld
from etpu_doctor.report.examine import Request
from tests.support.clocks import Clock
from tests.support.sequences import (
    ROOT,
    TWO_STICKS,
    as_fresh,
    as_ready,
    deltas,
    device_at,
    evidence_of,
    moved_to_a_good_port,
    with_device,
    without,
)

START = evidence_of(TWO_STICKS)


def replay(*changes: Delta, start: Evidence = START) -> Engine:
    """An engine on a recorded sequence in which no real time passes."""
    clock = Clock()
    return Engine(ReplayWorld(start, changes, clock=clock.now, sleep=clock.sleep))


def run(engine: Engine, seconds: float = 60.0) -> list[Update]:
    """All updates of a sequence after the first looks."""
    found = []
    while (update := engine.step(seconds)) is not None:
        found.append(update)
        if update.is_over:
            break
    return found


def started(engine: Engine) -> Update:
    """Past the first looks; returns the last of them."""
    first, second = engine.step(1.0), engine.step(1.0)
    assert first is not None
    assert second is not None
    assert ("buses", "host") == (first.stage, second.stage)
    return second


def codes(update: Update, which: str) -> list[str]:
    """The codes of findings that an update opened or closed."""
    return [finding.code for finding in getattr(update, which)]


def test_the_first_look_comes_in_stages() -> None:
    """First the buses, so that a verdict is there at once, then the host around them."""
    engine = replay()
    assert "sub-hub-secondary-port" == started(engine).report.diagnosis.cause


def test_a_stick_that_moves_to_a_good_port_closes_its_finding() -> None:
    """Unplugged, plugged in, firmware: each is told at once, and the findings follow when it is quiet."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    updates = run(engine)
    assert [["unplugged"], ["plugged"], ["identity"]] == [
        [change.kind for change in update.changes] for update in updates if update.changes
    ]
    assert "ETD113" in [code for update in updates for code in codes(update, "closed")]
    assert "OK" not in {finding.severity for finding in updates[-1].report.findings}
    assert "healthy" == updates[-1].report.diagnosis.cause


def test_a_stick_that_moved_is_followed() -> None:
    """It is known by the place where it was first seen, and its arrival says where it came from."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    updates = run(engine)
    (arrival,) = [change for update in updates for change in update.changes if change.kind == "plugged"]
    assert ("2-2.4.3", True) == (arrival.was, arrival.surely)
    assert {"2-2.1": "2-2.1", "2-2.4.3": "2-2.2"} == updates[-1].followed


def test_changes_are_told_before_findings_are_compared() -> None:
    """Between the two, udev sets the permissions of the new node."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    first, second = run(engine)[:2]
    assert (False, True) == (first.settled, second.settled)
    assert ((), ()) == (first.opened, first.closed)
    assert first.seconds < second.seconds < first.seconds + 2


def test_a_change_on_the_buses_is_told_within_a_tenth_of_a_second() -> None:
    """The quiet time that is waited for is short."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    first = run(engine)[0]
    assert 2.0 <= first.seconds <= 2.1


def test_a_flapping_device_is_looked_at_now_and_then_and_leaves_the_right_tree() -> None:
    """A thousand changes in ten seconds are told in far fewer updates, and the last one is true."""
    stick, away = device_at(START, "2-2.1"), without(START, "2-2.1")
    moments = [(0.0, START)]
    for number in range(1, 1001):
        there = with_device(away, as_ready(stick), "2-2.1", devnum=number)
        moments.append((number / 100, there if number % 2 else away))
    moments.append((10.5, with_device(away, as_fresh(stick), "2-2.3", devnum=2000)))
    engine = replay(*deltas(*moments))
    started(engine)
    updates = run(engine)
    assert len(updates) < 150
    assert {"2-2.3", "2-2.4.3"} == {tpu.id for tpu in updates[-1].report.edge_tpus}


def test_findings_are_compared_now_and_then_even_if_it_never_gets_quiet() -> None:
    """A stick that drops off again and again is judged while it does."""
    stick, away = device_at(START, "2-2.1"), without(START, "2-2.1")
    moments = [(0.0, START)]
    for number in range(1, 101):
        there = with_device(away, as_ready(stick), "2-2.1", devnum=number)
        moments.append((number / 10, there if number % 2 else away))
    engine = replay(*deltas(*moments))
    started(engine)
    settled = [update for update in run(engine) if update.settled]
    assert len(settled) >= 2


def test_a_held_recording_waits_for_somebody_to_attend() -> None:
    """The guided step of a demo begins when the user opens it."""
    clock = Clock()
    world = ReplayWorld(START, moved_to_a_good_port(START), held=True, clock=clock.now, sleep=clock.sleep)
    engine = Engine(world)
    started(engine)
    assert engine.step(100.0) is None
    engine.attend(attentive=True)
    update = engine.step(100.0)
    assert update is not None
    assert ["unplugged"] == [change.kind for change in update.changes]


def test_the_end_of_a_recording_is_told_once() -> None:
    """After the last change was judged."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    updates = run(engine)
    assert [False] * (len(updates) - 1) + [True] == [update.is_over for update in updates]
    assert engine.step(1.0) is None


def test_a_recording_ends_even_if_its_last_change_opened_and_closed_nothing() -> None:
    """A disk that comes last is told, and then the end."""
    disk = with_device(START, device_at(START, "2-5"), "2-6")
    engine = replay(*deltas((0.0, START), (1.0, disk)))
    started(engine)
    updates = run(engine)
    assert [False, True] == [update.is_over for update in updates]


def test_a_look_that_was_asked_for_is_answered() -> None:
    """Even if nothing changed: the user wants to see that something happened."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    engine.look()
    update = engine.step(0.5)
    assert update is not None
    assert (True, ()) == (update.settled, update.changes)


def test_results_of_smoke_tests_are_judged_with_the_rest() -> None:
    """They are part of every report until the Edge TPU leaves its port."""
    engine = replay(*moved_to_a_good_port(START))
    started(engine)
    engine.tested((SmokeResult(id="2-2.1", verdict="pass"), SmokeResult(id="2-2.4.3", verdict="pass")))
    update = engine.step(0.5)
    assert update is not None
    assert ["2-2.1", "2-2.4.3"] == [result.id for result in update.report.smoke]
    last = run(engine)[-1]
    assert ["2-2.1"] == [result.id for result in last.report.smoke]


def test_reports_are_redacted_and_the_evidence_is_not() -> None:
    """The screen may be photographed; a configuration has to work."""
    secret = msgspec.structs.replace(device_at(START, "2-5"), serial="SN-4711-0815")
    start = with_device(without(START, "2-5"), secret, "2-5")
    engine = replay(start=start)
    update = started(engine)
    assert b"SN-4711-0815" not in msgspec.json.encode(update)
    assert b"SN-4711-0815" in msgspec.json.encode(engine.evidence())


def test_a_replay_is_marked() -> None:
    """As the engine was told."""
    engine = Engine(ReplayWorld(START), Request(), marks=Marks("demo", "two-sticks"))
    source = started(engine).report.source
    assert ("demo", "two-sticks") == (source.kind, source.name)


def test_without_a_look_there_is_no_report() -> None:
    """Asking too early is a mistake of the caller, and says so."""
    with pytest.raises(RuntimeError, match="nothing was looked at yet"):
        replay()._report()


class Busy:
    """A live world without a machine: counts what is read of it, and lets a test say what happens."""

    can_probe = True
    is_over = False
    kind: TriggerKind = "udev"

    def __init__(self, clock: Clock, events: list[float]) -> None:
        self.clock = clock
        self.events = events
        self.reads: list[tuple[str, float]] = []

    def now(self) -> float:
        return self.clock.now()

    def wait(self, timeout_s: float | None) -> bool:
        end = self.clock.seconds + (timeout_s or 0.0)
        if self.events and self.events[0] <= end:
            self.clock.seconds = max(self.events.pop(0), self.clock.seconds)
            return True
        self.clock.seconds = end
        return False

    def wake(self) -> None:
        pass

    def attend(self, *, attentive: bool) -> None:
        pass

    def buses(self, before: Evidence | None) -> Evidence:
        self.reads.append(("buses", round(self.clock.seconds - 1000, 3)))
        return before or START

    def whole(self, before: Evidence | None, *, probe: bool = False) -> Evidence:
        self.reads.append(("library" if probe else "host", round(self.clock.seconds - 1000, 3)))
        return before or START

    def close(self) -> None:
        pass


def busy(*events: float) -> tuple[Engine, Busy]:
    """An engine on such a world, past its first looks; events at these seconds."""
    world = Busy(Clock(), [1000 + each for each in events])
    engine = Engine(world)
    for _ in range(3):
        engine.step(0.0)
    world.reads.clear()
    return engine, world


def test_the_library_is_asked_last_at_first() -> None:
    """It takes a child process, and everything else is there before."""
    world = Busy(Clock(), [])
    engine = Engine(world)
    stages = [update.stage for update in (engine.step(0.0) for _ in range(3)) if update is not None]
    assert ["buses", "host", "library"] == stages == [what for what, _ in world.reads]


def test_an_idle_engine_reads_nothing() -> None:
    """An hour without events costs nothing."""
    engine, world = busy()
    assert engine.step(3600.0) is None
    assert [] == world.reads


def test_events_that_come_together_cost_one_reading() -> None:
    """A device announces itself in several events; then it is read, judged, and the library asked when it is calm."""
    engine, world = busy(5.0, 5.003, 5.01)
    engine.step(60.0)
    assert [("buses", 5.035), ("host", 5.41), ("library", 6.51)] == world.reads


def test_a_stream_of_events_does_not_put_off_the_reading() -> None:
    """It is never quiet, and the buses are read all the same, with pauses between."""
    engine, world = busy(*(5 + number / 100 for number in range(100)))
    engine.step(60.0)
    times = [at for what, at in world.reads if what == "buses"]
    assert 5.0 < times[0] < 5.1
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(times))
    assert 8 <= len(times) <= 12


def test_while_somebody_waits_everything_is_read_every_two_seconds() -> None:
    """No event tells that a rule was added or a group joined."""
    engine, world = busy()
    engine.attend(attentive=True)
    engine.step(7.0)
    assert ["host"] * 3 == [what for what, _ in world.reads]
    engine.attend(attentive=False)
    engine.step(100.0)
    assert 3 == len(world.reads)


def test_firmware_that_is_loaded_closes_and_opens_nothing_meanwhile() -> None:
    """Between its two identities the stick is away for a second, which is no news of its own."""
    stick, away = device_at(START, "2-2.1"), without(START, "2-2.1")
    fresh = with_device(away, as_fresh(stick), "2-2.1", devnum=20)
    ready = with_device(away, as_ready(stick), "2-2.1", devnum=21)
    engine = replay(*deltas((0, fresh), (1.0, away), (2.0, ready)), start=fresh)
    started(engine)
    updates = run(engine)
    assert ["ETD112"] == [code for update in updates for code in codes(update, "closed")]
    assert [] == [code for update in updates for code in codes(update, "opened")]


def test_what_a_real_machine_showed_is_shown_again() -> None:
    """A stick that was moved on a real kernel: the replay tells the same lines as the watch did then."""
    folder = ROOT / "fixtures" / "vm-stick-moved-to-good-port"
    engine = replay(*read_changes(str(folder)), start=evidence_of(folder))
    started(engine)
    shown = []
    for update in run(engine):
        shown += [change_text(change) for change in update.changes]
        for word, findings in (("closed", update.closed), ("opened", update.opened)):
            shown += [f"{word}  {each.severity.upper()} {each.code} {each.rule}: {each.title}" for each in findings]
    then = (folder / "watch.txt").read_text(encoding="utf-8").split("\n")[5:]
    assert [line for line in then if line and not line.startswith("now")] == shown
