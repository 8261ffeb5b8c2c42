"""The host around the buses: kernel log, driver, access, runtime, board. Each reader lives in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.sysfs import SysfsTree
from etpu_doctor.facts.evidence import Evidence, Missing


class HostRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at besides the machine itself: other interpreters, and whether the library may be probed."""

    pythons: Sequence[str] = ()
    probe: bool = True
    around: bool = True


def read_around(
    evidence: Evidence, files: Files, tree: SysfsTree, request: HostRequest
) -> tuple[Evidence, list[Missing]]:
    """The evidence with everything that can be read of the host around the buses, and what could not be read."""
    if not request.around:
        return evidence, []
    return evidence, []
