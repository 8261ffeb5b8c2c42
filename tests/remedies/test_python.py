"""Programs in Python: they compile, hold what they should, and do what they say."""

from __future__ import annotations

import ast
import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from etpu_doctor.facts.host import Host
from etpu_doctor.remedies import python
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS


def programs(report: Report) -> dict[str, str]:
    """The programs by name."""
    return {file.path: file.content for file in python.build(report).files}


def constants(source: str) -> dict[str, Any]:
    """Constants that a program sets at its top."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def run(source: str, name: str = "program") -> dict[str, Any]:
    """The names that a program defines when it is imported."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(source, "program.py", "exec"), names)  # noqa: S102 - the program is the thing under test
    return names


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reports.one_stick(), ("usb:0",)),
        (reports.mixed(), ("pci:0", "usb:0", "usb:1")),
        (reports.cards(3), ("pci:0", "pci:1", "pci:2")),
        (reports.nothing(), ("usb:0", "pci:0")),
        (reports.card_without_driver(), ()),
    ],
)
def test_strings_of_what_is_there(report: Report, expected: tuple[str, ...]) -> None:
    """Both programs have the device strings of what is there."""
    found = programs(report)
    assert expected == constants(found["edge_tpu_tflite.py"])["DEVICES"]
    assert expected == constants(found["edge_tpu_pycoral.py"])["DEVICES"]


def test_paths_of_what_is_there() -> None:
    """The third program has the paths."""
    found = constants(programs(reports.mixed())["edge_tpu_by_path.py"])
    assert ("/dev/apex_0", "/sys/bus/usb/devices/2-1", "/sys/bus/usb/devices/2-2") == found["PATHS"]
    assert "libedgetpu.so.1" == found["LIBRARY"]


def test_each_string_has_its_place_beside_it() -> None:
    """A reader sees which port a string means."""
    source = programs(reports.sticks("2-1", "2-2", fresh=("2-1",)))["edge_tpu_tflite.py"]
    assert '    "usb:0",  # 2-2\n    "usb:1",  # 2-1\n' in source


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, "libedgetpu.so.1"),
        ("/usr/lib/x86_64-linux-gnu/libedgetpu.so.1", "libedgetpu.so.1"),
        ("/home/a b/lib/libedgetpu.so.1", "/home/a b/lib/libedgetpu.so.1"),
        ('/opt/"); import os; ("/libedgetpu.so.1', '/opt/"); import os; ("/libedgetpu.so.1'),
    ],
)
def test_the_library(path: str | None, expected: str) -> None:
    """The usual name does where the loader finds it; elsewhere the whole path, as a string and nothing more."""
    report = reports.by_hand(host=Host(libedgetpu_path=path))
    for name in ("edge_tpu_tflite.py", "edge_tpu_by_path.py"):
        assert expected == constants(programs(report)[name])["LIBRARY"]


def test_fresh_sticks_are_told() -> None:
    """With several sticks and one without firmware the order is not yet the final one."""
    assert any("no firmware yet" in note for note in python.build(reports.sticks("2-1", "2-2", fresh=("2-1",))).text)
    assert not any("no firmware yet" in note for note in python.build(reports.sticks("2-1", "2-2")).text)
    assert not any("no firmware yet" in note for note in python.build(reports.one_stick(dfu=True)).text)


def test_what_cannot_be_numbered_is_told() -> None:
    """An Edge TPU without a string is named with the reason."""
    tpu = EdgeTpu(id="2-1", transport="usb", delegate_unknown_because="nobody knows")
    assert "2-1 has no device string: nobody knows." in python.build(reports.by_hand(tpu)).text


@given(HOSTILE_REPORTS)
def test_every_program_compiles(report: Report) -> None:
    """No name breaks a program, adds a statement to it, or is lost on the way into it."""
    shape = {name: len(ast.parse(source).body) for name, source in programs(reports.mixed()).items()}
    assert shape == {name: len(ast.parse(source).body) for name, source in programs(report).items()}
    assert python.library_name(report) == constants(programs(report)["edge_tpu_by_path.py"])["LIBRARY"]


