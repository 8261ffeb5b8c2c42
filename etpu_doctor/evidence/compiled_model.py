"""Reads ``.tflite`` files: what is compiled for the Edge TPU, what it needs, and what it sends over the bus.

A ``.tflite`` is a flatbuffer. A compiled one has operators ``edgetpu-custom-op``; their options are a FlexBuffer map
that holds a ``Package``, in that lies a ``MultiExecutable``, in that the ``Executable`` programs: flatbuffers within
flatbuffers. Everything that they lead to is checked, because the runtimes trust their files: tflite-runtime 2.14
crashes, or fills the memory for minutes, with one that was cut off. Source: TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from etpu_doctor.evidence.edgetpu_package import (
    UNKNOWN,
    Chip,
    SeveralChipsError,
    Traffic,
    caching_executable,
    main_executable,
    read_package,
)
from etpu_doctor.evidence.errors import shown
from etpu_doctor.evidence.flatbuffer import Budget, DamagedError, Table, Verifier
from etpu_doctor.evidence.model_schema import TFLITE
from etpu_doctor.evidence.not_a_model import what_it_is
from etpu_doctor.facts.model import Compiled, CompiledModel, CpuOperator, LoadedModel, Package, Tensor

EDGETPU_OPERATOR = "edgetpu-custom-op"

FILE_LIMIT_BYTES = 512 << 20
"""Many times the largest model that anybody compiled for an Edge TPU."""

_MARK, _VERSION = b"TFL3", 3
_PARTS_LIMIT = 1_000_000
_PACKAGES_LIMIT, _ENDS_LIMIT = 256, 4096
"""No model comes near; a damaged one must not fill the memory."""

_TYPES: dict[int, tuple[str, int | None]] = {
    0: ("float32", 32),
    1: ("float16", 16),
    2: ("int32", 32),
    3: ("uint8", 8),
    4: ("int64", 64),
    5: ("string", None),
    6: ("bool", 8),
    7: ("int16", 16),
    8: ("complex64", 64),
    9: ("int8", 8),
    10: ("float64", 64),
    11: ("complex128", 128),
    12: ("uint64", 64),
    13: ("resource", None),
    14: ("variant", None),
    15: ("uint32", 32),
    16: ("uint16", 16),
    17: ("int4", 4),
    18: ("bfloat16", 16),
}
"""``TensorType``: names, and bits of an element where it has a size."""

_FLOATS = frozenset({0, 1, 8, 10, 11, 18})
_DEQUANTIZE, _CUSTOM = 6, 32


class ModelError(Exception):
    """A file that is no sound ``.tflite``; the text says what it is instead, and what to do."""


class _Code(NamedTuple):
    """An entry of the table of operators: the number of a built-in one, and the name of a custom one."""

    number: int
    custom: str | None

    @property
    def is_edgetpu(self) -> bool:
        return self.number == _CUSTOM and self.custom == EDGETPU_OPERATOR

    @property
    def name(self) -> str:
        if self.number == _CUSTOM:
            return self.custom or "custom operator without a name"
        from etpu_doctor.knowledge.tflite_operators import builtin_name  # noqa: PLC0415 - only if the CPU has work

        return builtin_name(self.number)


class _Operator(NamedTuple):
    """An operator: its entry in the table, the types of its outputs, and whether the main graph holds it."""

    code: _Code
    output_types: frozenset[int]
    table: Table
    is_main: bool

    @property
    def is_float(self) -> bool:
        """Whether it computes in floating point. What hands out an integer model's results as such does not."""
        return bool(self.output_types & _FLOATS) and self.code.number not in (_DEQUANTIZE, _CUSTOM)


