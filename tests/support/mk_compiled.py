"""Writes small models as the Edge TPU compiler does: a ``.tflite`` with an operator ``edgetpu-custom-op``.

The layers are those of the compiler's output (FlexBuffer map, Package, MultiExecutable, Executable), but instructions
and parameters are filler: no such model can run on a device. Google's own ``flatbuffers`` writes them, so that a reader
is tested against another's understanding of the format.

``python -m tests.support.mk_compiled FILE`` writes one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flatbuffers  # type: ignore[import-untyped]
from flatbuffers import flexbuffers

STAND_ALONE, PARAMETER_CACHING, EXECUTION_ONLY = 0, 1, 2
OUTPUT, INPUT, PARAMETER, SCRATCH = range(4)
TOKEN = 0x1122334455667788
CUSTOM = 32
EDGETPU = "edgetpu-custom-op"
FLOAT32, INT32, UINT8, STRING, INT8 = 0, 2, 3, 5, 9


class Layer(NamedTuple):
    """An input or output of a program. ``padding`` bytes go over the bus with it."""

    name: str
    y: int
    x: int
    z: int
    padding: int = 0

    @property
    def size(self) -> int:
        """Bytes on the bus."""
        return self.y * self.x * self.z + self.padding


class Program(NamedTuple):
    """An executable. ``scratch`` goes to the device and comes back with each run; ``hints`` replaces its transfers."""

    kind: int = STAND_ALONE
    token: int = 0
    instructions: tuple[int, ...] = (128,)
    parameters: int = 0
    inputs: tuple[Layer, ...] = ()
    outputs: tuple[Layer, ...] = ()
    scratch: int = 0
    deterministic: bool = True
    cycles: int = 0
    batch: int = 1
    hints: tuple[Hint, ...] | None = None


class Hint(NamedTuple):
    """A transfer: the instructions ``chunk``, or ``size`` bytes of what ``meta`` says; ``back`` goes to the host."""

    chunk: int | None = None
    meta: int = INPUT
    size: int = 0
    back: bool = False
    kind: int | None = None


class Tensor(NamedTuple):
    """A tensor of the model. ``signature`` holds -1 where a length is open; ``content`` makes it a constant."""

    name: str
    shape: tuple[int, ...] = (1,)
    type: int = UINT8
    signature: tuple[int, ...] = ()
    content: bytes | None = None


class Operator(NamedTuple):
    """An operator: the number of a built-in one, or the name of a custom one. ``options``: type, field, its value."""

    code: int | str
    inputs: tuple[int, ...] = (0,)
    outputs: tuple[int, ...] = (1,)
    custom_options: bytes | None = None
    options: tuple[int, int, int] | None = None


class Graph(NamedTuple):
    """A subgraph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...] = (0,)
    outputs: tuple[int, ...] = (1,)


class Recipe(NamedTuple):
    """What :func:`synthetic` makes: one compiled operator from ``input`` to ``output``."""

    height: int = 8
    width: int = 8
    channels: int = 3
    classes: int = 10
    parameters: int = 256
    instructions: int = 128
    min_runtime: int = 13
    stand_alone: bool = False
    streamed: int = 0


