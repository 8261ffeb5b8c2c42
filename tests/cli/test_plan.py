"""``etpu-doctor plan``."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.cli import main
from etpu_doctor.report.plan import SCHEMA, PlanReport
from tests.cli.command_line import NONE, run, valid
from tests.support.fixtures import FIXTURES
from tests.support.mk_compiled import Graph, Operator, Tensor, custom_options, package, tflite
from tests.support.plans import model_bytes

Captured = pytest.CaptureFixture[bytes]

TENSORS = (Tensor("in"), Tensor("out"))
PLAIN = tflite(Graph(TENSORS, (Operator(3),)))
MIXED = str(FIXTURES / "pcie-and-usb")


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """Some models: two of one token, one of another, a heavy one, one that is not compiled."""
    contents = {
        "a": model_bytes(token=5, cached=2_000_000, cycles=500_000),
        "b": model_bytes(token=5, cached=1_000_000, cycles=500_000, input=2000),
        "c": model_bytes(token=6, cached=1_000_000, cycles=500_000),
        "heavy": model_bytes(token=7, input=4_000_000),
        "plain": PLAIN,
    }
    for name, content in contents.items():
        (tmp_path / f"{name}_edgetpu.tflite").write_bytes(content)
    return {name: str(tmp_path / f"{name}_edgetpu.tflite") for name in contents}


def planned(capture: Captured, *arguments: str, status: int = 0) -> PlanReport:
    """The plan as JSON, read back into its struct."""
    assert status == main(["plan", *arguments, "--json"])
    captured = capture.readouterr()
    assert b"" == captured.err
    return msgspec.json.decode(captured.out, type=PlanReport)


def text_of(capture: Captured, *arguments: str, status: int = 0) -> str:
    """The plan as text."""
    assert status == main(["plan", *arguments])
    captured = capture.readouterr()
    assert b"" == captured.err
    return captured.out.decode()


def refusal(capture: Captured, *arguments: str) -> str:
    """What the command says where it refuses; as JSON it is a report with that error."""
    assert 2 == main(["plan", *arguments])
    captured = capture.readouterr()
    assert b"" == captured.out
    assert 2 == main(["plan", *arguments, "--json"])
    error = valid(capture.readouterr().out)["error"]
    assert error["message"].splitlines()[0] in captured.err.decode()
    return captured.err.decode()


def test_a_plan_for_a_capture(models: dict[str, str], capfdbinary: Captured) -> None:
    """Models, Edge TPUs, the assignment and code for exactly these devices and files."""
    report = planned(capfdbinary, models["a"], models["heavy"], "--from", MIXED)
    assert SCHEMA == report.schema
    assert ["a", "heavy"] == [model.name for model in report.models]
    assert ["pci", "pci", "usb", "usb"] == [tpu.transport for tpu in report.edge_tpus]
    assert {"0000:02:00.0", "0000:03:00.0"} == {row.tpu for row in report.assignment}
    assert report.is_optimal
    assert ["plan_tflite.py", "plan.cc", "plan_pycoral.py", "config.yml"] == [
        file.path for file in sorted(report.code, key=lambda file: "tcpf".index(_key(file.path)))
    ]
    assert all(models["heavy"] in file.content for file in report.code if file.path != "config.yml")


def _key(path: str) -> str:
    return {"plan_tflite.py": "t", "plan.cc": "c", "plan_pycoral.py": "p", "config.yml": "f"}[path]


def test_numbers_have_basis_and_range(models: dict[str, str], capfdbinary: Captured) -> None:
    """A latency lies in its range; what the file does not tell is one at least, without an upper end."""
    report = planned(capfdbinary, models["a"], models["heavy"], "--what-if", "usb3 usb3", "--clock", "maximum")
    known, unsure = (row.latency_ms for row in report.assignment)
    assert known.low is not None
    assert known.high is not None
    assert known.low < (known.value or 0) < known.high
    assert (False, "computed") == (known.at_least, known.basis)
    assert (True, None) == (unsure.at_least, unsure.high)


def test_every_range_holds_its_value(models: dict[str, str], capfdbinary: Captured) -> None:
    """Alone and together, with reloads and shared links."""
    report = planned(capfdbinary, *(models[name] for name in "abc"), "--what-if", "hub(usb3 usb2)")
    for row in report.assignment:
        for number in (row.latency_ms, row.latency_together_ms, row.rate_alone, row.rate_together):
            assert (number.low or 0) < (number.value or 0) < (number.high or 0)
        assert (row.latency_together_ms.value or 0) >= (row.latency_ms.value or 0)


def test_co_compiled_models_are_told(models: dict[str, str], capfdbinary: Captured) -> None:
    """A common token is named both ways, and such models share an Edge TPU without a swap."""
    report = planned(capfdbinary, models["a"], models["c"], models["b"], "--what-if", "usb3 usb3")
    assert [("b",), (), ("a",)] == [model.co_compiled_with for model in report.models]
    tpus = {row.model: row.tpu for row in report.assignment}
    assert tpus["a"] == tpus["b"] != tpus["c"]
    assert () == report.swaps


def test_swaps_and_suggestions(models: dict[str, str], capfdbinary: Captured) -> None:
    """Models of different tokens on one Edge TPU have their swaps in bytes and ms, and a command that ends them."""
    report = planned(capfdbinary, models["a"], models["c"], "--what-if", "usb3")
    assert [2_000_008, 1_000_008] == [swap.bytes for swap in report.swaps]
    assert [5.714, 2.857] == [swap.ms for swap in report.swaps]
    (suggestion,) = report.suggestions
    assert "edgetpu_compiler a.tflite c.tflite" == suggestion.command
    text = text_of(capfdbinary, models["a"], models["c"], "--what-if", "usb3")
    assert "reload before each inference: 2,000,008 bytes, 5.7 ms" in text
    assert "        edgetpu_compiler a.tflite c.tflite\n" in text


def test_rates(models: dict[str, str], capfdbinary: Captured) -> None:
    """A rate goes by label, file name or path; it is what the forecast gives where it fits."""
    for name in ("a", "a_edgetpu", "a_edgetpu.tflite", models["a"]):
        report = planned(capfdbinary, models["a"], models["c"], "--what-if", "usb3 usb3", "--rate", f"{name}=25")
        assert [25.0, None] == [model.wanted_rate for model in report.models]
        assert report.assignment[0].rate_together.value == pytest.approx(25)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ("a", "MODEL=FPS"),
        ("a=", "MODEL=FPS"),
        ("a=0", "above 0"),
        ("a=-1", "above 0"),
        ("a=nan", "above 0"),
        ("a=inf", "above 0"),
        ("zebra=3", "no such compiled model (there are: a, c)"),
        ("=3", "no such compiled model"),
    ],
)
def test_bad_rates(rate: str, text: str, models: dict[str, str], capfdbinary: Captured) -> None:
    """Each says what is wanted."""
    assert text in refusal(capfdbinary, models["a"], models["c"], "--what-if", "usb3", "--rate", rate)


def test_the_same_model_twice(models: dict[str, str], capfdbinary: Captured) -> None:
    """It is planned as two, on two Edge TPUs, and said so."""
    report = planned(capfdbinary, models["a"], models["a"], "--what-if", "usb3 usb3")
    assert ["a", "a (2)"] == [model.name for model in report.models]
    assert 2 == len({row.tpu for row in report.assignment})
    assert any("same model" in note for note in report.notes)


def test_more_tpus_than_models(models: dict[str, str], capfdbinary: Captured) -> None:
    """What is left is named."""
    report = planned(capfdbinary, models["a"], "--what-if", "3*usb3")
    assert any("are left" in note for note in report.notes)


def test_no_tpu(models: dict[str, str], capfdbinary: Captured, tmp_path: Path) -> None:
    """Each model says why it has no place, the way to plan all the same is named, and the exit status is 1."""
    (tmp_path / "none.txt").write_text(NONE, encoding="utf-8")
    report = planned(capfdbinary, models["a"], "--from", str(tmp_path / "none.txt"), status=1)
    assert [("a", "there is no Edge TPU for it")] == [(each.model, each.why) for each in report.unplaced]
    assert "--what-if" in text_of(capfdbinary, models["a"], "--from", str(tmp_path / "none.txt"), status=1)


def test_what_is_not_compiled_has_no_place(models: dict[str, str], capfdbinary: Captured) -> None:
    """The others are planned, and the exit status is 1."""
    report = planned(capfdbinary, models["plain"], models["a"], "--what-if", "usb3", status=1)
    assert ["plain"] == [each.model for each in report.unplaced]
    assert ["a"] == [row.model for row in report.assignment]
    assert "nothing of it is compiled" in text_of(capfdbinary, models["plain"], "--what-if", "usb3", status=1)


def _several_chips() -> bytes:
    operator = Operator("edgetpu-custom-op", custom_options=custom_options(package([]), more=1))
    return tflite(Graph(TENSORS, (operator,)))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"no model at all", "bad.tflite"),
        (b"", "bad.tflite"),
        (model_bytes(cached=100_000)[:50_000], "bad.tflite"),
        (_several_chips(), "several chips"),
    ],
)
def test_bad_files(content: bytes, text: str, tmp_path: Path, capfdbinary: Captured) -> None:
    """What is no model, is cut off or is for several chips gets one clear line that names the file."""
    (tmp_path / "bad.tflite").write_bytes(content)
    said = refusal(capfdbinary, str(tmp_path / "bad.tflite"), "--what-if", "usb3")
    assert text in said
    assert "bad.tflite" in said


def test_a_huge_file_is_refused_at_once(tmp_path: Path, capfdbinary: Captured) -> None:
    """Eight gigabytes of nothing are not read."""
    with (tmp_path / "huge.tflite").open("wb") as handle:
        os.truncate(handle.fileno(), 8 << 30)
    assert "huge.tflite" in refusal(capfdbinary, str(tmp_path / "huge.tflite"), "--what-if", "usb3")


def test_a_missing_file(tmp_path: Path, capfdbinary: Captured) -> None:
    """It is named."""
    assert "gone.tflite" in refusal(capfdbinary, str(tmp_path / "gone.tflite"), "--what-if", "usb3")


def test_a_bad_description_is_shown_with_its_place(models: dict[str, str], capfdbinary: Captured) -> None:
    """The error names the character, and an arrow stands below it."""
    said = refusal(capfdbinary, models["a"], "--what-if", "usb3 usb9")
    assert "usb9 is not known here" in said
    assert "at character 6" in said
    assert "\n  usb3 usb9\n       ^" in said


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--what-if", "usb3", "--from", MIXED), "either --what-if or --from"),
        (("--what-if", "usb3", "--measure"), "--measure runs on this machine"),
        (("--from", MIXED, "--measure"), "--measure runs on this machine"),
        (("--what-if", "usb3", "--lib", "x"), "are for --measure"),
        (("--what-if", "usb3", "--seconds", "0"), "--seconds"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: tuple[str, ...], text: str, models: dict[str, str], capfdbinary: Captured
) -> None:
    """A usage error says which."""
    assert 2 == main(["plan", models["a"], *arguments])
    assert text in capfdbinary.readouterr().err.decode()


def test_too_many_models(models: dict[str, str], capfdbinary: Captured) -> None:
    """More than 64 are refused."""
    assert "at most 64 models" in refusal(capfdbinary, *[models["a"]] * 65, "--what-if", "usb3")


def test_code_by_choice(models: dict[str, str], capfdbinary: Captured) -> None:
    """``--code`` chooses; for hardware that is not there no code is made, and that is said."""
    report = planned(capfdbinary, models["a"], "--from", MIXED, "--code", "cpp")
    assert ["plan.cc"] == [file.path for file in report.code]
    assert () == planned(capfdbinary, models["a"], "--from", MIXED, "--code", "none").code
    report = planned(capfdbinary, models["a"], "--what-if", "usb3")
    assert () == report.code
    assert "once they are there" in report.code_notes[0]


def test_text_is_ascii_on_demand(models: dict[str, str], capfdbinary: Captured) -> None:
    """``--encoding ascii`` prints nothing else, and lines fit a terminal."""
    text = text_of(capfdbinary, models["a"], "--what-if", "hub(usb3 usb3)", "--encoding", "ascii")
    assert text.isascii()
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_slow_link_is_told(models: dict[str, str], capfdbinary: Captured) -> None:
    """A stick that runs below what its place allows leads to the check."""
    report = planned(capfdbinary, models["a"], "--from", str(FIXTURES / "usb2-cable"))
    assert any("see etpu-doctor check" in note for note in report.notes)


def test_in_a_process_of_its_own(models: dict[str, str]) -> None:
    """The command works from the command line, and a plan for nothing that is there ends with status 1."""
    done = run("plan", models["a"], "--what-if", "usb3")
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"1 model on 1 Edge TPU" in done.stdout
