"""Runs a plan: one process an Edge TPU, all at once, each model at its rate, those without one as fast as they can.

Afterwards each process times, alone, what Python does around an inference of its models.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.placement.measured import Measured, MeasuredRow
from etpu_doctor.placement.measured_limit import measured_limit, one_process
from etpu_doctor.placement.measured_rows import Part, not_measured, rows_of
from etpu_doctor.placement.plan import Plan
from etpu_doctor.smoke.crew import Crew, CrewRequest
from etpu_doctor.smoke.jobs import Guest, Job, Refusal
from etpu_doctor.smoke.obstacles import Clearance
from etpu_doctor.smoke.refusals import judge_refusal, spare_for
from etpu_doctor.smoke.team import Team, fresh_first
from etpu_doctor.smoke.tools import Lacking, Tools, Wishes, choose_tools
from etpu_doctor.smoke.trial import Trial
from etpu_doctor.topology.machine import EdgeTpu

_IMPORT_SECONDS = 30.0
_BUSY_PERCENT = 85.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How to measure: for how long, with which library and interpreter."""

    seconds: float
    wishes: Wishes = Wishes()


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """The models of one Edge TPU, in the order of their turns."""

    tpu: EdgeTpu
    parts: tuple[Part, ...]


def measure(evidence: Evidence, plan: Plan, run: Run) -> Measured:
    """Run a plan on this machine. ``evidence`` was read just before. Leaves no process behind."""
    groups = _groups(plan)
    tools = choose_tools(evidence.runtime or Runtime(), Files(), run.wishes)
    if isinstance(tools, Lacking):
        return _not_run(groups, run, tools.reason)
    clear, rows = _cleared(evidence, groups)
    bench = None
    while clear and bench is None:
        with Crew(CrewRequest(python=tools.python, runtime=tools.module)) as crew:
            hello = crew.ready(_IMPORT_SECONDS)
            spare = spare_for(tools, hello) if isinstance(hello, Refusal) else None
            if spare is not None:
                tools = spare
                continue
            if isinstance(hello, Refusal):
                return _not_run(groups, run, judge_refusal(hello)[1])
            bench = _Bench(crew, tools, run.seconds)
            bench.run(clear)
    for group in clear:
        rows += rows_of(group.parts, bench.trials[group.tpu.id] if bench is not None else Trial())
    return _told(groups, rows, run, bench.busy_percent if bench is not None else None)


def _groups(plan: Plan) -> list[_Group]:
    """Those of one Edge TPU by their tokens: with these beside each other the fewest parameters must come back."""
    profiles = {profile.label: profile for profile in plan.profiles}
    tpus = {site.id: site.tpu for site in plan.sites.sites}
    on: dict[str, list[Part]] = {}
    for each in plan.placements:
        part = Part(placement=each, profile=profiles[each.model], tpu=tpus[each.tpu])
        on.setdefault(each.tpu, []).append(part)
    return [
        _Group(tpu=tpus[name], parts=tuple(sorted(parts, key=lambda part: part.profile.group)))
        for name, parts in on.items()
    ]


def _cleared(evidence: Evidence, groups: Sequence[_Group]) -> tuple[list[_Group], list[MeasuredRow]]:
    """Those on Edge TPUs that may be opened, as a second look shows these; and rows of the others, which say why."""
    clearance = Clearance(evidence, Files())
    clearance.look_again([group.tpu for group in groups])
    clear, rows = [], []
    for group in groups:
        obstacle = clearance.obstacle(group.tpu)
        if obstacle is None:
            clear.append(msgspec.structs.replace(group, tpu=clearance.now(group.tpu)[0]))
        else:
            rows += [not_measured(part, obstacle.reason) for part in group.parts]
    return clear, rows


