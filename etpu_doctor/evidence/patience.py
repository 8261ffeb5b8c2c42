"""A limit on reads that the kernel may hold up.

Some attributes of a USB device wait for the device's lock (Linux ``drivers/usb/core/sysfs.c``), and while a device that
does not answer is being enumerated, the lock of the hub above is held: seen to last 80 s for a root hub.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType

LOCK_TAKING = frozenset(
    {
        "bConfigurationValue",
        "bMaxPower",
        "bNumInterfaces",
        "bmAttributes",
        "bos_descriptors",
        "configuration",
        "descriptors",
        "manufacturer",
        "product",
        "serial",
    }
)
"""Attributes that wait for the device's lock, ``descriptors`` on kernels before 6.3 only."""

LIMIT_SECONDS = 0.3


def within(limit_seconds: float, read: Callable[[], bytes]) -> bytes:
    """What ``read`` returns, if it returns in time. Raises ``TimeoutError`` otherwise.

    The wait can only be broken off by a signal, and signals reach the main thread only: elsewhere there is no limit.
    """
    import signal  # noqa: PLC0415 - a millisecond, and a pasted thread reads no attribute

    try:
        before = signal.signal(signal.SIGALRM, _ring)
    except ValueError:
        return read()
    timer = signal.setitimer(signal.ITIMER_REAL, limit_seconds)
    try:
        return read()
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("no answer: the kernel is busy with this device, or with one on its ports")
