"""What the rules about access share: the node of an Edge TPU, and words for what stands around this process."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from etpu_doctor.facts.access import Access, NodeAccess, UdevRule
from etpu_doctor.rules.finding import Fact
from etpu_doctor.topology.identity import DFU_ID, READY_ID, id_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

USB_IDENTITIES = (id_text(*DFU_ID) or "", id_text(*READY_ID) or "")

_CONTAINER_NAMES = {
    "docker": "Docker container",
    "podman": "Podman container",
    "lxc": "LXC container",
    "kubernetes": "Kubernetes pod",
    "systemd-nspawn": "systemd-nspawn container",
}


def tpu_nodes(machine: Machine, access: Access) -> Iterator[tuple[EdgeTpu, NodeAccess]]:
    """Each Edge TPU of the tree with its device node, where one is known."""
    nodes = {node.edge_tpu: node for node in access.nodes if node.edge_tpu is not None}
    for tpu in machine.edge_tpus:
        if tpu.id in nodes:
            yield tpu, nodes[tpu.id]


def is_inside(access: Access) -> bool:
    """Whether this process sees less than the host: a container, or a user namespace."""
    return access.container is not None or access.user_namespace is True


def inside_text(access: Access) -> str:
    """``Docker container``, ``user namespace``."""
    if access.container is None:
        return "user namespace" if access.user_namespace else "host"
    return _CONTAINER_NAMES.get(access.container, "container")


def is_host_matter(access: Access) -> bool:
    """Whether a refusal comes from how a container was started, and not from the user in it."""
    return access.user_namespace is True or (access.container is not None and access.is_root is True)


def rights_text(node: NodeAccess) -> str | None:
    """``crw-rw-r-- root plugdev``, as ``ls -l`` begins."""
    if node.mode is None:
        return None
    kind = stat.S_IFREG if node.is_character_device is False else stat.S_IFCHR
    return " ".join([stat.filemode(kind | node.mode), node.owner or "?", node.group or "?"])


def rights_fact(node: NodeAccess) -> Fact:
    """The rights of a node."""
    return Fact(name="device node", value=rights_text(node), where=node.path)


def rule_text(rule: UdevRule) -> str:
    """What a line of a rules file grants: ``group plugdev (no such group), mode 0660``."""
    words = []
    if rule.group is not None:
        words.append(f"group {rule.group}" + (" (no such group)" if rule.group_exists is False else ""))
    if rule.mode is not None:
        words.append(f"mode {rule.mode:04o}")
    if rule.uaccess:
        words.append("whoever sits at the machine (uaccess)")
    return ", ".join(words)


def rule_grants(rule: UdevRule) -> bool:
    """Whether a line lets anybody but root in, once it is in force."""
    has_group = rule.group not in (None, "root", "0") and rule.group_exists is not False
    is_open = rule.mode is not None and rule.mode & 0o006 == 0o006
    return has_group or is_open or (rule.uaccess and is_before_seats(rule))


def is_before_seats(rule: UdevRule) -> bool:
    """Whether a tag ``uaccess`` comes in time: 73-seat-late.rules of systemd turns it into access."""
    return rule.file.rpartition("/")[2] < "73-seat-late.rules"
