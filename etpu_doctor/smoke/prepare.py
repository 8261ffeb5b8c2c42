"""From what a person asks for to a plan, and from the plan to evidence with results in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.facts.smoke import SmokeResult, Via
from etpu_doctor.smoke.crew import Crew, CrewRequest
from etpu_doctor.smoke.jobs import Limits
from etpu_doctor.smoke.targets import select
from etpu_doctor.smoke.tools import Lacking, RuntimeName, Tools, Wishes, choose_tools
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu, Options

if TYPE_CHECKING:
    from etpu_doctor.smoke.bench import Watcher
    from etpu_doctor.smoke.plan import Plan

RUNS = 50
"""Inferences of an Edge TPU, if nobody says how many."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked for; see ``etpu-doctor smoke --help``."""

    devices: tuple[str, ...] = ()
    model: str | None = None
    reference: str | None = None
    tolerance: int = 0
    runs: int = RUNS
    alone: bool = False
    soak_seconds: float | None = None
    library: str | None = None
    python: str | None = None
    runtime: RuntimeName | None = None
    via: Via = "path"
    force: bool = False
    limit_seconds: float | None = None


def smoke_test(evidence: Evidence, wanted: Wanted, watch: Watcher) -> Evidence:
    """The evidence with the results of smoke tests. It is of this host, and was read just before.

    Raises ``TargetError`` for a name that means no Edge TPU, and ``smoke.models.ChoiceError`` where there is no
    model to run, or the one that was named cannot be.
    """
    targets = select(build(evidence, Options()).edge_tpus, wanted.devices)
    wishes = Wishes(library=wanted.library, python=wanted.python, runtime=wanted.runtime)
    tools = choose_tools(evidence.runtime or Runtime(), Files(), wishes)
    results: tuple[SmokeResult, ...] | None = () if not targets else None
    while results is None:
        if isinstance(tools, Lacking):
            results = _lacking(targets, tools)
            break
        with Crew(CrewRequest(python=tools.python, runtime=tools.module)) as crew:
            # The workers import their runtime while this process imports the rest and looks at everybody's use.
            from etpu_doctor.smoke.runner import run  # noqa: PLC0415 - as above

            results = run(crew, evidence, targets, _plan(wanted, tools), watch)
        tools = tools.spare or tools
    return msgspec.structs.replace(evidence, smoke=results)


def _plan(wanted: Wanted, tools: Tools) -> Plan:
    from etpu_doctor.smoke.models import find_smoke_model  # noqa: PLC0415 - imported while the workers import theirs
    from etpu_doctor.smoke.plan import Plan  # noqa: PLC0415 - as above

    return Plan(
        tools=tools,
        model=find_smoke_model(wanted.model),
        reference=wanted.reference,
        tolerance=wanted.tolerance,
        runs=wanted.runs,
        alone=wanted.alone,
        soak_seconds=wanted.soak_seconds,
        via=wanted.via,
        force=wanted.force,
        limits=_limits(wanted.limit_seconds),
    )


def _limits(seconds: float | None) -> Limits:
    """Shorter or longer limits for what can hang in the device; loading and importing keep theirs."""
    return Limits() if seconds is None else Limits(open_seconds=seconds, model_seconds=seconds, invoke_seconds=seconds)


def untested(evidence: Evidence, reason: str) -> Evidence:
    """The evidence with a result for each Edge TPU that says why it was not tested."""
    tpus = build(evidence, Options()).edge_tpus
    return msgspec.structs.replace(
        evidence, smoke=tuple(SmokeResult(id=tpu.id, verdict="skipped", reason=reason) for tpu in tpus)
    )


def _lacking(targets: Sequence[EdgeTpu], lacking: Lacking) -> tuple[SmokeResult, ...]:
    return tuple(
        SmokeResult(
            id=tpu.id,
            device_path=tpu.device_path,
            delegate_device=tpu.delegate_device,
            verdict="failed",
            cause=lacking.cause,
            reason=lacking.reason,
            advice=lacking.advice,
            phase="start",
        )
        for tpu in targets
    )
