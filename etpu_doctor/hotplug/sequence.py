"""Recorded sequences: a capture, and what changed after it, each with its time. They replay for tests and demos.

``changes.jsonl`` lies beside the files of a capture: one JSON object a line, with the seconds since the capture
(``after_s``), the devices that left (``usb_gone``, ``pci_gone``), the devices that came or differ (whole, as in
``facts``), other parts of the evidence that changed, and a ``note`` for whoever reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import msgspec

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.facts.access import Access
from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.kernel_log import KernelLog
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.hotplug.wire import json_line
from etpu_doctor.topology.build import node_id

CHANGES_FILE = "changes.jsonl"

_LIMIT_BYTES = 64 << 20
_PARTS = ("apex", "kernel_log", "driver", "access", "runtime")


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is different ``after_s`` seconds after the capture. Parts that are not named stayed as they were.

    ``kernel_log_more``: lines that the log got meanwhile; a log only grows, unless somebody cleared it.
    """

    after_s: float
    note: str | None = None
    usb_gone: tuple[str, ...] = ()
    usb: tuple[UsbDevice, ...] = ()
    pci_gone: tuple[str, ...] = ()
    pci: tuple[PciFunction, ...] = ()
    apex: tuple[ApexNode, ...] | None = None
    kernel_log: KernelLog | None = None
    kernel_log_more: KernelLog | None = None
    driver: Driver | None = None
    access: Access | None = None
    runtime: Runtime | None = None


def delta(before: Evidence, after: Evidence, after_s: float) -> Delta | None:
    """What turns one evidence into the other; ``None`` if nothing does. A part that vanished counts as unchanged."""
    old_usb = {node_id(device): device for device in before.usb}
    new_usb = {node_id(device): device for device in after.usb}
    old_pci = {function.address: function for function in before.pci}
    new_pci = {function.address: function for function in after.pci}
    parts = {
        name: getattr(after, name)
        for name in _PARTS
        if getattr(after, name) is not None and getattr(after, name) != getattr(before, name)
    }
    more = _more(before.kernel_log, after.kernel_log)
    if more is not None and parts.pop("kernel_log", None) is not None:
        parts["kernel_log_more"] = more
    found = Delta(
        after_s=round(after_s, 3),
        usb_gone=tuple(name for name in old_usb if name not in new_usb),
        usb=tuple(device for name, device in new_usb.items() if old_usb.get(name) != device),
        pci_gone=tuple(name for name in old_pci if name not in new_pci),
        pci=tuple(function for name, function in new_pci.items() if old_pci.get(name) != function),
        **parts,
    )
    return None if found == Delta(after_s=found.after_s) else found


def _more(before: KernelLog | None, after: KernelLog | None) -> KernelLog | None:
    """What a log got meanwhile; ``None`` where one is missing, or does not go on with the other."""
    if before is None or after is None or before.origin != after.origin:
        return None
    known = len(before.messages)
    if after.messages[:known] != before.messages:
        return None
    return KernelLog(origin=after.origin, line_count=after.line_count, messages=after.messages[known:])


def applied(evidence: Evidence, change: Delta) -> Evidence:
    """The evidence after the change."""
    usb = {node_id(device): device for device in evidence.usb}
    usb.update((node_id(device), device) for device in change.usb)
    pci = {function.address: function for function in evidence.pci}
    pci.update((function.address, function) for function in change.pci)
    parts = {name: getattr(change, name) for name in _PARTS if getattr(change, name) is not None}
    more = change.kernel_log_more
    if more is not None:
        before = evidence.kernel_log.messages if evidence.kernel_log is not None else ()
        parts["kernel_log"] = msgspec.structs.replace(more, messages=(*before, *more.messages))
    return msgspec.structs.replace(
        evidence,
        usb=tuple(device for name, device in usb.items() if name not in change.usb_gone),
        pci=tuple(function for name, function in pci.items() if name not in change.pci_gone),
        **parts,
    )


def encoded(change: Delta) -> bytes:
    """One line of ``changes.jsonl``, without what is not known."""
    return json_line(_without_none(msgspec.to_builtins(change)))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value


def decoded(lines: Iterable[bytes], name: str = CHANGES_FILE) -> tuple[Delta, ...]:
    """The changes, in the order of their times. Raises ``EvidenceError`` that names the line."""
    decoder = msgspec.json.Decoder(Delta)
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(decoder.decode(line))
            except (msgspec.DecodeError, RecursionError) as error:
                raise EvidenceError(name, f"not a recorded change: {error}", line=number) from None
    return tuple(sorted(found, key=lambda change: change.after_s))


def read_changes(folder: str) -> tuple[Delta, ...]:
    """The changes recorded beside a capture, none where there is no such file. Raises ``EvidenceError``."""
    path = os.path.join(folder, CHANGES_FILE)
    if not os.path.isfile(path):
        return ()
    try:
        with open(path, "rb") as handle:
            content = handle.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise EvidenceError(CHANGES_FILE, error.strerror or str(error)) from None
    if len(content) > _LIMIT_BYTES:
        raise EvidenceError(CHANGES_FILE, f"larger than {_LIMIT_BYTES >> 20} MiB")
    return decoded(content.split(b"\n"))
