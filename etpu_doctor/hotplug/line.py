"""What comes out of the child process that looks: one line."""

from __future__ import annotations

import msgspec

from etpu_doctor.hotplug.engine import Update


class Line(msgspec.Struct, frozen=True):
    """An update, and with a settled one the evidence, which is decoded only where somebody wants it."""

    update: Update
    evidence: msgspec.Raw
