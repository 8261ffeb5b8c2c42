"""C++ programs: ``OpenDevice`` by device path.

Source: libedgetpu ``tflite/public/edgetpu.h``.
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import device_paths, general_note, ids
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import comment, cpp_string
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

DEVICE_TYPES = {"usb": "kApexUsb", "pci": "kApexPci"}
"""``edgetpu::DeviceType`` by transport."""

NAME = "cpp"
SUMMARY = "C++: OpenDevice by device path"

_GENERAL = (("usb", "/sys/bus/usb/devices/2-1", "USB: the bus, a dash, the ports"), ("pci", "/dev/apex_0", "PCIe"))


def build(report: Report) -> Setup:
    """A source file that opens each Edge TPU by the place it is in."""
    known = tuple((tpu.transport, path, tpu.id) for tpu, path in device_paths(report))
    named = {place for _, _, place in known}
    places = known if report.edge_tpus else _GENERAL
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(SetupFile(path="edge_tpu.cc", content=_SOURCE.replace("@PLACES@", _table(places))),),
        text=(
            *general_note(report),
            *(
                f"{for_terminal(tpu.id)} has no path: the evidence does not show its port or node."
                for tpu in report.edge_tpus
                if tpu.id not in named
            ),
            *_NOTES,
        ),
        commands=(
            Command(
                command="g++ -std=c++17 -o edge_tpu edge_tpu.cc -ltensorflowlite -l:libedgetpu.so.1",
                why="builds it; TFLite must be of the version that libedgetpu was built for",
            ),
        ),
        undo=("Delete the files. Nothing of the system is changed.",),
    )


def _table(places: tuple[tuple[str, str, str], ...]) -> str:
    return "\n".join(
        f"    {{edgetpu::DeviceType::{DEVICE_TYPES[transport]}, {cpp_string(path)}}},  // {comment(place)}"
        for transport, path, place in places
    )


_NOTES = (
    (
        "A path means a port, whatever else is plugged in and in whichever order; numbers do not. "
        "EdgeTpuManager::EnumerateEdgeTpu() lists the paths that libedgetpu sees."
    ),
    (
        "OpenDevice returns nullptr when it fails. EdgeTpuManager::SetVerbosity(1) before it has libedgetpu say why, "
        "on standard error."
    ),
    "A USB Edge TPU that another program uses is taken away from that program by opening it.",
)

MAKE_INTERPRETER = """\
using Context = std::shared_ptr<edgetpu::EdgeTpuContext>;

// The context must live longer than the interpreter.
std::unique_ptr<tflite::Interpreter> MakeInterpreter(const tflite::FlatBufferModel& model, const Context& context) {
  tflite::ops::builtin::BuiltinOpResolver resolver;
  resolver.AddCustom(edgetpu::kCustomOp, edgetpu::RegisterCustomOp());
  std::unique_ptr<tflite::Interpreter> interpreter;
  if (tflite::InterpreterBuilder(model, resolver)(&interpreter) != kTfLiteOk) return nullptr;
  interpreter->SetExternalContext(kTfLiteEdgeTpuContext, context.get());
  if (interpreter->AllocateTensors() != kTfLiteOk) return nullptr;
  return interpreter;
}

"""
"""The part of a program that makes an interpreter of a model and an opened Edge TPU."""

_SOURCE = """\
// Opens Edge TPUs by the place they are in. Made by etpu-doctor (etpu-doctor setup cpp).

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "edgetpu.h"
#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/kernels/register.h"
#include "tensorflow/lite/model.h"

struct Place {
  edgetpu::DeviceType type;
  std::string path;
};

static const std::vector<Place> kPlaces = {
@PLACES@
};

@INTERPRETER@int main() {
  auto* manager = edgetpu::EdgeTpuManager::GetSingleton();
  for (const auto& place : kPlaces) {
    Context context = manager->OpenDevice(place.type, place.path);
    std::printf("%s: %s\\n", place.path.c_str(), context ? "open" : "cannot be opened");
  }
}
""".replace("@INTERPRETER@", MAKE_INTERPRETER)
