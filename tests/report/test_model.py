"""What is said of a ``.tflite`` file."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.compiled_model import read_model
from etpu_doctor.facts.model import CompiledModel, CpuOperator, LoadedModel, Tensor
from etpu_doctor.knowledge.smoke_models import smoke_models
from etpu_doctor.report.model import ModelReport, lines, report_on
from tests.support.mk_compiled import (
    EXECUTION_ONLY,
    FLOAT32,
    PARAMETER_CACHING,
    TOKEN,
    Graph,
    Operator,
    Program,
    Recipe,
    compiled,
    synthetic,
    tflite,
)
from tests.support.mk_compiled import Tensor as Made

CONV, DEQUANTIZE = 3, 6
DETECTION = "TFLite_Detection_PostProcess"
TENSORS = (Made("in", (1, 8, 8, 3)), Made("out", (1, 10)), Made("float", (1, 10), FLOAT32))


def of(data: bytes, path: str = "/models/m.tflite", sha256: str = "0" * 64) -> ModelReport:
    """The report on a file with this content."""
    return report_on(LoadedModel(path=path, sha256=sha256, model=read_model(data)))


def with_operators(*operators: Operator) -> ModelReport:
    """The report on a model of these operators."""
    return of(tflite(Graph(TENSORS, operators)))


def text(report: ModelReport, width: int = 100) -> str:
    """Its text."""
    return "\n".join(lines(report, width))


def abouts(report: ModelReport) -> list[str]:
    """What its notes are about."""
    return [note.about for note in report.notes]


def cached(token: int) -> Operator:
    """A compiled operator with parameters that stay on the chip."""
    return compiled(Program(EXECUTION_ONLY, token), Program(PARAMETER_CACHING, token, parameters=256))


def test_nothing_against_it() -> None:
    """A wholly compiled model has its facts and no notes."""
    assert """\
