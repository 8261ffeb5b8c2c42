"""Jobs on Edge TPUs: the order in which they start, and how far each is waited for."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.crew import CrewError
from etpu_doctor.smoke.jobs import Event, Job
from etpu_doctor.smoke.team import Team, fresh_first
from etpu_doctor.topology.machine import EdgeTpu
from tests.support.facts import machine, root, tpu
from tests.support.smoke import done, ended, progress

JOB = Job(model="/m")


def sticks(*fresh: bool) -> list[EdgeTpu]:
    """So many sticks, some without their firmware."""
    devices = (tpu(f"2-{number}", dfu=is_fresh) for number, is_fresh in enumerate(fresh, 1))
    return list(machine(root(2), *devices).edge_tpus)


def opened(task: int) -> jobs.Opened:
    """A delegate is there."""
    return jobs.Opened(task=task, at_seconds=0, open_ms=5)


def of(task: int, event: Event) -> Event:
    """The event as one of another job."""
    return msgspec.structs.replace(event, task=task)


class FakeCrew:
    """Tells what it was given to tell, an event at a time, and notes what was asked of it and when."""

    def __init__(self, *events: Event) -> None:
        self.events_left = list(events)
        self.asked: list[tuple[str, int]] = []
        self.refuses: set[int] = set()
        self.numbers = 0

    def start(self, _job: Job) -> int:
        """Start a job."""
        self.numbers += 1
        if self.numbers in self.refuses:
            raise CrewError("nobody is there")
        self.asked.append(("start", self.numbers))
        return self.numbers

    def go(self, task: int) -> None:
        """Let it run."""
        self.asked.append(("go", task))

    def events(self, _until_seconds: float) -> Iterator[Event]:
        """All that is left; a test that waits for more would wait for ever."""
        assert self.events_left, "nothing more will come"
        while self.events_left:
            event = self.events_left.pop(0)
            self.asked.append((type(event).__name__, event.task))
            yield event


def team_of(crew: FakeCrew, heard: list[tuple[str, str]] | None = None) -> Team:
    """A team of this crew, which notes what it hears."""
    listen = None if heard is None else lambda tpu, event: heard.append((tpu.id, type(event).__name__))
    return Team(crew, listen)  # type: ignore[arg-type] # has what it needs of one


def test_fresh_sticks_come_first() -> None:
    """The others keep their order."""
    assert ["2-2", "2-4", "2-1", "2-3"] == [each.id for each in fresh_first(sticks(False, True, False, True))]


def test_a_fresh_stick_is_open_before_the_next_starts() -> None:
    """Each that gets its firmware changes the numbers of the others."""
    crew = FakeCrew(opened(1), opened(2))
    team = team_of(crew)
    for each in sticks(True, True, False):
        team.start(each, JOB)
    assert [("start", 1), ("Opened", 1), ("start", 2), ("Opened", 2), ("start", 3)] == crew.asked


def test_a_fresh_stick_that_fails_does_not_hold_the_others_up() -> None:
    """Its end is waited for as well as its open."""
    crew = FakeCrew(of(1, ended(signal="SIGSEGV")))
    team = team_of(crew)
    first, second = sticks(True, False)
    team.start(first, JOB)
    team.start(second, JOB)
    assert "SIGSEGV" == team.trials[first.id].signal
    assert not team.trials[second.id].ended


def test_each_trial_is_its_own() -> None:
    """Events go to the Edge TPU of their job, and whoever listens hears them after they were noted."""
    heard: list[tuple[str, str]] = []
    crew = FakeCrew(of(2, progress(1.0)), of(1, progress(2.0, 3.0)), of(2, ended()), of(1, done()), of(1, ended()))
    team = team_of(crew, heard)
    first, second = sticks(False, False)
    for each in (first, second):
        team.start(each, JOB)
    team.wait([first, second], lambda trial: trial.ended)
    assert [[2.0, 3.0], [1.0]] == [list(team.trials[each.id].rounds[0].latencies_ms.values) for each in (first, second)]
    assert [("2-2", "Progress"), ("2-1", "Progress"), ("2-2", "Ended"), ("2-1", "Done"), ("2-1", "Ended")] == heard


def test_waiting_ends_where_it_must() -> None:
    """What came after the one that was waited for is left for the next wait."""
    crew = FakeCrew(of(1, progress(1.0)), of(1, done()), of(1, ended()))
    team = team_of(crew)
    (only,) = sticks(False)
    team.start(only, JOB)
    team.wait([only], lambda trial: bool(trial.rounds) and trial.rounds[0].done)
    assert not team.trials[only.id].ended
    team.wait([only], lambda trial: trial.ended)
    assert team.trials[only.id].ended_well


def test_who_never_started_needs_no_word_to_go() -> None:
    """The crew is gone: its trial is at its end, with the reason; the others are let run."""
    crew = FakeCrew()
    crew.refuses = {1}
    team = team_of(crew)
    first, second = sticks(False, False)
    for each in (first, second):
        team.start(each, JOB)
        team.go(each)
    team.wait([first], lambda trial: trial.ready)
    assert (True, "nobody is there") == (team.trials[first.id].ended, team.trials[first.id].ended_by)
    assert [("start", 2), ("go", 2)] == crew.asked
