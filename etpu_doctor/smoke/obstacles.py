"""What need not be opened to know that it fails, and what must not be opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import NodeAccess
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.smoke.occupancy import Look, in_use, look, look_again
from etpu_doctor.topology.machine import EdgeTpu, Machine


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """Why an Edge TPU is not opened: ``failed`` where that would fail, ``skipped`` where it is better left alone."""

    verdict: Literal["failed", "skipped"]
    cause: str | None = None
    reason: str
    holders: tuple[str, ...] = ()


class Clearance:
    """Looks twice at who uses the Edge TPUs, and says of each whether it can be opened. ``evidence`` was just read."""

    def __init__(self, evidence: Evidence, files: Files) -> None:
        self._access = evidence.access
        self._files = files
        self._first = look(evidence, files)
        self._second: Look | None = None

    def look_again(self, tpus: Sequence[EdgeTpu]) -> None:
        """The second look; without it there is none."""
        self._second = look_again(self._first, tpus, self._files)

    def now(self, tpu: EdgeTpu) -> tuple[EdgeTpu, Machine]:
        """An Edge TPU and its machine as the last look shows them; as they were if it is gone."""
        found = self._last.find(tpu.id)
        return (found, self._last.machine) if found is not None else (tpu, self._first.machine)

    @property
    def _last(self) -> Look:
        return self._second or self._first

    def obstacle(self, tpu: EdgeTpu, *, force: bool = False) -> Obstacle | None:
        """Why an Edge TPU is not to be opened, ``None`` if it may be. With ``force`` it may be held by somebody."""
        tpu, is_there = self.now(tpu)[0], self._last.find(tpu.id) is not None
        if not is_there:
            reason = "it left the bus before it could be opened"
            return Obstacle(verdict="failed", cause="no-device-visible", reason=reason)
        if tpu.state == "possible":
            return Obstacle(verdict="skipped", reason="whether it is an Edge TPU is not known")
        if tpu.device_path is None and tpu.transport == "pci":
            return Obstacle(verdict="skipped", cause="apex-module-not-loaded", reason="no apex driver serves it")
        if tpu.device_path is None:
            return Obstacle(verdict="skipped", reason="its place on the bus is not known")
        holders = in_use(self._first, self._last, tpu)
        if holders and not force:
            risk = "opening it would end that" if tpu.transport == "usb" else "only one can have it"
            reason = f"{', '.join(holders)} holds it, and {risk}"
            return Obstacle(verdict="skipped", cause="device-busy", reason=reason, holders=holders)
        return self._refused_node(tpu)

    def _refused_node(self, tpu: EdgeTpu) -> Obstacle | None:
        """The library would try a node that it may not open for 25 seconds, and then say nothing."""
        node = self.node(tpu)
        if self._access is None or node is None or node.readable_writable is not False or node.exists is False:
            return None
        container = self._access.container
        where = f" in this {container} container" if container is not None else ""
        cause = "container-no-access" if container is not None else "permissions-udev"
        reason = f"this user may not open its device node {node.path}{where}"
        return Obstacle(verdict="failed", cause=cause, reason=reason)

    def node(self, tpu: EdgeTpu) -> NodeAccess | None:
        """What is known of an Edge TPU's device node."""
        nodes = self._access.nodes if self._access is not None else ()
        return next((node for node in nodes if node.path == tpu.device_node), None)
