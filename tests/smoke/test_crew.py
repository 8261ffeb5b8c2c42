"""The workers as real processes: what they report, how they end, and that none is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etpu_doctor.smoke import crew as crew_module
from etpu_doctor.smoke.crew import Crew, CrewError, _Task
from etpu_doctor.smoke.jobs import (
    RUNTIMES,
    Channels,
    Done,
    Ended,
    Entered,
    Event,
    Firmware,
    First,
    Guest,
    Hello,
    Host,
    Job,
    Limits,
    Listed,
    Model,
    Opened,
    Opening,
    OutputsFile,
    Progress,
    Ready,
    Refusal,
    Started,
    Turns,
)
from tests.smoke.conftest import Work
from tests.support.crew import (
    collect,
    compiled_model,
    crew_of,
    ended,
    eventually,
    gone,
    is_alive,
    needs_runtime,
    only,
    plain_model,
    run,
    stick,
    sticks,
    until,
)
from tests.support.fake_edgetpu.build import build_library, build_source
from tests.support.mk_compiled import Layer

ROOT = Path(__file__).resolve().parent.parent.parent
HANG = Limits(
    library_seconds=0.5, open_seconds=0.5, model_seconds=0.5, invoke_seconds=0.5, close_seconds=0.5, start_seconds=20
)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime that is installed."""
    return needs_runtime(request.param)


def kinds(events: list[Event]) -> list[str]:
    """Names of events, phases with theirs."""
    return [event.phase if isinstance(event, Entered) else type(event).__name__ for event in events]


# What they report


def test_a_whole_job(runtime: str, work: Work) -> None:
    """Everything that happens is reported in its order, with its times."""
    (events,) = run(work(), runtime=runtime)
    assert [
        *("Started", "library", "Listed", "open", "Opening", "Opened", "model", "Model", "allocate", "Ready"),
        *("invoke", "First", "Progress", "Done", "close", "Ended"),
    ] == kinds(events)
    assert sorted(event.at_seconds for event in events) == [event.at_seconds for event in events]
    assert (0, None, None, "close") == (*how(events), ended(events).phase)


def test_what_is_said_of_device_and_model(work: Work, moving: str) -> None:
    """The library's list, the way in, the model's identity, and what came of the runs."""
    (events,) = run(work())
    listed, opening, model, done = only(events, Listed), only(events, Opening), only(events, Model), only(events, Done)
    assert ((("usb", stick()),), "usb:0") == (listed.devices, listed.device)
    assert "RuntimeVersion(14)" in (listed.version_text or "")
    assert ("path", False, "usb:0", stick()) == (opening.via, opening.fallback, opening.device, opening.device_path)
    content = Path(moving).read_bytes()
    expected = (hashlib.sha256(content).hexdigest(), len(content), 1)
    assert expected == (model.sha256, model.size_bytes, model.delegated)
    assert (1, 8, 9, None, None) == (done.round, done.runs, done.compared_runs, done.basis, done.difference)


def how(events: list[Event]) -> tuple[int | None, str | None, str | None]:
    """Exit status, signal, and phase that timed out."""
    last = ended(events)
    return last.exit_status, last.signal, last.timed_out


def test_what_the_model_takes_and_gives(work: Work) -> None:
    """Names, types and shapes of its inputs and outputs."""
    ready = only(run(work())[0], Ready)
    described = [(tensor.name, tensor.dtype, tensor.shape) for tensor in (*ready.inputs, *ready.outputs)]
    assert [
        ("a", "uint8", (1, 4, 4, 2)),
        ("b", "uint8", (1, 4, 4, 1)),
        ("x", "uint8", (1, 4, 4, 1)),
        ("y", "uint8", (1, 4, 4, 2)),
    ] == described