class _Bench:
    """Opens, waits until all are ready, lets them run together; then each times the host's work, one after the other.

    ``trials`` are by the ids of the Edge TPUs; ``busy_percent`` is how much the host worked during the run.
    """

    def __init__(self, crew: Crew, tools: Tools, seconds: float) -> None:
        self._team = Team(crew)
        self._tools = tools
        self._seconds = seconds
        self.busy_percent: float | None = None

    @property
    def trials(self) -> dict[str, Trial]:
        """What came of each."""
        return self._team.trials

    def run(self, groups: Sequence[_Group]) -> None:
        """Measure them all; when this returns, every process is at its end."""
        team, parts = self._team, {group.tpu.id: group.parts for group in groups}
        tpus = fresh_first(group.tpu for group in groups)
        for tpu in tpus:
            team.start(tpu, self._job(tpu, parts[tpu.id]))
        team.wait(tpus, lambda trial: trial.ready)
        before = _ticks()
        for tpu in tpus:
            team.go(tpu)
        team.wait(tpus, lambda trial: bool(trial.rounds) and trial.rounds[0].done)
        self.busy_percent = _busy_percent(before, _ticks())
        for tpu in tpus:
            team.go(tpu)
            team.wait([tpu], lambda trial: trial.host is not None)
        team.wait(tpus, lambda trial: trial.ended)

    def _job(self, tpu: EdgeTpu, parts: Sequence[Part]) -> Job:
        own, *others = (
            Guest(
                model=part.profile.loaded.path,
                model_sha256=part.profile.loaded.sha256,
                rate=part.profile.rate,
                group=part.profile.group,
            )
            for part in parts
        )
        return Job(
            library=self._tools.library.path,
            model=own.model,
            model_sha256=own.model_sha256,
            device_type=tpu.transport,
            device_path=tpu.device_path,
            device=tpu.delegate_device,
            seconds=self._seconds,
            hold=True,
            guests=tuple(others),
            rate=own.rate,
            group=own.group,
            host_work=True,
        )


def _ticks() -> tuple[int, int] | None:
    """Ticks that the host's processors worked, and all ticks, since it started (``/proc/stat``)."""
    try:
        with open("/proc/stat", encoding="ascii") as handle:
            fields = [int(field) for field in handle.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    # user nice system idle iowait irq softirq steal
    return sum(fields) - sum(fields[3:5]), sum(fields)


def _busy_percent(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    if before is None or after is None or after[1] <= before[1]:
        return None
    return round(100 * (after[0] - before[0]) / (after[1] - before[1]), 1)


def _not_run(groups: Sequence[_Group], run: Run, reason: str) -> Measured:
    rows = tuple(not_measured(part, reason) for group in groups for part in group.parts)
    return Measured(seconds=run.seconds, rows=rows)


def _told(groups: Sequence[_Group], rows: Sequence[MeasuredRow], run: Run, busy_percent: float | None) -> Measured:
    profiles = {part.placement.model: part for group in groups for part in group.parts}
    whole = one_process(rows)
    return Measured(
        seconds=run.seconds,
        rows=tuple(rows),
        host_busy_percent=busy_percent,
        host_processors=os.cpu_count(),
        one_process_percent=whole.percent,
        one_process_is_at_least=whole.is_at_least,
        limit=measured_limit(rows, whole),
        notes=(*_notes(rows, profiles, busy_percent), *filter(None, [whole.note])),
    )


def _notes(rows: Sequence[MeasuredRow], parts: Mapping[str, Part], busy_percent: float | None) -> Iterator[str]:
    for row in rows:
        rest = None if row.median_ms is None or row.forecast_ms is None else row.median_ms - row.forecast_ms
        if rest is not None and rest > 0 and row.forecast_unknown:
            where = ["the chip's computing"] * ("compute" in row.forecast_unknown)
            operators = parts[row.model].profile.loaded.model.cpu_operators
            where += [f"the host's CPU ({', '.join(each.name for each in operators)})"] * bool(operators)
            yield f"{row.model} on {row.tpu}: the {rest:.2f} ms beyond the link are {' and '.join(where)}."
    if busy_percent is not None and busy_percent >= _BUSY_PERCENT:
        yield f"The host's processors were busy {busy_percent:.0f} % meanwhile: they may be what limits."
    if any(row.in_turns and row.wanted_rate is None for row in rows):
        yield "Models without --rate on one Edge TPU ran in turns, in the time that the others left."
