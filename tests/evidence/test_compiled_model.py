"""What a ``.tflite`` file is."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence import compiled_model
from etpu_doctor.evidence.compiled_model import ModelError, load_model, read_model
from etpu_doctor.facts.model import CompiledModel, CpuOperator, Tensor
from tests.support import mk_compiled
from tests.support.mk_compiled import (
    EDGETPU,
    EXECUTION_ONLY,
    FLOAT32,
    INT8,
    PARAMETER_CACHING,
    STAND_ALONE,
    STRING,
    TOKEN,
    Graph,
    Layer,
    Operator,
    Program,
    Recipe,
    Writer,
    compiled,
    custom_options,
    synthetic,
    tflite,
)
from tests.support.mk_compiled import Tensor as Made

CONV, ADD, DEQUANTIZE = 3, 0, 6
DETECTION = "TFLite_Detection_PostProcess"
TENSORS = (Made("in", (1, 8, 8, 3)), Made("out", (1, 10)))
IN, OUT = (Layer("in", 8, 8, 3),), (Layer("out", 1, 1, 10),)


def model_of(*operators: Operator, tensors: tuple[Made, ...] = TENSORS) -> CompiledModel:
    """A model of one graph, written and read."""
    return read_model(tflite(Graph(tensors, operators)))


def cached(token: int = TOKEN) -> Operator:
    """A compiled operator that keeps 256 bytes of parameters on the chip and streams 16."""
    return compiled(Program(EXECUTION_ONLY, token, (100,), 16, IN, OUT), Program(PARAMETER_CACHING, token, (20,), 256))


def test_compiled_in_full() -> None:
    """A model with one compiled operator says all there is to say."""
    data = synthetic()
    assert CompiledModel(
        size_bytes=len(data),
        compiled="full",
        description="synthetic model",
        operators=1,
        inputs=(Tensor(name="input", shape=(1, 8, 8, 3), type="uint8", size_bytes=192),),
        outputs=(Tensor(name="output", shape=(1, 10), type="uint8", size_bytes=10),),
        packages=read_model(data).packages,
        min_runtime=13,
        cached_parameter_bytes=256,
        streamed_parameter_bytes=0,
        once_bytes=128 + 256,
        out_bytes_per_inference=128 + 192,
        in_bytes_per_inference=10,
    ) == read_model(data)


def test_its_programs() -> None:
    """Programs and tokens of all packages are at hand."""
    model = read_model(synthetic())
    assert ["execution-only", "parameter-caching"] == [each.kind for each in model.executables]
    assert (f"{TOKEN:#x}",) == model.caching_tokens
    assert () == read_model(synthetic(Recipe(stand_alone=True))).caching_tokens


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(), (256, 0, 384, 320)),
        (Recipe(streamed=100), (256, 100, 384, 420)),
        (Recipe(stand_alone=True), (0, 256, 0, 576)),
        (Recipe(parameters=0, instructions=1), (0, 0, 1, 193)),
    ],
)
def test_parameters_and_traffic(recipe: Recipe, expected: tuple[int, ...]) -> None:
    """What stays on the chip is sent once, all else with every inference, instructions too."""
    model = read_model(synthetic(recipe))
    found = (model.cached_parameter_bytes, model.streamed_parameter_bytes, model.once_bytes)
    assert expected == (*found, model.out_bytes_per_inference)


def test_not_compiled() -> None:
    """A model without a compiled operator needs nothing of an Edge TPU."""
    model = model_of(Operator(CONV), Operator(ADD), Operator(CONV))
    assert "no" == model.compiled
    assert (CpuOperator(name="CONV_2D", count=2), CpuOperator(name="ADD", count=1)) == model.cpu_operators
    assert (3, (), None, None, None) == (
        model.operators,
        model.packages,
        model.min_runtime,
        model.out_bytes_per_inference,
        model.traffic_unknown_because,
    )


def test_compiled_in_part() -> None:
    """What is left to the CPU is named, custom operators by their own names."""
    model = model_of(cached(), Operator(DETECTION), Operator(""), Operator(127 + 82), Operator(4000))
    assert ("partly", 5) == (model.compiled, model.operators)
    assert [DETECTION, "custom operator without a name", "STABLEHLO_CASE", "builtin operator 4000"] == [
        each.name for each in model.cpu_operators
    ]
    assert 20 + 256 == model.once_bytes


def test_operators_of_one_name() -> None:
    """Two versions of one operator are one name."""
    writer = Writer()
    codes = [writer.table({0: ("i8", ADD), 2: ("i32", version)}) for version in (1, 2)]
    tensor = writer.table({0: ("off", writer.numbers([1]))})
    ends = writer.numbers([0])
    operators = [writer.table({0: ("u32", code), 1: ("off", ends), 2: ("off", ends)}) for code in (0, 1)]
    graph = writer.table(
        {
            0: ("off", writer.offsets([tensor])),
            1: ("off", ends),
            2: ("off", ends),
            3: ("off", writer.offsets(operators)),
        }
    )
    fields = {1: writer.offsets(codes), 2: writer.offsets([graph]), 4: writer.offsets([writer.table({})])}
    data = writer.done(writer.table({0: ("u32", 3), **{key: ("off", at) for key, at in fields.items()}}), b"TFL3")
    assert (CpuOperator(name="ADD", count=2),) == read_model(data).cpu_operators


def test_several_compiled_parts() -> None:
    """Compiled together they share the chip; apart they reload their parameters with every inference."""
    together, apart = model_of(cached(), cached()), model_of(cached(), cached(TOKEN + 1))
    each = 100 + 16 + 192
    assert ("full", 2 * (20 + 256), 2 * each) == (
        together.compiled,
        together.once_bytes,
        together.out_bytes_per_inference,
    )
    assert (0, 2 * (each + 20 + 256)) == (apart.once_bytes, apart.out_bytes_per_inference)
    assert (1, 2) == (len(together.caching_tokens), len(apart.caching_tokens))


def test_the_highest_runtime_version_counts() -> None:
    """Each package must find its own."""
    assert 14 == model_of(*(compiled(Program(), min_runtime=version) for version in (12, 14, 10))).min_runtime


def test_transfers_that_are_not_laid_down() -> None:
    """What an inference moves is then unknown with a reason; what is loaded once may be known."""
    main = Program(EXECUTION_ONLY, TOKEN, (100,), 0, IN, OUT, deterministic=False)
    model = model_of(compiled(main, Program(PARAMETER_CACHING, TOKEN, (20,), 256)))
    assert (276, None, None) == (model.once_bytes, model.out_bytes_per_inference, model.in_bytes_per_inference)
    assert "lay all transfers down" in (model.traffic_unknown_because or "")
    alone = model_of(compiled(Program(STAND_ALONE, deterministic=False)))
    assert (None, None) == (alone.once_bytes, alone.out_bytes_per_inference)


def test_compiled_parts_in_other_graphs() -> None:
    """How often the body of a loop runs is not in the file."""
    main = Graph(TENSORS, (Operator(119),))
    model = read_model(tflite(main, Graph(TENSORS, (cached(),))))
    assert ("partly", None) == (model.compiled, model.out_bytes_per_inference)
    assert "loops or branches" in (model.traffic_unknown_because or "")
    assert (256, 16) == (model.cached_parameter_bytes, model.streamed_parameter_bytes)


@pytest.mark.parametrize(
    ("made", "shape", "kind", "size"),
    [
        (Made("t", (2, 3), FLOAT32), (2, 3), "float32", 24),
        (Made("t", (), INT8), (), "int8", 1),
        (Made("t", (1, 5), INT8, signature=(-1, 5)), (-1, 5), "int8", None),
        (Made("t", (4,), STRING), (4,), "string", None),
        (Made("t", (3,), 17), (3,), "int4", 2),
        (Made("t", (3,), 99), (3,), "type 99", None),
        (Made("t", (0, 4), INT8), (0, 4), "int8", 0),
    ],
)
def test_ends(made: Made, shape: tuple[int, ...], kind: str, size: int | None) -> None:
    """Inputs and outputs have their shape, type and size; what is open has no size."""
    model = model_of(cached(), tensors=(made, Made("out")))
    assert (Tensor(name="t", shape=shape, type=kind, size_bytes=size),) == model.inputs


def test_floating_point() -> None:
    """Operators that compute in it are counted, not those that only hand such numbers out."""
    tensors = (*TENSORS, Made("f", (1, 10), FLOAT32))
    model = model_of(
        Operator(CONV, (0,), (2,)),
        Operator(ADD, (0,), (1,)),
        Operator(DEQUANTIZE, (1,), (2,)),
        Operator(DETECTION, (1,), (2,)),
        tensors=tensors,
    )
    assert (4, 1) == (model.operators, model.float_operators)


def test_an_input_that_was_left_out() -> None:
    """-1 stands for one; it is no fault."""
    assert "no" == model_of(Operator(CONV, (0, -1), (1,))).compiled


def test_it_is_json() -> None:
    """All of it goes through JSON and back, tokens as text."""
    model = read_model(synthetic())
    assert model == msgspec.json.decode(msgspec.json.encode(model), type=CompiledModel)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tflite(Graph(TENSORS, (Operator(CONV, (2,), (1,)),))), "a tensor that is not there"),
        (tflite(Graph(TENSORS, (Operator(CONV, (-2,), (1,)),))), "a tensor that is not there"),
        (tflite(Graph(TENSORS, (Operator(CONV, (0,), (9,)),))), "a tensor that is not there"),
        (tflite(Graph(TENSORS, (Operator(CONV),), inputs=(7,))), "a tensor that is not there"),
        (tflite(Graph(TENSORS, (Operator(EDGETPU),))), "operator is empty"),
        (tflite(Graph(TENSORS, (Operator(EDGETPU, custom_options=b"\0"),))), "operator is empty"),
        (tflite(), "no graph"),
        (tflite(Graph(TENSORS, (), inputs=(0,) * 5000)), "5,000 inputs"),
        (tflite(Graph(TENSORS, (cached(),) * 257)), "257 compiled parts"),
    ],
)
def test_models_that_cannot_be(data: bytes, expected: str) -> None:
    """References to what is not there, and numbers beyond any model's, are damage."""
    with pytest.raises(ModelError, match=expected):
        read_model(data)