class Writer:
    """A flatbuffer in the making: tables are given as field number and (kind, value)."""

    def __init__(self) -> None:
        self.builder: Any = flatbuffers.Builder(1024)

    def table(self, fields: Mapping[int, tuple[str, Any]]) -> int:
        """A table; fields with a default value are left out."""
        names = {"i8": "Int8", "u8": "Uint8", "i16": "Int16", "i32": "Int32", "u32": "Uint32", "u64": "Uint64"}
        names |= {"i64": "Int64", "bool": "Bool", "off": "UOffsetTRelative"}
        self.builder.StartObject(max(fields, default=-1) + 1)
        for field, (kind, value) in fields.items():
            getattr(self.builder, f"Prepend{names[kind]}Slot")(field, value, 0)
        return int(self.builder.EndObject())

    def offsets(self, offsets: Sequence[int]) -> int:
        """A vector of tables or strings."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def numbers(self, numbers: Sequence[int]) -> int:
        """A vector of 32-bit integers."""
        self.builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            self.builder.PrependInt32(number)
        return int(self.builder.EndVector())

    def text(self, text: str | bytes) -> int:
        """A string, of any bytes."""
        return int(self.builder.CreateString(text))

    def data(self, data: bytes) -> int:
        """A vector of bytes."""
        return int(self.builder.CreateByteVector(data))

    def done(self, root: int, mark: bytes | None = None) -> bytes:
        """The whole buffer."""
        self.builder.Finish(root, mark)
        return bytes(self.builder.Output())


def transfers(program: Program) -> tuple[Hint, ...]:
    """The transfers that a compiler lays down for a program."""
    hints = [Hint(chunk=index) for index in range(len(program.instructions))]
    hints += [Hint(meta=INPUT, size=layer.size) for layer in program.inputs]
    hints += [Hint(meta=PARAMETER, size=program.parameters)] if program.parameters else []
    if program.scratch:
        hints += [Hint(meta=SCRATCH, size=program.scratch, back=back) for back in (True, False)]
    hints += [Hint(meta=OUTPUT, size=layer.size, back=True) for layer in program.outputs]
    return (*hints, Hint(kind=3), Hint(kind=4))


def executable(program: Program) -> bytes:
    """A program as the compiler writes it."""
    writer = Writer()
    streams = []
    for size in program.instructions:
        meta = writer.table({0: ("i16", INPUT), 2: ("off", writer.text("field"))})
        offset = writer.table({0: ("off", meta), 1: ("i32", 7)})
        places = writer.offsets([offset])
        streams.append(writer.table({0: ("off", writer.data(bytes(size))), 1: ("off", places)}))
    parameters = writer.data((bytes(range(256)) * (program.parameters // 256 + 1))[: program.parameters])
    hints = transfers(program) if program.hints is None else program.hints
    dma = writer.table(
        {0: ("off", writer.offsets([_hint(writer, hint) for hint in hints])), 1: ("bool", program.deterministic)}
    )
    inputs = writer.offsets([_layer(writer, layer, 2) for layer in program.inputs])
    outputs = writer.offsets([_layer(writer, layer, 1) for layer in program.outputs])
    name, chip = writer.text("model"), writer.text("beagle")
    vector = writer.offsets(streams)
    fields = {
        1: ("off", name),
        3: ("i32", program.batch),
        4: ("i32", program.scratch),
        5: ("off", vector),
        7: ("off", dma),
        8: ("off", inputs),
        9: ("off", outputs),
        10: ("off", chip),
        12: ("i32", 832),
        13: ("i16", program.kind),
        14: ("u64", program.token),
        16: ("i64", program.cycles),
    }
    if program.parameters:
        fields[6] = ("off", parameters)
    return writer.done(writer.table(fields))


def _hint(writer: Writer, hint: Hint) -> int:
    kind = hint.kind if hint.kind is not None else 2 if hint.chunk is not None else 1
    if hint.chunk is not None:
        value = writer.table({0: ("i32", hint.chunk)})
    elif kind == 1:
        value = writer.table({0: ("off", writer.table({0: ("i16", hint.meta)})), 2: ("i32", hint.size)})
    else:
        value = writer.table({})
    return writer.table({0: ("u8", kind), 1: ("off", value), 2: ("i16", int(hint.back))})


def _layer(writer: Writer, layer: Layer, kind: int) -> int:
    name, inner = writer.text(layer.name), writer.table({})
    return writer.table(
        {
            0: ("off", name),
            1: ("i32", layer.size),
            2: ("i32", layer.y),
            3: ("i32", layer.x),
            4: ("i32", layer.z),
            7: ("u8", kind),
            8: ("off", inner),
            # Its default is 1, and the builder leaves out what is 0.
            9: ("i32", 1),
        }
    )


def package(programs: Sequence[bytes], min_runtime: int = 13, *, virtual_chip: int = 0) -> bytes:
    """A package of programs."""
    multi = Writer()
    inner = multi.done(multi.table({0: ("off", multi.offsets([multi.text(program) for program in programs]))}))
    writer = Writer()
    content, version = writer.data(inner), writer.text("synthetic 1")
    fields = {0: ("i32", min_runtime), 1: ("off", content), 4: ("off", version), 5: ("i32", virtual_chip)}
    return writer.done(writer.table(fields), b"DWN1")


def custom_options(content: bytes, *, more: int = 0) -> bytes:
    """The options of a compiled operator; ``more`` packages for further chips stand beside the first."""
    builder: Any = flexbuffers.Builder()
    with builder.Map():
        builder.Key("1")
        builder.Int(0)
        builder.Key("4")
        builder._WriteBlob(content, append_zero=True, type_=flexbuffers.Type.STRING)
        builder.Key("5")
        builder.Int(-1)
        builder.Key("6")
        with builder.Vector():
            for _ in range(1 + more):
                builder.Int(18)
        builder.Key("7")
        with builder.Vector():
            for _ in range(more):
                builder._WriteBlob(content, append_zero=True, type_=flexbuffers.Type.STRING)
    return bytes(builder.Finish())


def compiled(*programs: Program, min_runtime: int = 13) -> Operator:
    """A compiled operator that holds programs."""
    options = custom_options(package([executable(program) for program in programs], min_runtime))
    return Operator(EDGETPU, custom_options=options)


def tflite(*graphs: Graph, description: str = "synthetic model") -> bytes:
    """A whole file."""
    writer = Writer()
    codes = list(dict.fromkeys(operator.code for graph in graphs for operator in graph.operators))
    contents: list[bytes | None] = [None]
    parts = [_graph(writer, graph, codes, contents) for graph in graphs]
    buffers = [writer.table({} if data is None else {0: ("off", writer.data(data))}) for data in contents]
    table = [_code(writer, code) for code in codes]
    fields = {
        0: ("u32", 3),
        1: ("off", writer.offsets(table)),
        2: ("off", writer.offsets(parts)),
        3: ("off", writer.text(description)),
        4: ("off", writer.offsets(buffers)),
    }
    return writer.done(writer.table(fields), b"TFL3")


def _code(writer: Writer, code: int | str) -> int:
    if isinstance(code, str):
        return writer.table({0: ("i8", CUSTOM), 1: ("off", writer.text(code)), 2: ("i32", 1), 3: ("i32", CUSTOM)})
    return writer.table({0: ("i8", min(code, 127)), 2: ("i32", 1), 3: ("i32", code)})


def _graph(writer: Writer, graph: Graph, codes: Sequence[int | str], contents: list[bytes | None]) -> int:
    tensors = writer.offsets([_tensor(writer, tensor, contents) for tensor in graph.tensors])
    operators = writer.offsets([_operator(writer, operator, codes) for operator in graph.operators])
    inputs, outputs = writer.numbers(graph.inputs), writer.numbers(graph.outputs)
    return writer.table({0: ("off", tensors), 1: ("off", inputs), 2: ("off", outputs), 3: ("off", operators)})


def _tensor(writer: Writer, tensor: Tensor, contents: list[bytes | None]) -> int:
    buffer = 0
    if tensor.content is not None:
        buffer = len(contents)
        contents.append(tensor.content)
    name, shape, signature = writer.text(tensor.name), writer.numbers(tensor.shape), writer.numbers(tensor.signature)
    fields: dict[int, tuple[str, Any]] = {0: ("off", shape), 1: ("i8", tensor.type), 2: ("u32", buffer)}
    fields |= {3: ("off", name), 4: ("off", _quantization(writer))}
    if tensor.signature:
        fields[7] = ("off", signature)
    return writer.table(fields)


def _quantization(writer: Writer) -> int:
    """Scale 1/128, zero point 128."""
    writer.builder.StartVector(4, 1, 4)
    writer.builder.PrependFloat32(1 / 128)
    scale = writer.builder.EndVector()
    writer.builder.StartVector(8, 1, 8)
    writer.builder.PrependInt64(128)
    zero = writer.builder.EndVector()
    return writer.table({2: ("off", scale), 3: ("off", zero)})


def _operator(writer: Writer, operator: Operator, codes: Sequence[int | str]) -> int:
    inputs, outputs = writer.numbers(operator.inputs), writer.numbers(operator.outputs)
    fields: dict[int, tuple[str, Any]] = {0: ("u32", codes.index(operator.code))}
    fields |= {1: ("off", inputs), 2: ("off", outputs)}
    if operator.custom_options is not None:
        fields[5] = ("off", writer.data(operator.custom_options))
    if operator.options is not None:
        kind, field, value = operator.options
        fields |= {3: ("u8", kind), 4: ("off", writer.table({field: ("i32", value)}))}
    return writer.table(fields)


def synthetic(recipe: Recipe = Recipe()) -> bytes:  # noqa: B008 - a tuple of numbers
    """A model with one compiled operator."""
    inputs = (Layer("input", recipe.height, recipe.width, recipe.channels),)
    outputs = (Layer("output", 1, 1, recipe.classes),)
    chunks = (recipe.instructions,)
    if recipe.stand_alone:
        programs = [Program(STAND_ALONE, 0, chunks, recipe.parameters, inputs, outputs, cycles=1000)]
    else:
        programs = [
            Program(EXECUTION_ONLY, TOKEN, chunks, recipe.streamed, inputs, outputs, cycles=1000),
            Program(PARAMETER_CACHING, TOKEN, chunks, recipe.parameters),
        ]
    shape = (1, recipe.height, recipe.width, recipe.channels)
    tensors = (Tensor("input", shape), Tensor("output", (1, recipe.classes)))
    return tflite(Graph(tensors, (compiled(*programs, min_runtime=recipe.min_runtime),)))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(synthetic())
