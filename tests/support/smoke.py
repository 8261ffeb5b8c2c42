"""Smoke tests by hand: events of a worker, trials made of them, and a plan to run."""

from __future__ import annotations

from typing import Any

from etpu_doctor.facts.model import CompiledModel
from etpu_doctor.facts.smoke import Difference
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.jobs import Event
from etpu_doctor.smoke.models import ChosenModel
from etpu_doctor.smoke.plan import Plan
from etpu_doctor.smoke.tools import Tools
from etpu_doctor.smoke.trial import Trial, apply
from tests.support.user_space import library

LISTED = (("usb", "/sys/bus/usb/devices/2-1"),)


def progress(*latencies_ms: float, round_number: int = 1) -> jobs.Progress:
    """A report of some inferences."""
    return jobs.Progress(
        task=1,
        at_seconds=0,
        round=round_number,
        runs=len(latencies_ms),
        elapsed_ms=sum(latencies_ms),
        latencies_ms=latencies_ms,
    )


def done(round_number: int = 1, difference: Difference | None = None, digests: tuple[str, ...] = ()) -> jobs.Done:
    """The end of a round; ``digests`` are of one output, a set of inputs each."""
    outputs = (jobs.OutputDigests(name="o", sha256=digests),) if digests else ()
    return jobs.Done(
        task=1,
        at_seconds=0,
        round=round_number,
        runs=1,
        elapsed_ms=0,
        compared_runs=1,
        difference=difference,
        outputs=outputs,
    )


def ended(**fields: Any) -> jobs.Ended:
    """The end of a job; without fields a good one."""
    known: dict[str, Any] = {"phase": "close"}
    if not {"signal", "exit_status", "lost", "failure"}.intersection(fields):
        known["exit_status"] = 0
    return jobs.Ended(task=1, at_seconds=0, **{**known, **fields})


def trial_of(*events: Event) -> Trial:
    """What events add up to."""
    trial = Trial()
    for event in events:
        apply(trial, event)
    return trial


def failed(phase: jobs.Phase, *stderr: str, error: str | None = None, **fields: Any) -> Trial:
    """A trial that came to a phase and failed there; ``error`` is ``TYPE: TEXT`` of a Python exception."""
    name, _, text = (error or "").partition(": ")
    failure = jobs.Failure(phase=phase, error_type=name, text=text) if error is not None else None
    if failure is not None:
        fields["failure"] = failure
    return trial_of(ended(phase=phase, stderr=stderr, **fields))


def good(*latencies_ms: float, **fields: Any) -> Trial:
    """A trial that went well."""
    values = latencies_ms or tuple(2.0 + n / 100 for n in range(40))
    listed = jobs.Listed(task=1, at_seconds=0, devices=LISTED, device="usb:0", load_ms=1)  # type: ignore[arg-type] # as decoded
    return trial_of(
        listed,
        jobs.Opened(task=1, at_seconds=0, open_ms=2400),
        jobs.Model(task=1, at_seconds=0, sha256="", size_bytes=1, delegated=1, interpreter_ms=1),
        jobs.First(task=1, at_seconds=0, first_ms=17),
        progress(*values),
        done(**fields),
        ended(),
    )


def chosen(**fields: Any) -> ChosenModel:
    """A model that moves as much as the small MobileNet v1."""
    model = CompiledModel(
        size_bytes=801_454,
        compiled="full",
        operators=1,
        out_bytes_per_inference=219_184,
        in_bytes_per_inference=1_008,
    )
    return ChosenModel(**{"path": "/m/a_edgetpu.tflite", "sha256": "ab", "origin": "asked", "model": model, **fields})


def plan(**fields: Any) -> Plan:
    """A plan with Google's library and ai-edge-litert."""
    tools = Tools(
        library=library(),
        python="/usr/bin/python3",
        module="ai_edge_litert",
        package="ai-edge-litert",
        version="2.3.0",
    )
    return Plan(**{"tools": tools, "model": chosen(), **fields})