def test_several_chips() -> None:
    """It is said that no single chip runs it."""
    options = custom_options(mk_compiled.package([mk_compiled.executable(Program())]), more=1)
    with pytest.raises(ModelError, match="several chips"):
        model_of(Operator(EDGETPU, custom_options=options))


def test_another_version() -> None:
    """A file of a later version is not guessed at."""
    data = bytearray(synthetic())
    (root,) = struct.unpack_from("<I", data, 0)
    (back,) = struct.unpack_from("<i", data, root)
    (field,) = struct.unpack_from("<H", data, root - back + 4)
    struct.pack_into("<I", data, root + field, 4)
    with pytest.raises(ModelError, match="version is 4"):
        read_model(bytes(data))


def test_missing_buffers() -> None:
    """A tensor that names a buffer behind the last is found before a runtime looks there."""
    sound = tflite(Graph((Made("in", content=b"abcd"), Made("out")), (Operator(CONV),)))
    assert 1 == len(read_model(sound).inputs)
    writer = Writer()
    tensor = writer.table({0: ("off", writer.numbers([1])), 2: ("u32", 5)})
    graph = writer.table({0: ("off", writer.offsets([tensor]))})
    fields = {1: writer.offsets([]), 2: writer.offsets([graph]), 4: writer.offsets([writer.table({})])}
    data = writer.done(writer.table({0: ("u32", 3), **{key: ("off", at) for key, at in fields.items()}}), b"TFL3")
    with pytest.raises(ModelError, match="a buffer that is not there"):
        read_model(data)


