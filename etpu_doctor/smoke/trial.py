"""What a worker reported of one Edge TPU, before anybody judges it."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.smoke import Difference
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.jobs import Devices, Event, Phase
from etpu_doctor.smoke.sample import Sample


class Round(msgspec.Struct, kw_only=True):
    """One round of inferences: the latencies after the first of all, or the turns of its models, and how it ended."""

    latencies_ms: Sample = msgspec.field(default_factory=Sample)
    elapsed_ms: float = 0.0
    difference: Difference | None = None
    digests: tuple[str, ...] = ()
    turns: tuple[jobs.Turn, ...] = ()
    done: bool = False


class Trial(msgspec.Struct, kw_only=True):
    """One job of a worker, as far as it came.

    * ``listed``: what the library listed right before the open, ``device`` the string that meant this device then.
    * ``signal`` names the signal that ended it (``SIGSEGV``), ``timed_out`` the phase whose limit it passed.
    * ``host``: what Python does around an inference of each model, if the job was to time that.
    * ``failure`` is the Python exception that ended it; ``stderr`` what the library printed meanwhile.
    """

    phase: Phase = "start"
    listed: Devices | None = None
    device: str | None = None
    fallback: bool = False
    open_ms: float | None = None
    firmware_load_ms: float | None = None
    delegated: int | None = None
    ready: bool = False
    first_ms: float | None = None
    rounds: list[Round] = []
    host: tuple[jobs.HostWork, ...] | None = None
    ended: bool = False
    signal: str | None = None
    exit_status: int | None = None
    timed_out: Phase | None = None
    stopped: bool = False
    stuck: bool = False
    lost: str | None = None
    failure: jobs.Failure | None = None
    stderr: tuple[str, ...] = ()

    @property
    def timed_runs(self) -> int:
        """Inferences of the first round, without the very first."""
        return self.rounds[0].latencies_ms.count if self.rounds else 0

    @property
    def runs(self) -> int:
        """Inferences of the first round, the very first included."""
        return (self.first_ms is not None) + self.timed_runs

    @property
    def ended_well(self) -> bool:
        """Whether it did all that it was asked for and left without a fault."""
        return self.ended and not self.ended_by and bool(self.rounds) and all(each.done for each in self.rounds)

    @property
    def ended_by(self) -> str | None:
        """In words: a limit, a signal, an exception; ``None`` for one that came to its end."""
        if self.timed_out is not None:
            return f"no answer in phase {self.timed_out}, so it was ended"
        if self.failure is not None:
            return self.failure.error_type
        return self.signal or self.lost or (f"exit status {self.exit_status}" if self.exit_status else None)

    def round(self, number: int) -> Round:
        """A round by its number from 1; it comes into being with its first report."""
        while len(self.rounds) < number:
            self.rounds.append(Round())
        return self.rounds[number - 1]


def apply(trial: Trial, event: Event) -> None:
    """Note what happened."""
    if isinstance(event, jobs.Entered):
        trial.phase = event.phase
    elif isinstance(event, jobs.Progress):
        current = trial.round(event.round)
        current.latencies_ms.add(event.latencies_ms)
        current.elapsed_ms = event.elapsed_ms
    elif isinstance(event, jobs.Turns):
        trial.round(event.round).turns = event.turns
    elif isinstance(event, jobs.Done):
        current = trial.round(event.round)
        current.difference, current.digests, current.done = event.difference, event.digests, True
        current.elapsed_ms = event.elapsed_ms
    elif isinstance(event, jobs.Ended):
        _end(trial, event)
    else:
        _milestone(trial, event)


def _milestone(trial: Trial, event: Event) -> None:
    if isinstance(event, jobs.Listed):
        trial.listed, trial.device = event.devices, event.device
    elif isinstance(event, jobs.Opening):
        trial.fallback = event.fallback
    elif isinstance(event, jobs.Firmware):
        trial.firmware_load_ms = event.firmware_load_ms
    elif isinstance(event, jobs.Opened):
        trial.open_ms = event.open_ms
    elif isinstance(event, jobs.Model):
        trial.delegated = event.delegated
    elif isinstance(event, jobs.Ready):
        trial.ready = True
    elif isinstance(event, jobs.First):
        trial.first_ms = event.first_ms
    elif isinstance(event, jobs.Host):
        trial.host = event.works


def _end(trial: Trial, event: jobs.Ended) -> None:
    trial.ended = True
    trial.phase = event.phase
    trial.signal, trial.exit_status = event.signal, event.exit_status
    trial.timed_out, trial.stopped, trial.stuck, trial.lost = event.timed_out, event.stopped, event.stuck, event.lost
    trial.failure, trial.stderr = event.failure, event.stderr
