"""The program in C++."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given

from etpu_doctor.remedies import cpp
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS

_PLACE = re.compile(r'^    \{edgetpu::DeviceType::(kApex\w+), "([^"]*)"\},  // (.*)$')

HEADERS = {
    "edgetpu.h": """
#pragma once
#include <memory>
#include <string>
struct TfLiteRegistration {};
namespace edgetpu {
enum class DeviceType { kApexPci = 0, kApexUsb = 1 };
static const char kCustomOp[] = "edgetpu-custom-op";
class EdgeTpuContext {};
TfLiteRegistration* RegisterCustomOp();
class EdgeTpuManager {
 public:
  static EdgeTpuManager* GetSingleton();
  virtual std::shared_ptr<EdgeTpuContext> OpenDevice(DeviceType type, const std::string& path) = 0;
};
}
""",
    "tensorflow/lite/interpreter.h": """
#pragma once
enum TfLiteStatus { kTfLiteOk };
enum TfLiteExternalContextType { kTfLiteEdgeTpuContext = 2 };
namespace tflite {
class Interpreter {
 public:
  void SetExternalContext(TfLiteExternalContextType type, void* context);
  TfLiteStatus AllocateTensors();
};
}
""",
    "tensorflow/lite/kernels/register.h": """
#pragma once
#include "edgetpu.h"
namespace tflite { namespace ops { namespace builtin {
class BuiltinOpResolver { public: void AddCustom(const char* name, const TfLiteRegistration* registration); };
}}}
""",
    "tensorflow/lite/model.h": """
#pragma once
#include <memory>
#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/kernels/register.h"
namespace tflite {
class FlatBufferModel {};
class InterpreterBuilder {
 public:
  InterpreterBuilder(const FlatBufferModel& model, const ops::builtin::BuiltinOpResolver& resolver);
  TfLiteStatus operator()(std::unique_ptr<Interpreter>* interpreter);
};
}
""",
}
"""As much of the public interfaces of libedgetpu and TFLite as the program uses."""


def places(report: Report) -> list[tuple[str, str, str]]:
    """The table of the program: type, path and the place beside it."""
    (file,) = cpp.build(report).files
    table = file.content.partition("kPlaces = {\n")[2].partition("\n};")[0]
    matches = [_PLACE.match(line) for line in table.split("\n") if line]
    assert None not in matches
    return [(match[1], match[2], match[3]) for match in matches if match is not None]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reports.one_stick(), [("kApexUsb", "/sys/bus/usb/devices/2-1", "2-1")]),
        (reports.cards(), [("kApexPci", "/dev/apex_0", "0000:01:00.0")]),
        (reports.card_without_driver(), []),
    ],
)
def test_each_place(report: Report, expected: list[tuple[str, str, str]]) -> None:
    """Each Edge TPU is opened by type and path."""
    assert expected == places(report)


def test_the_general_program_shows_both_forms() -> None:
    """Without an Edge TPU there is an example of each path."""
    assert ["kApexUsb", "kApexPci"] == [kind for kind, _, _ in places(reports.nothing())]


def test_what_has_no_path_is_told() -> None:
    """An Edge TPU without a path is named in a note."""
    notes = cpp.build(reports.by_hand(EdgeTpu(id="?-1.4", transport="usb"))).text
    assert any(note.startswith("?-1.4 has no path") for note in notes)


@given(HOSTILE_REPORTS)
def test_the_table_keeps_its_form(report: Report) -> None:
    """No name breaks out of its string or its comment."""
    assert all(kind in ("kApexUsb", "kApexPci") for kind, _, _ in places(report))


@pytest.mark.parametrize("report", [reports.mixed(), reports.nothing(), reports.card_without_driver()])
def test_the_program_compiles(report: Report, tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """A compiler takes the program against the interfaces that it uses."""
    for name, text in HEADERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (file,) = cpp.build(report).files
    (tmp_path / file.path).write_text(file.content, encoding="utf-8")
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    command = [needs_program("g++", package="g++"), *flags, str(tmp_path / file.path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (0, "") == (result.returncode, result.stderr)
