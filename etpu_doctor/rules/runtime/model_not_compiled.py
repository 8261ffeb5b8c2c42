"""ETD710 model-not-compiled."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.facts.application import DetectorConfig, DetectorModel
from etpu_doctor.rules.applications import detector_fact, detectors, printed
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.interpreters import quoted
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD710",
    name="model-not-compiled",
    severity="error",
    summary="A model that is to run on an Edge TPU is not compiled for it, or only in part, or is damaged.",
    documentation="""\
## What it means
The Edge TPU runs what the Edge TPU Compiler made: the model then holds the operator edgetpu-custom-op. Without it every
operator runs on the CPU; with it, those that the compiler could not map still do.

## Why it matters
A model that is not compiled runs on the CPU although the Edge TPU was opened, or fails. One that is half on the CPU can
be slower than the CPU alone.

## How to fix
Quantise the model to 8 bits in full (int8, weights and activations) and run edgetpu_compiler on it; take the file whose
name ends in _edgetpu.tflite. In Frigate leave out model: to get the compiled one that comes with it.

## What it cannot see
A model inside a container, unless this runs in it: then only the name speaks, and a name proves nothing. Whether a
model is any good.

## Source
The Edge TPU Compiler's documentation; TensorFlow Lite's schema; Frigate `frigate/config/config.py` (default models) and
`frigate/detectors/plugins/edgetpu_tfl.py`.
""",
)

_USUAL_ON_CPU = frozenset({"TFLite_Detection_PostProcess", "QUANTIZE", "DEQUANTIZE", "RESHAPE", "SOFTMAX", "CAST"})
"""What stays on the CPU in good models too, and costs little."""

_HEAVY = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "CONV_3D"})
_CPU_MODEL = "cpu_model.tflite"
_PLUS = "plus://"
_OPERATORS_SHOWN = 8


def check(machine: Machine) -> Iterator[Finding]:
    """A finding for each model that detectors name, by its content or else by its name; one for what was printed."""
    groups: dict[str, list[DetectorConfig]] = {}
    for detector in detectors(machine):
        if detector.model is not None or detector.model_path is not None:
            groups.setdefault(detector.model.path if detector.model else detector.model_path or "", []).append(detector)
    found: list[Finding] = []
    for path, group in groups.items():
        model = group[0].model
        found += _by_content(group, model) if model is not None else _by_name(group, path)
    for finding in found:
        yield _behind(finding) if _has_none(machine) else finding
    lines = printed(machine, INFO.name)
    if lines and not any(finding.severity == "error" for finding in found):
        title = "A program got a model that is not compiled for the Edge TPU"
        yield _finding(("error", "likely"), title, lines, _compile("MODEL.tflite"))


def _has_none(machine: Machine) -> bool:
    """Whether a bus was looked at and there is no Edge TPU: what it would run comes second then."""
    return not machine.edge_tpus and (machine.covers("usb") or machine.covers("pci"))


def _behind(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, severity="warning") if finding.severity == "error" else finding


def _by_content(group: list[DetectorConfig], model: DetectorModel) -> Iterator[Finding]:
    facts = (*_named(group), Fact(name="file", value=model.size_bytes, unit="bytes", where=model.path))
    if model.fault is not None:
        yield _finding(
            ("error", "certain"),
            f"The model {model.path} cannot be used: {model.fault}",
            facts,
            Remedy(
                summary="Fetch the model again.",
                steps=("A file of a few hundred bytes is a page or a pointer that was saved in its place.",),
            ),
        )
    elif model.compiled == "no":
        yield _finding(
            ("error", "certain"),
            f"The model {model.path} is not compiled for the Edge TPU: all of it runs on the CPU",
            facts,
            _compile(model.path),
        )
    elif model.compiled == "partly":
        yield from _partly(model, facts)


def _partly(model: DetectorModel, facts: tuple[Fact, ...]) -> Iterator[Finding]:
    left = [name for name in model.cpu_operators if name not in _USUAL_ON_CPU]
    if not left:
        return
    heavy = [name for name in left if name in _HEAVY]
    ordered = [*heavy, *(name for name in left if name not in heavy)][:_OPERATORS_SHOWN]
    names = ", ".join(f"{model.cpu_operators[name]} x {name}" for name in ordered)
    fact = Fact(name="operators on the CPU", value=names, where=model.path)
    yield _finding(
        ("warning" if heavy else "info", "certain"),
        f"The model {model.path} is compiled only in part: {join_words((heavy or left)[:3])} stay on the CPU",
        (*facts, fact),
        _compile(model.path),
    )


def _by_name(group: list[DetectorConfig], path: str) -> Iterator[Finding]:
    """What a name tells. Models of Frigate+ have names without an ending, and are checked by Frigate itself."""
    name = path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if path.startswith(_PLUS) or not ending:
        return
    if name == _CPU_MODEL:
        title = f"Frigate's Edge TPU gets {path}, which is its model for the CPU"
        yield _finding(("error", "likely"), title, _named(group), _leave_out())
    elif ending != "tflite":
        title = f"The Edge TPU gets the model {path}: it can only run compiled .tflite files"
        yield _finding(("error", "certain"), title, _named(group), _leave_out())
    elif "edgetpu" not in name.lower() and "edge_tpu" not in name.lower():
        title = f"The name of the model {path} does not say that it is compiled for the Edge TPU"
        yield _finding(("info", "possible"), title, _named(group), _look(path))


def _named(group: list[DetectorConfig]) -> tuple[Fact, ...]:
    return tuple(detector_fact(detector, "model") for detector in group)


def _leave_out() -> Remedy:
    return Remedy(
        summary="Give the Edge TPU a model that is compiled for it.",
        steps=(
            "Delete the line path: of the model. Frigate then takes /edgetpu_model.tflite, which is compiled.",
            "Or name a file whose name ends in _edgetpu.tflite.",
        ),
    )


def _look(path: str) -> Remedy:
    return Remedy(
        summary="Look into the file: the name alone proves nothing.",
        commands=(
            Command(
                command=f"grep -c edgetpu-custom-op {quoted(path)}",
                why="0 means that it is not compiled (run it where the file is: docker exec frigate ...)",
            ),
        ),
    )


def _compile(path: str) -> Remedy:
    return Remedy(
        summary="Compile the model, and use the file that the compiler writes.",
        steps=(
            "Quantise it in full first (TensorFlow Lite converter, int8 with a representative data set).",
            f"Run edgetpu_compiler -s {quoted(path)} on an x86-64 Linux: -s lists which operators it could not map.",
            "Use the file that it writes, whose name ends in _edgetpu.tflite.",
        ),
    )


def _finding(weight: tuple[Severity, Confidence], title: str, facts: tuple[Fact, ...], remedy: Remedy) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=weight[0],
        confidence=weight[1],
        title=title,
        subject="machine",
        facts=facts,
        remedy=remedy,
    )
