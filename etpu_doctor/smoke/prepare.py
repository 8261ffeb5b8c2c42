"""From what a person asks for to a plan, and from the plan to evidence with results in it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.facts.smoke import SmokeResult, Via
from etpu_doctor.smoke.bench import Watcher
from etpu_doctor.smoke.jobs import Limits
from etpu_doctor.smoke.models import find_smoke_model
from etpu_doctor.smoke.plan import RUNS, Plan
from etpu_doctor.smoke.runner import run
from etpu_doctor.smoke.targets import select
from etpu_doctor.smoke.tools import Lacking, RuntimeName, Wishes, choose_tools
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu, Options


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
    machine = build(evidence, Options())
    targets = select(machine.edge_tpus, wanted.devices)
    if not targets:
        return evidence
    model = find_smoke_model(wanted.model)
    wishes = Wishes(library=wanted.library, python=wanted.python, runtime=wanted.runtime)
    tools = choose_tools(evidence.runtime or Runtime(), Files(), wishes)
    if isinstance(tools, Lacking):
        return msgspec.structs.replace(evidence, smoke=_lacking(targets, tools))
    plan = Plan(
        tools=tools,
        model=model,
        reference=wanted.reference,
        tolerance=wanted.tolerance,
        runs=wanted.runs,
        alone=wanted.alone,
        soak_seconds=wanted.soak_seconds,
        via=wanted.via,
        force=wanted.force,
        limits=_limits(wanted.limit_seconds),
    )
    return msgspec.structs.replace(evidence, smoke=run(evidence, targets, plan, watch))


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