def test_what_only_a_runtime_would_look_at() -> None:
    """Contents, quantisation and options of operators are walked through, although nothing is told of them."""
    operators = (Operator(CONV, options=(1, 2, 0x01020304)),)
    sound = tflite(Graph((Made("in", content=b"PARAMETERS"), Made("out")), operators))
    assert "no" == read_model(sound).compiled
    content = sound.index(b"PARAMETERS") - 4
    scale = sound.index(struct.pack("<If", 1, 1 / 128))
    options = sound.index(struct.pack("<I", 0x01020304)) - 4
    for place in (content, scale, options):
        data = bytearray(sound)
        struct.pack_into("<I", data, place, 0x00FFFFFF)
        with pytest.raises(ModelError, match="damaged or cut off"):
            read_model(bytes(data))


@pytest.mark.parametrize(("offset", "size", "sound"), [(8, 8, True), (8, 1 << 40, False), (1 << 40, 1, False)])
def test_contents_behind_the_flatbuffer(offset: int, size: int, sound: bool) -> None:
    """A buffer whose content lies elsewhere in the file has to lie in the file."""
    writer = Writer()
    buffer = writer.table({1: ("u64", offset), 2: ("u64", size)})
    graph = writer.table({})
    fields = {2: writer.offsets([graph]), 4: writer.offsets([buffer])}
    data = writer.done(writer.table({0: ("u32", 3), **{key: ("off", at) for key, at in fields.items()}}), b"TFL3")
    if sound:
        assert "no" == read_model(data).compiled
    else:
        with pytest.raises(ModelError, match="behind its end"):
            read_model(data)


def test_an_entry_that_is_not_there() -> None:
    """An operator without an entry in the table of operators is damage."""
    writer = Writer()
    operator = writer.table({0: ("u32", 1)})
    graph = writer.table({3: ("off", writer.offsets([operator]))})
    data = writer.done(writer.table({0: ("u32", 3), 2: ("off", writer.offsets([graph]))}), b"TFL3")
    with pytest.raises(ModelError, match="table of operators"):
        read_model(data)


