"""From the command line to the report: the test double, real runtimes, machines that umockdev mocks."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.builder import machine
from tests.support.fake_edgetpu.build import build_library, build_source
from tests.support.mk_compiled import synthetic

ROOT = Path(__file__).parent.parent.parent
SYSFS = "/sys/bus/usb/devices"
RUNTIMES = [
    name
    for name, module in (("tflite-runtime", "tflite_runtime"), ("ai-edge-litert", "ai_edge_litert"))
    if importlib.util.find_spec(module) is not None
]
"""Not every Python has wheels of both."""
LIMIT_SECONDS = 60

Results = dict[str, dict[str, Any]]


class Done(NamedTuple):
    """What a run of the program left."""

    status: int
    report: dict[str, Any]
    stderr: str

    @property
    def results(self) -> Results:
        """Smoke results by the id of the Edge TPU."""
        return {each["id"]: each for each in self.report["smoke"]}


class Doctor:
    """Runs the program on a mocked machine with the double."""

    def __init__(self, umockdev: str, library: Path, model: Path, folder: Path) -> None:
        self.umockdev, self.library, self.model, self.folder = umockdev, library, model, folder
        self.listed: list[str] | None = None
        self.path = str(ROOT)

    def sticks(self, *states: str) -> list[str]:
        """A machine with a stick on each root port of one controller, ``ready`` or ``dfu``; their ids."""
        ports = "\n".join(f"    {n}: tpu{' dfu' if state == 'dfu' else ''}" for n, state in enumerate(states, 1))
        self.mock(f"pci 0000:00:14.0 xhci\n  root usb2=16 usb3=16\n{ports}\n")
        return [f"2-{number}" for number in range(1, len(states) + 1)]

    def mock(self, notation: str) -> None:
        """The machine of a notation; a fresh stick gets the two files in which its identity can be seen to change."""
        text = machine(notation).umockdev()
        fresh = "H: descriptors=12011003000000096E1A9A08"
        text = text.replace(fresh, f"A: idVendor=1a6e\\n\nA: idProduct=089a\\n\n{fresh}")
        (self.folder / "machine.umockdev").write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The command line, inside the mocked machine."""
        description = str(self.folder / "machine.umockdev")
        program = [sys.executable, "-m", "etpu_doctor", "smoke"]
        return [self.umockdev, "-d", description, "--", *program, *arguments]

    def environment(self, ids: list[str], **faults: str) -> dict[str, str]:
        """The double's devices and faults; ``INVOKE__2_1`` is the fault of 2-1 alone."""
        told = {}
        for name, value in faults.items():
            what, _, device = name.partition("__")
            told[f"FAKE_EDGETPU_{what}{'@' + device.replace('_', '-') if device else ''}"] = value
        listed = ",".join(f"usb={SYSFS}/{name}" for name in ids)
        return {**os.environ, "PYTHONPATH": self.path, "FAKE_EDGETPU_DEVICES": listed, **told}

    def tools(self) -> list[str]:
        """Options that name the double and the model."""
        return ["--lib", str(self.library), "--model", str(self.model)]

    def run(self, ids: list[str], *arguments: str, **faults: str) -> Done:
        """Test what the arguments name; the double lists all ids, or those in ``listed``."""
        done = subprocess.run(
            self.command(*self.tools(), "--json", *arguments),
            capture_output=True,
            text=True,
            env=self.environment(self.listed or ids, **faults),
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.stdout, done.stderr
        return Done(done.returncode, json.loads(done.stdout), done.stderr)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, needs_program: Callable[..., str]) -> Path:
    """The double of libedgetpu."""
    return build_library(needs_program("gcc", package="gcc"), tmp_path_factory.mktemp("double"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic compiled model."""
    path = tmp_path_factory.mktemp("model") / "small_edgetpu.tflite"
    path.write_bytes(synthetic())
    return path


@pytest.fixture
def doctor(library: Path, model: Path, tmp_path: Path, needs_program: Callable[..., str]) -> Doctor:
    """The program with the double, on a machine that a test chooses."""
    return Doctor(needs_program("umockdev-run", package="umockdev"), library, model, tmp_path)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_every_stick_is_proven_once(runtime: str, count: int, doctor: Doctor) -> None:
    """However many there are: each passes, by its path, with its own string, place and figures."""
    ids = doctor.sticks(*["ready"] * count)
    done = doctor.run(ids, "--runtime", runtime, "--runs", "30")
    assert (0, set(ids)) == (done.status, set(done.results))
    for index, name in enumerate(ids):
        result = done.results[name]
        assert ("pass", None, f"usb:{index}", 30) == (
            result["verdict"],
            result["cause"],
            result["delegate_device"],
            result["runs"],
        )
        assert (f"{SYSFS}/{name}", f"root port {index + 1} of bus 2") == (result["device_path"], result["place"])
        assert result["median_ms"] is not None
        assert result["runtime"].startswith(runtime)
    assert [] == [one for one in done.report["findings"] if one["code"].startswith("ETD9")]


FAULTS: dict[str, tuple[dict[str, str], str, str | None]] = {
    "open fails": ({"CREATE": "fail"}, "failed", None),
    "open refused for rights": (
        {"CREATE": "fail", "MESSAGE": "Permission denied: USB error -3 [OpenDevice]"},
        "failed",
        None,
    ),
    "open busy": (
        {"CREATE": "fail", "MESSAGE": "Deadline exceeded: USB error -6 [ClaimInterface]"},
        "failed",
        "device-busy",
    ),
    "open crashes": ({"CREATE": "segv"}, "failed", "runtime-mismatch"),
    "open aborts": ({"CREATE": "abort"}, "failed", None),
    "open hangs": ({"CREATE": "hang"}, "failed", "hardware-defective"),
    "list crashes": ({"LIST": "segv"}, "failed", "runtime-mismatch"),
    "model refused": ({"PREPARE": "fail"}, "failed", "model-not-compiled"),
    "model crashes": ({"PREPARE": "segv"}, "failed", "runtime-mismatch"),
    "model hangs": ({"PREPARE": "hang"}, "failed", "runtime-mismatch"),
    "old structures": ({"ABI": "old"}, "failed", "runtime-mismatch"),
    "inference fails": ({"INVOKE": "fail"}, "failed", "hardware-defective"),
    "inference fails later": ({"INVOKE": "fail@7"}, "failed", "hardware-defective"),
    "inference crashes": ({"INVOKE": "segv"}, "failed", "runtime-mismatch"),
    "inference aborts": ({"INVOKE": "abort@3"}, "failed", "cable-or-port-signal"),
    "inference hangs": ({"INVOKE": "hang"}, "failed", "hardware-defective"),
    "one answer wrong": ({"INVOKE": "wrong@9"}, "wrong-output", "hardware-defective"),
    "device drops off": (
        {
            "INVOKE": "abort@3",
            "MESSAGE": "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]",
        },
        "failed",
        "autosuspend-or-reset",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_fault_of_one_stick_has_its_cause_and_leaves_the_other_alone(
    runtime: str, fault: str, doctor: Doctor
) -> None:
    """The faulty stick fails with its cause within its limit; the one beside it passes."""
    faults, verdict, cause = FAULTS[fault]
    of_one = {name if name == "LIST" else f"{name}__2_2": value for name, value in faults.items()}
    ids = doctor.sticks("ready", "ready")
    done = doctor.run(ids, "--runtime", runtime, "--limit", "1", **of_one)
    broken = done.results["2-2"]
    assert (1, verdict) == (done.status, broken["verdict"])
    assert cause in (None, broken["cause"])
    assert "LIST" in faults or "pass" == done.results["2-1"]["verdict"]
    assert any(one["code"].startswith("ETD9") and one["subject"] == "2-2" for one in done.report["findings"])


def test_the_flip_is_shown_and_each_stick_is_tested_once(doctor: Doctor) -> None:
    """The fresh stick is initialised first, its hand-over is timed, and the string of that moment is reported."""
    ids = doctor.sticks("ready", "dfu")
    doctor.listed = ["2-2", "2-1"]
    done = doctor.run(ids, FIRMWARE_MS="120")
    fresh, ready = done.results["2-2"], done.results["2-1"]
    assert ["pass", "pass"] == [fresh["verdict"], ready["verdict"]]
    assert ("usb:0", "usb:1") == (fresh["delegate_device"], ready["delegate_device"])
    assert 120 <= fresh["firmware_load_ms"] <= fresh["open_ms"]
    assert ready["firmware_load_ms"] is None
    assert 2 == len(done.report["smoke"])


def test_two_names_never_test_one_stick_twice(doctor: Doctor, tmp_path: Path) -> None:
    """Its string, its port, its path and its node: one open."""
    ids = doctor.sticks("ready", "ready")
    log = tmp_path / "log"
    done = doctor.run(ids, "2-1", f"{SYSFS}/2-1", "usb:1", LOG=str(log))
    assert ["2-1"] == list(done.results)
    assert 1 == log.read_text(encoding="utf-8").count("create ")


def test_one_that_computes_something_else_is_caught(doctor: Doctor) -> None:
    """Of a model that nobody knows outputs must repeat, and be those of the other Edge TPUs."""
    ids = doctor.sticks("ready", "ready", "ready")
    done = doctor.run(ids, OUTPUT__2_3="const=7")
    assert ["pass", "pass", "wrong-output"] == [done.results[name]["verdict"] for name in ids]


def test_alone_and_together(doctor: Doctor) -> None:
    """With --parallel each runs alone first; then all at once, and the hub's uplink that they share is named."""
    doctor.mock("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: hub usb3 ports=4\n      1: tpu\n      2: tpu\n")
    ids = ["2-1.1", "2-1.2"]
    done = doctor.run(ids, "--parallel", "--runs", "30", MS="2")
    for name in ids:
        together = done.results[name]["together"]
        assert (30, ["usb2"]) == (together["runs"], together["shared"])
        assert together["slowdown"] == pytest.approx(1, abs=0.5)


def test_a_held_stick_is_left_alone(doctor: Doctor, tmp_path: Path) -> None:
    """Its interface is claimed: it is skipped, nothing opens it, and the one beside it is tested."""
    doctor.mock("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: tpu used\n    2: tpu\n")
    log = tmp_path / "log"
    done = doctor.run(["2-1", "2-2"], LOG=str(log))
    assert [("skipped", "device-busy"), ("pass", None)] == [
        (done.results[name]["verdict"], done.results[name]["cause"]) for name in ("2-1", "2-2")
    ]
    assert 0 == done.status
    assert f"{SYSFS}/2-1" not in log.read_text(encoding="utf-8")


def test_force_with_yes_tests_what_is_held(doctor: Doctor) -> None:
    """Who says so twice gets it; a stick asked for by name and skipped is no success."""
    doctor.mock("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: tpu used\n")
    assert (1, "skipped") == _verdict(doctor.run(["2-1"], "2-1"))
    assert (0, "pass") == _verdict(doctor.run(["2-1"], "2-1", "--force", "--yes"))


def _verdict(done: Done) -> tuple[int, str]:
    return done.status, done.results["2-1"]["verdict"]


def test_a_soak_is_followed_over_time(doctor: Doctor) -> None:
    """Points about a second apart, and progress as JSON lines."""
    ids = doctor.sticks("ready")
    done = doctor.run(ids, "--soak", "2.5", "--progress", "json", MS="5")
    soak = done.results["2-1"]["soak"]
    assert 2 <= len(soak) <= 4
    assert all(point["median_ms"] >= 5 for point in soak)
    stages = [json.loads(line)["stage"] for line in done.stderr.splitlines()]
    assert {"opening", "opened", "running", "done"} == set(stages)


def test_the_string_route_of_users_code(doctor: Doctor) -> None:
    """load_delegate with the string that is true at that moment."""
    ids = doctor.sticks("ready", "ready")
    done = doctor.run(ids, "--via", "string", "2-2")
    assert ("pass", "string", "usb:1") == tuple(
        done.results["2-2"][each] for each in ("verdict", "via", "delegate_device")
    )


def test_a_library_without_the_c_api_falls_back_to_the_string(
    doctor: Doctor, tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    """Old builds can be asked for nothing; the result says which way it was opened."""
    doctor.library = build_library(needs_program("gcc", package="gcc"), tmp_path, "FAKE_EDGETPU_NO_C_API")
    done = doctor.run(doctor.sticks("ready"))
    assert ("pass", "string") == tuple(done.results["2-1"][each] for each in ("verdict", "via"))


def test_a_broken_runtime_gives_way_to_the_other(doctor: Doctor, tmp_path: Path) -> None:
    """Of two installed runtimes the better one cannot be imported: the other one proves the stick."""
    if len(RUNTIMES) < 2:
        pytest.skip("needs a Python that both runtimes have wheels for")
    broken = tmp_path / "path" / "ai_edge_litert"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libstdc++.so.6: cannot open')", encoding="utf-8")
    ids = doctor.sticks("ready")
    doctor.path = f"{ROOT}{os.pathsep}{tmp_path / 'path'}"
    done = doctor.run(ids)
    assert ("pass", True) == (
        done.results["2-1"]["verdict"],
        done.results["2-1"]["runtime"].startswith("tflite-runtime"),
    )


def test_a_device_that_the_library_does_not_list(doctor: Doctor) -> None:
    """The tree has it, the library's own list does not: no time is lost on an open."""
    ids = doctor.sticks("ready", "ready")
    doctor.listed = ["2-1"]
    done = doctor.run(ids)
    assert ["pass", "failed"] == [done.results[name]["verdict"] for name in ids]
    assert done.results["2-2"]["cause"] in ("no-device-visible", "container-no-access")


def test_no_stick_is_no_smoke(doctor: Doctor) -> None:
    """Without an Edge TPU there is nothing to prove, and that is not a success."""
    doctor.mock("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: storage\n")
    done = doctor.run([])
    assert (1, []) == (done.status, done.report["smoke"])


def test_the_result_is_fit_to_read(doctor: Doctor) -> None:
    """The text face: a verdict, where it sits, the figures, and what it ran with."""
    ids = doctor.sticks("ready")
    done = subprocess.run(
        doctor.command(*doctor.tools(), "--runs", "30"),
        capture_output=True,
        text=True,
        env=doctor.environment(ids),
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.stdout.startswith("PASS  usb:0 = 2-1, root port 1 of bus 2: 30 runs, same inputs, same outputs\n")
    assert "median" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def alive(library: Path) -> list[str]:
    """Processes that still have the double loaded."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if str(library) in maps:
            found.append(pid)
    return found


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(how: signal.Signals, doctor: Doctor, tmp_path: Path) -> None:
    """Interrupted, told to end, or killed while a stick hangs: the worker goes too."""
    library = tmp_path / "alone" / "libedgetpu.so.1"
    library.parent.mkdir()
    shutil.copy(doctor.library, library)
    doctor.library = library
    ids = doctor.sticks("ready")
    command = [sys.executable, "-m", "etpu_doctor", "smoke", *doctor.tools()]
    wrapped = doctor.command()[:4]
    process = subprocess.Popen(
        [*wrapped, *command],
        env=doctor.environment(ids, INVOKE="hang"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: bool(alive(library)))
    # umockdev-run waits for its child, so the signal is for the program itself.
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
    os.kill(int(child), how)
    wait_for(lambda: not alive(library))
    process.wait(20)


BAD_INPUT: dict[str, tuple[list[str], str]] = {
    "not a model": (["--model", "TEXT"], "TEXT"),
    "a folder for a model": (["--model", "FOLDER"], "FOLDER"),
    "no such model": (["--model", "/nowhere.tflite"], "/nowhere.tflite"),
    "no such device": (["usb:9"], "no Edge TPU is called usb:9 here (there are: usb:0 = 2-1)"),
    "device and all": (["usb:0", "--all"], "either DEVICE or --all"),
    "no runs": (["--runs", "0"], "--runs"),
    "force without a yes": (["--force"], "confirm it on a terminal, or with --yes"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_a_usage_error(case: str, doctor: Doctor, tmp_path: Path) -> None:
    """Each has its own sentence, and status 2; nothing is opened."""
    arguments, words = BAD_INPUT[case]
    (tmp_path / "TEXT").write_text("<html>not found</html>", encoding="utf-8")
    (tmp_path / "FOLDER").mkdir()
    named = [str(tmp_path / each) if each in ("TEXT", "FOLDER") else each for each in arguments]
    ids = doctor.sticks("ready")
    log = tmp_path / "log"
    done = doctor.run(ids, *named, LOG=str(log))
    assert (2, True) == (done.status, words in done.report["error"]["message"])
    assert not log.exists() or "create" not in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["folder", "text", "missing", "no interface"])
def test_a_library_that_is_none_is_runtime_missing(
    kind: str, doctor: Doctor, tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    """A directory, a web page, nothing, a library of something else."""
    doctor.library = tmp_path / "libedgetpu.so.1"
    if kind == "folder":
        doctor.library.mkdir()
    elif kind == "text":
        doctor.library.write_text("<html>", encoding="utf-8")
    elif kind == "no interface":
        doctor.library = build_source(needs_program("gcc", package="gcc"), tmp_path, "int nothing(void) { return 0; }")
    done = doctor.run(doctor.sticks("ready"))
    assert (1, "failed", "runtime-missing") == (
        done.status,
        done.results["2-1"]["verdict"],
        done.results["2-1"]["cause"],
    )


@pytest.mark.parametrize("python", ["/usr/bin/env", "/nowhere/python", "/bin/true"])
def test_a_python_that_is_none_is_said(python: str, doctor: Doctor) -> None:
    """Not an interpreter, or none at all: a result with a reason, not a crash."""
    done = doctor.run(doctor.sticks("ready"), "--python", python)
    assert (1, "failed") == (done.status, done.results["2-1"]["verdict"])
    assert done.results["2-1"]["reason"]


def test_a_python_without_a_runtime_is_told_what_to_install(doctor: Doctor, tmp_path: Path) -> None:
    """A bare virtual environment: runtime-missing, and the wheel that fits."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=60)
    done = doctor.run(doctor.sticks("ready"), "--python", str(tmp_path / "bare" / "bin" / "python"))
    result = done.results["2-1"]
    assert ("failed", "runtime-missing") == (result["verdict"], result["cause"])
    assert "ai-edge-litert" in result["advice"]
