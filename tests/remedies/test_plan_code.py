"""Code for a plan: it compiles, holds exactly the plan, and does in order what keeps the strings true."""

from __future__ import annotations

import ast
import ctypes
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.remedies.plan_code import Code, Engine, plan_code
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS
from tests.remedies.test_cpp import HEADERS
from tests.remedies.test_python import Library, constants, run
from tests.support.plans import loaded

KINDS = ("python", "cpp", "pycoral", "frigate")


def engines(report: Report, *files: str) -> list[Engine]:
    """Models on the Edge TPUs of a report, one after the other, over and over."""
    model = loaded().model
    return [
        Engine(file=file, label=Path(file).stem, model=model, tpu=report.edge_tpus[number % len(report.edge_tpus)])
        for number, file in enumerate(files)
    ]


def code(report: Report, *files: str) -> Code:
    """All code for such a plan."""
    return plan_code(report, engines(report, *files), KINDS)


def file_of(found: Code, name: str) -> str:
    """The content of a file."""
    return next(file.content for file in found.files if file.path == name)


def test_each_model_has_its_device() -> None:
    """The programs in Python hold each model with the string of its Edge TPU, PCIe first."""
    found = code(reports.mixed(), "a.tflite", "b.tflite", "c.tflite", "d.tflite")
    expected = (("pci:0", "a.tflite"), ("pci:0", "d.tflite"), ("usb:0", "c.tflite"), ("usb:1", "b.tflite"))
    for name in ("plan_tflite.py", "plan_pycoral.py"):
        assert expected == constants(file_of(found, name))["PLAN"]


def test_fresh_sticks_go_by_their_later_string() -> None:
    """A stick without firmware has the string that holds once all have theirs, and every stick is opened for it."""
    found = code(reports.sticks("2-1", "2-2", fresh=("2-1",)), "a.tflite", "b.tflite")
    program = constants(file_of(found, "plan_tflite.py"))
    assert (("usb:0", "b.tflite"), ("usb:1", "a.tflite")) == program["PLAN"]
    assert ("/sys/bus/usb/devices/2-1", "/sys/bus/usb/devices/2-2") == program["STICKS"]
    assert any("now without: 2-1" in note for note in found.notes)


def test_one_stick_needs_no_order() -> None:
    """With a single stick there is nothing to keep in order, and nobody's stick is opened twice."""
    found = code(reports.one_stick(), "a.tflite")
    assert () == constants(file_of(found, "plan_tflite.py"))["STICKS"]
    assert not any("renumbers" in note for note in found.notes)


class Runtime:
    """A double of a TFLite runtime that notes what is done."""

    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self.calls = calls

    def module(self) -> types.ModuleType:
        """The module ``interpreter``."""
        calls = self.calls

        class Interpreter:
            def __init__(self, model_path: str, experimental_delegates: list[str]) -> None:
                self.name = model_path
                calls.append(("interpreter", model_path, *experimental_delegates))

            def allocate_tensors(self) -> None:
                calls.append(("allocate", self.name))

            def invoke(self) -> None:
                calls.append(("invoke", self.name))

        def load_delegate(library: str, options: dict[str, str]) -> str:
            calls.append(("load", library, options["device"]))
            return options["device"]

        found = types.ModuleType("ai_edge_litert.interpreter")
        found.Interpreter = Interpreter  # type: ignore[attr-defined]
        found.load_delegate = load_delegate  # type: ignore[attr-defined]
        return found


