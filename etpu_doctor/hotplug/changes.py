"""What changed on the buses between two looks, as data, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from etpu_doctor.hotplug.sockets import port_name
from etpu_doctor.report.tree import state_text
from etpu_doctor.rules.wording import port_text, speed_text
from etpu_doctor.topology.identity import DFU_ID, READY_ID, id_text, usb_in_use, usb_state
from etpu_doctor.topology.machine import Machine, PciNode, UsbNode

ChangeKind = Literal["plugged", "unplugged", "identity", "replaced", "link", "renumbered", "use", "driver"]

_EDGE_TPU_IDS = frozenset({DFU_ID, READY_ID})


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one device.

    * ``kind``: ``identity``: an Edge TPU between boot loader and firmware; ``replaced``: another device in the same
      port; ``link``: the same device at another speed; ``renumbered``: it left and came back; ``use``: a program took
      or released it; ``driver``: a PCIe driver was bound or unbound.
    * ``id``: the node (``2-1.4``, ``0000:03:00.0``); ``place``: its port in words; ``port``: that port's name.
    * ``was``: where a device that came was before, as far as can be told; ``surely`` is false where another Edge TPU
      could be meant as well (they carry no serial number).
    * ``before`` and ``after``: what differs, as text.
    """

    kind: ChangeKind
    id: str
    what: str
    edge_tpu: bool = False
    place: str | None = None
    port: str | None = None
    was: str | None = None
    surely: bool = True
    speed_mbps: float | None = None
    state: str | None = None
    before: str | None = None
    after: str | None = None


def changes_between(before: Machine, after: Machine) -> list[Change]:
    """Everything that changed: what left, then what came, then what is different, each in tree order."""
    return [
        *(_usb("unplugged", before, node) for name, node in before.usb.items() if name not in after.usb),
        *(_pci("unplugged", node) for name, node in before.pci.items() if name not in after.pci),
        *(_usb("plugged", after, node) for name, node in after.usb.items() if name not in before.usb),
        *(_pci("plugged", node) for name, node in after.pci.items() if name not in before.pci),
        *(
            change
            for name, node in after.usb.items()
            if name in before.usb
            for change in _usb_differences(after, before.usb[name], node)
        ),
        *(
            change
            for name, node in after.pci.items()
            if name in before.pci
            for change in _pci_differences(before.pci[name], node)
        ),
    ]


def _usb(
    kind: ChangeKind, machine: Machine, node: UsbNode, before: str | None = None, after: str | None = None
) -> Change:
    device = node.device
    state = usb_state(device)
    hub = machine.usb.get(node.parent) if node.parent else None
    tpu = next((tpu for tpu in machine.edge_tpus if tpu.id == node.id), None)
    return Change(
        kind=kind,
        id=node.id,
        what=_name(node),
        edge_tpu=state is not None,
        place=port_text(hub, node.port) if hub is not None else None,
        port=port_name(node.device) if not node.is_root else None,
        speed_mbps=device.speed_mbps,
        state=state_text(tpu) if tpu is not None else None,
        before=before,
        after=after,
    )


def _name(node: UsbNode) -> str:
    device = node.device
    state = usb_state(device)
    if state is not None:
        return "possible Edge TPU" if state == "possible" else "Edge TPU"
    if node.is_root:
        return "USB bus"
    names = [name for name in (device.vendor_name, device.product_name) if name]
    return " ".join(names) or ("hub" if node.is_hub else id_text(device.vendor_id, device.product_id) or "device")


def _usb_differences(machine: Machine, old: UsbNode, new: UsbNode) -> Iterator[Change]:
    ids = [(node.device.vendor_id, node.device.product_id) for node in (old, new)]
    if ids[0] != ids[1] and None not in (*ids[0], *ids[1]):
        kind: ChangeKind = "identity" if _EDGE_TPU_IDS.issuperset(ids) else "replaced"
        yield _usb(kind, machine, new, id_text(*ids[0]), id_text(*ids[1]))
        return
    speeds = (old.device.speed_mbps, new.device.speed_mbps)
    if speeds[0] != speeds[1] and None not in speeds:
        yield _usb("link", machine, new, speed_text(speeds[0]), speed_text(speeds[1]))
    elif _came_back(old, new):
        yield _usb("renumbered", machine, new, str(old.device.devnum), str(new.device.devnum))
    yield from _use(machine, old, new)


def _came_back(old: UsbNode, new: UsbNode) -> bool:
    numbers = (old.device.devnum, new.device.devnum)
    return not new.is_root and numbers[0] != numbers[1] and None not in numbers


def _use(machine: Machine, old: UsbNode, new: UsbNode) -> Iterator[Change]:
    if usb_state(new.device) is None:
        return
    was, used = usb_in_use(old.device), usb_in_use(new.device)
    if was is not None and used is not None and was != used:
        yield _usb("use", machine, new, "in use" if was else "free", "in use" if used else "free")


def _pci(kind: ChangeKind, node: PciNode, before: str | None = None, after: str | None = None) -> Change:
    function = node.function
    is_edge_tpu = (function.vendor_id, function.device_id) == (0x1AC1, 0x089A)
    what = function.device_name or id_text(function.vendor_id, function.device_id) or "PCI function"
    return Change(
        kind=kind,
        id=node.id,
        what="PCIe Edge TPU" if is_edge_tpu else f"PCI device {what}",
        edge_tpu=is_edge_tpu,
        before=before,
        after=after,
    )


def _pci_differences(old: PciNode, new: PciNode) -> Iterator[Change]:
    known = old.function.driver_known and new.function.driver_known
    drivers = (old.function.driver, new.function.driver)
    if known and drivers[0] != drivers[1]:
        yield _pci("driver", new, drivers[0] or "none", drivers[1] or "none")


_IDENTITIES = {
    (id_text(*DFU_ID), id_text(*READY_ID)): "has its firmware now",
    (id_text(*READY_ID), id_text(*DFU_ID)): "lost its firmware: its power was off",
}


def change_text(change: Change) -> str:
    """One sentence, for every face."""
    at = f" ({change.place})" if change.place else ""
    if change.kind == "unplugged":
        return f"{change.what} unplugged: was {change.id}{at}"
    if change.kind == "plugged":
        about = [change.id + at]
        about += [speed_text(change.speed_mbps)] if change.speed_mbps is not None else []
        about += [change.state] if change.state else []
        return f"{change.what} plugged in: {', '.join(about)}{_before(change)}"
    difference = f"{change.before} -> {change.after}"
    return f"{change.what} {change.id} {_verb(change)}: {difference}{_remark(change)}{at if change.edge_tpu else ''}"


def _before(change: Change) -> str:
    if change.was is None:
        return ""
    if change.was == change.id:
        return "; back in the port it was in"
    return f"; {'the one' if change.surely else 'taken for the one'} that was {change.was}"


def _verb(change: Change) -> str:
    return {
        "identity": "changed its identity",
        "replaced": "took the place of another device",
        "link": "came back at another speed",
        "renumbered": "left and came back, device number",
        "use": "changed hands",
        "driver": "changed its driver",
    }[change.kind]


def _remark(change: Change) -> str:
    said = _IDENTITIES.get((change.before, change.after)) if change.kind == "identity" else None
    return f", {said}" if said else ""
