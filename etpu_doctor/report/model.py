"""What is said of a ``.tflite`` file: a verdict, its facts, and what one should know before running it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from etpu_doctor.evidence.errors import shown
from etpu_doctor.facts.model import CompiledModel, LoadedModel, Tensor
from etpu_doctor.knowledge.smoke_models import smoke_model_of
from etpu_doctor.knowledge.tflite_operators import remark_on
from etpu_doctor.remedies.quoting import shell
from etpu_doctor.report.escape import for_terminal, wrap

LATEST_RUNTIME, LATEST_RELEASE = 14, "16.0"
"""The runtime version of the last libedgetpu that Google released; rebuilds by others have the same."""

_WORDS = {"full": "OK", "partly": "WARNING", "no": "WARNING"}
_MARGIN, _LABEL = 9, 14
_SHOWN = 8
_NARROWEST = 64
"""As wide as a SHA-256, which has to stay in one piece."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know of a model: ``about`` names it, ``text`` explains it, ``command`` is what to do."""

    about: Literal["not-compiled", "on-the-cpu", "usb", "runtime", "reloads"]
    text: str
    command: str | None = None


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """A model file, what it is known as, and the notes on it. Without notes there is nothing against it."""

    file: str
    sha256: str
    known_as: str | None = None
    model: CompiledModel
    notes: tuple[Note, ...] = ()


def report_on(loaded: LoadedModel) -> ModelReport:
    """The report on a file."""
    entry = smoke_model_of(loaded.sha256)
    return ModelReport(
        file=loaded.path,
        sha256=loaded.sha256,
        known_as=entry.name if entry is not None else None,
        model=loaded.model,
        notes=tuple(_notes(loaded)),
    )


def _notes(loaded: LoadedModel) -> Iterator[Note]:
    model = loaded.model
    if model.compiled == "no":
        # A name that is no UTF-8 has lone surrogates in it, which neither JSON nor a terminal can carry.
        name = os.path.basename(loaded.path).encode("utf-8", "replace").decode()
        command = shell("edgetpu_compiler", name)
        yield Note(about="not-compiled", text=" ".join(_not_compiled(loaded)), command=command)
        return
    if model.compiled == "partly":
        yield Note(about="on-the-cpu", text=" ".join(_on_the_cpu(model)))
    if not all(executable.fully_deterministic for executable in model.executables):
        text = "A USB Edge TPU refuses this model: libedgetpu wants all of its transfers laid down beforehand."
        yield Note(about="usb", text=text)
    if model.min_runtime is not None and model.min_runtime > LATEST_RUNTIME:
        text = f"No libedgetpu runs it: the last release, {LATEST_RELEASE}, has runtime version {LATEST_RUNTIME}."
        yield Note(about="runtime", text=f"{text} Compile it with --min_runtime_version {LATEST_RUNTIME}.")
    if _reloads(model):
        text = "Its parameters do not stay on the chip: its parts do not share a token, and push each other's off."
        yield Note(about="reloads", text=text)


def _reloads(model: CompiledModel) -> bool:
    """Whether parameters that could stay on the chip cross the bus with every inference."""
    loads = sum(each.to_device_bytes or 0 for each in model.executables if each.kind == "parameter-caching")
    known = model.once_bytes is not None and model.out_bytes_per_inference is not None
    return known and (model.once_bytes or 0) < loads


def _not_compiled(loaded: LoadedModel) -> Iterator[str]:
    model = loaded.model
    yield "A TFLite runtime computes all of it on the CPU, without a word, even with libedgetpu loaded."
    if "edgetpu" in os.path.basename(loaded.path).lower():
        yield "Its name says edgetpu: the compiler writes such a file even if it could map nothing; its log says why."
    if model.float_operators:
        yield (
            f"{model.float_operators} of its {model.operators} operators compute in floating point, and the compiler "
            "takes 8-bit integers only: quantise it in full first (weights and activations)."
        )
    yield "To compile it, on x86-64 Linux:"


def _on_the_cpu(model: CompiledModel) -> Iterator[str]:
    for operator in model.cpu_operators:
        remark = remark_on(operator.name)
        if remark is not None:
            yield f"{operator.name} {remark.text}."
    others = sum(operator.count for operator in model.cpu_operators if remark_on(operator.name) is None)
    if others:
        which = "Every" if others == _left(model) else "Every other"
        yield (
            f"{which} operator on the CPU costs: it is computed while the Edge TPU waits, so that an inference takes "
            "the sum of both. The compiler maps what comes before the first operator that it cannot map, and leaves "
            "that one and all behind it to the CPU; its log says which and why. Replace that operator, or let the "
            "compiler make several parts with -a, which is not always faster."
        )