class Library:
    """A double of libedgetpu: notes what is asked of it, and opens all but the paths in ``refused``."""

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        self.calls: list[tuple[Any, ...]] = []
        outer = self

        class Create:
            restype: Any = None
            argtypes: Any = None

            def __call__(self, kind: int, path: bytes, options: None, count: int) -> int | None:
                outer.calls.append(("create", kind, path.decode(), options, count))
                return None if path.decode() in refused else 7

        class Free:
            restype: Any = ctypes.c_int
            argtypes: Any = None

            def __call__(self, pointer: int) -> None:
                outer.calls.append(("free", pointer))

        self.edgetpu_create_delegate = Create()
        self.edgetpu_free_delegate = Free()


@pytest.fixture(name="library")
def fixture_library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """The double in place of what ctypes would load."""
    library = Library(refused=("/dev/apex_9",))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library if name == "libedgetpu.so.1" else None)
    return library


def test_opening_by_path(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program it opens each path once, by its type, and closes it."""
    run(programs(reports.mixed())["edge_tpu_by_path.py"], "__main__")
    assert [
        ("create", 0, "/dev/apex_0", None, 0),
        ("free", 7),
        ("create", 1, "/sys/bus/usb/devices/2-1", None, 0),
        ("free", 7),
        ("create", 1, "/sys/bus/usb/devices/2-2", None, 0),
        ("free", 7),
    ] == library.calls
    assert 3 == capsys.readouterr().out.count("opened")
    assert library.edgetpu_create_delegate.restype is ctypes.c_void_p


def test_a_delegate_for_an_interpreter(library: Library) -> None:
    """An interpreter asks a delegate for its pointer; closing twice frees it once."""
    delegate = run(programs(reports.mixed())["edge_tpu_by_path.py"])["Delegate"]("/dev/apex_0")
    assert 7 == delegate._get_native_delegate_pointer()
    delegate.close()
    delegate.close()
    assert 1 == library.calls.count(("free", 7))


def test_what_cannot_be_opened(library: Library) -> None:
    """The library answers with nothing, the program with an error that names the path."""
    delegate = run(programs(reports.mixed())["edge_tpu_by_path.py"])["Delegate"]
    with pytest.raises(OSError, match="/dev/apex_9"):
        delegate("/dev/apex_9")
    assert 1 == len(library.calls)


def test_opening_with_a_real_library(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """The declared types are those of a shared library with libedgetpu's interface."""
    source, library = tmp_path / "double.c", tmp_path / "libedgetpu.so.1"
    source.write_text(
        "#include <stddef.h>\n#include <string.h>\nstatic int one;\n"
        "void *edgetpu_create_delegate(int type, const char *name, const void *options, size_t n)\n"
        '{ return type == 0 && !strcmp(name, "/dev/apex_0") && !options && !n ? (void *)&one : 0; }\n'
        "void edgetpu_free_delegate(void *p) { if (p != &one) __builtin_trap(); }\n",
        encoding="utf-8",
    )
    compiler = needs_program("gcc", package="gcc")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    report = reports.cards()
    patched = reports.by_hand(*report.edge_tpus, host=Host(libedgetpu_path=str(library)))
    names = run(programs(patched)["edge_tpu_by_path.py"], "__main__")
    assert str(library) == names["LIBRARY"]
    with pytest.raises(OSError, match="2-1"):
        names["Delegate"]("/sys/bus/usb/devices/2-1")


def test_tflite_passes_the_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """The TFLite program loads the delegate with the string, for whichever runtime is there."""
    import sys
    from types import ModuleType

    asked: list[Any] = []

    class Interpreter:
        def __init__(self, **options: Any) -> None:
            asked.append(options)

        def allocate_tensors(self) -> None:
            asked.append("allocate")

    runtime = ModuleType("tflite_runtime.interpreter")
    runtime.Interpreter = Interpreter  # type: ignore[attr-defined] # a double
    runtime.load_delegate = lambda *words: words  # type: ignore[attr-defined] # a double
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", runtime)
    names = run(programs(reports.one_stick())["edge_tpu_tflite.py"])
    names["make_interpreter"]("model.tflite", "usb:0")
    expected = {"model_path": "model.tflite", "experimental_delegates": [("libedgetpu.so.1", {"device": "usb:0"})]}
    assert [expected, "allocate"] == asked
