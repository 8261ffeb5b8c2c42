"""Where evidence comes from: the live machine, and a recording."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Probe, Runtime
from etpu_doctor.hotplug.world import LiveWorld, ReplayWorld, with_probe_of
from tests.support import facts
from tests.support.clocks import Clock
from tests.support.sequences import TWO_STICKS, evidence_of, moved_to_a_good_port

START = evidence_of(TWO_STICKS)


def probed(evidence: Evidence, probe: Probe | None) -> Evidence:
    """The evidence with what the library said."""
    return msgspec.structs.replace(evidence, runtime=Runtime(probe=probe))


def test_a_live_world_reads_another_root(tmp_path: Path) -> None:
    """A machine whose files lie elsewhere has no library to ask, and no events."""
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    world = LiveWorld(str(tmp_path))
    assert (False, "polling", False) == (world.can_probe, world.kind, world.is_over)
    assert "usb" in world.buses(None).covers
    assert "usb" in world.whole(None).covers
    world.close()


def test_the_buses_alone_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    """What was read of the host stays until it is read again."""
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    world = LiveWorld(str(tmp_path))
    before = msgspec.structs.replace(START, runtime=Runtime())
    after = world.buses(before)
    assert ((), Runtime()) == (after.usb, after.runtime)
    world.close()


def test_what_the_library_said_is_kept_while_the_same_devices_are_there() -> None:
    """It is not asked at every look."""
    probe = Probe(version_text="16.0")
    found = with_probe_of(probed(START, probe), probed(START, None))
    assert found.runtime is not None
    assert probe == found.runtime.probe


def test_what_the_library_said_is_forgotten_with_the_devices() -> None:
    """Its list would be compared with another tree."""
    other = facts.evidence(facts.root(2))
    found = with_probe_of(probed(START, Probe(version_text="16.0")), probed(other, None))
    assert found.runtime is not None
    assert found.runtime.probe is None


def test_a_recording_goes_on_with_its_clock() -> None:
    """Each change comes when its time has come, and not before."""
    clock = Clock()
    world = ReplayWorld(START, moved_to_a_good_port(START), clock=clock.now, sleep=clock.sleep)
    assert not world.wait(1.9)
    assert START.usb == world.buses(None).usb
    assert world.wait(1.0)
    assert len(START.usb) - 1 == len(world.buses(None).usb)
    assert not world.is_over


def test_a_held_recording_counts_only_the_time_that_somebody_attends() -> None:
    """Reading the findings for an hour is no part of it."""
    clock = Clock()
    world = ReplayWorld(START, moved_to_a_good_port(START), held=True, clock=clock.now, sleep=clock.sleep)
    assert not world.wait(3600.0)
    world.attend(attentive=True)
    assert not world.wait(1.5)
    world.attend(attentive=False)
    assert not world.wait(3600.0)
    world.attend(attentive=True)
    assert world.wait(0.6)


def test_a_recording_that_ended_only_waits() -> None:
    """There is nothing to come."""
    clock = Clock()
    world = ReplayWorld(START, clock=clock.now, sleep=clock.sleep)
    assert world.is_over
    assert not world.wait(10.0)
    assert 1010.0 == clock.now()


def test_a_recording_can_be_woken() -> None:
    """As a live world can: the user asked for something."""
    world = ReplayWorld(START, moved_to_a_good_port(START))
    threading.Timer(0.1, world.wake).start()
    began = time.monotonic()
    assert not world.wait(1.5)
    assert time.monotonic() - began < 1.4
    world.close()


@pytest.mark.parametrize("probe", [True, False])
def test_a_recording_never_asks_a_library(*, probe: bool) -> None:
    """It is another machine's."""
    assert START == ReplayWorld(START).whole(None, probe=probe)
