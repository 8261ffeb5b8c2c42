"""Python programs: TFLite's ``load_delegate``, PyCoral, and by port through libedgetpu's own interface.

Sources: libedgetpu ``tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc`` (device strings) and
``tflite/public/edgetpu_c.h`` (paths); PyCoral ``pycoral/utils/edgetpu.py``.
"""

from __future__ import annotations

from etpu_doctor.remedies.devices import (
    delegate_string,
    device_paths,
    general_note,
    ids,
    is_delegate_string,
    is_fresh,
    string_key,
    unnumbered,
    usb_tpus,
)
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.remedies.quoting import comment, double_quoted
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import Command

NAME = "python"
SUMMARY = "Python: TFLite's load_delegate, PyCoral, and opening by port"

LIBRARY = "libedgetpu.so.1"

_SEARCHED = ("/lib/", "/usr/lib/", "/usr/local/lib/")


def build(report: Report) -> Setup:
    """Three programs to start from."""
    library = double_quoted(library_name(report))
    table = _table(_strings(report))
    paths = _table([(path, tpu.id) for tpu, path in device_paths(report)] or _general_paths(report))
    return Setup(
        target=NAME,
        devices=ids(report),
        files=(
            SetupFile(path="edge_tpu_tflite.py", content=_TFLITE.format(library=library, table=table)),
            SetupFile(path="edge_tpu_pycoral.py", content=_PYCORAL.format(table=table)),
            SetupFile(path="edge_tpu_by_path.py", content=_BY_PATH.format(library=library, table=paths)),
        ),
        text=(*general_note(report), *_unnumbered(report), *_order_notes(report), *_NOTES),
        commands=(
            Command(
                command="python3 edge_tpu_by_path.py",
                why="opens every Edge TPU once, which loads the firmware; no other program may use one meanwhile",
            ),
        ),
        undo=("Delete the files. Nothing of the system is changed.",),
    )


def library_name(report: Report) -> str:
    """What the loader is to be asked for: the usual name, or the whole path of a library that it would not find."""
    path = report.host.libedgetpu_path
    return LIBRARY if path is None or path.startswith(_SEARCHED) else path


def _strings(report: Report) -> list[tuple[str, str]]:
    known = [(string, tpu.id) for tpu in report.edge_tpus if (string := delegate_string(tpu)) is not None]
    known = sorted((pair for pair in known if is_delegate_string(pair[0])), key=lambda pair: string_key(pair[0]))
    return known or ([] if report.edge_tpus else [("usb:0", "the first on USB"), ("pci:0", "the first on PCIe")])


def _general_paths(report: Report) -> list[tuple[str, str]]:
    if report.edge_tpus:
        return []
    return [("/sys/bus/usb/devices/2-1", "USB: the bus, a dash, the ports"), ("/dev/apex_0", "PCIe")]


def _table(entries: list[tuple[str, str]]) -> str:
    """Lines of a tuple of strings, each with its place beside it."""
    return "".join(f"    {double_quoted(text)},  # {comment(place)}\n" for text, place in entries)


def _unnumbered(report: Report) -> tuple[str, ...]:
    numbered = (place for _, place in _strings(report))
    return tuple(f"{place} has no device string: {why}." for place, why in unnumbered(report, numbered))


def _order_notes(report: Report) -> tuple[str, ...]:
    usb = usb_tpus(report)
    if len(usb) < 2 or not any(map(is_fresh, usb)):
        return ()
    return (
        (
            "Some sticks have no firmware yet. The strings hold once all of them have it; until then they are counted "
            "in another order, and opening one changes the number of the next. Run edge_tpu_by_path.py first."
        ),
    )


_NOTES = (
    (
        "libedgetpu takes the device strings :N, usb:N, pci:N and nothing like a path; options beside the device "
        "count only with a number. An empty reason after 'Failed to load delegate' can be any cause: etpu-doctor check."
    ),
    (
        "A string counts devices, so it moves when one is unplugged. Opening by path, as edge_tpu_by_path.py does, "
        "means the port, whatever else is there."
    ),
    "Google's PyCoral exists for Python up to 3.9; the package named pycoral on PyPI is another one.",
)

_TFLITE = '''\
"""Inference on Edge TPUs with TFLite. Made by etpu-doctor (etpu-doctor setup python)."""

try:
    from ai_edge_litert.interpreter import Interpreter, load_delegate
except ImportError:
    from tflite_runtime.interpreter import Interpreter, load_delegate

LIBRARY = {library}
DEVICES = (
{table})


def make_interpreter(model, device):
    """An interpreter of a compiled model on one Edge TPU; raises ValueError if that cannot be opened."""
    delegate = load_delegate(LIBRARY, {{"device": device}})
    interpreter = Interpreter(model_path=model, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    return interpreter


if __name__ == "__main__":
    import sys

    for device in DEVICES:
        make_interpreter(sys.argv[1], device).invoke()
        print(device, "answers")
'''

_PYCORAL = '''\
"""Inference on Edge TPUs with PyCoral. Made by etpu-doctor (etpu-doctor setup python)."""

from pycoral.utils.edgetpu import list_edge_tpus, make_interpreter

DEVICES = (
{table})

if __name__ == "__main__":
    import sys

    print(list_edge_tpus())
    for device in DEVICES:
        interpreter = make_interpreter(sys.argv[1], device=device)
        interpreter.allocate_tensors()
        interpreter.invoke()
        print(device, "answers")
'''

_BY_PATH = '''\
"""Opens Edge TPUs by the port they are plugged into. Made by etpu-doctor (etpu-doctor setup python).

Run as a program, it opens each once, which loads the firmware. Opening a stick that another program uses takes it
away from that program.
"""

import ctypes

LIBRARY = {library}
PATHS = (
{table})

PCI, USB = 0, 1  # enum edgetpu_device_type


class Delegate:
    """What an interpreter takes as a delegate: Interpreter(..., experimental_delegates=[Delegate(path)])."""

    def __init__(self, path):
        """Open the Edge TPU at a path; raises OSError if that fails."""
        self._library = ctypes.CDLL(LIBRARY)
        create = self._library.edgetpu_create_delegate
        create.restype = ctypes.c_void_p
        create.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
        self._library.edgetpu_free_delegate.restype = None
        self._library.edgetpu_free_delegate.argtypes = [ctypes.c_void_p]
        kind = PCI if path.startswith("/dev/") else USB
        self._pointer = create(kind, path.encode(), None, 0)
        if not self._pointer:
            raise OSError("libedgetpu cannot open " + path)

    def _get_native_delegate_pointer(self):
        return self._pointer

    def close(self):
        """Let the Edge TPU go; no interpreter may use it any more."""
        if self._pointer:
            self._library.edgetpu_free_delegate(self._pointer)
            self._pointer = None


if __name__ == "__main__":
    for path in PATHS:
        Delegate(path).close()
        print(path, "opened")
'''
