"""Where evidence comes from while one watches: this machine, or a recorded sequence that replays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.runtime import Probe
from etpu_doctor.hotplug.sequence import Delta, applied
from etpu_doctor.hotplug.triggers import Trigger, TriggerKind, udev_monitors


class World(Protocol):
    """What the engine looks at."""

    can_probe: bool
    """Whether the library can be asked, which takes a child process and therefore a look of its own."""

    @property
    def kind(self) -> TriggerKind:
        """How it learns of changes."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen: a recording that came to its end."""

    def now(self) -> float:
        """Seconds; only differences mean something."""

    def wait(self, timeout_s: float | None) -> bool:
        """Whether something happened before the time was over."""

    def wake(self) -> None:
        """End a ``wait`` from another thread."""

    def attend(self, *, attentive: bool) -> None:
        """Somebody waits for something to happen; a recording that is held goes on only then."""

    def buses(self, before: Evidence | None) -> Evidence:
        """The buses read anew; everything else as it was."""

    def whole(self, before: Evidence | None, *, probe: bool = False) -> Evidence:
        """Everything read anew; the library is asked only with ``probe``."""

    def close(self) -> None:
        """Let go of what it holds."""


class LiveWorld:
    """This machine, or what lies below ``root``."""

    def __init__(self, root: str = "/", request: HostRequest | None = None) -> None:
        self._root = root
        self._request = request or HostRequest()
        self.can_probe = self._request.probe and root == "/"
        self._trigger = Trigger(root.rstrip("/") + "/sys", udev_monitors() if root == "/" else [])

    @property
    def kind(self) -> TriggerKind:
        return self._trigger.kind

    @property
    def is_over(self) -> bool:
        return False

    def now(self) -> float:
        return time.monotonic()

    def wait(self, timeout_s: float | None) -> bool:
        return self._trigger.wait(timeout_s)

    def wake(self) -> None:
        self._trigger.wake()

    def attend(self, *, attentive: bool) -> None:
        pass

    def buses(self, before: Evidence | None) -> Evidence:
        found = gather_live(self._root, request=HostRequest(around=False))
        if before is None:
            return found
        return msgspec.structs.replace(before, usb=found.usb, pci=found.pci, apex=found.apex)

    def whole(self, before: Evidence | None, *, probe: bool = False) -> Evidence:
        request = msgspec.structs.replace(self._request, probe=probe)
        found = gather_live(self._root, request=request)
        return found if probe else with_probe_of(before, found)

    def close(self) -> None:
        self._trigger.close()


def with_probe_of(before: Evidence | None, found: Evidence) -> Evidence:
    """What the library said last, as long as the same devices are there: it is not asked at every change."""
    probe: Probe | None = before.runtime.probe if before is not None and before.runtime is not None else None
    if before is None or probe is None or found.runtime is None or _devices(before) != _devices(found):
        return found
    return msgspec.structs.replace(found, runtime=msgspec.structs.replace(found.runtime, probe=probe))


def _devices(evidence: Evidence) -> tuple[object, ...]:
    usb = tuple((device.busnum, device.port_chain, device.vendor_id, device.product_id) for device in evidence.usb)
    return (usb, tuple(node.name for node in evidence.apex))


class ReplayWorld:
    """A recorded sequence. With ``held`` its time runs only while somebody attends.

    ``clock`` and ``sleep`` are given by tests; ``sleep`` returns early when woken.
    """

    can_probe = False
    kind: TriggerKind = "replay"

    def __init__(
        self,
        start: Evidence,
        changes: Sequence[Delta] = (),
        *,
        held: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float | None], None] | None = None,
    ) -> None:
        self._evidence = start
        self._changes = list(changes)
        self._clock = clock
        self._woken = threading.Event()
        self._sleep = sleep or self._rest
        self._attentive = not held
        self._elapsed = 0.0
        self._resumed = clock()

    @property
    def is_over(self) -> bool:
        return not self._changes

    def now(self) -> float:
        return self._clock()

    def attend(self, *, attentive: bool) -> None:
        if attentive and not self._attentive:
            self._resumed = self._clock()
        elif self._attentive and not attentive:
            self._elapsed += self._clock() - self._resumed
        self._attentive = attentive
        self.wake()

    def _position(self) -> float:
        return self._elapsed + (self._clock() - self._resumed if self._attentive else 0.0)

    def wait(self, timeout_s: float | None) -> bool:
        due = None
        if self._attentive and self._changes:
            due = max(self._changes[0].after_s - self._position(), 0.0)
        if due is not None and (timeout_s is None or due <= timeout_s):
            if due > 0:
                self._sleep(due)
            return self._advance()
        self._sleep(timeout_s)
        return False

    def _advance(self) -> bool:
        """Apply what is due."""
        before = len(self._changes)
        while self._changes and self._changes[0].after_s <= self._position() + 1e-6:
            self._evidence = applied(self._evidence, self._changes.pop(0))
        return len(self._changes) < before

    def _rest(self, seconds: float | None) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    def buses(self, before: Evidence | None) -> Evidence:
        if before is None:
            return self._evidence
        now = self._evidence
        return msgspec.structs.replace(before, usb=now.usb, pci=now.pci, apex=now.apex)

    def whole(self, before: Evidence | None, *, probe: bool = False) -> Evidence:
        del before, probe
        return self._evidence

    def close(self) -> None:
        self.wake()