def load_model(path: str) -> LoadedModel:
    """Read a file. Raises ``ModelError`` for one that cannot be read, and for what is no sound model."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL, and only a file needs it

    data = _content(path)
    return LoadedModel(path=path, sha256=hashlib.sha256(data).hexdigest(), model=read_model(data))


def _content(path: str) -> bytes:
    try:
        # A FIFO must not make it wait.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ModelError(f"cannot be opened: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError("cannot be opened: no file has such a name") from error
    try:
        _check_file(path, os.fstat(handle))
        return _bytes_of(handle)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}") from error
    finally:
        os.close(handle)


def _check_file(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ModelError(_about_folder(path))
    if not stat.S_ISREG(status.st_mode):
        raise ModelError("no regular file: a model has to be one")
    if status.st_size > FILE_LIMIT_BYTES:
        raise ModelError(f"{status.st_size:,} bytes, and no Edge TPU model has more than {FILE_LIMIT_BYTES:,}")


def _bytes_of(handle: int) -> bytes:
    chunks, left = [], FILE_LIMIT_BYTES
    while left > 0 and (chunk := os.read(handle, min(left, 1 << 22))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _about_folder(path: str) -> str:
    names = sorted(shown(name) for name in os.listdir(path) if name.endswith(".tflite"))
    if not names:
        return "a folder without any .tflite file in it: name the file itself"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"a folder: name one of the files in it ({', '.join(names[:3])}{more})"


def read_model(data: bytes) -> CompiledModel:
    """What a ``.tflite`` file with this content is. Raises ``ModelError`` for anything that is no sound one."""
    if data[4:8] != _MARK:
        raise ModelError(what_it_is(data))
    try:
        return _model(memoryview(data))
    except SeveralChipsError as error:
        raise ModelError("compiled for several chips at once, which libedgetpu refuses: compile it for one") from error
    except DamagedError as error:
        raise ModelError(
            f"a .tflite file that is damaged or cut off ({error}): get it again, and compare its {len(data):,} bytes "
            "and its SHA-256 with those of the source"
        ) from error


def _model(data: memoryview) -> CompiledModel:
    budget = Budget(min(len(data), _PARTS_LIMIT))
    root = Table.root(data, budget)
    if root.number(0, "I") != _VERSION:
        raise DamagedError(f"its version is {root.number(0, 'I')}, and there is only {_VERSION}")
    Verifier(TFLITE, budget).verify(root, "Model")
    _check_buffers(root, len(data))
    graphs = root.tables(2)
    if not graphs:
        raise DamagedError("it has no graph")
    operators = list(_operators(root, graphs))
    on_tpu = [operator for operator in operators if operator.code.is_edgetpu]
    on_cpu = [operator for operator in operators if not operator.code.is_edgetpu]
    model = CompiledModel(
        size_bytes=len(data),
        compiled=_degree(len(on_tpu), len(on_cpu)),
        description=root.text(3) or None,
        operators=len(operators),
        cpu_operators=_tally(on_cpu),
        float_operators=sum(operator.is_float for operator in on_cpu),
        inputs=_ends(graphs[0], 1),
        outputs=_ends(graphs[0], 2),
        packages=_packages(on_tpu, budget),
    )
    return _with_needs(model, counted=all(operator.is_main for operator in on_tpu)) if on_tpu else model


def _degree(on_tpu: int, on_cpu: int) -> Compiled:
    if not on_tpu:
        return "no"
    return "partly" if on_cpu else "full"


def _check_buffers(root: Table, size: int) -> None:
    """Files of more than 2 GB put contents behind the flatbuffer; a small one may do so too."""
    for buffer in root.tables(4):
        if buffer.number(1, "Q") > 1 and buffer.number(1, "Q") + buffer.number(2, "Q") > size:
            raise DamagedError("the content of a buffer lies behind its end")


def _operators(root: Table, graphs: Sequence[Table]) -> Iterator[_Operator]:
    """All operators of all graphs, whose references to other parts hold."""
    codes = [_code(table) for table in root.tables(1)]
    buffers = max(root.count(4), 1)
    for index, graph in enumerate(graphs):
        tensors = graph.tables(0)
        if any(tensor.number(2, "I") >= buffers for tensor in tensors):
            raise DamagedError("a tensor names a buffer that is not there")
        types = [tensor.number(1, "b") for tensor in tensors]
        _check_indices(graph.numbers(1) + graph.numbers(2), len(types))
        for table in graph.tables(3):
            yield _operator(table, codes, types, is_main=index == 0)


def _code(table: Table) -> _Code:
    # Old files have the first field alone, a byte; new ones have both, and the larger is meant.
    return _Code(max(table.number(0, "b"), table.number(3)), table.text(1))


def _operator(table: Table, codes: Sequence[_Code], types: Sequence[int], *, is_main: bool) -> _Operator:
    code, outputs = table.number(0, "I"), table.numbers(2)
    if code >= len(codes):
        raise DamagedError("an operator names an entry of the table of operators that is not there")
    _check_indices(table.numbers(1) + outputs, len(types))
    return _Operator(codes[code], frozenset(types[index] for index in outputs if index >= 0), table, is_main)


def _check_indices(indices: Sequence[int], count: int) -> None:
    """-1 stands for one that was left out."""
    if any(not -1 <= index < count for index in indices):
        raise DamagedError("an operator names a tensor that is not there")


def _tally(operators: Sequence[_Operator]) -> tuple[CpuOperator, ...]:
    codes: dict[_Code, int] = {}
    for operator in operators:
        codes[operator.code] = codes.get(operator.code, 0) + 1
    names: dict[str, int] = {}
    for code, count in codes.items():
        names[code.name] = names.get(code.name, 0) + count
    return tuple(CpuOperator(name=name, count=count) for name, count in names.items())


def _ends(graph: Table, field: int) -> tuple[Tensor, ...]:
    tensors, indices = graph.tables(0), graph.numbers(field)
    if len(indices) > _ENDS_LIMIT:
        raise DamagedError(f"it has {len(indices):,} inputs or outputs")
    return tuple(_tensor(tensors[index]) for index in indices if index >= 0)


def _tensor(table: Table) -> Tensor:
    # Where a length is left open, the signature says so (-1), and the shape has a 1 in its place.
    shape = table.numbers(7) or table.numbers(0)
    number = table.number(1, "b")
    name, bits = _TYPES.get(number, (f"type {number}", None))
    size = None if bits is None or any(length < 0 for length in shape) else (math.prod(shape) * bits + 7) // 8
    return Tensor(name=table.text(3) or "", shape=shape, type=name, size_bytes=size)


def _packages(operators: Sequence[_Operator], budget: Budget) -> tuple[Package, ...]:
    if len(operators) > _PACKAGES_LIMIT:
        raise DamagedError(f"it has {len(operators):,} compiled parts")
    return tuple(_package(operator.table.data(5), budget) for operator in operators)


def _package(options: memoryview | None, budget: Budget) -> Package:
    if options is None:
        raise DamagedError("the compiled operator is empty")
    return read_package(options, budget)


def _with_needs(model: CompiledModel, *, counted: bool) -> CompiledModel:
    """The model with what its packages ask for together. ``counted``: each of them runs once in an inference."""
    mains = [main_executable(package) for package in model.packages]
    cachings = [executable for executable in map(caching_executable, model.packages) if executable is not None]
    once, usual, why = _transfers(model.packages) if counted else (None, UNKNOWN, "its parts lie in loops or branches")
    return msgspec.structs.replace(
        model,
        min_runtime=max(package.min_runtime for package in model.packages),
        cached_parameter_bytes=sum(executable.parameter_bytes for executable in cachings),
        streamed_parameter_bytes=sum(executable.parameter_bytes for executable in mains),
        once_bytes=once,
        out_bytes_per_inference=usual.to_device,
        in_bytes_per_inference=usual.from_device,
        traffic_unknown_because=why,
    )


def _transfers(packages: Sequence[Package]) -> tuple[int | None, Traffic, str | None]:
    """Bytes that only the first inference sends, what each one moves, and why that is not known."""
    chip = Chip()
    first, usual = chip.infer(packages), chip.infer(packages)
    if first.to_device is not None and usual.to_device is not None:
        return first.to_device - usual.to_device, usual, None
    # What is loaded once may be laid down although the inference is not.
    caching = caching_executable(packages[0]) if len(packages) == 1 else None
    once = caching.to_device_bytes if caching is not None else None
    return once, UNKNOWN, "the compiler did not lay all transfers down"