def _left(model: CompiledModel) -> int:
    """How many operators are left to the CPU."""
    return sum(operator.count for operator in model.cpu_operators)


def lines(report: ModelReport, width: int) -> Iterator[str]:
    """The text face, fit for a terminal, in lines of ``width`` columns; what is to be copied is never broken."""
    yield from _block(f"{_word(report):<{_MARGIN}}", _verdict(report), width)
    for label, *texts in _facts(report):
        head = f"{'':{_MARGIN}}{label:<{_LABEL}}"
        for text in texts:
            yield from _block(head, text, width)
            head = " " * len(head)
    for note in report.notes:
        yield ""
        yield from _block(" " * _MARGIN, note.text, width)
        if note.command is not None:
            yield f"{'':{_MARGIN + 2}}{for_terminal(note.command)}"


def _word(report: ModelReport) -> str:
    """``INFO`` for what is usual: only operators at the ends that stay on the CPU in good models too."""
    if report.model.compiled == "full" and report.notes:
        return "WARNING"
    usual = all(remark_on(operator.name) is not None for operator in report.model.cpu_operators)
    if report.model.compiled == "partly" and usual and len(report.notes) == 1:
        return "INFO"
    return _WORDS[report.model.compiled]


def _verdict(report: ModelReport) -> str:
    name, model = shown(os.path.basename(report.file)), report.model
    if model.compiled == "full":
        return f"{name} is compiled for the Edge TPU, all of it"
    if model.compiled == "no":
        return f"{name} is not compiled for the Edge TPU"
    left = _left(model)
    operators = "1 operator is" if left == 1 else f"{left} operators are"
    return f"{name} is compiled for the Edge TPU in part: {operators} left to the CPU"


def _facts(report: ModelReport) -> Iterator[tuple[str, ...]]:
    """A label and what stands beside it, line by line."""
    model = report.model
    yield "size", f"{model.size_bytes:,} bytes"
    yield "SHA-256", report.sha256
    if report.known_as is not None:
        yield "known as", f"{report.known_as}: the smoke test knows each byte of its outputs"
    if model.cpu_operators:
        yield "on the CPU", *_several(f"{each.count} {each.name}" for each in model.cpu_operators)
    if model.packages:
        yield from _compiled_facts(model)
    yield "inputs", *_several(map(_end, model.inputs))
    yield "outputs", *_several(map(_end, model.outputs))


def _compiled_facts(model: CompiledModel) -> Iterator[tuple[str, ...]]:
    yield "needs", f"runtime version {model.min_runtime} or later (libedgetpu {LATEST_RELEASE} has {LATEST_RUNTIME})"
    cached, streamed = model.cached_parameter_bytes or 0, model.streamed_parameter_bytes or 0
    yield "parameters", f"{cached:,} bytes kept on the chip, {streamed:,} sent with every inference"
    yield "over the bus", *_traffic(model)
    if model.caching_tokens:
        yield "token", ", ".join(model.caching_tokens), "models with the same one stay on a chip together"
    compilers = dict.fromkeys(each.compiler_version or "" for each in model.packages)
    if any(map(_tells, compilers)):
        yield "compiler", ", ".join(filter(_tells, compilers))


def _tells(compiler: str) -> bool:
    """Some compilers wrote of their version what stands before the number only."""
    return any(map(str.isdigit, compiler))


def _traffic(model: CompiledModel) -> Iterator[str]:
    if model.once_bytes is not None:
        yield f"{model.once_bytes:,} bytes once after each open"
    if model.out_bytes_per_inference is None or model.in_bytes_per_inference is None:
        yield f"with every inference: not known, because {model.traffic_unknown_because}"
    else:
        each = f"{model.out_bytes_per_inference:,} bytes out and {model.in_bytes_per_inference:,} back"
        yield f"{each} with every inference"


def _several(texts: Iterable[str]) -> list[str]:
    """A line for each, as long as they are few."""
    every = list(texts)
    more = [f"and {len(every) - _SHOWN} more"] if len(every) > _SHOWN else []
    return every[:_SHOWN] + more or ["none"]


def _end(tensor: Tensor) -> str:
    return f"{tensor.name} {'x'.join(map(_length, tensor.shape)) or 'scalar'} {tensor.type}"


def _length(length: int) -> str:
    return "any" if length < 0 else str(length)


def _block(head: str, text: str, width: int) -> Iterator[str]:
    room = max(width - len(head), _NARROWEST)
    for line in wrap(for_terminal(text), room):
        yield f"{head}{line}"
        head = " " * len(head)
