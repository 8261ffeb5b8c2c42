"""Evidence of the live host."""

from __future__ import annotations

from etpu_doctor.evidence.host import read_host
from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import DirectoryTree, SysfsTree
from etpu_doctor.facts.evidence import Evidence, Missing


def gather_live(root: str = "/", tree: SysfsTree | None = None) -> Evidence:
    """Read the buses and the host. ``root`` holds ``sys``, ``proc`` and ``etc``; nothing is opened but files there."""
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
    usb = read_usb(tree) if has_usb else []
    pci = read_pci(tree) if has_pci else []
    apex = read_apex(tree)
    host = read_host(tree, root)
    missing += [Missing(what=f"/sys{path}", why=why) for path, why in _worth_saying(tree.unreadable)]
    return Evidence(
        kind="live",
        usb=tuple(usb),
        pci=tuple(pci),
        apex=tuple(apex),
        host=host,
        covers=tuple(sorted(covers)),
        missing=tuple(missing),
    )


def _no_bus(what: str, path: str, command: str) -> Missing:
    why = f"{path} is missing or may not be listed: no such bus, its module is not loaded, or a container without it"
    return Missing(what=what, why=why, how=f"on the host: {command}")


def _worth_saying(unreadable: dict[str, str]) -> list[tuple[str, str]]:
    """Attributes refused to this user. ``autosuspend_delay_ms`` answers with EIO where autosuspend is off: no news."""
    return [item for item in unreadable.items() if not item[0].endswith("autosuspend_delay_ms")][:20]