OK       m.tflite is compiled for the Edge TPU, all of it
         size          2,128 bytes
         SHA-256       0000000000000000000000000000000000000000000000000000000000000000
         needs         runtime version 13 or later (libedgetpu 16.0 has 14)
         parameters    256 bytes kept on the chip, 0 sent with every inference
         over the bus  384 bytes once after each open
                       320 bytes out and 10 back with every inference
         token         0x1122334455667788
                       models with the same one stay on a chip together
         compiler      synthetic 1
         inputs        input 1x8x8x3 uint8
         outputs       output 1x10 uint8""" == text(of(synthetic()))
    assert () == of(synthetic()).notes


def test_what_is_usual_on_the_cpu() -> None:
    """The last step of a detector is no fault, and is explained."""
    report = with_operators(compiled(Program()), Operator(DETECTION))
    assert ["on-the-cpu"] == abouts(report)
    assert text(report).startswith(
        "INFO     m.tflite is compiled for the Edge TPU in part: 1 operator is left to the CPU"
    )
    assert f"1 {DETECTION}" in text(report)
    assert "every such model ends on the CPU" in " ".join(text(report).split())
    assert "sum of both" not in text(report)


def test_what_is_not_usual_on_the_cpu() -> None:
    """Operators that the compiler did not map are counted, and what they cost and what to do is said."""
    report = with_operators(compiled(Program()), Operator(CONV), Operator(CONV), Operator(DEQUANTIZE))
    said = " ".join(text(report).split())
    assert said.startswith("WARNING m.tflite is compiled for the Edge TPU in part: 3 operators are left to the CPU")
    assert "2 CONV_2D 1 DEQUANTIZE" in said
    assert "DEQUANTIZE converts between" in said
    assert "Every other operator on the CPU costs" in said
    alone = " ".join(text(with_operators(compiled(Program()), Operator(CONV))).split())
    assert "Every operator on the CPU costs" in alone


def test_not_compiled() -> None:
    """It is said where such a model runs, and the command that compiles it stands alone, ready to be copied."""
    report = with_operators(Operator(CONV))
    assert ["not-compiled"] == abouts(report)
    assert text(report).startswith("WARNING  m.tflite is not compiled for the Edge TPU\n")
    assert text(report).endswith("To compile it, on x86-64 Linux:\n           edgetpu_compiler m.tflite")
    assert "floating point" not in text(report)
    assert "needs" not in text(report)


def test_floating_point() -> None:
    """The compiler takes none, so that it has to go first."""
    report = with_operators(Operator(CONV, (0,), (2,)), Operator(CONV))
    assert "1 of its 2 operators compute in floating point" in " ".join(text(report).split())


def test_a_name_that_promises_more() -> None:
    """A file that is called edgetpu but was not compiled gets a word about that."""
    data = tflite(Graph(TENSORS, (Operator(CONV),)))
    assert "Its name says edgetpu" in text(of(data, "/x/m_EdgeTPU.tflite"))
    assert "Its name says" not in text(of(data, "/edgetpu/m.tflite"))


def test_transfers_that_are_not_laid_down() -> None:
    """USB refuses such a model; what is not known is said to be so."""
    report = with_operators(compiled(Program(deterministic=False)))
    assert ["usb"] == abouts(report)
    assert "with every inference: not known, because the compiler did not lay" in text(report)
    assert text(report).startswith("WARNING")


@pytest.mark.parametrize(("version", "expected"), [(14, []), (15, ["runtime"])])
def test_a_version_that_no_library_has(version: int, expected: list[str]) -> None:
    """Nothing runs a model that asks for more than the last release has."""
    report = of(synthetic(Recipe(min_runtime=version)))
    assert expected == abouts(report)
    assert f"runtime version {version} or later" in text(report)


def test_parts_that_push_each_other_off() -> None:
    """Parts without a common token load their parameters with every inference; that is more than it need be."""
    assert ["reloads"] == abouts(with_operators(cached(TOKEN), cached(TOKEN + 1)))
    assert [] == abouts(with_operators(cached(TOKEN), cached(TOKEN)))
    assert [] == abouts(with_operators(cached(TOKEN)))


def test_a_known_model() -> None:
    """The smoke model is called by its name."""
    entry = smoke_models()[0]
    report = of(synthetic(), sha256=entry.sha256)
    assert entry.name == report.known_as
    assert f"known as      {entry.name}: " in text(report)
    assert of(synthetic()).known_as is None


def test_compilers_that_say_nothing() -> None:
    """A version without a number is left out."""
    model = read_model(synthetic())
    (package,) = model.packages
    for version, shown in (("cl/", False), ("cl/343520747", True), (None, False)):
        packages = (msgspec.structs.replace(package, compiler_version=version),)
        loaded = LoadedModel(path="m", sha256="", model=msgspec.structs.replace(model, packages=packages))
        assert shown == ("compiler" in text(report_on(loaded)))


def test_many_ends() -> None:
    """Of many inputs the first are listed, and how many more there are."""
    model = msgspec.structs.replace(
        read_model(synthetic()),
        inputs=tuple(Tensor(name=f"i{index}", shape=(-1, 2), type="int8") for index in range(11)),
        outputs=(),
    )
    said = text(report_on(LoadedModel(path="m", sha256="", model=model)))
    assert "i7 anyx2 int8" in said
    assert "i8" not in said
    assert "and 3 more" in said
    assert "outputs       none" in said


@pytest.mark.parametrize("width", [20, 80, 100, 200])
def test_widths(width: int) -> None:
    """Lines end where the terminal does, if it is not too narrow for a hash, which stays in one piece."""
    report = with_operators(compiled(Program()), Operator(CONV), Operator(DETECTION))
    said = list(lines(report, width))
    assert max(map(len, said)) <= max(width, 9 + 14 + 64)
    assert any("0" * 64 in line for line in said)


NASTY = "\x1b[31m\u202e\n\u2028evil\x00"


def test_no_string_of_a_file_acts() -> None:
    """Names that others gave reach the terminal as visible escapes, each in its line, commands included."""
    tensors = (Made(NASTY), Made("out"))
    data = tflite(Graph(tensors, (compiled(Program()), Operator(NASTY.replace("\x00", "")))))
    plain = tflite(Graph(tensors, (Operator(NASTY.replace("\x00", "")),)))
    for report in (of(data, f"/x/{NASTY}.tflite"), of(plain, f"/x/{NASTY}.tflite")):
        assert all(line.isprintable() for line in lines(report, 100))
    assert "\\x1b[31m" in text(of(data))


@given(
    st.builds(
        CompiledModel,
        size_bytes=st.integers(0),
        compiled=st.sampled_from(["full", "partly", "no"]),
        operators=st.integers(0),
        cpu_operators=st.lists(st.builds(CpuOperator, name=st.text(), count=st.integers(1)), max_size=3).map(tuple),
        float_operators=st.integers(0),
        inputs=st.lists(
            st.builds(Tensor, name=st.text(), shape=st.lists(st.integers()).map(tuple), type=st.text()), max_size=10
        ).map(tuple),
        min_runtime=st.none() | st.integers(),
        once_bytes=st.none() | st.integers(0),
        out_bytes_per_inference=st.none() | st.integers(0),
    ),
    st.text(),
    st.integers(0, 300),
)
def test_any_model(model: CompiledModel, path: str, width: int) -> None:
    """Whatever a file holds, its report is made of printable lines, and goes through JSON."""
    report = report_on(LoadedModel(path=path, sha256="0", model=model))
    assert all(line.isprintable() for line in lines(report, width))
    assert bool(report.notes) or report.model.compiled == "full"
