"""Words for device nodes and for what stands around this process."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.access import Access, NodeAccess
from etpu_doctor.rules.device_nodes import (
    USB_IDENTITIES,
    inside_text,
    is_before_seats,
    is_host_matter,
    is_inside,
    rights_fact,
    rights_text,
    rule_grants,
    rule_text,
    tpu_nodes,
)
from tests.support.access import BOOT, READY, USB_NODE, access, apex_node, machine_with, node, rule
from tests.support.facts import card, root, tpu


def test_identities() -> None:
    """The boot loader's first."""
    assert (BOOT, READY) == USB_IDENTITIES


def test_nodes_of_edge_tpus() -> None:
    """Each Edge TPU with its node; nodes of nothing and Edge TPUs without one are left out."""
    about = access(node("/dev/apex_7", None), apex_node(), node())
    machine = machine_with(about, root(2), tpu("2-1"), tpu("2-2"), card("0000:02:00.0"))
    found = [(each.id, its.path) for each, its in tpu_nodes(machine, about)]
    assert [("0000:02:00.0", "/dev/apex_0"), ("2-1", USB_NODE)] == found


@pytest.mark.parametrize(
    ("fields", "inside", "text", "host"),
    [
        ({}, False, "host", False),
        ({"container": "docker"}, True, "Docker container", False),
        ({"container": "podman", "is_root": True}, True, "Podman container", True),
        ({"container": "lxc", "user_namespace": True}, True, "LXC container", True),
        ({"container": "kubernetes"}, True, "Kubernetes pod", False),
        ({"container": "other"}, True, "container", False),
        ({"user_namespace": True}, True, "user namespace", True),
        ({"is_root": True}, False, "host", False),
    ],
)
def test_surroundings(fields: dict[str, Any], inside: bool, text: str, host: bool) -> None:
    """What stands around, and whether a refusal is its doing."""
    about = access(**fields)
    assert (inside, text, host) == (is_inside(about), inside_text(about), is_host_matter(about))


def test_unknown_surroundings() -> None:
    """Nothing known is not inside of anything."""
    assert not is_inside(Access())


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        (node(), "crw-rw-r-- root root"),
        (apex_node(), "crw-rw---- root apex"),
        (node(is_character_device=False, mode=0o644), "-rw-r--r-- root root"),
        (node(owner=None, group=None), "crw-rw-r-- ? ?"),
        (NodeAccess(path="/dev/apex_0"), None),
    ],
)
def test_rights(about: NodeAccess, expected: str | None) -> None:
    """As ``ls -l`` prints them, with the node as their place."""
    assert expected == rights_text(about)
    assert (about.path, expected) == (rights_fact(about).where, rights_fact(about).value)


@pytest.mark.parametrize(
    ("fields", "text", "grants"),
    [
        ({}, "group plugdev", True),
        ({"group_exists": False}, "group plugdev (no such group)", False),
        ({"group_exists": None, "mode": 0o660}, "group plugdev, mode 0660", True),
        ({"group": None, "mode": 0o666}, "mode 0666", True),
        ({"group": None, "mode": 0o664}, "mode 0664", False),
        ({"group": "root", "mode": 0o660}, "group root, mode 0660", False),
        ({"group": None, "uaccess": True}, "whoever sits at the machine (uaccess)", True),
        (
            {"group": None, "uaccess": True, "file": "/etc/udev/rules.d/99-x.rules"},
            "whoever sits at the machine (uaccess)",
            False,
        ),
    ],
)
def test_rules(fields: dict[str, Any], text: str, grants: bool) -> None:
    """What a line grants in words, and whether anybody but root gains by it."""
    about = rule(BOOT, **fields)
    assert (text, grants) == (rule_text(about), rule_grants(about))


@pytest.mark.parametrize(
    ("file", "expected"),
    [("70-x.rules", True), ("73-a.rules", True), ("73-seat-late.rules", False), ("99-x.rules", False)],
)
def test_seats(file: str, expected: bool) -> None:
    """By the order of the names."""
    assert expected is is_before_seats(rule(BOOT, file=f"/etc/udev/rules.d/{file}"))
