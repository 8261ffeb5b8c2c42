"""What tells that something happened: events, and where there are none, looking."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from etpu_doctor.hotplug import triggers
from etpu_doctor.hotplug.triggers import Trigger, signature, udev_monitors


class Pipe:
    """A source of events in the hands of a test."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()

    def fileno(self) -> int:
        return self.out

    def drain(self) -> int:
        return len(os.read(self.out, 4096))

    def send(self, count: int = 1) -> None:
        """So many events."""
        os.write(self.into, b"." * count)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A sysfs with one device."""
    (tmp_path / "bus/usb/devices").mkdir(parents=True)
    plug(tmp_path, "2-1", 4)
    return tmp_path


def plug(sysfs: Path, name: str, number: int) -> None:
    """A device appears, or comes back with another number."""
    folder = sysfs / "bus/usb/devices" / name
    folder.mkdir(exist_ok=True)
    (folder / "devnum").write_text(f"{number}\n", encoding="ascii")


def test_an_event_ends_the_wait(sysfs: Path) -> None:
    """At once, and all events that came together are taken."""
    pipe = Pipe()
    trigger = Trigger(str(sysfs), [pipe])
    pipe.send(5)
    assert trigger.wait(10.0)
    assert ("udev", 5) == (trigger.kind, trigger.events)
    assert not trigger.wait(0.0)
    trigger.close()


def test_without_events_a_new_device_is_found_by_its_name(sysfs: Path) -> None:
    """Polling, where no event is to be had."""
    trigger = Trigger(str(sysfs))
    assert "polling" == trigger.kind
    assert not trigger.wait(0.0)
    plug(sysfs, "2-2", 5)
    assert trigger.wait(5.0)
    trigger.close()


def test_a_device_that_came_back_is_found_by_its_number(sysfs: Path) -> None:
    """Its name is the same; the kernel gave it another number."""
    trigger = Trigger(str(sysfs))
    plug(sysfs, "2-1", 5)
    assert trigger.wait(5.0)
    trigger.close()


def test_a_source_that_stays_silent_is_found_out(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the socket opens and nothing comes of it: what is seen all the same turns polling on."""
    monkeypatch.setattr(triggers, "SLOW_POLL_SECONDS", 0.05)
    trigger = Trigger(str(sysfs), [Pipe()])
    plug(sysfs, "2-3", 7)
    assert trigger.wait(5.0)
    assert "polling" == trigger.kind
    trigger.close()


def test_a_change_that_an_event_told_of_is_not_found_again(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are only compared with those of a quiet moment."""
    monkeypatch.setattr(triggers, "SLOW_POLL_SECONDS", 0.05)
    pipe = Pipe()
    trigger = Trigger(str(sysfs), [pipe])
    plug(sysfs, "2-3", 7)
    pipe.send()
    assert trigger.wait(5.0)
    assert not trigger.wait(0.3)
    assert "udev" == trigger.kind
    trigger.close()


def test_a_wait_is_ended_from_another_thread(sysfs: Path) -> None:
    """Waking is no event."""
    trigger = Trigger(str(sysfs), [Pipe()])
    threading.Timer(0.1, trigger.wake).start()
    began = time.monotonic()
    assert not trigger.wait(60.0)
    assert time.monotonic() - began < 30
    trigger.close()


def test_waking_often_never_blocks(sysfs: Path) -> None:
    """More often than the pipe holds bytes."""
    trigger = Trigger(str(sysfs))
    for _ in range(70_000):
        trigger.wake()
    assert not trigger.wait(0.0)
    trigger.close()


def test_a_host_without_buses_has_an_empty_signature(tmp_path: Path) -> None:
    """Nothing to list is nothing to compare, and no error."""
    assert ((), (), (), ()) == signature(str(tmp_path))


def test_a_number_that_cannot_be_read_is_empty(sysfs: Path) -> None:
    """A device may vanish between the listing and the reading."""
    (sysfs / "bus/usb/devices/2-9").mkdir()
    (sysfs / "bus/usb/devices/2-8/devnum").mkdir(parents=True)
    assert (b"4\n", b"", b"") == signature(str(sysfs))[-1]


def test_without_libudev_there_are_no_monitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyudev raises ImportError where the C library is missing."""
    monkeypatch.setitem(sys.modules, "pyudev", None)
    assert [] == udev_monitors()


def test_a_closed_socket_leaves_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox may forbid netlink."""
    import pyudev

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(pyudev.Monitor, "from_netlink", refuse)
    assert [] == udev_monitors()


def test_events_that_the_kernel_dropped_count_as_one() -> None:
    """ENOBUFS says that we were too slow: there is something to look at."""

    class Overrun:
        def fileno(self) -> int:
            return 0

        def poll(self, timeout: float) -> object:
            del timeout
            raise OSError(105, "No buffer space available")

    assert 1 == triggers._UdevMonitor(Overrun()).drain()
