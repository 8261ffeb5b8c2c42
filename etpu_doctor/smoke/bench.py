"""Drives the workers: who opens when, who runs when, and how far each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.live import read_apex
from etpu_doctor.evidence.sysfs import DirectoryTree
from etpu_doctor.facts.smoke import SoakPoint
from etpu_doctor.facts.smoke_progress import Progress, Stage
from etpu_doctor.rules.thermal.throttled import heat_of
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.crew import Crew
from etpu_doctor.smoke.jobs import Channels, Event, Job, OutputsFile
from etpu_doctor.smoke.plan import Plan
from etpu_doctor.smoke.sample import median
from etpu_doctor.smoke.team import Team, fresh_first
from etpu_doctor.smoke.trial import Trial, apply
from etpu_doctor.topology.machine import EdgeTpu

_SOAK_PROGRESS_SECONDS = 1.0
_PROGRESS_SECONDS = 0.25


Watcher = Callable[[Progress], None]


class Warmth:
    """Temperatures of PCIe Edge TPUs by their PCI address, and whether one was warm enough to lose clock."""

    def __init__(self, files: Files) -> None:
        self._root = f"{files.root}/sys"
        self.hottest_c: dict[str, float] = {}
        self.stepped_down: dict[str, bool] = {}

    def read(self) -> dict[str, float]:
        """What the sensors show now, in degrees Celsius."""
        now = {}
        for node in read_apex(DirectoryTree(self._root, contained=self._root != "/sys")):
            heat = heat_of(node)
            if heat is None or node.pci_address is None:
                continue
            now[node.pci_address] = celsius = heat.temperature_mc / 1000
            self.hottest_c[node.pci_address] = max(celsius, self.hottest_c.get(node.pci_address, celsius))
            self.stepped_down[node.pci_address] = heat.step > 0 or self.stepped_down.get(node.pci_address, False)
        return now


class Bench:
    """One session of workers on some Edge TPUs. ``trials`` and ``soaks`` are by the id of the Edge TPU."""

    def __init__(self, crew: Crew, plan: Plan, watch: Watcher, warmth: Warmth) -> None:
        self._team = Team(crew, self._hear)
        self._plan = plan
        self._watch = watch
        self._warmth = warmth
        self.soaks: dict[str, list[SoakPoint]] = {}

    @property
    def trials(self) -> dict[str, Trial]:
        """What came of each."""
        return self._team.trials

    def run(self, tpus: Sequence[EdgeTpu], reference: Channels | OutputsFile | None) -> None:
        """Test them all; when this returns, every process is at its end."""
        team, alone = self._team, self._plan.alone and len(tpus) > 1
        for tpu in fresh_first(tpus):
            self._say(tpu, "opening")
            team.start(tpu, self._job(tpu, reference, rounds=2 if alone else 1))
        for tpu in tpus if alone else ():
            team.wait([tpu], lambda trial: trial.ready)
            team.go(tpu)
            team.wait([tpu], lambda trial: bool(trial.rounds) and trial.rounds[0].done)
        for tpu in tpus if alone else ():
            team.go(tpu)
        team.wait(tpus, lambda trial: trial.ended)

    def _job(self, tpu: EdgeTpu, reference: Channels | OutputsFile | None, rounds: int) -> Job:
        plan = self._plan
        soak = plan.soak_seconds is not None
        return Job(
            library=plan.tools.library.path,
            model=plan.model.path,
            model_sha256=plan.model.sha256,
            via=plan.via,
            device_type=tpu.transport,
            device_path=tpu.device_path,
            device=tpu.delegate_device,
            runs=plan.runs,
            seconds=plan.soak_seconds,
            rounds=rounds,
            hold=rounds > 1,
            reference=reference,
            progress_seconds=_SOAK_PROGRESS_SECONDS if soak else _PROGRESS_SECONDS,
            limits=plan.limits,
        )

    def _hear(self, tpu: EdgeTpu, event: Event) -> None:
        if isinstance(event, jobs.Progress):
            self._note_progress(tpu, event)
        elif isinstance(event, jobs.Ended):
            self._say(tpu, "done", runs=self.trials[tpu.id].timed_runs)
        elif isinstance(event, jobs.Opened):
            self._say(tpu, "opened")

    def _note_progress(self, tpu: EdgeTpu, event: jobs.Progress) -> None:
        latest = median(sorted(event.latencies_ms)) if event.latencies_ms else None
        warmth = self._warmth.read().get(tpu.id) if tpu.transport == "pci" else None
        if self._plan.soak_seconds is not None and latest is not None and event.round == 1:
            point = SoakPoint(
                seconds=round(event.elapsed_ms / 1000, 3),
                median_ms=round(latest, 3),
                runs=len(event.latencies_ms),
                temperature_c=warmth,
            )
            self.soaks.setdefault(tpu.id, []).append(point)
        stage: Stage = "together" if event.round > 1 else "running"
        self._say(tpu, stage, runs=event.runs, seconds=event.elapsed_ms / 1000, median_ms=latest, temperature_c=warmth)

    def _say(self, tpu: EdgeTpu, stage: Stage, **fields: float | None) -> None:
        soak = self._plan.soak_seconds
        of = self._plan.runs if soak is None else None
        self._watch(msgspec.structs.replace(Progress(id=tpu.id, stage=stage, of=of, of_seconds=soak), **fields))


def write_reference(crew: Crew, plan: Plan, path: str) -> Trial:
    """Run the uncompiled twin on the CPU and have its outputs written to ``path``."""
    task = crew.start(Job(model=plan.reference or "", runs=1, write_outputs=path, limits=plan.limits))
    trial = Trial()
    for event in crew.events():
        if event.task == task:
            apply(trial, event)
    return trial
