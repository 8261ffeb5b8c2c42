"""Who uses an Edge TPU now: opening a USB one resets its port and kills its holder, even an idle one.

So every device is looked at twice. The sign that everybody can read (the interface's driver is ``usbfs``) is absent
during a holder's first 2.4 seconds (the real library under a real kernel), while it waits and loads firmware.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.holders import find_holders, is_owned
from etpu_doctor.facts.access import Holder
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu, Machine, Options

HIDDEN_SECONDS = 2.5
"""How long an open can go on before it shows, with a margin."""

UNSEEN = "a process that this user may not see"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look: the machine, who holds what (by the id of the Edge TPU), and each USB one's count of transfers.

    ``hidden``: whether some processes did not show their files to this user.
    """

    machine: Machine
    holders: dict[str, tuple[str, ...]]
    transfers: dict[str, int | None]
    hidden: bool
    at: float

    def find(self, tpu_id: str) -> EdgeTpu | None:
        """The Edge TPU of an id at the moment of this look."""
        return next((tpu for tpu in self.machine.edge_tpus if tpu.id == tpu_id), None)


def look(evidence: Evidence, files: Files) -> Look:
    """Look at a machine whose buses were just read. Opens nothing."""
    machine = build(evidence, Options())
    nodes = {tpu.device_node: tpu.id for tpu in machine.edge_tpus if tpu.device_node is not None}
    found, hidden = find_holders(files, nodes)
    return Look(
        machine=machine,
        holders={tpu.id: _holders(evidence, tpu, found) for tpu in machine.edge_tpus},
        transfers={tpu.id: _transfers(files, tpu) for tpu in machine.edge_tpus},
        hidden=bool(hidden),
        at=time.monotonic(),
    )


def _holders(evidence: Evidence, tpu: EdgeTpu, found: Iterable[Holder]) -> tuple[str, ...]:
    known = [_text(holder) for holder in found if holder.path == tpu.device_node]
    if known:
        return tuple(dict.fromkeys(known))
    owned = any(node.pci_address == tpu.pci_address and is_owned(node) for node in evidence.apex)
    return (UNSEEN,) if tpu.in_use or (tpu.transport == "pci" and owned) else ()


def _text(holder: Holder) -> str:
    return f"{holder.name} (PID {holder.pid})" if holder.name else f"PID {holder.pid}"


def _transfers(files: Files, tpu: EdgeTpu) -> int | None:
    """``urbnum``: how many transfers the kernel has made with a USB device since it appeared."""
    if tpu.transport != "usb" or tpu.device_path is None:
        return None
    value = (files.text(f"{tpu.device_path}/urbnum", 64) or "").strip()
    return int(value) if value.isascii() and value.isdecimal() else None


def must_wait(first: Look, targets: Iterable[EdgeTpu]) -> bool:
    """Whether a second look must come later than a holder's open takes to show.

    Root sees the open file; where processes hide their files only the interface's driver tells, and it tells late.
    """
    return first.hidden and any(tpu.transport == "usb" for tpu in targets)


def look_now(files: Files) -> Look:
    """Read the buses of this machine and look at it."""
    return look(gather_live(request=HostRequest(around=False)), files)


def look_again(first: Look, targets: Sequence[EdgeTpu], files: Files) -> Look:
    """The second look before anything is opened, late enough for an open that was under way at the first to show."""
    if must_wait(first, targets):
        time.sleep(max(0.0, first.at + HIDDEN_SECONDS - time.monotonic()))
    return look_now(files)


def in_use(first: Look, second: Look, tpu: EdgeTpu) -> tuple[str, ...]:
    """Who holds an Edge TPU by the second look; one that made transfers since the first is in somebody's hands."""
    holders = second.holders.get(tpu.id) or ()
    before, after = first.transfers.get(tpu.id), second.transfers.get(tpu.id)
    moved = before is not None and after is not None and before != after
    return holders or ((UNSEEN,) if moved else ())
