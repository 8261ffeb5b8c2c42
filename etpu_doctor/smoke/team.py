"""Jobs on Edge TPUs, one each: starts them in an order that is safe, and follows them to where they must be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.crew import Crew, CrewError
from etpu_doctor.smoke.jobs import Event, Job
from etpu_doctor.smoke.trial import Trial, apply
from etpu_doctor.topology.machine import EdgeTpu

_MILESTONES = (jobs.Opened, jobs.Ready, jobs.Done, jobs.Host, jobs.Ended)

Listener = Callable[[EdgeTpu, Event], None]


def fresh_first(tpus: Iterable[EdgeTpu]) -> list[EdgeTpu]:
    """The order in which to start: each fresh stick that gets its firmware changes the numbers of the others."""
    return sorted(tpus, key=lambda tpu: tpu.state != "dfu")


class Team:
    """The jobs of a crew. ``trials`` are by the id of the Edge TPU; ``listen`` hears each event after it was noted."""

    def __init__(self, crew: Crew, listen: Listener | None = None) -> None:
        self._crew = crew
        self._listen = listen
        self._tasks: dict[str, int] = {}
        self._tpus: dict[int, EdgeTpu] = {}
        self.trials: dict[str, Trial] = {}

    def start(self, tpu: EdgeTpu, job: Job) -> None:
        """Start a job; of a fresh stick it waits until it is open. To be called in the order of ``fresh_first``."""
        self.trials[tpu.id] = Trial()
        try:
            task = self._crew.start(job)
        except CrewError as error:
            self.trials[tpu.id] = Trial(ended=True, lost=str(error))
            return
        self._tasks[tpu.id], self._tpus[task] = task, tpu
        if tpu.state == "dfu":
            self.wait([tpu], lambda trial: trial.open_ms is not None)

    def go(self, tpu: EdgeTpu) -> None:
        """Let the job run that waits; one that never was, or is at its end, needs nothing."""
        if tpu.id in self._tasks:
            self._crew.go(self._tasks[tpu.id])

    def wait(self, tpus: Sequence[EdgeTpu], is_reached: Callable[[Trial], bool]) -> None:
        """Take events until each of the jobs has reached something or its end. Limits end every job, so this ends."""
        trials = [self.trials[tpu.id] for tpu in tpus]
        while any(not trial.ended and not is_reached(trial) for trial in trials):
            for event in self._crew.events(time.monotonic() + 1):
                self._take(event)
                if isinstance(event, _MILESTONES):
                    break

    def _take(self, event: Event) -> None:
        tpu = self._tpus[event.task]
        apply(self.trials[tpu.id], event)
        if self._listen is not None:
            self._listen(tpu, event)
