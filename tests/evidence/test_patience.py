"""Reads that the kernel holds up."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from etpu_doctor.evidence import sysfs
from etpu_doctor.evidence.live import read_usb
from etpu_doctor.evidence.patience import LOCK_TAKING, within
from etpu_doctor.evidence.sysfs import DirectoryTree
from tests.support.sysfs_folder import write_folder


def test_a_read_in_time_is_passed_through() -> None:
    """What returns in time is returned, and neither timer nor handler stays behind."""
    before = signal.getsignal(signal.SIGALRM)
    assert b"5000\n" == within(5, lambda: b"5000\n")
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert before == signal.getsignal(signal.SIGALRM)


def test_a_read_that_hangs_is_broken_off() -> None:
    """A read that never returns ends in TimeoutError, and neither timer nor handler stays behind."""
    before = signal.getsignal(signal.SIGALRM)
    reader, writer = os.pipe()
    try:
        with pytest.raises(TimeoutError, match="busy"):
            within(0.01, lambda: os.read(reader, 1))
    finally:
        os.close(reader)
        os.close(writer)
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert before == signal.getsignal(signal.SIGALRM)


def test_another_thread_reads_without_a_limit() -> None:
    """Only the main thread can be interrupted; elsewhere the read is done all the same."""
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(within(0.01, lambda: b"usb")))
    thread.start()
    thread.join()
    assert [b"usb"] == found


def test_a_busy_device_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device whose lock is held keeps what needs no lock, is waited for once, and the reason is noted."""
    waits: list[str] = []

    def held(_limit: float, _read: object) -> bytes:
        waits.append("waited")
        raise TimeoutError("busy")

    monkeypatch.setattr(sysfs, "within", held)
    tree = DirectoryTree(str(write_folder(tmp_path / "sys")))
    devices = read_usb(tree)
    assert len(devices) == len(waits)
    assert all(device.speed_mbps is not None and device.devnum is not None for device in devices)
    assert all(device.configured is None and device.max_power_ma is None for device in devices)
    assert {"busy"} == {why for path, why in tree.unreadable.items() if path.rpartition("/")[2] in LOCK_TAKING}


def test_a_copy_is_read_without_a_timer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a copy wait for nobody: no timer is set for them."""
    monkeypatch.setattr(sysfs, "within", None)
    assert read_usb(DirectoryTree(str(write_folder(tmp_path / "sys")), contained=True))
