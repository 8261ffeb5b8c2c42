"""Access to the device nodes, of a small host below another root."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.evidence import access as reader
from etpu_doctor.evidence.access import read_access, usb_node
from etpu_doctor.evidence.accounts import Person
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import Access
from etpu_doctor.facts.evidence import Evidence, Missing
from etpu_doctor.facts.usb import UsbDevice
from tests.support.facts import apex, card, evidence, interface, root, storage, tpu
from tests.support.host_files import RefusingFiles, put, put_accounts, put_device, put_first_namespace, put_process

MIA = Person(1000, 1000, (1000, 46), {})
CORAL = 'SUBSYSTEM=="usb",ATTRS{idVendor}=="1a6e",ATTRS{idProduct}=="089a",GROUP="plugdev"\n'
NODE = "/dev/bus/usb/002/003"
STICK = tpu("2-1", devnum=3)
CARD = card("0000:02:00.0")
DEVTMPFS = "24 28 0:5 / /dev rw - devtmpfs udev rw\n28 1 259:2 / / rw - ext4 /dev/sda rw\n"


def host(folder: Path) -> Path:
    """A host with accounts, a rules file and nothing around it."""
    put_accounts(folder)
    put_first_namespace(folder)
    put(folder, "proc/self/mountinfo", DEVTMPFS)
    put(folder, "proc/version", "Linux version 6.1.0\n")
    put(folder, "usr/lib/udev/rules.d/60-libedgetpu1-std.rules", CORAL)
    (folder / "dev").mkdir(exist_ok=True)
    return folder


def read(folder: Path, *facts: UsbDevice, person: Person | None = MIA, **more: object) -> tuple[Access, list[Missing]]:
    """What Mia sees of a root."""
    known = msgspec.structs.replace(evidence(root(2), *facts), **more)
    return read_access(Files(str(folder)), known, person)


def whats(missing: list[Missing]) -> list[str]:
    """What could not be read."""
    return [each.what for each in missing]


def test_a_stick_on_a_host(tmp_path: Path) -> None:
    """Node, person, groups, rules and surroundings of the plain case."""
    put_device(host(tmp_path), NODE)
    access, missing = read(tmp_path, STICK)
    assert [] == missing
    (node,) = access.nodes
    assert (NODE, "2-1", True, True) == (node.path, node.edge_tpu, node.exists, node.readable_writable)
    assert ("mia", False) == (access.user, access.is_root)
    assert (("mia", "plugdev"), ("mia", "plugdev")) == (access.session_groups, access.account_groups)
    assert ["1a6e:089a"] == [rule.identity for rule in access.udev_rules]
    assert (True, True, True) == (access.udev_rules_read, access.usb_bus_mapped, access.usb_bus_live)
    assert (False, None, None, False) == (access.user_namespace, access.container, access.vm, access.is_wsl)
    assert ((), 0) == (access.holders, access.holders_hidden)


def test_a_group_that_needs_a_login(tmp_path: Path) -> None:
    """The session's groups are those of the process, the account's those of the file."""
    access, _ = read(host(tmp_path), person=Person(1000, 1000, (1000,), {}))
    assert (("mia",), ("mia", "plugdev")) == (access.session_groups, access.account_groups)


def test_a_person_without_a_name(tmp_path: Path) -> None:
    """``docker run --user 1234``: numbers where there are no names, and no account."""
    access, _ = read(host(tmp_path), person=Person(1234, 0, (1235,), {}))
    assert (None, ("root", "1235"), ()) == (access.user, access.session_groups, access.account_groups)


def test_root(tmp_path: Path) -> None:
    """By the effective number."""
    access, _ = read(host(tmp_path), person=Person(0, 0, (0,), {}))
    assert ("root", True) == (access.user, access.is_root)


def test_only_edge_tpus_have_nodes(tmp_path: Path) -> None:
    """Both identities count; other devices, and those without a number, have no node here."""
    facts = (tpu("2-2", dfu=True, devnum=12), STICK, storage("2-3"), tpu("2-4", devnum=None))
    access, _ = read(host(tmp_path), *facts)
    assert ["/dev/bus/usb/002/012", NODE] == [node.path for node in access.nodes]
    assert [False, False] == [node.exists for node in access.nodes]


def test_a_stick_whose_port_is_not_known(tmp_path: Path) -> None:
    """It has the id that the tree gives it."""
    access, _ = read(host(tmp_path), tpu("2-1", devnum=3, port_chain=None))
    assert ["bus2-dev3"] == [node.edge_tpu for node in access.nodes]


def test_cards(tmp_path: Path) -> None:
    """Nodes go by the kernel's names; a node without a card belongs to none."""
    put_device(host(tmp_path), "/dev/apex_0")
    put(tmp_path, "/dev/apex_3")
    put(tmp_path, "/dev/apexnot")
    known = (apex(0, "0000:02:00.0"), apex(1, "0000:03:00.0"))
    access, _ = read(tmp_path, apex=known)
    found = [(node.path, node.edge_tpu, node.exists, node.is_character_device) for node in access.nodes]
    assert [
        ("/dev/apex_0", "0000:02:00.0", True, True),
        ("/dev/apex_1", "0000:03:00.0", False, None),
        ("/dev/apex_3", None, True, False),
    ] == found


