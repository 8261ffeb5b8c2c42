"""Access facts by hand, for the rules about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from etpu_doctor.facts.access import Access, Holder, NodeAccess, UdevRule
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage
from etpu_doctor.rules.finding import Finding
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine
from tests.support.facts import LIVE, evidence

BOOT, READY = "1a6e:089a", "18d1:9302"
USB_NODE = "/dev/bus/usb/002/002"
APEX_NODE = "/dev/apex_0"


def node(path: str = USB_NODE, tpu: str | None = "2-1", **fields: Any) -> NodeAccess:
    """A node that root alone may open, as the kernel makes it."""
    known: dict[str, Any] = {
        "exists": True,
        "is_character_device": True,
        "owner": "root",
        "group": "root",
        "mode": 0o664,
        "readable_writable": False,
        "acl_user": False,
    }
    return NodeAccess(path=path, edge_tpu=tpu, **{**known, **fields})


def absent(path: str = USB_NODE, tpu: str | None = "2-1") -> NodeAccess:
    """A node that is not there."""
    return NodeAccess(path=path, edge_tpu=tpu, exists=False)


def apex_node(**fields: Any) -> NodeAccess:
    """The node of the card 0000:02:00.0."""
    return node(APEX_NODE, "0000:02:00.0", **{"group": "apex", "mode": 0o660, **fields})


def rule(identity: Any, group: str | None = "plugdev", **fields: Any) -> UdevRule:
    """A line of Coral's rules."""
    exists = True if group is not None else None
    place = {"file": "/usr/lib/udev/rules.d/60-libedgetpu1-std.rules", "line": 1}
    return UdevRule(identity=identity, group=group, **{"group_exists": exists, **place, **fields})


def holder(pid: int = 812, name: str | None = "frigate", path: str = USB_NODE, **fields: Any) -> Holder:
    """A process that holds a node."""
    return Holder(path=path, pid=pid, name=name, **fields)


def access(*nodes: NodeAccess, **fields: Any) -> Access:
    """A user on a host, in no group of use."""
    known: dict[str, Any] = {
        "user": "mia",
        "is_root": False,
        "session_groups": ("mia", "users"),
        "account_groups": ("mia", "users"),
        "udev_rules_read": True,
        "usb_bus_mapped": True,
        "usb_bus_live": True,
        "user_namespace": False,
        "is_wsl": False,
        "holders_hidden": 0,
    }
    return Access(nodes=nodes, **{**known, **fields})


def line(message: str, text: str = "", **fields: Any) -> KernelMessage:
    """A recognised line of the kernel's log."""
    return KernelMessage(message=message, text=text or message, where="/dev/kmsg", **fields)


def found(place: str, identity: str) -> KernelMessage:
    """The kernel names a device."""
    vendor, _, product = identity.partition(":")
    values = {"vendor": vendor, "product": product}
    return line("usb-device-found", f"usb {place}: New USB device found", usb_node=place, values=values)


def gone(place: str) -> KernelMessage:
    """A device leaves."""
    return line("usb-disconnect", f"usb {place}: USB disconnect", usb_node=place, values={"number": "2"})


def reset(place: str) -> KernelMessage:
    """A program opened a device."""
    return line("usb-reset", f"usb {place}: reset SuperSpeed USB device", usb_node=place, values={"number": "2"})


def machine_with(
    about: Access | None, *facts: Any, log: tuple[KernelMessage, ...] | None = None, covers: tuple[str, ...] = LIVE
) -> Machine:
    """A machine with access facts and a kernel log."""
    known = msgspec.structs.replace(evidence(*facts, covers=covers), access=about)
    if log is not None:
        known = msgspec.structs.replace(known, kernel_log=KernelLog(origin="/dev/kmsg", messages=log))
    return build(known)


def judged_with(
    check: Callable[[Machine], Iterator[Finding]], about: Access | None, *facts: Any, **more: Any
) -> list[Finding]:
    """What a rule says of such a machine."""
    return list(check(machine_with(about, *facts, **more)))


def commands(finding: Finding) -> list[str]:
    """The commands of a finding's remedy."""
    assert finding.remedy is not None
    return [each.command for each in finding.remedy.commands]