def test_the_program_opens_in_the_right_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every stick gets its firmware by its port before any string is used; then each model runs on its device."""
    library = Library()
    runtime = Runtime(library.calls)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", types.ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", runtime.module())
    found = code(reports.sticks("2-1", "2-2", fresh=("2-1", "2-2")), "a.tflite", "b.tflite", "c.tflite")
    run(file_of(found, "plan_tflite.py"), "__main__")
    kinds = [call[0] for call in library.calls]
    assert ["create", "free", "create", "free"] == kinds[:4]
    assert ["load", "interpreter", "allocate"] * 3 == kinds[4:13]
    assert {"a.tflite", "b.tflite", "c.tflite"} == {call[1] for call in library.calls if call[0] == "invoke"}
    assert {("a.tflite", "usb:1"), ("b.tflite", "usb:0"), ("c.tflite", "usb:1")} == {
        call[1:] for call in library.calls if call[0] == "interpreter"
    }
    assert 2 == capsys.readouterr().out.count("answers")


def test_the_program_in_cpp_compiles(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """A compiler takes it against the interfaces that it uses, whatever the models are called."""
    headers = dict(HEADERS)
    headers["tensorflow/lite/model.h"] = headers["tensorflow/lite/model.h"].replace(
        "class FlatBufferModel {};",
        "class FlatBufferModel { public: static std::unique_ptr<FlatBufferModel> BuildFromFile(const char* name); };",
    )
    headers["tensorflow/lite/interpreter.h"] = headers["tensorflow/lite/interpreter.h"].replace(
        "TfLiteStatus AllocateTensors();", "TfLiteStatus AllocateTensors(); TfLiteStatus Invoke();"
    )
    for name, text in headers.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = code(reports.mixed(), "a.tflite", 'quo"te\\.tflite', "new\nline.tflite")
    (tmp_path / "plan.cc").write_text(file_of(found, "plan.cc"), encoding="utf-8")
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    command = [needs_program("g++", package="g++"), *flags, str(tmp_path / "plan.cc")]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (0, "") == (result.returncode, result.stderr)


def test_the_table_of_cpp() -> None:
    """Each model has the type and path of its Edge TPU."""
    found = file_of(code(reports.mixed(), "a.tflite", "b.tflite"), "plan.cc")
    rows = re.findall(r'\{edgetpu::DeviceType::(\w+), "([^"]+)", "([^"]+)"\}', found)
    assert [("kApexPci", "/dev/apex_0", "a.tflite"), ("kApexUsb", "/sys/bus/usb/devices/2-1", "b.tflite")] == rows


def test_frigate_gets_a_detector_for_each_tpu_in_use() -> None:
    """With one model for all it gets the model too; detectors are only of the Edge TPUs that the plan uses."""
    found = code(reports.sticks("2-1", "2-2", "2-3"), "a.tflite", "a.tflite")
    config = yaml.safe_load(file_of(found, "config.yml"))
    assert 2 == len(config["detectors"])
    assert {"edgetpu"} == {each["type"] for each in config["detectors"].values()}
    assert 2 == len({each["device"] for each in config["detectors"].values()})
    assert any("four outputs" in note for note in found.notes)


def test_frigate_takes_one_model() -> None:
    """Two models are one too many for it, which is said."""
    found = code(reports.sticks("2-1", "2-2"), "a.tflite", "b.tflite")
    assert "model" not in yaml.safe_load(file_of(found, "config.yml"))
    assert any("all its detectors one model" in note for note in found.notes)


def test_the_engine_too_many_is_told() -> None:
    """The rule for one more engine than Edge TPUs is in the notes, with their number."""
    notes = code(reports.mixed(), "a.tflite").notes
    assert any(note.startswith("There are 3 Edge TPUs: an engine beyond that number must be told") for note in notes)


def test_what_has_no_string_or_path_is_told() -> None:
    """An Edge TPU that no program can name is in no program, and a note says why."""
    tpu = EdgeTpu(id="?-1", transport="usb", delegate_unknown_because="nobody knows")
    found = code(reports.by_hand(tpu), "a.tflite")
    assert () == found.files
    assert any("nobody knows" in note for note in found.notes)
    assert any("not in the C++ program" in note for note in found.notes)


def test_only_what_is_asked_for() -> None:
    """One kind gives one file; none gives nothing; no engines give nothing."""
    report = reports.one_stick()
    assert ["plan.cc"] == [file.path for file in plan_code(report, engines(report, "a"), ["cpp"]).files]
    assert Code() == plan_code(report, engines(report, "a"), [])
    assert Code() == plan_code(report, [], KINDS)


@given(HOSTILE_REPORTS, st.text(max_size=30))
def test_no_name_breaks_a_program(report: Report, name: str) -> None:
    """Whatever places and models are called, programs keep their shape and hold the names as they are."""
    if not report.edge_tpus:
        return
    found = {file.path: file.content for file in code(report, name).files}
    shape = {file.path: file.content for file in code(reports.mixed(), "a").files}
    for path in ("plan_tflite.py", "plan_pycoral.py"):
        if path in found:
            assert len(ast.parse(shape[path]).body) == len(ast.parse(found[path]).body)
            assert {name} == {model for _, model in constants(found[path])["PLAN"]}
    if "config.yml" in found:
        assert {"edgetpu"} == {each["type"] for each in yaml.safe_load(found["config.yml"])["detectors"].values()}