def test_guests_take_turns(runtime: str, work: Work, moving: str, tmp_path: Path) -> None:
    """Each guest runs once after each run of the job's own model, on the same device, and is timed by itself."""
    guests = []
    for number in (1, 2):
        path = tmp_path / f"guest{number}.tflite"
        path.write_bytes(compiled_model(Layer("g", 2, 2, number), Layer("h", 2, 2, 1)))
        guests.append(Guest(model=str(path), model_sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    with crew_of(runtime=runtime) as crew:
        task = crew.start(work(guests=tuple(guests), runs=9, rounds=2))
        until(crew, Ready, task)
        crew.go(task)
        events = collect(crew)[task]
    assert (0, None, None) == how(events)
    rounds = [event for event in events if isinstance(event, Turns)]
    assert [1, 2] == [event.round for event in rounds]
    models = [moving, *(guest.model for guest in guests)]
    for event in rounds:
        assert [(model, 9, 0) for model in models] == [(t.model, t.runs, t.wrong_runs) for t in event.turns]
        assert all(t.latency is not None and 0 < t.latency.median_ms <= t.latency.p95_ms for t in event.turns)
        after = events[events.index(event) + 1]
        assert isinstance(after, Done)
        assert event.round == after.round


def test_the_time_of_turns_counts(work: Work, one_stick: pytest.MonkeyPatch, moving: str) -> None:
    """A round's time is that of all its turns, while each latency is of one inference."""
    one_stick.setenv("FAKE_EDGETPU_MS", "5")
    (events,) = run(work(guests=(Guest(model=moving),), runs=6))
    done, turns = only(events, Done), only(events, Turns)
    assert done.elapsed_ms >= 6 * 10
    medians = [turn.latency.median_ms for turn in turns.turns if turn.latency is not None]
    assert [True, True] == [5 <= median_ms < done.elapsed_ms / 6 for median_ms in medians]


def shares(events: list[Event]) -> list[tuple[int, int]]:
    """Of each model how often it ran and how often it was due."""
    return [(turn.runs, turn.runs + turn.missed_runs) for turn in only(events, Turns).turns]


def test_a_model_with_a_rate_runs_at_it(runtime: str, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Alone on the device: as often as it is due, and asleep in between."""
    one_stick.setenv("FAKE_EDGETPU_MS", "1")
    before = sum(os.times()[2:4])
    (events,) = run(work(rate=20, seconds=1.0), runtime=runtime)
    busy_seconds = sum(os.times()[2:4]) - before
    (turn,) = only(events, Turns).turns
    done = only(events, Done)
    assert 20 == turn.runs + turn.missed_runs
    assert done.runs == turn.runs
    assert (0, None) == (turn.switched_runs, turn.switched)
    assert 1000 <= done.elapsed_ms < 1500
    # The import of the runtime costs the most of it; a loop that waited by asking the time would cost a second more.
    (idle,) = run(work(runs=1), runtime=runtime)
    assert ended(idle).exit_status == 0
    imports_seconds = sum(os.times()[2:4]) - before - busy_seconds
    assert busy_seconds < imports_seconds + 0.6


def test_what_is_due_comes_before_what_has_no_rate(work: Work, one_stick: pytest.MonkeyPatch, moving: str) -> None:
    """The model with a rate has its runs, and the others share the rest in turns."""
    one_stick.setenv("FAKE_EDGETPU_MS", "4")
    guests = (Guest(model=moving, rate=25), Guest(model=moving))
    (events,) = run(work(guests=guests, seconds=1.0))
    own, paced, other = only(events, Turns).turns
    assert 25 == paced.runs + paced.missed_runs
    assert paced.runs >= 20
    assert abs(own.runs - other.runs) <= 1
    assert own.runs > paced.runs
    assert (0, 0) == (own.late_runs, own.missed_runs)


def test_a_rate_that_is_too_high_misses_and_makes_nothing_up(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Of twenty due times in the time of one inference one is served."""
    one_stick.setenv("FAKE_EDGETPU_MS", "20")
    (events,) = run(work(rate=1000, seconds=0.5))
    ((runs, due),) = shares(events)
    assert runs <= 25
    assert 450 <= due <= 520


def test_switches_between_groups_are_counted(work: Work, one_stick: pytest.MonkeyPatch, moving: str) -> None:
    """In turns of two groups each inference is a switch; two of one group switch once a turn of three."""
    one_stick.setenv("FAKE_EDGETPU_MS", "1")
    guests = (Guest(model=moving, group="b"), Guest(model=moving, group="b"))
    (events,) = run(work(group="a", guests=guests, runs=10))
    assert [(10, 10), (10, 10), (10, 0)] == [(turn.runs, turn.switched_runs) for turn in only(events, Turns).turns]
    last = only(events, Turns).turns[2]
    assert (None, last.latency) == (last.switched, last.kept)


def test_a_model_that_sleeps_long_is_not_taken_for_one_that_hangs(work: Work) -> None:
    """Between two runs it reports, though there is nothing to tell."""
    limits = Limits(invoke_seconds=0.4)
    (events,) = run(work(rate=0.5, seconds=1.5, limits=limits, progress_seconds=0.2))
    assert (0, None, None) == how(events)
    reports = [event for event in events if isinstance(event, Progress)]
    assert len(reports) >= 4
    assert all(event.latencies_ms == () for event in reports)
    assert [(1, 1)] == shares(events)


def test_the_work_around_an_inference_is_timed(runtime: str, work: Work, tmp_path: Path) -> None:
    """Once it is told to, after its last round, and for each model; what is no picture is not scaled."""
    picture = tmp_path / "picture.tflite"
    picture.write_bytes(compiled_model(Layer("image", 24, 32, 3), Layer("classes", 1, 1, 10)))
    guests = (Guest(model=str(picture)),)
    with crew_of(runtime=runtime) as crew:
        task = crew.start(work(guests=guests, runs=3, host_work=True))
        until(crew, Done, task)
        crew.go(task)
        events = collect(crew)[task]
    assert (0, None, None) == how(events)
    own, guest = only(events, Host).works
    assert (None, "it has 2 inputs") == (own.scaling_ms, own.no_scaling_because)
    assert own.outputs_ms is not None
    assert own.outputs_ms > 0
    assert guest.scaling_ms is not None
    assert guest.scaling_ms > 0
    assert guest.no_scaling_because is None


def test_a_guest_that_computes_wrong_is_counted(work: Work, one_stick: pytest.MonkeyPatch, moving: str) -> None:
    """Its outputs are compared with what it gave before for the same inputs."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "wrong@12")
    (events,) = run(work(guests=(Guest(model=moving),), runs=12, reference=None))
    own, guest = only(events, Turns).turns
    assert 1 == own.wrong_runs + guest.wrong_runs
    assert (only(events, Done).difference is not None) == bool(own.wrong_runs)


@pytest.mark.parametrize(
    ("guest", "error"),
    [
        ({"model": "/nowhere/guest.tflite"}, "FileNotFoundError"),
        ({"model_sha256": "0" * 64}, "ModelChangedError"),
        ({"plain": True}, "NotDelegatedError"),
    ],
)
def test_a_guest_that_cannot_be(guest: dict[str, Any], error: str, work: Work, moving: str, tmp_path: Path) -> None:
    """A guest that is not there, is another one, or does not run on the device ends the job before it is ready."""
    (tmp_path / "plain.tflite").write_bytes(plain_model())
    named = guest.get("model", str(tmp_path / "plain.tflite") if "plain" in guest else moving)
    (events,) = run(work(guests=(Guest(model=named, model_sha256=guest.get("model_sha256")),)))
    failure = ended(events).failure
    assert failure is not None
    assert (error, "model") == (failure.error_type, failure.phase)
    assert [] == [event for event in events if isinstance(event, Ready)]


def test_who_works_here(runtime: str) -> None:
    """The interpreter and its packages; NumPy's threads are not started, since a fork would lose them."""
    with crew_of(runtime=runtime) as crew:
        hello = crew.ready()
        assert isinstance(hello, Hello)
        assert is_alive(hello.pid)
    assert (runtime, ".".join(map(str, sys.version_info[:3]))) == (hello.runtime, hello.python_version)
    assert (1, ()) == (hello.threads, hello.tried)
    assert (64 if sys.maxsize > 1 << 32 else 32) == hello.bits
    assert os.path.samefile(sys.executable, hello.executable)
    assert None not in (hello.runtime_version, hello.numpy_version, hello.machine)


def test_without_a_wish_the_first_runtime_is_taken() -> None:
    """In the order of the list."""
    with crew_of() as crew:
        hello = crew.ready()
    assert isinstance(hello, Hello)
    assert hello.runtime in RUNTIMES
    assert hello.runtime == RUNTIMES[len(hello.tried)]


def test_latencies_are_those_of_the_inference(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Each is what the device took; the first one apart; the sum fits into the time of the round."""
    one_stick.setenv("FAKE_EDGETPU_MS", "20")
    one_stick.setenv("FAKE_EDGETPU_FIRST_MS", "100")
    (events,) = run(work(progress_seconds=0.05))
    latencies = [each for event in events if isinstance(event, Progress) for each in event.latencies_ms]
    done = only(events, Done)
    assert (8, 8) == (len(latencies), done.runs)
    assert only(events, First).first_ms >= 120
    assert min(latencies) >= 20
    assert sum(latencies) <= done.elapsed_ms
    assert sum(isinstance(event, Progress) for event in events) > 2


def test_many_short_inferences_are_all_reported(work: Work) -> None:
    """More than one report holds."""
    (events,) = run(work(runs=10_000, progress_seconds=60))
    reports = [event for event in events if isinstance(event, Progress)]
    assert 10_000 == sum(len(report.latencies_ms) for report in reports) == reports[-1].runs
    assert [4096, 8192, 10_000] == [report.runs for report in reports]


def test_a_soak_lasts_its_time(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """With seconds, the number of runs does not matter."""
    one_stick.setenv("FAKE_EDGETPU_MS", "5")
    (events,) = run(work(runs=1, seconds=0.6, progress_seconds=0.2))
    done = only(events, Done)
    assert 600 <= done.elapsed_ms
    assert done.runs > 5
    assert sum(isinstance(event, Progress) for event in events) >= 3


def test_the_same_digests_on_every_device(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Sound Edge TPUs compute the same from the same inputs; one that does not stands out."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(3))
    one_stick.setenv("FAKE_EDGETPU_OUTPUT", "hash")
    one_stick.setenv("FAKE_EDGETPU_INVOKE@2-2", "wrong")
    found = run(*(work(device_path=stick(n), reference=None) for n in (1, 2, 3)))
    one, other, third = (only(events, Done).digests for events in found)
    assert (4, 4) == (len(one), len(set(one)))
    assert one == third
    assert not set(one) & set(other)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("wrong", (1, 9, True, "permutation")),
        ("wrong@1", (1, 1, False, "permutation")),
        ("wrong@6", (6, 1, None, "permutation")),
        ("wrong@5", (5, 1, False, "permutation")),
    ],
)
def test_wrong_bytes(action: str, expected: tuple[Any, ...], work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Which run was the first, how many were wrong, and whether the same inputs gave the same again."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", action)
    (events,) = run(work())
    done = only(events, Done)
    assert done.difference is not None
    run_number, runs, repeatable, basis = expected
    assert (run_number, runs, repeatable, basis) == (
        done.difference.run,
        done.difference.runs,
        done.difference.repeatable,
        done.basis,
    )
    assert ("x", 0, 48) == (done.difference.output, done.difference.index, done.difference.differing_bytes)
    assert done.difference.expected is not None
    assert done.difference.expected ^ 255 == done.difference.got
    reports = [event for event in events if isinstance(event, Progress)]
    assert runs == reports[-1].wrong_runs
    assert 0 == ended(events).exit_status


# Where the device is


def test_the_string_of_that_moment(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """A path has the number that it has in the library's list now, among its own kind."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", f"usb={stick(7)},pci=/dev/apex_0,usb={stick(1)}")
    events, other = run(work(device_path=stick(1)), work(device_type="pci", device_path="/dev/apex_0"))
    assert ("usb:1", "usb:1") == (only(events, Listed).device, only(events, Opened).device)
    assert "pci:0" == only(other, Opening).device
    assert [0, 0] == [ended(each).exit_status for each in (events, other)]


def test_a_device_that_is_not_listed(work: Work) -> None:
    """It is not opened: the library would look for it for half a minute."""
    (events,) = run(work(device_path=stick(9)))
    failure = ended(events).failure
    assert failure is not None
    assert ("open", "DeviceNotListedError") == (failure.phase, failure.error_type)
    assert (1, None) == (ended(events).exit_status, only(events, Listed).device)


def test_no_device_at_all(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """An empty list is a list."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", "")
    (events,) = run(work())
    assert () == only(events, Listed).devices
    assert "DeviceNotListedError" == getattr(ended(events).failure, "error_type", None)


def test_the_way_of_users_own_code(work: Work, one_stick: pytest.MonkeyPatch, runtime: str, tmp_path: Path) -> None:
    """By string: with the one that means the path now, though the job says another."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(2))
    one_stick.setenv("FAKE_EDGETPU_LOG", str(tmp_path / "log"))
    (events,) = run(work(via="string", device_path=stick(2), device="usb:0"), runtime=runtime)
    opening = only(events, Opening)
    assert ("string", False, "usb:1", stick(2)) == (
        opening.via,
        opening.fallback,
        opening.device,
        opening.device_path,
    )
    assert 0 == ended(events).exit_status
    assert "create device=usb:1 ok" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("string", "path"), [("usb:1", stick(2)), (":0", stick(1)), ("usb", None), (None, None)])
def test_a_string_without_a_path(string: str | None, path: str | None, work: Work, one_stick: Any) -> None:
    """It is used as it is; which device that means is told where it is known."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(2))
    (events,) = run(work(via="string", device_path=None, device=string))
    opening = only(events, Opening)
    assert (string, path, 0) == (opening.device, opening.device_path, ended(events).exit_status)


def test_a_wrong_string(work: Work, runtime: str) -> None:
    """The runtime's own exception, as users see it."""
    (events,) = run(work(via="string", device_path=None, device="usb:5"), runtime=runtime)
    failure = ended(events).failure
    assert failure is not None
    assert ("open", "ValueError") == (failure.phase, failure.error_type)
    assert failure.text.startswith("Failed to load delegate from ")


def fresh_stick(folder: Path) -> str:
    """A stick in its boot loader, in a sysfs that can be written."""
    path = folder / "2-1"
    path.mkdir()
    (path / "idVendor").write_text("1a6e\n")
    (path / "idProduct").write_text("089a\n")
    return str(path)


@pytest.mark.parametrize("via", ["path", "string"])
def test_the_firmware_load_is_timed(via: str, work: Work, one_stick: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also while the open by string holds the interpreter; it lies within the open."""
    path = fresh_stick(tmp_path)
    one_stick.setenv("FAKE_EDGETPU_DEVICES", f"usb={path}")
    one_stick.setenv("FAKE_EDGETPU_FIRMWARE_MS", "150")
    (events,) = run(work(via=via, device_path=path))
    opening, firmware, opened = only(events, Opening), only(events, Firmware), only(events, Opened)
    assert "1a6e:089a" == opening.identity
    assert 150 <= firmware.firmware_load_ms <= opened.open_ms + 1000
    assert kinds(events).index("Firmware") < kinds(events).index("Opened")
    (again,) = run(work(via=via, device_path=path))
    assert ("18d1:9302", False) == (only(again, Opening).identity, "Firmware" in kinds(again))


def test_a_firmware_that_does_not_start(work: Work, one_stick: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then there is no time of a load to tell."""
    path = fresh_stick(tmp_path)
    one_stick.setenv("FAKE_EDGETPU_DEVICES", f"usb={path}")
    one_stick.setenv("FAKE_EDGETPU_CREATE", "fail")
    (events,) = run(work(device_path=path))
    assert ("1a6e:089a", False) == (only(events, Opening).identity, "Firmware" in kinds(events))
    assert "DelegateRefusedError" == getattr(ended(events).failure, "error_type", None)


def test_a_firmware_load_in_an_open_that_dies(work: Work, one_stick: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That the firmware came is seen even if the open did not survive it."""
    path = fresh_stick(tmp_path)
    one_stick.setenv("FAKE_EDGETPU_DEVICES", f"usb={path}")
    one_stick.setenv("FAKE_EDGETPU_FIRMWARE_MS", "100")
    one_stick.setenv("FAKE_EDGETPU_PREPARE", "segv")
    (events,) = run(work(device_path=path))
    assert only(events, Firmware).firmware_load_ms >= 100
    assert "SIGSEGV" == ended(events).signal


# The library


@pytest.fixture(scope="module")
def compiler(needs_program: Callable[..., str]) -> str:
    """The C compiler."""
    return needs_program("gcc", package="gcc")


def failure_of(job: Job) -> tuple[str, str, str]:
    """Phase, exception and text of a job that must fail."""
    (events,) = run(job)
    failure = ended(events).failure
    assert failure is not None
    assert (1, failure.phase) == (ended(events).exit_status, ended(events).phase)
    return failure.phase, failure.error_type, failure.text


def test_a_library_without_the_c_api(compiler: str, tmp_path: Path, work: Work) -> None:
    """Old builds have none: the string is used instead, and it is said so."""
    library = str(build_library(compiler, tmp_path, "FAKE_EDGETPU_NO_C_API"))
    (events,) = run(work(library=library, device="usb:0"))
    listed, opening = only(events, Listed), only(events, Opening)
    assert (None, None, None) == (listed.devices, listed.device, listed.version_text)
    assert ("string", True, "usb:0") == (opening.via, opening.fallback, opening.device)
    assert (0, None) == (ended(events).exit_status, only(events, Done).difference)


def test_a_library_without_the_plugin(compiler: str, tmp_path: Path, work: Work) -> None:
    """By path it works; by string the runtime says what it misses."""
    library = str(build_library(compiler, tmp_path, "FAKE_EDGETPU_NO_PLUGIN"))
    assert (0, None, None) == how(run(work(library=library))[0])
    phase, kind, text = failure_of(work(library=library, via="string"))
    assert ("open", "AttributeError") == (phase, kind)
    assert "undefined symbol: tflite_plugin_create_delegate" in text


def test_a_library_of_another_kind(compiler: str, tmp_path: Path, work: Work) -> None:
    """One with neither interface is no libedgetpu."""
    library = build_source(compiler, tmp_path, "int x;")
    phase, kind, text = failure_of(work(library=str(library)))
    assert ("library", "NotEdgeTpuLibraryError") == (phase, kind)
    assert "it is no libedgetpu" in text


def test_a_library_for_another_processor(double: str, tmp_path: Path, work: Work) -> None:
    """The loader says that there is no such file; the truth is told instead."""
    other = bytearray(Path(double).read_bytes())
    other[18:20] = (243).to_bytes(2, "little")
    (tmp_path / "libedgetpu.so.1").write_bytes(other)
    phase, kind, text = failure_of(work(library=str(tmp_path / "libedgetpu.so.1")))
    assert ("library", "WrongArchitectureError") == (phase, kind)
    assert "is for riscv, 64 bits; this Python is for " in text


def test_a_directory_for_a_library(tmp_path: Path, work: Work) -> None:
    """It is called one."""
    phase, kind, text = failure_of(work(library=str(tmp_path)))
    assert ("library", "IsADirectoryError") == (phase, kind)
    assert str(tmp_path) in text


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"", "file too short"), (b"<html>" * 99, "ELF")]
)
def test_what_is_no_library(content: bytes | None, words: str, tmp_path: Path, work: Work) -> None:
    """The loader's own words."""
    path = tmp_path / "libedgetpu.so.1"
    if content is not None:
        path.write_bytes(content)
    phase, kind, text = failure_of(work(library=str(path)))
    assert ("library", "OSError") == (phase, kind)
    assert words in text


def test_the_reason_of_a_failed_open_is_printed(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """The library is told to say it, and what it prints comes with the end of the job."""
    one_stick.setenv("FAKE_EDGETPU_CREATE", "fail")
    one_stick.setenv("FAKE_EDGETPU_MESSAGE", "Deadline exceeded: USB error -6 [ClaimInterface]")
    for via in ("path", "string"):
        (events,) = run(work(via=via))
        line = f"Failed to open device [Apex (USB)] at [{stick()}]: Deadline exceeded: USB error -6 [ClaimInterface]"
        assert any(line in said for said in ended(events).stderr)


def test_a_library_that_prints_much(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """What goes to standard output, even in the form of a message, does not disturb; the middle is left out."""
    one_stick.setenv("FAKE_EDGETPU_NOISE", "150")
    (events,) = run(work(runs=3))
    last = ended(events)
    assert (0, 4) == (last.exit_status, only(events, Done).compared_runs)
    assert (400, 5 * 300 - 400) == (len(last.stderr), last.stderr_dropped)
    assert "create noise 0" in last.stderr[0] or '{"kind": "noise"} create 0' in last.stderr[0]
    assert any('{"kind": "noise"}' in line for line in last.stderr)


def test_each_job_has_its_own_words(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """What one job's library prints is not mixed with that of another."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(4))
    one_stick.setenv("FAKE_EDGETPU_CREATE", "fail")
    found = run(*(work(device_path=stick(number)) for number in range(1, 5)))
    for number, events in enumerate(found, 1):
        (line,) = ended(events).stderr
        assert f"at [{stick(number)}]" in line


# The model


def test_a_model_that_is_not_there(tmp_path: Path, work: Work) -> None:
    """The system's words."""
    phase, kind, text = failure_of(work(model=str(tmp_path / "none.tflite")))
    assert ("model", "FileNotFoundError") == (phase, kind)
    assert "none.tflite" in text
    assert ("model", "IsADirectoryError") == failure_of(work(model=str(tmp_path)))[:2]


def test_a_model_that_was_replaced(work: Work, moving: str) -> None:
    """Nothing runs if it is not the one that was looked at."""
    assert ("model", "ModelChangedError") == failure_of(work(model_sha256="0" * 64))[:2]
    digest = hashlib.sha256(Path(moving).read_bytes()).hexdigest()
    assert (0, None, None) == how(run(work(model_sha256=digest))[0])


def test_a_model_that_is_not_compiled(tmp_path: Path, work: Work, runtime: str) -> None:
    """It would run on the CPU without a word, so it is not run."""
    (tmp_path / "plain.tflite").write_bytes(plain_model())
    (events,) = run(work(model=str(tmp_path / "plain.tflite")), runtime=runtime)
    assert 0 == only(events, Model).delegated
    assert ("model", "NotDelegatedError") == (ended(events).phase, getattr(ended(events).failure, "error_type", None))
    assert not [event for event in events if isinstance(event, First)]


def test_what_is_no_model(tmp_path: Path, work: Work, runtime: str) -> None:
    """The runtime's words; that it has not crashed is not promised."""
    (tmp_path / "page.tflite").write_bytes(b"<!DOCTYPE html>" * 100)
    (events,) = run(work(model=str(tmp_path / "page.tflite")), runtime=runtime)
    assert ("model", "ValueError") == (ended(events).phase, getattr(ended(events).failure, "error_type", None))


def test_a_name_that_is_no_text(tmp_path: Path, work: Work, moving: str) -> None:
    """File names are bytes; a model with any name runs, and a missing one is reported."""
    name = os.fsdecode(bytes(tmp_path) + b"/mod\xffell.tflite")
    shutil.copy(moving, name)
    assert (0, None, None) == how(run(work(model=name))[0])
    os.unlink(name)
    assert ("model", "FileNotFoundError") == failure_of(work(model=name))[:2]


def test_expectations_of_another_model(work: Work) -> None:
    """A permutation whose names the model does not have is refused before anything runs."""
    other = Channels(inputs=(("q", 1),), outputs=(("x", (0,)),))
    phase, kind, text = failure_of(work(reference=other))
    assert ("allocate", "ReferenceMismatchError") == (phase, kind)
    assert "KeyError" in text


def test_inputs_that_cannot_be_made(tmp_path: Path, work: Work) -> None:
    """A model that takes text is refused."""
    (tmp_path / "text.tflite").write_bytes(plain_model(kind=5))
    (events,) = run(work(model=str(tmp_path / "text.tflite"), library=None, reference=None))
    assert (1, "allocate") == (ended(events).exit_status, ended(events).phase)


# Reference runs


def test_outputs_of_the_uncompiled_twin(tmp_path: Path, work: Work, one_stick: Any, runtime: str) -> None:
    """A run on the CPU writes what the Edge TPU must compute; one that computes it is right, another one is not."""
    twin, outputs = tmp_path / "twin.tflite", tmp_path / "outputs"
    twin.write_bytes(plain_model(names=("input", "output")))
    (events,) = run(work(model=str(twin), library=None, reference=None, write_outputs=str(outputs)), runtime=runtime)
    assert (0, None, None) == how(events)
    assert ["start", "Started", "model"][1:] == kinds(events)[:2]
    assert only(events, Model).delegated is None
    same = tmp_path / "same_edgetpu.tflite"
    same.write_bytes(compiled_model(Layer("input", 4, 4, 3), Layer("output", 4, 4, 3)))
    reference = OutputsFile(path=str(outputs), tolerance=1)
    for told, right in (("channels=0,1,2", True), ("channels=0,2,1", False)):
        one_stick.setenv("FAKE_EDGETPU_OUTPUT", told)
        (events,) = run(work(model=str(same), reference=reference), runtime=runtime)
        done = only(events, Done)
        assert (right, None if right else "reference") == (done.difference is None, done.basis)
        assert 9 == done.compared_runs


def test_no_room_for_the_outputs(tmp_path: Path, work: Work) -> None:
    """The system's words, in the last phase."""
    (tmp_path / "plain.tflite").write_bytes(plain_model())
    job = work(
        model=str(tmp_path / "plain.tflite"), library=None, reference=None, write_outputs=str(tmp_path / "no" / "file")
    )
    assert ("close", "FileNotFoundError") == failure_of(job)[:2]


# Waiting, going, stopping


def test_a_job_waits_for_its_word(work: Work) -> None:
    """With ``hold`` it waits as long as it must, whatever the limits; with rounds it waits again."""
    with crew_of() as crew:
        task = crew.start(work(hold=True, rounds=2, limits=HANG))
        until(crew, Ready)
        assert [] == list(crew.events(time.monotonic() + 0.8))
        crew.go(task)
        assert (1, 8) == (until(crew, Done).round, 8)
        assert [] == list(crew.events(time.monotonic() + 0.8))
        crew.go(task, runs=3)
        done = until(crew, Done)
        assert (2, 3, 3) == (done.round, done.runs, done.compared_runs)
        assert 0 == ended(collect(crew)[task]).exit_status
        crew.go(task)


def test_a_round_of_another_length(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """The word to go may carry a time."""
    one_stick.setenv("FAKE_EDGETPU_MS", "5")
    with crew_of() as crew:
        task = crew.start(work(hold=True))
        until(crew, Ready)
        crew.go(task, seconds=0.3)
        assert until(crew, Done).elapsed_ms >= 300


def test_a_job_that_is_stopped(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """It is killed and says so; the others go on."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(2))
    with crew_of() as crew:
        tasks = [crew.start(work(device_path=stick(number), hold=True)) for number in (1, 2)]
        for _ in tasks:
            until(crew, Ready)
        crew.stop(tasks[0])
        crew.stop(tasks[0])
        end = until(crew, Ended)
        assert (tasks[0], "SIGKILL", True, None) == (end.task, end.signal, end.stopped, end.timed_out)
        assert {tasks[1]} == crew.running
        crew.stop(tasks[0])
        crew.go(tasks[1])
        assert 0 == ended(collect(crew)[tasks[1]]).exit_status


def test_jobs_may_follow_each_other(work: Work) -> None:
    """One crew does any number of them; a job that crashed leaves the others alone."""
    with crew_of() as crew:
        for library, status in ((None, 1), (work().library, 0), ("/none", 1), (work().library, 0)):
            task = crew.start(work(library=library))
            assert status == ended(collect(crew)[task]).exit_status


def test_events_until_a_time(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Who has something else to do gets the word back in time."""
    one_stick.setenv("FAKE_EDGETPU_CREATE", "hang")
    with crew_of() as crew:
        crew.start(work())
        until(crew, Opening)
        start = time.monotonic()
        assert [] == list(crew.events(start + 0.3))
        assert 0.3 <= time.monotonic() - start < 5


# Limits


@pytest.mark.parametrize("via", ["path", "string"])
def test_an_open_that_never_ends(via: str, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """It is ended at its limit, and the phase is named; also where it holds the interpreter."""
    one_stick.setenv("FAKE_EDGETPU_CREATE", "hang")
    (events,) = run(work(via=via, limits=HANG))
    last = ended(events)
    assert ("open", "open", "SIGKILL", False, False) == (
        last.phase,
        last.timed_out,
        last.signal,
        last.stopped,
        last.stuck,
    )
    entered = next(event for event in events if isinstance(event, Entered) and event.phase == "open")
    assert 0.5 <= last.at_seconds - entered.at_seconds <= 0.5 + 2


def test_an_inference_that_never_ends(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """However many went well before it; what they took is reported."""
    one_stick.setenv("FAKE_EDGETPU_MS", "10")
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang@40")
    (events,) = run(work(runs=50, limits=HANG, progress_seconds=0.1))
    assert ("invoke", "SIGKILL") == (ended(events).timed_out, ended(events).signal)
    assert 10 < sum(len(event.latencies_ms) for event in events if isinstance(event, Progress)) < 39


def test_time_that_nobody_listened_does_not_count(work: Work) -> None:
    """A program that was stopped (Ctrl-Z) for a minute does not find all its jobs late."""
    with crew_of() as crew:
        crew.ready()
        task = crew._tasks[crew.start(work())]
        before = task.deadline
        assert before is not None
        crew._looked_at -= 60
        crew._forgive_absence()
        assert task.deadline is not None
        assert 60 <= task.deadline - before < 70
        crew._forgive_absence()
        assert task.deadline - before < 70


def test_a_slow_listener_kills_nobody(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Whoever takes long over an event finds the jobs alive."""
    one_stick.setenv("FAKE_EDGETPU_MS", "50")
    with crew_of() as crew:
        task = crew.start(work(runs=24, limits=HANG, progress_seconds=0.1))
        until(crew, First)
        time.sleep(1.1)
        assert (0, None, None) == how(collect(crew)[task])


def test_address_space_is_limited(work: Work) -> None:
    """A job gets no more than it may have; the crew lives on."""
    with crew_of() as crew:
        task = crew.start(work(limits=Limits(address_space_bytes=1 << 20)))
        assert (0, None) != how(collect(crew)[task])[:2]
        task = crew.start(work())
        assert (0, None) == how(collect(crew)[task])[:2]


# Interpreters


def script(folder: Path, body: str, name: str = "python") -> str:
    """A program that stands for an interpreter."""
    path = folder / name
    path.write_text(body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def foreman(folder: Path, body: str) -> str:
    """A foreman of another kind, in Python."""
    head = f"#!{sys.executable}\nimport json, os, sys, time\n"
    say = "def say(**fields):\n    print(json.dumps(fields), flush=True)\n"
    return script(folder, head + say + body)


def refusal_of(python: str, *, runtime: str | None = None, start_seconds: float = 30.0) -> Refusal:
    """Why an interpreter cannot be used; jobs for it are refused with the same words."""
    with crew_of(python, runtime=runtime, start_seconds=start_seconds) as crew:
        found = crew.ready()
        assert isinstance(found, Refusal)
        with pytest.raises(CrewError) as refused:
            crew.start(Job(model="/none"))
        assert found.text == str(refused.value)
        assert found == crew.ready()
    return found


@pytest.mark.parametrize("name", ["none", "folder", "data", "text\0"])
def test_what_cannot_be_started(name: str, tmp_path: Path) -> None:
    """A missing file, a folder, a file that may not be run, a name that no file can have."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "data").write_text("data")
    found = refusal_of(str(tmp_path / name))
    assert "python-not-run" == found.reason
    assert "could not be started" in found.text


def test_a_program_of_another_format(tmp_path: Path) -> None:
    """A file that may be run and is nothing that the system knows."""
    assert "python-not-run" == refusal_of(script(tmp_path, "\x7fELF of something")).reason


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("#!/bin/sh\nexit 0\n", "ended with exit status 0"),
        ("#!/bin/sh\necho 'who are you' >&2\nexit 3\n", "ended with exit status 3: who are you"),
        ("#!/bin/sh\nwhile :; do echo hello; done\n", "says what no worker says"),
        ("#!/bin/sh\nexec tr '\\0' x </dev/zero\n", "says what no worker says"),
    ],
)
def test_what_is_no_python(body: str, words: str, tmp_path: Path) -> None:
    """A program that does something else, even endlessly, is not taken for one."""
    found = refusal_of(script(tmp_path, body))
    assert "not-understood" == found.reason
    assert words in found.text


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    """Its own complaint about the syntax is told."""
    complaint = "SyntaxError: future feature annotations is not defined"
    found = refusal_of(script(tmp_path, f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n"))
    assert ("python-too-old", True) == (found.reason, "Python 3.8 or newer is needed" in found.text)
    assert complaint in found.text


def test_an_interpreter_that_says_nothing(tmp_path: Path) -> None:
    """It is ended at the limit."""
    found = refusal_of(script(tmp_path, "#!/bin/sh\nexec sleep 600\n"), start_seconds=0.3)
    assert ("no-answer", True) == (found.reason, "no answer in 0.3 s while it started" in found.text)


def test_an_interpreter_that_dies(tmp_path: Path) -> None:
    """Its signal is told."""
    found = refusal_of(script(tmp_path, "#!/bin/sh\nkill -ILL $$\n"))
    assert ("crashed", "SIGILL", None) == (found.reason, found.signal, found.exit_status)


def test_a_python_without_a_runtime() -> None:
    """Both packages were looked for."""
    found = refusal_of(sys.executable, runtime="no_such_runtime,nor_this_one")
    assert "no-runtime" == found.reason
    assert ["no_such_runtime", "nor_this_one"] == [each.runtime for each in found.tried]
    assert found.text.endswith("has no no_such_runtime and no nor_this_one")
    assert found.python_version == ".".join(map(str, sys.version_info[:3]))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a package that stands for a runtime, found as an application would find it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(body: str) -> str:
        (tmp_path / "some_runtime").mkdir()
        (tmp_path / "some_runtime" / "__init__.py").write_text("__version__ = '9'\n")
        (tmp_path / "some_runtime" / "interpreter.py").write_text(body)
        return "some_runtime"

    return make


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            "def Interpreter(**_):\n    raise SystemError('an exception set') from ImportError('numpy.core')\n",
            "SystemError",
        ),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("raise ImportError('libc.so: version GLIBC_9 not found')\n", "ImportError"),
        ("import sys\nsys.exit('not on this machine')\n", "SystemExit"),
        ("def Interpreter():\n    pass\n", "TypeError"),
    ],
)
def test_a_runtime_that_is_broken(body: str, kind: str, package: Callable[[str], str]) -> None:
    """Its exception is told, be it at the import or at the first use (as with NumPy 2 and a package built for 1)."""
    found = refusal_of(sys.executable, runtime=package(body))
    assert ("runtime-broken", [kind]) == (found.reason, [each.error_type for each in found.tried])
    assert f"some_runtime: {kind}: " in found.text
    assert found.numpy_version is None or "." in found.numpy_version


def test_a_broken_runtime_is_passed_over(package: Callable[[str], str]) -> None:
    """The next one is taken, and what was tried before is told."""
    name = package("raise ImportError('broken')\n")
    with crew_of(runtime=f"{name},{','.join(RUNTIMES)}") as crew:
        hello = crew.ready()
    assert isinstance(hello, Hello)
    assert (name, "broken") == (hello.tried[0].runtime, hello.tried[0].text)


@pytest.mark.parametrize(
    ("body", "signal_name", "status", "reason"),
    [
        ("import os\nprint('last words', flush=True)\nos.abort()\n", "SIGABRT", None, "crashed"),
        ("import os\nos._exit(7)\n", None, 7, "crashed"),
        ("import time\ntime.sleep(600)\n", None, None, "no-answer"),
    ],
)
def test_an_import_that_does_not_return(
    body: str, signal_name: str | None, status: int | None, reason: str, package: Callable[[str], str]
) -> None:
    """A crash or a hang is told with what was being imported; what it prints is no message."""
    with crew_of(runtime=package(body)) as crew:
        found = crew.ready(1.0 if reason == "no-answer" else None)
        assert isinstance(found, Refusal)
    assert (reason, "some_runtime") == (found.reason, found.importing)
    if reason == "crashed":
        assert (signal_name, status) == (found.signal, found.exit_status)
    assert "some_runtime" in found.text


def test_a_job_for_workers_that_never_came(work: Work, package: Callable[[str], str]) -> None:
    """A job that was started before the refusal ends with its words."""
    with crew_of(runtime=package("raise ImportError('broken')\n")) as crew:
        task = crew.start(work())
        end = ended(collect(crew)[task])
    assert (None, None, "start") == (end.exit_status, end.signal, end.phase)
    assert "broken" in (end.lost or "")


def test_nothing_is_written_into_the_environment(package: Callable[[str], str], tmp_path: Path) -> None:
    """An application's folders are not ours to write to."""
    refusal_of(sys.executable, runtime=package("raise ImportError\n"))
    assert [] == list(tmp_path.rglob("__pycache__"))


# How they end


def pids_of(crew: Crew, count: int) -> list[int]:
    """The foreman's process and those of so many jobs."""
    hello = crew.ready()
    assert isinstance(hello, Hello)
    return [hello.pid, *(until(crew, Started).pid for _ in range(count))]


def test_no_thread_and_no_process_is_left(work: Work) -> None:
    """The parent stays one thread, and has no child when the crew is gone, not even a zombie."""
    threads = threading.active_count()
    with crew_of() as crew:
        task = crew.start(work())
        pids = pids_of(crew, 1)
        assert 0 == ended(collect(crew)[task]).exit_status
        assert [True, False] == [is_alive(pid) for pid in pids]
        assert threads == threading.active_count()
    assert [False, False] == [is_alive(pid) for pid in pids]


@pytest.mark.parametrize("fault", ["LIST", "CREATE", "PREPARE", "INVOKE"])
def test_leaving_ends_what_hangs(fault: str, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Jobs that hang in C are gone when the block is left, with the foreman, at once."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(3))
    one_stick.setenv(f"FAKE_EDGETPU_{fault}", "hang")
    with crew_of() as crew:
        for number in (1, 2, 3):
            crew.start(work(device_path=stick(number)))
        pids = pids_of(crew, 3)
        list(crew.events(time.monotonic() + 0.2))
        start = time.monotonic()
    assert time.monotonic() - start < crew_module.DEAD_SECONDS
    assert [False] * 4 == [is_alive(pid) for pid in pids]


def test_leaving_by_an_exception(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """An exception in the block goes on its way, after all is cleared away."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang")
    pids: list[int] = []

    def leave() -> None:
        with crew_of() as crew:
            crew.start(work())
            pids.extend(pids_of(crew, 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert [False, False] == [is_alive(pid) for pid in pids]


def test_leaving_at_once(work: Work) -> None:
    """A crew that was never waited for leaves nothing either."""
    with crew_of() as crew:
        crew.start(work())
        process = crew._process
    assert process is not None
    assert process.returncode is not None


def test_leaving_twice() -> None:
    """Closing what is closed does nothing; nobody works there any more."""
    with crew_of() as crew:
        crew.close()
        with pytest.raises(CrewError, match="sent home"):
            crew.start(Job(model="/none"))
        with pytest.raises(CrewError, match="sent home"):
            crew.ready()
        assert [] == list(crew.events())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_foreman_that_is_killed(number: int, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Its jobs die with it and have an end that says so; nobody can be started any more."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang")
    with crew_of() as crew:
        task = crew.start(work())
        foreman_pid, job_pid = pids_of(crew, 1)
        until(crew, Ready)
        job_end = os.pidfd_open(job_pid)
        os.kill(foreman_pid, number)
        end = ended(collect(crew)[task])
        assert f"the workers' foreman died by {signal.Signals(number).name}" == end.lost
        assert (None, None, None) == (end.exit_status, end.signal, end.timed_out)
        assert gone([job_end])
        with pytest.raises(CrewError, match="foreman died"):
            crew.start(work())
        crew.go(task)
        crew.stop(task)
    assert not is_alive(foreman_pid)


def test_a_foreman_that_does_not_answer(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """A job that cannot be ended is given up after some time, as one that hangs in the kernel would be."""
    one_stick.setattr(crew_module, "DEAD_SECONDS", 0.5)
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang@2")
    with crew_of() as crew:
        task = crew.start(work(limits=HANG, progress_seconds=0.1))
        pids = pids_of(crew, 1)
        until(crew, First)
        ends = [os.pidfd_open(pid) for pid in pids]
        os.kill(pids[0], signal.SIGSTOP)
        end = ended(collect(crew)[task])
        assert (True, "invoke", None, None) == (end.stuck, end.timed_out, end.exit_status, end.signal)
    assert gone(ends)


def test_a_job_that_does_not_die(tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even SIGKILL ends a process that hangs in the kernel: it is given up, and its late end is passed over."""
    monkeypatch.setattr(crew_module, "DEAD_SECONDS", 0.3)
    python = foreman(
        tmp_path,
        "say(kind='hello', pid=os.getpid(), executable='x', python_version='3.8', runtime='r', import_ms=1)\n"
        "json.loads(sys.stdin.readline())\n"
        "say(kind='entered', task=1, at_seconds=time.monotonic(), phase='open')\n"
        "assert json.loads(sys.stdin.readline()) == {'do': 'kill', 'task': 1}\n"
        "time.sleep(0.6)\n"
        "say(kind='ended', task=1, at_seconds=time.monotonic())\n"
        "sys.stdin.read()\n",
    )
    with crew_of(python) as crew:
        task = crew.start(work(limits=HANG))
        end = ended(collect(crew)[task])
        assert (True, "open", "open") == (end.stuck, end.timed_out, end.phase)
        assert frozenset() == crew.running


def test_a_foreman_that_talks_nonsense(tmp_path: Path, work: Work) -> None:
    """It is ended, and its jobs with it."""
    python = foreman(
        tmp_path,
        "say(kind='hello', pid=os.getpid(), executable='x', python_version='3.8', runtime='r', import_ms=1)\n"
        "say(kind='started', task='one')\n"
        "time.sleep(600)\n",
    )
    with crew_of(python) as crew:
        task = crew.start(work())
        assert "the workers' foreman says what no worker says" == ended(collect(crew)[task]).lost


def test_a_foreman_that_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    """Who tells it something does not wait for ever."""
    monkeypatch.setattr(crew_module, "DEAD_SECONDS", 0.3)
    python = foreman(
        tmp_path,
        "say(kind='hello', pid=os.getpid(), executable='x', python_version='3.8', runtime='r', import_ms=1)\n"
        "time.sleep(600)\n",
    )
    with crew_of(python) as crew:
        crew.ready()
        task = crew.start(work(model="/" + "x" * 500_000))
        assert "the workers' foreman does not listen" == ended(collect(crew)[task]).lost


def test_an_interpreter_behind_a_script(tmp_path: Path, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """One that runs Python as its child works, and leaves nothing behind."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang")
    python = script(tmp_path, f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    with crew_of(python) as crew:
        crew.start(work())
        pids = pids_of(crew, 1)
        process = crew._process
        assert process is not None
        assert process.pid != pids[0]
        until(crew, Ready)
        ends = [os.pidfd_open(pid) for pid in pids]
    assert gone(ends)


def test_the_parent_needs_no_numpy() -> None:
    """Neither NumPy nor a runtime is imported where the limits are kept."""
    code = "import sys, etpu_doctor.smoke.crew; print(sorted({'numpy', 'ctypes', *sys.argv[1:]} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *RUNTIMES], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "[]" == done.stdout.strip()


PARENT = """
import json, sys
from etpu_doctor.smoke.crew import Crew, CrewRequest
from etpu_doctor.smoke.jobs import Job, Ready, Started, Opening, Hello
import msgspec
jobs = msgspec.json.decode(sys.argv[1], type=list[Job])
with Crew(CrewRequest(python=sys.argv[2])) as crew:
    for job in jobs:
        crew.start(job)
    pids, hanging = [crew.ready().pid], 0
    for event in crew.events():
        if isinstance(event, Started):
            pids.append(event.pid)
        hanging += isinstance(event, Opening)
        if hanging == len(jobs):
            print(json.dumps(pids), flush=True)
            hanging = -1000
"""


class Parent:
    """Another process whose jobs hang in C, and descriptors of all the processes below it."""

    def __init__(self, jobs: list[Job], python: str = sys.executable) -> None:
        command = [sys.executable, "-c", PARENT, msgspec.json.encode(jobs).decode(), python]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True
        )
        assert self.process.stdout is not None
        self.pids = json.loads(self.process.stdout.readline())
        self.ends = [os.pidfd_open(pid) for pid in self.pids]

    def end(self, number: int) -> str:
        """Send a signal as a terminal would, to the whole foreground group; what the parent says about it."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=60)[1].decode()


@pytest.mark.parametrize("via", ["path", "string"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nobody_outlives_the_parent(number: int, via: str, work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Killed, interrupted or hung up: its foreman and its jobs, which hang in C, are gone."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(2))
    one_stick.setenv("FAKE_EDGETPU_CREATE", "hang")
    parent = Parent([work(via=via, device_path=stick(number)) for number in (1, 2)])
    said = parent.end(number)
    assert 3 == len(parent.ends)
    if number == signal.SIGINT:
        # It had the time to clear away: all are gone by now, and none is a zombie.
        assert [False] * 3 == [is_alive(pid) for pid in parent.pids]
        assert "KeyboardInterrupt" in said
    assert gone(parent.ends)


def test_nobody_outlives_the_parent_behind_a_script(work: Work, one_stick: Any, tmp_path: Path) -> None:
    """Where the foreman is not the parent's own child it still ends with it."""
    one_stick.setenv("FAKE_EDGETPU_CREATE", "hang")
    python = script(tmp_path, f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    parent = Parent([work()], python)
    parent.end(signal.SIGKILL)
    assert gone(parent.ends)


def test_an_import_does_not_outlive_the_parent(package: Callable[[str], str], tmp_path: Path) -> None:
    """A foreman that hangs before it listens dies with its parent too."""
    name = package(f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    code = (
        "import sys\nfrom etpu_doctor.smoke.crew import Crew, CrewRequest\n"
        "with Crew(CrewRequest(python=sys.executable, runtime=sys.argv[1])) as crew:\n    crew.ready()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT)
    written = tmp_path / "pid"
    assert eventually(lambda: written.exists() and written.read_text())
    end = os.pidfd_open(int(written.read_text()))
    parent.kill()
    parent.wait(60)
    assert gone([end])


def test_a_signal_that_is_ignored_is_no_trap(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Started by something that ignores the ends of its children, the workers still see theirs."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "segv")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        (events,) = run(work())
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert "SIGSEGV" == ended(events).signal


def test_the_device_is_given_back_in_order(
    work: Work, one_stick: pytest.MonkeyPatch, runtime: str, tmp_path: Path
) -> None:
    """The interpreter lets go of the delegate before it is freed; otherwise a crash at the end would be ours."""
    for via in ("path", "string"):
        log = tmp_path / via
        one_stick.setenv("FAKE_EDGETPU_LOG", str(log))
        run(work(via=via, runs=1), runtime=runtime)
        said = [line.split()[1] for line in log.read_text().splitlines()]
        assert ["release", "destroy"] == said[-2:]
        assert 1 == said.count("destroy")


def heard(task: _Task, event: Event) -> float | None:
    """A job's deadline after an event."""
    task.hear(event)
    return task.deadline


def test_deadlines_follow_the_phases(work: Work) -> None:
    """Each phase has its limit from when it began; who waits has none, who is killed keeps its last."""
    job = work(hold=True, rounds=2, limits=Limits(open_seconds=7, invoke_seconds=3), progress_seconds=0.5)
    task = _Task(1, job)
    assert 107 == heard(task, Entered(task=1, at_seconds=100, phase="open"))
    task.go()
    assert 107 == task.deadline
    assert heard(task, Ready(task=1, at_seconds=200, allocate_ms=1, inputs=(), outputs=())) is None
    task.go()
    assert 3.5 == pytest.approx((task.deadline or 0) - time.monotonic(), abs=0.5)
    assert 303.5 == heard(task, First(task=1, at_seconds=300, first_ms=1))
    done = Done(task=1, at_seconds=310, round=1, runs=1, elapsed_ms=1, compared_runs=1, outputs=())
    assert heard(task, done) is None
    work_first = _Task(2, work(host_work=True))
    assert heard(work_first, done) is None
    task.is_killed, task.deadline = True, 1.0
    task.go()
    assert 1.0 == heard(task, First(task=1, at_seconds=400, first_ms=1))


def test_a_long_import_does_not_make_jobs_late(package: Callable[[str], str], work: Work) -> None:
    """A job's own limits begin when there is somebody to do it; the word to go may come before that."""
    name = package("import time\ntime.sleep(0.8)\nfrom ai_edge_litert.interpreter import *\n")
    needs_runtime("ai_edge_litert")
    limits = Limits(start_seconds=0.5)
    with crew_of(runtime=name) as crew:
        task = crew.start(work(limits=limits, hold=True))
        crew.go(task)
        assert (0, None, None) == how(collect(crew)[task])


def test_workers_that_never_come_end_the_jobs(package: Callable[[str], str], work: Work) -> None:
    """Who only listens to events is told too, at the limit of the start."""
    with crew_of(runtime=package("import time\ntime.sleep(600)\n"), start_seconds=0.8) as crew:
        task = crew.start(work())
        end = ended(collect(crew)[task])
        assert "gave no answer in 0.8 s while it imported some_runtime" in (end.lost or "")


def test_a_crash_of_our_own_is_told(tmp_path: Path, work: Work) -> None:
    """A job that this file cannot do dies with a traceback in what it printed, not in silence."""
    with crew_of() as crew:
        crew.ready()
        task = crew.start(work())
        crew._tasks[2] = _Task(2, work())
        crew._command(do="start", task=2, job={"nonsense": str(tmp_path)})
        found = collect(crew)
    assert 0 == ended(found[task]).exit_status
    assert 70 == ended(found[2]).exit_status
    assert "KeyError: 'device_type'" in ended(found[2]).stderr[-1]


# The processes themselves


def waiting(crew: Crew, *jobs: Job) -> list[int]:
    """The processes of jobs that are ready and wait for their word."""
    numbers = [crew.start(msgspec.structs.replace(job, hold=True)) for job in jobs]
    pids: dict[int, int] = {}
    ready: set[int] = set()
    for event in crew.events(time.monotonic() + 60):
        if isinstance(event, Started):
            pids[event.task] = event.pid
        elif isinstance(event, Ready):
            ready.add(event.task)
        if ready == {*numbers}:
            return [pids[number] for number in numbers]
    raise AssertionError(ready)


def status(pid: int, name: str) -> str:
    """A line of a process's status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def test_jobs_are_forked_from_one_interpreter(work: Work, one_stick: pytest.MonkeyPatch, runtime: str) -> None:
    """Eight jobs do not pay for eight imports, and none is more than one thread before its library makes some."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(8))
    with crew_of(runtime=runtime) as crew:
        hello = crew.ready()
        assert isinstance(hello, Hello)
        pids = waiting(crew, *(work(device_path=stick(number)) for number in range(1, 9)))
        assert [str(hello.pid)] * 8 == [status(pid, "PPid") for pid in pids]
        assert ["1"] * 8 == [status(pid, "Threads") for pid in pids]


def test_a_job_holds_nothing_of_the_others(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Besides its three standard files a job has its own two pipes: nothing of the foreman, nothing of other jobs."""
    one_stick.setenv("FAKE_EDGETPU_DEVICES", sticks(3))
    with crew_of() as crew:
        pids = waiting(crew, *(work(device_path=stick(number)) for number in (1, 2, 3)))
        pipes = []
        for pid in pids:
            links = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
            assert "/dev/null" == links.pop(0)
            assert links[1] == links[2]
            pipes.append({link for link in links.values() if link.startswith("pipe:")})
            assert (4, 3) == (len(links), len(pipes[-1]))
        assert 9 == len(set.union(*pipes))


def test_limits_of_a_job(work: Work) -> None:
    """No core file is written for a crash that is a result, and memory ends where the job says."""
    with crew_of() as crew:
        (pid,) = waiting(crew, work(limits=Limits(address_space_bytes=777 << 20)))
        limits = {line[:26].strip(): line[26:].split() for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert ["0", "0"] == limits["Max core file size"][:2]
    assert [str(777 << 20)] * 2 == limits["Max address space"][:2]


def test_an_interrupt_does_not_reach_a_job(work: Work) -> None:
    """Ctrl-C is for the parent; a job goes on until the parent has decided."""
    with crew_of() as crew:
        (pid,) = waiting(crew, work())
        os.kill(pid, signal.SIGINT)
        crew.go(1)
        assert (0, None, None) == how(collect(crew)[1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_somebody_kills(number: int, work: Work) -> None:
    """The signal is told, and that it was not the parent who sent it."""
    with crew_of() as crew:
        (pid,) = waiting(crew, work())
        os.kill(pid, number)
        last = ended(collect(crew)[1])
        crew.go(1)
    assert (signal.Signals(number).name, False, None, "allocate") == (
        last.signal,
        last.stopped,
        last.timed_out,
        last.phase,
    )


def test_a_job_that_somebody_stops(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """A process that is halted says nothing either, and ends at its limit."""
    one_stick.setenv("FAKE_EDGETPU_MS", "10")
    with crew_of() as crew:
        (pid,) = waiting(crew, work(runs=100, limits=Limits(invoke_seconds=0.5), progress_seconds=0.1))
        crew.go(1)
        until(crew, First)
        os.kill(pid, signal.SIGSTOP)
        last = ended(collect(crew)[1])
    assert ("invoke", "SIGKILL") == (last.timed_out, last.signal)


def test_two_crews_at_once(work: Work) -> None:
    """Each hears its own jobs only."""
    with crew_of() as one, crew_of() as other:
        tasks = one.start(work(runs=3)), other.start(work(runs=5))
        found = collect(one)[tasks[0]], collect(other)[tasks[1]]
    assert [3, 5] == [only(events, Done).runs for events in found]


def test_a_library_that_writes_everywhere(compiler: str, tmp_path: Path, work: Work) -> None:
    """What a library writes into pipes that are none of its business is taken for something that it printed."""
    source = """
        #include <stddef.h>
        #include <string.h>
        #include <unistd.h>
        #define SHOWN __attribute__((visibility("default")))
        SHOWN void *edgetpu_list_devices(size_t *n) { *n = 0; return NULL; }
        SHOWN void edgetpu_free_devices(void *d) { (void)d; }
        SHOWN void *edgetpu_create_delegate(int t, const char *p, void *o, size_t n) { return NULL; }
        SHOWN void edgetpu_free_delegate(void *d) { (void)d; }
        SHOWN void edgetpu_verbosity(int level) {
            const char *lines = "nonsense\\n[1, 2]\\n{\\"kind\\": null}\\n";
            int fd;
            for (fd = 3; fd < 100; fd++) if (write(fd, lines, strlen(lines)) < 0) continue;
        }
    """
    (events,) = run(work(library=str(build_source(compiler, tmp_path, source))))
    assert ["nonsense", "[1, 2]", '{"kind": null}'] == list(ended(events).stderr)
    assert "DeviceNotListedError" == getattr(ended(events).failure, "error_type", None)


def test_a_library_with_an_absurd_list(compiler: str, tmp_path: Path, work: Work) -> None:
    """A library of another kind that returns nonsense ends in a failure, not in nonsense."""
    source = """
        #include <stddef.h>
        #define SHOWN __attribute__((visibility("default")))
        struct device { int type; const char *path; };
        static struct device devices[256];
        SHOWN void *edgetpu_list_devices(size_t *n) { devices[0].path = "\\xff"; *n = (size_t)-1; return devices; }
        SHOWN void edgetpu_free_devices(void *d) { (void)d; }
        SHOWN void *edgetpu_create_delegate(int t, const char *p, void *o, size_t n) { return NULL; }
        SHOWN void edgetpu_free_delegate(void *d) { (void)d; }
        SHOWN const char *edgetpu_version(void) { return NULL; }
    """
    (events,) = run(work(library=str(build_source(compiler, tmp_path, source))))
    listed = only(events, Listed)
    assert listed.devices is not None
    assert (256, ("pci", "?"), ("pci", "")) == (len(listed.devices), listed.devices[0], listed.devices[1])
    assert "DeviceNotListedError" == getattr(ended(events).failure, "error_type", None)


@pytest.mark.parametrize(("kind", "dtype"), [(0, "float32"), (2, "int32"), (3, "uint8"), (4, "int64"), (9, "int8")])
def test_models_of_every_type_run(kind: int, dtype: str, tmp_path: Path, work: Work, runtime: str) -> None:
    """Inputs of each type are made, fed and read back, every byte of them."""
    (tmp_path / "plain.tflite").write_bytes(plain_model(kind=kind))
    job = work(model=str(tmp_path / "plain.tflite"), library=None, reference=None, write_outputs=str(tmp_path / "out"))
    (events,) = run(job, runtime=runtime)
    assert (0, None, None) == how(events)
    assert [dtype, dtype] == [tensor.dtype for tensor in (*only(events, Ready).inputs, *only(events, Ready).outputs)]
    header = json.loads((tmp_path / "out").read_bytes().partition(b"\n")[0])
    (output,) = only(events, Done).outputs
    assert header["inputs"][0]["sha256"] == list(output.sha256)


def test_a_bare_environment(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the double's own variables is needed, and a locale that does not exist does no harm."""
    job = work()
    for name in [name for name in os.environ if not name.startswith("FAKE_EDGETPU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "xx_XX.nonsense")
    assert (0, None, None) == how(run(job)[0])


# The foreman by hand


def by_hand(*arguments: str, text: str = "") -> tuple[int, list[dict[str, Any]]]:
    """The status and the reports of a worker that is run from a command line."""
    command = [sys.executable, crew_module.WORKER, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_foreman_introduces_itself(runtime: str) -> None:
    """It says what it imports and who it is, and ends with its input."""
    code, reports = by_hand(runtime, "10")
    assert (0, ["importing", "hello"]) == (code, [each["kind"] for each in reports])
    assert runtime == reports[1]["runtime"]


def test_the_foreman_without_a_runtime() -> None:
    """It refuses, with a status of its own."""
    code, reports = by_hand("no_such_runtime", "10")
    assert (1, ["importing", "refusal"]) == (code, [each["kind"] for each in reports])


def test_commands_for_nobody() -> None:
    """A word to a job that is not there, or a word that is not known, is passed over."""
    lines = [{"do": "go", "task": 7}, {"do": "kill", "task": 7}, {"do": "dance", "task": 7}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    code, reports = by_hand(",".join(RUNTIMES), "10", text=text)
    assert (0, "hello") == (code, reports[-1]["kind"])


def test_the_end_of_input_ends_the_jobs(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """A job that is at work when the commands end is killed, and waited for."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang")
    text = json.dumps({"do": "start", "task": 1, "job": msgspec.to_builtins(work())}) + "\n"
    code, reports = by_hand(",".join(RUNTIMES), "10", text=text)
    pids = [each["pid"] for each in reports if each["kind"] == "started"]
    assert (0, 1) == (code, len(pids))
    assert not is_alive(pids[0])


def test_a_foreman_that_nobody_hears(work: Work, one_stick: pytest.MonkeyPatch) -> None:
    """Once nobody reads its reports any more it ends, though its input stays open, and takes its jobs with it."""
    one_stick.setenv("FAKE_EDGETPU_INVOKE", "hang@30")
    one_stick.setenv("FAKE_EDGETPU_MS", "20")
    command = [sys.executable, crew_module.WORKER, ",".join(RUNTIMES), "10"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin is not None
    assert process.stdout is not None
    job = msgspec.to_builtins(work(runs=1000, progress_seconds=0.05))
    process.stdin.write(json.dumps({"do": "start", "task": 1, "job": job}).encode() + b"\n")
    reports = (json.loads(line) for line in process.stdout)
    pid = next(each["pid"] for each in reports if each["kind"] == "started")
    end = os.pidfd_open(pid)
    process.stdout.close()
    assert 0 == process.wait(60)
    process.stdin.close()
    assert gone([end])
