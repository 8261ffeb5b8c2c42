"""Makes evidence in which a device was unplugged, plugged in elsewhere, or got its firmware, and sequences of that."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from etpu_doctor.evidence.live import port_chain_of
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.usb import UsbDevice, UsbInterface
from etpu_doctor.hotplug.sequence import Delta, delta, encoded
from etpu_doctor.topology.build import node_id
from etpu_doctor.topology.identity import DFU_ID, READY_ID

ROOT = Path(__file__).resolve().parent.parent.parent
TWO_STICKS = ROOT / "etpu_doctor" / "demos" / "two-sticks-on-a-7-port-hub"


def evidence_of(name: str | Path) -> Evidence:
    """The evidence of a fixture, or of a folder."""
    return read_sources([str(ROOT / "fixtures" / name if isinstance(name, str) else name)])


def device_at(evidence: Evidence, name: str) -> UsbDevice:
    """The device at a node."""
    return next(device for device in evidence.usb if node_id(device) == name)


def without(evidence: Evidence, name: str) -> Evidence:
    """A device is unplugged, with everything below it."""
    left = [device for device in evidence.usb if not f"{node_id(device)}.".startswith(f"{name}.")]
    return msgspec.structs.replace(evidence, usb=tuple(left))


def with_device(evidence: Evidence, device: UsbDevice, name: str, *, devnum: int = 40) -> Evidence:
    """A device is plugged in at a node."""
    place = port_chain_of(name)
    assert place is not None
    root = device_at(evidence, f"usb{place[0]}")
    path = f"{root.sysfs_devpath}/{name}"
    moved = msgspec.structs.replace(
        device,
        busnum=place[0],
        port_chain=place[1],
        devnum=devnum,
        controller=root.controller,
        sysfs_devpath=path,
        seen=(Seen("sysfs", path),),
    )
    return msgspec.structs.replace(evidence, usb=(*evidence.usb, moved))


def as_fresh(device: UsbDevice, *, speed_mbps: float = 5000) -> UsbDevice:
    """The same stick after its power was off: the boot loader."""
    interface = UsbInterface(
        number=0, class_code=0xFE, subclass_code=1, protocol_code=2, endpoint_count=0, driver=None, driver_known=True
    )
    return msgspec.structs.replace(
        device,
        vendor_id=DFU_ID[0],
        product_id=DFU_ID[1],
        speed_mbps=speed_mbps,
        max_power_ma=896 if speed_mbps >= 5000 else 498,
        self_powered=False,
        interfaces=(interface,),
    )


def as_ready(device: UsbDevice, *, speed_mbps: float = 5000) -> UsbDevice:
    """The same stick with its firmware."""
    interface = UsbInterface(
        number=0,
        class_code=0xFF,
        subclass_code=0xFF,
        protocol_code=0xFF,
        endpoint_count=6,
        driver=None,
        driver_known=True,
    )
    return msgspec.structs.replace(
        device,
        vendor_id=READY_ID[0],
        product_id=READY_ID[1],
        speed_mbps=speed_mbps,
        max_power_ma=96 if speed_mbps >= 5000 else 98,
        self_powered=True,
        interfaces=(interface,),
    )


def deltas(*moments: tuple[float, Evidence]) -> tuple[Delta, ...]:
    """The changes between evidences at their seconds; the first is the start."""
    found = []
    for (_, before), (seconds, after) in itertools.pairwise(moments):
        change = delta(before, after, seconds)
        if change is not None:
            found.append(change)
    return tuple(found)


def moved_to_a_good_port(evidence: Evidence, *, old: str = "2-2.4.3", new: str = "2-2.2") -> tuple[Delta, ...]:
    """A stick leaves one port, comes to another as a boot loader, and gets its firmware."""
    stick = device_at(evidence, old)
    away = without(evidence, old)
    fresh = with_device(away, as_fresh(stick), new, devnum=41)
    ready = with_device(away, as_ready(stick), new, devnum=42)
    return deltas((0.0, evidence), (2.0, away), (5.0, fresh), (9.0, ready))


def write_changes(folder: Path, changes: Sequence[Delta]) -> None:
    """``changes.jsonl`` beside a capture."""
    (folder / "changes.jsonl").write_bytes(b"".join(encoded(change) for change in changes))