def test_holders_by_both_ways(tmp_path: Path) -> None:
    """Open files and the driver's word together, each process once."""
    put_device(host(tmp_path), NODE)
    put_process(tmp_path, 812, "frigate", NODE, "/dev/apex_0")
    known = (apex(0, "0000:02:00.0", is_device_owned="1", device_owner="812"),)
    access, missing = read(tmp_path, STICK, apex=known)
    assert [("/dev/apex_0", 812), (NODE, 812)] == [(each.path, each.pid) for each in access.holders]
    assert [] == missing


def test_a_holder_that_is_not_seen(tmp_path: Path) -> None:
    """In use, by whom is not known: said, with the command that shows it."""
    used = tpu("2-1", devnum=3, interfaces=(interface(0xFF, "usbfs"),))
    _, missing = read(host(tmp_path), used)
    (found,) = missing
    assert f"which program uses {NODE}" == found.what
    assert "0 processes of other users" in found.why
    assert f"sudo fuser -v {NODE}" == found.how


def test_an_owner_that_is_not_seen(tmp_path: Path) -> None:
    """The driver names a number of the host, which says nothing in a container."""
    put(host(tmp_path), "proc/2/comm", "bash\n")
    put(tmp_path, ".dockerenv")
    known = (apex(0, "0000:02:00.0", is_device_owned="1", device_owner="812"),)
    access, missing = read(tmp_path, apex=known)
    assert ("docker", None) == (access.container, access.holders_hidden)
    assert [("/dev/apex_0", 812, None)] == [(each.path, each.pid, each.name) for each in access.holders]
    assert ["which program uses /dev/apex_0"] == whats(missing)
    assert "outside of this container" in missing[0].why


def test_nothing_to_hold(tmp_path: Path) -> None:
    """Without a node no process is looked at."""
    put_process(host(tmp_path), 812, "frigate", NODE)
    access, _ = read(tmp_path, storage("2-1"))
    assert ((), None) == (access.holders, access.holders_hidden)


def test_a_container(tmp_path: Path) -> None:
    """Whether its device control group allows a node cannot be seen with version 2, and is with version 1."""
    put_device(host(tmp_path), NODE)
    put(tmp_path, ".dockerenv")
    access, missing = read(tmp_path, STICK)
    assert "docker" == access.container
    assert ["whether the container's device control group allows the nodes"] == whats(missing)
    put(tmp_path, "proc/self/cgroup", "5:devices:/\n")
    put(tmp_path, "sys/fs/cgroup/devices/devices.list", "c 189:* rwm\n")
    access, missing = read(tmp_path, STICK)
    assert [True] == [node.cgroup_denies for node in access.nodes]
    assert [] == missing


def test_a_container_without_the_bus(tmp_path: Path) -> None:
    """No folder, no answer on what would appear in it."""
    access, _ = read(host(tmp_path), STICK)
    assert (False, None) == (access.usb_bus_mapped, access.usb_bus_live)


def test_an_empty_root(tmp_path: Path) -> None:
    """Nothing is a fault: what is not there is not known, and said."""
    access, missing = read(tmp_path, STICK)
    assert (None, None, None, False) == (access.user_namespace, access.container, access.vm, access.udev_rules_read)
    assert ["processes and namespaces", "groups of this account"] == whats(missing)
    assert all(each.how for each in missing)


def test_what_is_refused_is_said(tmp_path: Path) -> None:
    """Files and nodes that may not be looked at are named with the command that would show them, quoted."""
    put(host(tmp_path), "etc/udev/rules.d/60-my coral.rules", CORAL)
    put_device(tmp_path, NODE)
    files = RefusingFiles(tmp_path, "my coral.rules", "002/003")
    access, missing = read_access(files, evidence(root(2), STICK), MIA)
    assert [None] == [node.exists for node in access.nodes]
    rules = "/etc/udev/rules.d/60-my coral.rules"
    assert [
        (f"device node {NODE}", "Permission denied", f"sudo ls -l {NODE}"),
        (f"udev rules in {rules}", "Permission denied", f"sudo cat '{rules}'"),
    ] == [(each.what, each.why, each.how) for each in missing]


def test_the_bus_folder_may_be_closed(tmp_path: Path) -> None:
    """Then it is not known whether it is there."""
    access, missing = read_access(RefusingFiles(host(tmp_path), "/dev/bus/usb"), evidence(root(2)), MIA)
    assert access.usb_bus_mapped is None
    assert ["device node /dev/bus/usb"] == whats(missing)


def test_this_machine() -> None:
    """The real root is read without a fault, as whoever runs this test."""
    access, _ = read_access(Files("/"), evidence(STICK))
    assert (os.geteuid() == 0) is access.is_root
    assert 1 == len(access.nodes)


def test_the_environment_belongs_to_the_real_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of this process says nothing of another root."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    access, _ = read(host(tmp_path), person=None)
    assert access.container is None
    access, _ = read_access(Files("/"), evidence())
    assert "kubernetes" == access.container


def test_usb_node() -> None:
    """Three digits each; more where there are more; none without the numbers."""
    assert NODE == usb_node(STICK)
    assert "/dev/bus/usb/1234/003" == usb_node(tpu("1234-1", devnum=3))
    assert usb_node(UsbDevice(busnum=1)) is None


def test_many_devices_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of nodes is bounded."""
    monkeypatch.setattr(reader, "_NODES_LIMIT", 2)
    known = Evidence(kind="live", usb=tuple(tpu(f"2-{port}", devnum=port) for port in range(1, 5)))
    access, _ = read_access(Files(str(tmp_path)), known, MIA)
    assert 2 == len(access.nodes)
