"""What holds for all rules of this family, whatever the facts are."""

from __future__ import annotations

import shlex
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.access import Access, ContainerKind, Holder, NodeAccess, UdevRule
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.access import container_no_access, device_busy, permissions_udev, vm_passthrough_id_change
from etpu_doctor.rules.finding import SEVERITY_RANK, Finding
from tests.support.access import APEX_NODE, BOOT, READY, USB_NODE, found, gone, line, machine_with, reset
from tests.support.facts import apex, card, interface, root, tpu

RULES = (permissions_udev, container_no_access, vm_passthrough_id_change, device_busy)
MAYBE = st.none() | st.booleans()
NAMES = st.sampled_from(["root", "plugdev", "mia", "0", "46", "a b", "x;reboot", "$(id)", "'", "-rf", ""])
PLACES = st.sampled_from([(USB_NODE, "2-1"), (APEX_NODE, "0000:02:00.0"), ("/dev/apex_9", None), (USB_NODE, "9-9")])


def nodes(place: tuple[str, str | None], **fields: Any) -> NodeAccess:
    """A node in one of the places."""
    return NodeAccess(path=place[0], edge_tpu=place[1], **fields)


NODES = st.builds(
    nodes,
    place=PLACES,
    exists=MAYBE,
    is_character_device=MAYBE,
    owner=st.none() | NAMES,
    group=st.none() | NAMES,
    mode=st.none() | st.integers(0, 0o7777),
    readable_writable=MAYBE,
    acl_user=MAYBE,
    cgroup_denies=MAYBE,
)
UDEV_RULES = st.builds(
    UdevRule,
    identity=st.sampled_from([BOOT, READY, "apex"]),
    file=st.sampled_from(["/etc/udev/rules.d/60-x.rules", "/lib/udev/rules.d/99-y.rules", "x"]),
    line=st.integers(1, 9),
    group=st.none() | NAMES,
    mode=st.none() | st.integers(0, 0o777),
    uaccess=st.booleans(),
    group_exists=MAYBE,
)
HOLDERS = st.builds(
    Holder,
    path=st.sampled_from([USB_NODE, APEX_NODE, "/dev/apex_9"]),
    pid=st.integers(1, 5),
    name=st.none() | NAMES,
    alive=MAYBE,
)
GROUPS = st.lists(NAMES, max_size=3).map(tuple)
ACCESS = st.builds(
    Access,
    user=st.none() | NAMES,
    is_root=MAYBE,
    session_groups=GROUPS,
    account_groups=GROUPS,
    nodes=st.lists(NODES, max_size=3).map(tuple),
    udev_rules=st.lists(UDEV_RULES, max_size=4).map(tuple),
    udev_rules_read=st.booleans(),
    usb_bus_mapped=MAYBE,
    usb_bus_live=MAYBE,
    user_namespace=MAYBE,
    container=st.none() | st.sampled_from(get_args(ContainerKind)),
    vm=st.none() | st.sampled_from(["kvm", "vmware", "oracle", "microsoft", "other", "new"]),
    is_wsl=MAYBE,
    holders=st.lists(HOLDERS, max_size=4).map(tuple),
    holders_hidden=st.none() | st.integers(0, 9),
)
LINES = st.sampled_from(
    [
        found("2-1", BOOT),
        found("2-1", READY),
        found("2-3", BOOT),
        reset("2-1"),
        gone("2-1"),
        gone("2-3"),
        line("usb-interface-not-claimed", usb_node="2-1"),
        line("apex-held", pci_address="0000:02:00.0"),
        line("apex-held"),
        line("usb-disconnect"),
        line("usb-device-found", usb_node="2-1"),
    ]
)
LOGS = st.lists(LINES, max_size=6).map(tuple)
STICKS = st.sampled_from([tpu("2-1"), tpu("2-1", dfu=True), tpu("2-1", interfaces=(interface(0xFF, "usbfs"),))])


def findings(about: Access | None, stick: Any, log: tuple[KernelMessage, ...] | None = ()) -> list[Finding]:
    """What all rules say of a machine with a stick and a card."""
    machine = machine_with(about, root(2), stick, card("0000:02:00.0"), apex(0, "0000:02:00.0"), log=log)
    return [each for rule in RULES for each in rule.check(machine)]


@given(ACCESS, STICKS, LOGS)
def test_any_facts(about: Access, stick: Any, log: tuple[KernelMessage, ...]) -> None:
    """Never raises; every finding names what it is about, and ends in steps that can be carried out."""
    known = {"2-1", "0000:02:00.0"}
    for finding in findings(about, stick, log):
        assert finding.severity in SEVERITY_RANK
        assert {finding.subject} <= {*known, "machine"}
        assert set(finding.concerns) <= known
        assert finding.remedy is not None
        assert finding.remedy.steps
        assert "\n" not in finding.title


@given(ACCESS, STICKS, LOGS)
def test_names_stay_words(about: Access, stick: Any, log: tuple[KernelMessage, ...]) -> None:
    """No name of a group or a node becomes a command of its own: outside of quotes nothing but plain words is left."""
    for finding in findings(about, stick, log):
        for command in finding.remedy.commands if finding.remedy else ():
            assert shlex.split(command.command)
            lexer = shlex.shlex(command.command, posix=True, punctuation_chars=";|&()<>")
            lexer.whitespace_split = True
            assert not {";", "|", "&", "(", ")", "<", ">"} & set(lexer)


@given(ACCESS, STICKS)
def test_root_is_never_told_to_join_a_group(about: Access, stick: Any) -> None:
    """Root on a host may open every node: no error about rights."""
    as_root = msgspec.structs.replace(about, is_root=True)
    codes = {finding.code for finding in findings(as_root, stick) if finding.severity == "error"}
    assert permissions_udev.INFO.code not in codes


@given(ACCESS, STICKS)
def test_a_host_is_no_container(about: Access, stick: Any) -> None:
    """Outside of containers and namespaces nothing is said of them; the same for virtual machines."""
    bare = msgspec.structs.replace(about, container=None, user_namespace=False, vm=None, is_wsl=False)
    codes = {finding.code for finding in findings(bare, stick)}
    assert not codes & {container_no_access.INFO.code, vm_passthrough_id_change.INFO.code}


@given(ACCESS, STICKS)
def test_a_node_that_may_be_opened_is_no_error(about: Access, stick: Any) -> None:
    """Where every node is there and may be opened, there is no error."""
    opened = tuple(
        msgspec.structs.replace(node, exists=True, is_character_device=True, readable_writable=True, cgroup_denies=None)
        for node in about.nodes
    )
    found_here = findings(msgspec.structs.replace(about, nodes=opened), stick)
    assert [] == [finding.code for finding in found_here if finding.severity == "error"]


@given(ACCESS)
def test_facts_survive_a_capture(about: Access) -> None:
    """They come back from JSON as they were."""
    assert about == msgspec.json.decode(msgspec.json.encode(about), type=Access)


@pytest.mark.parametrize("about", [None, Access()])
def test_nothing_known(about: Access | None) -> None:
    """Without facts every rule is silent."""
    assert [] == findings(about, tpu("2-1"), None)
