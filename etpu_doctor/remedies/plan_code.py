"""Programs and a configuration for a plan: each model on its Edge TPU, by the string or path that is true.

Sources: as those of ``python.py``, ``cpp.py`` and ``frigate.py``; libedgetpu ``tflite/edgetpu_manager_direct.cc`` (an
open without a device takes one that this process has open already, of two types the one on PCIe).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from etpu_doctor.facts.model import CompiledModel
from etpu_doctor.remedies import cpp, python
from etpu_doctor.remedies.devices import (
    delegate_string,
    delegate_strings_without_udev,
    is_delegate_string,
    is_device_path,
    is_fresh,
    string_key,
    usb_tpus,
)
from etpu_doctor.remedies.model import SetupFile
from etpu_doctor.remedies.quoting import comment, cpp_string, double_quoted
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """A model file on an Edge TPU."""

    file: str
    label: str
    model: CompiledModel
    tpu: EdgeTpu


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The files, and what one must know to use them."""

    files: tuple[SetupFile, ...] = ()
    notes: tuple[str, ...] = ()


def plan_code(report: Report, engines: Sequence[Engine], kinds: Sequence[str]) -> Code:
    """Code for a plan: of ``python``, ``cpp``, ``pycoral`` and ``frigate`` what is asked for."""
    if not engines or not kinds:
        return Code()
    makers: dict[str, Callable[[Report, Sequence[Engine]], SetupFile | None]] = {
        "python": _python,
        "pycoral": _pycoral,
        "cpp": _cpp,
        "frigate": _frigate,
    }
    files = [made for kind in kinds if (made := makers[kind](report, engines)) is not None]
    return Code(files=tuple(files), notes=tuple(_notes(report, engines, kinds)))


def _by_string(engines: Sequence[Engine]) -> list[tuple[str, Engine]]:
    """Engines with the string of their Edge TPU, those of one Edge TPU beside each other."""
    known = [(string, engine) for engine in engines if (string := _string(engine.tpu)) is not None]
    return sorted(known, key=lambda pair: string_key(pair[0]))


def _string(tpu: EdgeTpu) -> str | None:
    string = delegate_string(tpu)
    return string if string is not None and is_delegate_string(string) else None


def _path(tpu: EdgeTpu) -> str | None:
    path = tpu.device_path
    return path if path is not None and is_device_path(path) else None


def _remark(engine: Engine) -> str:
    return comment(f"{engine.tpu.id}: {engine.label}")


def _table(pairs: Sequence[tuple[str, Engine]]) -> str:
    return "".join(
        f"    ({double_quoted(string)}, {double_quoted(engine.file)}),  # {_remark(engine)}\n"
        for string, engine in pairs
    )


def _python(report: Report, engines: Sequence[Engine]) -> SetupFile | None:
    pairs = _by_string(engines)
    if not pairs:
        return None
    sticks = usb_tpus(report) if len(usb_tpus(report)) > 1 else ()
    paths = "".join(f"    {double_quoted(path)},\n" for tpu in sticks if (path := _path(tpu)) is not None)
    library = double_quoted(python.library_name(report))
    content = _TFLITE.replace("@LIBRARY@", library).replace("@STICKS@", paths).replace("@PLAN@", _table(pairs))
    return SetupFile(path="plan_tflite.py", content=content)


def _pycoral(report: Report, engines: Sequence[Engine]) -> SetupFile | None:
    del report
    pairs = _by_string(engines)
    return SetupFile(path="plan_pycoral.py", content=_PYCORAL.replace("@PLAN@", _table(pairs))) if pairs else None


def _cpp(report: Report, engines: Sequence[Engine]) -> SetupFile | None:
    del report
    rows = [
        f"    {{edgetpu::DeviceType::{cpp.DEVICE_TYPES[engine.tpu.transport]}, {cpp_string(path)}, "
        f"{cpp_string(engine.file)}}},  // {_remark(engine)}\n"
        for engine in sorted(engines, key=lambda engine: engine.tpu.id)
        if (path := _path(engine.tpu)) is not None
    ]
    return SetupFile(path="plan.cc", content=_CPP.replace("@PLAN@", "".join(rows))) if rows else None


def _frigate(report: Report, engines: Sequence[Engine]) -> SetupFile | None:
    used = {engine.tpu.id for engine in engines}
    strings = [(string, tpu.id) for tpu, string in delegate_strings_without_udev(report) if tpu.id in used]
    if not strings:
        return None
    lines = ["detectors:"]
    for number, (string, place) in enumerate(strings, start=1):
        lines += [
            f"  edge_tpu_{number}:",
            "    type: edgetpu",
            f"    device: {double_quoted(string)}  # {comment(place)}",
        ]
    model = _frigate_model(engines)
    return SetupFile(path="config.yml", content="\n".join([*lines, *model, ""]), fragment=True)


def _frigate_model(engines: Sequence[Engine]) -> list[str]:
    """Frigate gives all detectors one model; its input is a square picture or nearly so."""
    files = {engine.file for engine in engines}
    shape = engines[0].model.inputs[0].shape if engines[0].model.inputs else ()
    if len(files) != 1 or len(shape) != 4:
        return []
    _, height, width, _ = shape
    path = double_quoted(engines[0].file)
    return ["model:", f"  path: {path}  # as the container sees it", f"  width: {width}", f"  height: {height}"]