def shared(count: int, options: bytes) -> bytes:
    """A file whose operators, ``count`` of them, all lie on one set of options, in graphs that all are the same."""
    writer = Writer()
    code = writer.table({0: ("i8", 32), 1: ("off", writer.text(EDGETPU)), 3: ("i32", 32)})
    content = writer.data(options)
    operators = [writer.table({5: ("off", content)}) for _ in range(count)]
    graph = writer.table({3: ("off", writer.offsets(operators))})
    fields = {1: writer.offsets([code]), 2: writer.offsets([graph] * count)}
    return writer.done(writer.table({0: ("u32", 3), **{key: ("off", at) for key, at in fields.items()}}), b"TFL3")


def test_parts_on_top_of_each_other() -> None:
    """A file that names one part many times costs no more than one of its size, and is refused."""
    options = cached().custom_options
    assert options is not None
    with pytest.raises(ModelError, match="over and over"):
        read_model(shared(200, options))


SMALL = synthetic(Recipe(1, 1, 1, 1, 1, 1, stand_alone=True))
FULL = read_model(SMALL)


def attempt(data: bytes) -> CompiledModel | None:
    """A model, or ``None`` for one that is refused in a line of words."""
    try:
        model = read_model(data)
    except ModelError as error:
        text = str(error)
    else:
        assert msgspec.json.encode(model)
        return model
    assert text.isprintable()
    assert len(text) < 400
    return None


def test_cut_off() -> None:
    """Wherever a file is cut, it is refused, unless nothing but padding is gone: then it is what it was."""
    for length in range(len(SMALL)):
        model = attempt(SMALL[:length])
        assert model is None or msgspec.structs.replace(FULL, size_bytes=length) == model
        assert model is None or not SMALL[length:].strip(b"\0")


def test_what_follows_the_model() -> None:
    """Metadata that is packed behind a model changes nothing but the size."""
    assert msgspec.structs.replace(FULL, size_bytes=len(SMALL) + 100) == read_model(SMALL + bytes(100))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage(changes: list[tuple[int, int]]) -> None:
    """Any changed bytes give a model or ``ModelError``."""
    data = bytearray(SMALL)
    for place, value in changes:
        data[place] = value
    attempt(bytes(data))


@settings(max_examples=300)
@given(st.integers(0, len(SMALL) // 4 - 1), st.sampled_from([0, 1, 2, 4, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
def test_extreme_words(word: int, value: int) -> None:
    """So do words that are as wrong as can be."""
    data = bytearray(SMALL)
    struct.pack_into("<I", data, 4 * word, value)
    attempt(bytes(data))


@given(st.binary(max_size=500), st.booleans())
def test_any_bytes(data: bytes, marked: bool) -> None:
    """So do any bytes, with and without the mark."""
    attempt(b"\x08\0\0\0TFL3" + data if marked else data)


@given(st.binary(max_size=300))
def test_any_package(data: bytes) -> None:
    """So does any content of a compiled operator in a sound file."""
    attempt(tflite(Graph(TENSORS, (Operator(EDGETPU, custom_options=data),))))


def test_a_file(tmp_path: Path) -> None:
    """A file gives its model, its path and its SHA-256."""
    path = tmp_path / "m.tflite"
    path.write_bytes(synthetic())
    loaded = load_model(str(path))
    assert (str(path), hashlib.sha256(synthetic()).hexdigest(), read_model(synthetic())) == (
        loaded.path,
        loaded.sha256,
        loaded.model,
    )


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Each says why: missing, no file, a name that no file has."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        "none": "No such file",
        "fifo": "no regular file",
        "loop": "symbolic links",
        "a\0b": "no file has such a name",
    }
    for name, expected in cases.items():
        with pytest.raises(ModelError, match=expected):
            load_model(f"{tmp_path}/{name}")


def test_folders(tmp_path: Path) -> None:
    """A folder is told to be one, with the models in it if there are some."""
    with pytest.raises(ModelError, match=r"without any \.tflite"):
        load_model(str(tmp_path))
    for name in ("b.tflite", "a\n.tflite", "c.tflite", "d.tflite", "e.tflite", "labels.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ModelError) as caught:
        load_model(str(tmp_path))
    assert "a folder: name one of the files in it (a?.tflite, b.tflite, c.tflite and 2 more)" == str(caught.value)


def test_files_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond any model's size is not read."""
    path = tmp_path / "m.tflite"
    path.write_bytes(synthetic())
    monkeypatch.setattr(compiled_model, "FILE_LIMIT_BYTES", 2000)
    with pytest.raises(ModelError, match="2,000"):
        load_model(str(path))


def test_a_file_that_reading_fails_on() -> None:
    """The kernel's own reason is passed on."""
    with pytest.raises(ModelError, match=r"cannot be (read|opened)"):
        load_model("/proc/self/mem")
