"""Evidence of the live host."""

from __future__ import annotations

import msgspec

from etpu_doctor.evidence.around import HostRequest, read_around
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.host import read_host
from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import DirectoryTree, SysfsTree
from etpu_doctor.facts.evidence import Evidence, Missing


def gather_live(root: str = "/", tree: SysfsTree | None = None, request: HostRequest | None = None) -> Evidence:
    """Read the buses and the host. ``root`` holds ``sys``, ``proc``, ``etc``, ``dev``; no device is opened."""
    tree = tree or DirectoryTree(root.rstrip("/") + "/sys", contained=root != "/")
    has_usb, has_pci = tree.has("bus/usb"), tree.has("bus/pci")
    covers = ["host"]
    missing = []
    if has_usb:
        covers += ["usb", "usb-ids", "usb-ports", "usb-power", "usb-tree"]
    else:
        missing.append(_no_bus("USB devices", "/sys/bus/usb", "lsusb"))
    if has_pci:
        covers += ["apex", "pci", "pci-links", "pci-tree"]
    else:
        missing.append(_no_bus("PCI devices", "/sys/bus/pci", "lspci -nn"))
    evidence = Evidence(
        kind="live",
        usb=tuple(read_usb(tree)) if has_usb else (),
        pci=tuple(read_pci(tree)) if has_pci else (),
        apex=tuple(read_apex(tree)),
        host=read_host(tree, root),
        covers=tuple(sorted(covers)),
    )
    missing += [Missing(what=f"/sys{path}", why=why) for path, why in _worth_saying(tree.unreadable)]
    around, more = read_around(evidence, Files(root), tree, request or HostRequest())
    return msgspec.structs.replace(around, missing=(*missing, *more))


def _no_bus(what: str, path: str, command: str) -> Missing:
    why = f"{path} is missing or may not be listed: no such bus, its module is not loaded, or a container without it"
    return Missing(what=what, why=why, how=f"on the host: {command}")


def _worth_saying(unreadable: dict[str, str]) -> list[tuple[str, str]]:
    """Attributes refused to this user. ``autosuspend_delay_ms`` answers with EIO where autosuspend is off: no news."""
    return [item for item in unreadable.items() if not item[0].endswith("autosuspend_delay_ms")][:20]
