"""Who may open the device nodes of the Edge TPUs, what stands in between, and who has them open. Opens none."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from etpu_doctor.evidence.accounts import Accounts, Person, this_process
from etpu_doctor.evidence.device_rights import Asker, read_device_rules, read_node
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.holders import driver_owners, find_holders, is_owned
from etpu_doctor.evidence.surroundings import (
    USB_BUS,
    container_kind,
    in_user_namespace,
    is_wsl,
    mounts,
    usb_bus_live,
    virtual_machine,
)
from etpu_doctor.evidence.udev_rules import FOLDERS, read_rules
from etpu_doctor.facts.access import Access, Holder, NodeAccess
from etpu_doctor.facts.evidence import Evidence, Missing
from etpu_doctor.facts.usb import UsbDevice

EDGE_TPU_IDS = frozenset({(0x1A6E, 0x089A), (0x18D1, 0x9302)})
"""libedgetpu ``driver/beagle/beagle_usb_driver_provider.cc``."""

_NODES_LIMIT = 256


def read_access(files: Files, evidence: Evidence, person: Person | None = None) -> tuple[Access, list[Missing]]:
    """What can be known of access without opening anything; the buses of ``evidence`` have been read before."""
    person = person or _asking(files)
    accounts = Accounts(files)
    asker = Asker(person, accounts, read_device_rules(files))
    nodes = tuple(read_node(files, path, tpu, asker) for path, tpu in _node_paths(files, evidence))
    found = mounts(files)
    is_mapped = _is_there(files, USB_BUS)
    user = accounts.users.get(person.uid)
    rules, rules_read = read_rules(files, accounts.group_exists)
    holders, hidden = _holders(files, evidence, nodes)
    access = Access(
        user=user,
        is_root=person.uid == 0,
        session_groups=tuple(dict.fromkeys(accounts.group_name(gid) for gid in (person.gid, *person.groups))),
        account_groups=accounts.groups_of(user),
        nodes=nodes,
        udev_rules=rules,
        udev_rules_read=rules_read,
        usb_bus_mapped=is_mapped,
        usb_bus_live=usb_bus_live(found) if is_mapped else None,
        user_namespace=in_user_namespace(files),
        container=container_kind(files, person.environment, found),
        vm=virtual_machine(files),
        is_wsl=is_wsl(files),
        holders=tuple(holders),
        holders_hidden=hidden,
    )
    return access, list(_missing(files, evidence, access, accounts))


def _asking(files: Files) -> Person:
    """This process; below another root its environment says nothing of what is looked at."""
    person = this_process()
    return person._replace(environment={}) if files.root else person


def _node_paths(files: Files, evidence: Evidence) -> Iterator[tuple[str, str | None]]:
    """Device nodes and the id in the tree of what they belong to."""
    for device in evidence.usb[:_NODES_LIMIT]:
        path = usb_node(device)
        if path is not None and (device.vendor_id, device.product_id) in EDGE_TPU_IDS:
            yield path, _usb_id(device)
    known = {node.name: node.pci_address for node in evidence.apex[:_NODES_LIMIT]}
    for name, address in known.items():
        yield f"/dev/{name}", address
    # A node without a device is what containers keep of a card that is gone.
    for name in [name for name in files.names("/dev") or [] if name.startswith("apex_")][:_NODES_LIMIT]:
        if name not in known:
            yield f"/dev/{name}", None


def usb_node(device: UsbDevice) -> str | None:
    """The device node of a USB device (Linux ``drivers/usb/core/usb.c``, ``usb_devnode``)."""
    if device.busnum is None or device.devnum is None:
        return None
    return f"{USB_BUS}/{device.busnum:03d}/{device.devnum:03d}"


def _usb_id(device: UsbDevice) -> str:
    if device.port_chain is None:
        return f"bus{device.busnum}-dev{device.devnum}"
    return f"{device.busnum}-{'.'.join(map(str, device.port_chain))}"


def _is_there(files: Files, path: str) -> bool | None:
    if files.stat(path) is not None:
        return True
    return None if path in files.refused else False


def _holders(files: Files, evidence: Evidence, nodes: tuple[NodeAccess, ...]) -> tuple[list[Holder], int | None]:
    """Processes by their open files, and owners that the driver names; each process once for each node."""
    paths = {node.path for node in nodes}
    if not paths:
        return [], None
    seen, hidden = find_holders(files, paths)
    known = {(holder.path, holder.pid) for holder in seen}
    owners = [each for each in driver_owners(files, evidence.apex) if (each.path, each.pid) not in known]
    return [*seen, *owners], hidden


def _missing(files: Files, evidence: Evidence, access: Access, accounts: Accounts) -> Iterator[Missing]:
    if access.user_namespace is None:
        why = "/proc is not mounted, or of another form than known"
        yield Missing(what="processes and namespaces", why=why, how="cat /proc/self/uid_map /proc/self/mountinfo")
    if not accounts.groups_read:
        why = "/etc/group is missing or may not be read"
        yield Missing(what="groups of this account", why=why, how="id; getent group")
    for path, reason in files.refused.items():
        if path.startswith(FOLDERS):
            yield Missing(what=f"udev rules in {path}", why=reason, how=f"sudo cat {shlex.quote(path)}")
        elif path == USB_BUS or path.startswith((f"{USB_BUS}/", "/dev/apex_")):
            yield Missing(what=f"device node {path}", why=reason, how=f"sudo ls -l {shlex.quote(path)}")
    yield from _unknown_limits(access)
    yield from _unknown_holders(evidence, access)


def _unknown_limits(access: Access) -> Iterator[Missing]:
    there = [node for node in access.nodes if node.exists]
    if access.container is not None and there and all(node.cgroup_denies is None for node in there):
        yield Missing(
            what="whether the container's device control group allows the nodes",
            why="its rules cannot be read (version 2 of control groups has no list)",
            how="on the host: docker inspect CONTAINER (DeviceCgroupRules), or cat /etc/pve/lxc/ID.conf",
        )


def _unknown_holders(evidence: Evidence, access: Access) -> Iterator[Missing]:
    """Nodes in use by somebody who is not seen."""
    held = {holder.path for holder in access.holders if holder.name is not None}
    used = [path for path in _in_use(evidence) if path not in held]
    if not used:
        return
    why = "processes outside of this container, or of other users, are not shown here"
    if access.holders_hidden is not None:
        why = f"{access.holders_hidden} processes of other users do not show their open files"
    yield Missing(
        what="which program uses " + ", ".join(used), why=why, how=f"sudo fuser -v {' '.join(map(shlex.quote, used))}"
    )


def _in_use(evidence: Evidence) -> Iterator[str]:
    for device in evidence.usb:
        path = usb_node(device)
        is_edge_tpu = (device.vendor_id, device.product_id) in EDGE_TPU_IDS
        if path is not None and is_edge_tpu and any(each.driver == "usbfs" for each in device.interfaces or ()):
            yield path
    for node in evidence.apex:
        if is_owned(node):
            yield f"/dev/{node.name}"
