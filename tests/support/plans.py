"""Models and machines for plans: synthetic files with chosen traffic, and the known models rebuilt from their parts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from etpu_doctor.evidence.compiled_model import read_model
from etpu_doctor.facts.host import Clock
from etpu_doctor.facts.model import LoadedModel
from etpu_doctor.knowledge.published_latencies import KnownTraffic, latencies
from etpu_doctor.placement.profile import Profile, profile_of
from etpu_doctor.placement.sites import Sites, sites_of
from etpu_doctor.placement.what_if import machine_of
from etpu_doctor.report.planned import Given
from etpu_doctor.topology.machine import Options
from tests.support.mk_compiled import (
    EXECUTION_ONLY,
    PARAMETER_CACHING,
    STAND_ALONE,
    Graph,
    Layer,
    Operator,
    Program,
    Tensor,
    compiled,
    tflite,
)

TENSORS = (Tensor("in"), Tensor("out"))


def model_bytes(**parts: int) -> bytes:
    """A model of one compiled operator.

    ``instructions``, ``input``, ``output``, ``cached``, ``streamed`` are bytes; ``token`` (0: stand-alone), ``cycles``;
    ``cpu`` adds an operator that the CPU computes, ``lax`` leaves the transfers open.
    """
    token = parts.get("token", 1)
    ends = (Layer("in", 1, 1, parts.get("input", 1000)),), (Layer("out", 1, 1, parts.get("output", 100)),)
    main = Program(
        kind=EXECUTION_ONLY if token else STAND_ALONE,
        token=token,
        instructions=(parts.get("instructions", 1000),),
        parameters=parts.get("streamed", 0),
        inputs=ends[0],
        outputs=ends[1],
        cycles=parts.get("cycles", 0),
        deterministic=not parts.get("lax", 0),
    )
    programs = [main]
    if token and parts.get("cached", 0):
        loading = Program(
            kind=PARAMETER_CACHING,
            token=token,
            instructions=(parts.get("loading", 8),),
            parameters=parts["cached"],
        )
        programs.append(loading)
    operators = [compiled(*programs)]
    if parts.get("cpu", 0):
        operators.append(Operator("TFLite_Detection_PostProcess"))
    return tflite(Graph(TENSORS, tuple(operators)))


def loaded(path: str = "m_edgetpu.tflite", **parts: int) -> LoadedModel:
    """A model as if it had been read from a file."""
    data = model_bytes(**parts)
    return LoadedModel(path=path, sha256=hashlib.sha256(data).hexdigest(), model=read_model(data))


def given(*names: str, folder: str = "/models", rates: tuple[float | None, ...] = ()) -> Given:
    """Models of these names, each with a token of its own, as if they had been read from files of a folder."""
    models = tuple(
        loaded(f"{folder}/{name}_edgetpu.tflite", token=number, cached=200_000 * number, cycles=500_000)
        for number, name in enumerate(names, 1)
    )
    return Given(loaded=models, rates=rates or (None,) * len(models))


def write_models(folder: Path, *names: str) -> list[str]:
    """The same models as files; returns their paths."""
    paths = [folder / f"{name}_edgetpu.tflite" for name in names]
    for number, path in enumerate(paths, 1):
        path.write_bytes(model_bytes(token=number, cached=200_000 * number, cycles=500_000))
    return [str(path) for path in paths]


def profile(label: str, rate: float | None = None, **parts: int) -> Profile:
    """The profile of such a model."""
    return profile_of(loaded(f"/models/{label}_edgetpu.tflite", **parts), label, rate)


def known_model(entry: KnownTraffic) -> LoadedModel:
    """A known model made again from its parts, under its own hash. Its parts must be known."""
    assert entry.instruction_bytes is not None
    assert entry.cached_bytes is not None
    data = model_bytes(
        instructions=entry.instruction_bytes,
        input=entry.input_bytes or 0,
        output=entry.output_bytes or 0,
        cached=entry.cached_bytes,
        streamed=entry.streamed_bytes or 0,
        loading=entry.once_bytes - entry.cached_bytes,
    )
    return LoadedModel(path=entry.file, sha256=entry.sha256.ljust(64, "0"), model=read_model(data))


def entry_of(file: str) -> KnownTraffic:
    """The entry of a file name."""
    return next(entry for entry in latencies().traffic if entry.file == file)


def places(spec: str, clock: Clock | None = "maximum") -> Sites:
    """The Edge TPUs of a description."""
    return sites_of(machine_of(spec, Options(clock=clock)))
