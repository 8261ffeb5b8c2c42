"""``etpu-doctor watch``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.hotplug.sequence import read_changes
from tests.cli.command_line import PACKAGE, run
from tests.support import builder
from tests.support.live_root import write_machine
from tests.support.sequences import (
    TWO_STICKS,
    as_fresh,
    deltas,
    device_at,
    evidence_of,
    with_device,
    without,
    write_changes,
)

LIMIT_SECONDS = 60.0
ONE = "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=2 connect=hotplug\n    1: tpu"


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """A capture with changes that come quickly: a stick leaves, and comes back in a better port."""
    folder = tmp_path / "recording"
    folder.mkdir()
    for name in ("host.json", "evidence.json", "sysfs.umockdev"):
        if (TWO_STICKS / name).is_file():
            (folder / name).write_bytes((TWO_STICKS / name).read_bytes())
    start = evidence_of(TWO_STICKS)
    stick, away = device_at(start, "2-2.4.3"), without(start, "2-2.4.3")
    write_changes(folder, deltas((0, start), (0.2, away), (0.8, with_device(away, as_fresh(stick), "2-2.2"))))
    return str(folder)


@pytest.fixture
def live(tmp_path: Path) -> str:
    """The root of a machine with one Edge TPU."""
    write_machine(builder.machine(ONE).umockdev(), tmp_path / "live" / "sys")
    return str(tmp_path / "live")


def lines(output: bytes) -> list[dict[str, Any]]:
    """JSON lines, decoded."""
    return [json.loads(line) for line in output.splitlines()]


def test_a_recording_is_told_line_by_line(recording: str) -> None:
    """What happened, what it closed, what it opened, where things stand, and the end."""
    done = run("watch", "--from", recording, "--encoding", "ascii")
    text = done.stdout.decode("ascii")
    assert (0, b"") == (done.returncode, done.stderr)
    assert "Edge TPU unplugged: was 2-2.4.3 (port 3 of hub 2-2.4 (2109:0817))" in text
    assert "closed  ERROR ETD113 sub-hub-secondary-port" in text
    assert "Edge TPU plugged in: 2-2.2 (port 2 of hub 2-2 (2109:0817)), 5 Gb/s, dfu; the one that was 2-2.4.3" in text
    assert text.endswith("the recording ends here\n")


def test_with_json_each_event_is_an_object(recording: str) -> None:
    """The same events, marked with what they are."""
    events = lines(run("watch", "--from", recording, "--json").stdout)
    assert {"etpu-doctor/watch/1"} == {event["schema"] for event in events}
    kinds = [event["event"] for event in events]
    assert ["start", "unplugged"] == kinds[:2]
    assert "end" == kinds[-1]
    assert {"closed", "opened", "plugged"} <= set(kinds)
    assert ("capture", "replay") == (events[0]["source"], events[0]["trigger"])


def test_rules_can_be_chosen(recording: str) -> None:
    """As in check."""
    events = lines(run("watch", "--from", recording, "--json", "--only", "sub-hub-secondary-port").stdout)
    assert {"ETD113"} == {event["finding"]["code"] for event in events if "finding" in event}


def test_a_live_watch_ends_with_its_time(live: str) -> None:
    """And says how it learns of changes."""
    done = run("watch", "--root", live, "--seconds", "0.2")
    assert 0 == done.returncode
    assert b"no events to be had here" in done.stdout


def test_what_changes_is_told_at_once(live: str) -> None:
    """The line is there while the watch goes on, for whoever reads its output."""
    command = [sys.executable, "-m", "etpu_doctor", "watch", "--root", live, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE}) as process:
        assert process.stdout is not None
        assert "start" == json.loads(process.stdout.readline())["event"]
        (Path(live) / "sys/bus/usb/devices/2-1").unlink()
        assert "unplugged" == json.loads(process.stdout.readline())["event"]
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(LIMIT_SECONDS)


def test_an_idle_watch_costs_next_to_nothing(live: str) -> None:
    """Less than one part in a hundred of a processor, even where it has to poll."""
    command = [sys.executable, "-m", "etpu_doctor", "watch", "--root", live, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before, began = spent(process.pid), time.monotonic()
        time.sleep(3.0)
        share = (spent(process.pid) - before) / (time.monotonic() - began)
        process.terminate()
        process.wait(LIMIT_SECONDS)
    assert share < 0.01


def spent(pid: int) -> float:
    """Processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_was_watched_is_recorded_and_replays(live: str, tmp_path: Path) -> None:
    """The folder holds the machine as it was, and what changed since."""
    folder = tmp_path / "new"
    command = [sys.executable, "-m", "etpu_doctor", "watch", "--root", live, "--json", "--record", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": PACKAGE}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        limit = time.monotonic() + LIMIT_SECONDS
        while not (folder / "changes.jsonl").exists() and time.monotonic() < limit:
            time.sleep(0.01)
        (Path(live) / "sys/bus/usb/devices/2-1").unlink()
        for line in process.stdout:
            if json.loads(line)["event"] in ("closed", "opened"):
                break
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT_SECONDS)
    assert 3 == len(read_sources([str(folder)]).usb)
    gone = [name for change in read_changes(str(folder)) for name in change.usb_gone]
    assert ["2-1"] == gone
    replayed = [event["event"] for event in lines(run("watch", "--from", str(folder), "--json").stdout)]
    assert ["start", "unplugged"] == replayed[:2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--record", "x", "--from", "y"), "--record is for the live machine"),
        (("--root", "/no/such/root"), "no such directory"),
        (("--seconds", "-1"), "invalid seconds value"),
        (("--seconds", "nan"), "invalid seconds value"),
        (("--only", "no-such-rule"), "no such rule"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """With the usage status, and before anything is watched."""
    done = run("watch", *arguments)
    assert 2 == done.returncode
    assert said in done.stderr.decode()


def test_an_existing_folder_is_not_recorded_into(live: str, tmp_path: Path) -> None:
    """Somebody's recording would be mixed with another's."""
    done = run("watch", "--root", live, "--seconds", "1", "--record", str(tmp_path))
    assert 2 == done.returncode
    assert b"cannot be made: File exists" in done.stderr


def test_labels_of_the_user_are_used_live_only(live: str, tmp_path: Path) -> None:
    """Another root is another machine; a damaged file is told and does not stop the watch."""
    (tmp_path / "etpu-doctor").mkdir()
    (tmp_path / "etpu-doctor" / "labels.json").write_text("{", encoding="utf-8")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    assert b"" == run("watch", "--root", live, "--seconds", "0", environment=environment).stderr
    done = run("watch", "--seconds", "0", environment=environment)
    assert (0, True) == (done.returncode, b"not a file of labels" in done.stderr)
