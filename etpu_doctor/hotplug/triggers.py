"""What tells that something happened on the buses: the kernel's and udev's events, or looking again and again.

An event is only a reason to look; what happened is read from sysfs. So bursts cost one look, and a lost event costs
nothing: the names in sysfs are compared every now and then even where events come in (inside a container the socket
opens but stays silent).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

TriggerKind = Literal["udev", "polling", "replay"]

POLL_SECONDS = 0.1
SLOW_POLL_SECONDS = 2.0
_SUBSYSTEMS = ("usb", "pci", "apex")
_FOLDERS = ("bus/usb/devices", "bus/pci/devices", "class/apex")
_BUFFER_BYTES = 4 << 20


class Monitor(Protocol):
    """A source of events that can be waited for."""

    def fileno(self) -> int:
        """What to wait on."""

    def drain(self) -> int:
        """Take all waiting events; returns how many there were."""


class _UdevMonitor:
    def __init__(self, monitor: Any) -> None:
        self._monitor = monitor

    def fileno(self) -> int:
        return int(self._monitor.fileno())

    def drain(self) -> int:
        count = 0
        try:
            while self._monitor.poll(timeout=0) is not None:
                count += 1
        except OSError:
            # The kernel dropped events because we were slow (ENOBUFS): that is news too.
            return count + 1
        return count


def udev_monitors() -> list[Monitor]:
    """Monitors of the kernel's events, which come at once, and of udev's, which come when permissions are set.

    Empty where libudev or the netlink socket is not to be had.
    """
    try:
        import pyudev  # noqa: PLC0415 - only for watching, and libudev may be missing

        context = pyudev.Context()
        return [
            _UdevMonitor(_started(pyudev.Monitor.from_netlink(context, source=each))) for each in ("kernel", "udev")
        ]
    except (ImportError, OSError):
        return []


def _started(monitor: Any) -> Any:
    for subsystem in _SUBSYSTEMS:
        monitor.filter_by(subsystem)
    with contextlib.suppress(OSError):
        # Needs a right that users lack; the usual size holds some hundred events.
        monitor.set_receive_buffer_size(_BUFFER_BYTES)
    monitor.start()
    return monitor


def signature(sysfs: str) -> tuple[object, ...]:
    """What is on the buses, as cheaply as can be: names, and the device numbers that change at every re-enumeration."""
    listed = [_names(f"{sysfs}/{folder}") for folder in _FOLDERS]
    devices = (name for name in listed[0] if ":" not in name)
    return (*listed, tuple(_device_number(f"{sysfs}/{_FOLDERS[0]}/{name}") for name in devices))


def _names(folder: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:
        return ()


def _device_number(folder: str) -> bytes:
    try:
        handle = os.open(f"{folder}/devnum", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(handle, 16)
    except OSError:
        return b""
    finally:
        os.close(handle)


class Trigger:
    """Waits for something to happen on the buses of a sysfs, or for ``wake``."""

    def __init__(
        self, sysfs: str, monitors: list[Monitor] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sysfs = sysfs
        self._clock = clock
        self._monitors = monitors or []
        self.kind: TriggerKind = "udev" if self._monitors else "polling"
        self._selector = selectors.DefaultSelector()
        for monitor in self._monitors:
            self._selector.register(monitor.fileno(), selectors.EVENT_READ, monitor)
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._signature = signature(sysfs)
        self._next_poll = clock() + self._interval
        self.events = 0
        """Events so far; where there are none, looks that found something new."""

    @property
    def _interval(self) -> float:
        return SLOW_POLL_SECONDS if self.kind == "udev" else POLL_SECONDS

    def wait(self, timeout_s: float | None) -> bool:
        """Whether something happened before the time was over; also false when woken."""
        end = None if timeout_s is None else self._clock() + max(timeout_s, 0.0)
        while True:
            now = self._clock()
            until = self._next_poll if end is None else min(end, self._next_poll)
            ready = self._selector.select(max(until - now, 0.0))
            if self._drained(ready):
                return True
            if any(key.data is None for key, _ in ready):
                return False
            now = self._clock()
            if now >= self._next_poll and self._polled(now):
                return True
            if end is not None and now >= end:
                return False

    def _drained(self, ready: list[tuple[selectors.SelectorKey, int]]) -> bool:
        count = 0
        for key, _ in ready:
            if key.data is None:
                os.read(self._wake_out, 4096)
            else:
                count += key.data.drain()
        self.events += count
        if count:
            # The names are read again only after the burst: what is compared is what was known when it was quiet.
            self._next_poll = self._clock() + self._interval
            self._signature = ()
        return count > 0

    def _polled(self, now: float) -> bool:
        self._next_poll = now + self._interval
        before, self._signature = self._signature, signature(self._sysfs)
        if before in ((), self._signature):
            return False
        if self.kind == "udev":
            # Something came that no event told of: this process gets none.
            self.kind = "polling"
        self.events += 1
        return True

    def wake(self) -> None:
        """End a ``wait``; may be called from another thread."""
        with contextlib.suppress(BlockingIOError):
            # A full pipe wakes it as well.
            os.write(self._wake_in, b".")

    def close(self) -> None:
        """Give back the file descriptors."""
        self._selector.close()
        os.close(self._wake_out)
        os.close(self._wake_in)