def _notes(report: Report, engines: Sequence[Engine], kinds: Sequence[str]) -> Iterator[str]:
    tpus = list({engine.tpu.id: engine.tpu for engine in engines}.values())
    for tpu in tpus:
        if _string(tpu) is None:
            why = tpu.delegate_unknown_because or "its number is not known"
            yield f"{for_terminal(tpu.id)} is in no program that goes by device strings: {for_terminal(why)}."
        if _path(tpu) is None and "cpp" in kinds:
            yield f"{for_terminal(tpu.id)} is not in the C++ program: the evidence does not show its port or node."
    sticks = usb_tpus(report)
    if len(sticks) > 1:
        fresh = [for_terminal(tpu.id) for tpu in sticks if is_fresh(tpu)]
        now = f" (now without: {', '.join(fresh)})" if fresh else ""
        yield (
            "Device strings hold once every stick has its firmware, which it loses with its power; until then sticks "
            f"without it are counted first, and each open renumbers the others{now}. plan_tflite.py therefore opens "
            "each stick by its port once before it uses a string. Run it, or edge_tpu_by_path.py of etpu-doctor setup "
            "python, before PyCoral and Frigate at a cold start."
        )
    yield (
        f"There {_count(len(report.edge_tpus))}: an engine beyond that number must be told its device, as all "
        "are here. Without one libedgetpu gives it an Edge TPU that this program has open already, PCIe before USB, "
        "and its model pushes the parameters of the one there off the chip; in another process it takes the first of "
        "the list, and a stick away from whoever uses it."
    )
    if "frigate" in kinds:
        yield from _frigate_notes(engines)


def _count(tpus: int) -> str:
    return "is 1 Edge TPU" if tpus == 1 else f"are {tpus} Edge TPUs"


def _frigate_notes(engines: Sequence[Engine]) -> Iterator[str]:
    if len({engine.file for engine in engines}) > 1:
        yield "Frigate gives all its detectors one model: choose one of these for it; the detectors above are for all."
    if any(len(engine.model.outputs) != 4 for engine in engines):
        yield "Frigate wants a detector (SSD) with four outputs: boxes, classes, scores, count. Not all here are one."
    yield "In Frigate's container sticks are counted in another order than on the host; the strings above are for it."


_TFLITE = '''\
"""Runs models on Edge TPUs as planned. Made by etpu-doctor (etpu-doctor plan)."""

import ctypes
import threading

try:
    from ai_edge_litert.interpreter import Interpreter, load_delegate
except ImportError:
    from tflite_runtime.interpreter import Interpreter, load_delegate

LIBRARY = @LIBRARY@
STICKS = (
@STICKS@)
PLAN = (
@PLAN@)


def load_firmware(paths):
    """Open each USB stick by its port once: after that the device strings hold. Raises OSError."""
    library = ctypes.CDLL(LIBRARY)
    create, free = library.edgetpu_create_delegate, library.edgetpu_free_delegate
    create.restype = ctypes.c_void_p
    create.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    for path in paths:
        delegate = create(1, path.encode(), None, 0)  # 1 is USB
        if not delegate:
            raise OSError("libedgetpu cannot open " + path)
        free(delegate)


def make_interpreter(model, device):
    """An interpreter of a model on one Edge TPU; engines with the same device share it."""
    delegate = load_delegate(LIBRARY, {"device": device})
    interpreter = Interpreter(model_path=model, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    return interpreter


def work(device, interpreters):
    """One thread an Edge TPU: the models on it take turns. Python's lock is free while a model runs."""
    for interpreter in interpreters:
        interpreter.invoke()
    print(device, "answers")


if __name__ == "__main__":
    load_firmware(STICKS)
    engines = {}
    for device, model in PLAN:
        engines.setdefault(device, []).append(make_interpreter(model, device))
    threads = [threading.Thread(target=work, args=each) for each in engines.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
'''

_PYCORAL = '''\
"""Runs models on Edge TPUs as planned, with PyCoral. Made by etpu-doctor (etpu-doctor plan)."""

from pycoral.utils.edgetpu import make_interpreter

PLAN = (
@PLAN@)

if __name__ == "__main__":
    for device, model in PLAN:
        interpreter = make_interpreter(model, device=device)
        interpreter.allocate_tensors()
        interpreter.invoke()
        print(device, model, "answers")
'''

_CPP = """\
// Runs models on Edge TPUs as planned. Made by etpu-doctor (etpu-doctor plan).
// g++ -std=c++17 -o plan plan.cc -ltensorflowlite -l:libedgetpu.so.1

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "edgetpu.h"
#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/kernels/register.h"
#include "tensorflow/lite/model.h"

struct Engine {
  edgetpu::DeviceType type;
  std::string path;
  std::string model;
};

static const std::vector<Engine> kPlan = {
@PLAN@};

@INTERPRETER@
int main() {
  auto* manager = edgetpu::EdgeTpuManager::GetSingleton();
  std::map<std::string, Context> contexts;  // engines with the same path share it
  for (const auto& engine : kPlan) {
    Context& context = contexts[engine.path];
    if (!context) context = manager->OpenDevice(engine.type, engine.path);
    auto model = tflite::FlatBufferModel::BuildFromFile(engine.model.c_str());
    if (!context || !model) {
      std::printf("%s: %s\\n", engine.path.c_str(), context ? "the model cannot be read" : "cannot be opened");
      return 1;
    }
    auto interpreter = MakeInterpreter(*model, context);
    bool ok = interpreter && interpreter->Invoke() == kTfLiteOk;
    std::printf("%s: %s %s\\n", engine.path.c_str(), engine.model.c_str(), ok ? "answers" : "fails");
  }
}
""".replace("@INTERPRETER@\n", cpp.MAKE_INTERPRETER)
