"""What stands on a device node."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.accounts import Accounts, Person
from etpu_doctor.evidence.device_rights import (
    Asker,
    DeviceRule,
    acl_grants,
    denies,
    parse_device_rules,
    read_device_rules,
    read_node,
)
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import NodeAccess
from tests.support.host_files import RefusingFiles, put, put_accounts, put_device

MIA = Person(1000, 1000, (1000,), {})
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 0x10, 0x20
NOBODY = 0xFFFFFFFF
DOCKER_LIST = "c 1:3 rwm\nc *:* m\nb *:* m\nc 136:* rwm\nc 189:* rwm\n"


def acl(*entries: tuple[int, int, int], version: int = 2) -> bytes:
    """An access list as the kernel hands it out."""
    words = [
        tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, rights, who in entries
    ]
    return version.to_bytes(4, "little") + b"".join(words)


def node(root: Path, path: str, rules: list[DeviceRule] | None = None) -> NodeAccess:
    """A node as Mia sees it."""
    files = Files(str(root))
    return read_node(files, path, "2-1", Asker(MIA, Accounts(files), rules))


def test_a_device(tmp_path: Path) -> None:
    """Owner, group and mode by name, and that it may be opened; nothing is opened for it."""
    put_accounts(tmp_path)
    put_device(tmp_path, "dev/apex_0")
    found = node(tmp_path, "/dev/apex_0")
    assert ("/dev/apex_0", "2-1", True, True) == (found.path, found.edge_tpu, found.exists, found.is_character_device)
    assert ("root", "root", 0o666, True) == (found.owner, found.group, found.mode, found.readable_writable)
    assert not found.acl_user
    assert found.cgroup_denies is None


def test_a_plain_file(tmp_path: Path) -> None:
    """What a container engine makes of a device that was not there is no device."""
    put(tmp_path, "dev/apex_0").chmod(0o640)
    found = node(tmp_path, "/dev/apex_0", [])
    assert found.exists
    assert not found.is_character_device
    assert 0o640 == found.mode
    assert str(os.getuid()) == found.owner
    assert found.cgroup_denies is None


def test_no_node(tmp_path: Path) -> None:
    """Nothing there: everything else stays open."""
    assert NodeAccess(path="/dev/apex_0", edge_tpu="2-1", exists=False) == node(tmp_path, "/dev/apex_0")


def test_a_node_that_may_not_be_seen(tmp_path: Path) -> None:
    """A folder that is closed to this user does not tell whether the node is there."""
    files = RefusingFiles(tmp_path, "/dev/apex_0")
    found = read_node(files, "/dev/apex_0", "2-1", Asker(MIA, Accounts(files), None))
    assert found.exists is None
    assert {"/dev/apex_0": "Permission denied"} == files.refused


def test_a_file_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rights it may not be opened: the kernel is asked for reading and writing, as it opens for root."""
    asked: list[int] = []

    def refuse(_path: object, mode: int, **_named: object) -> bool:
        asked.append(mode)
        return False

    monkeypatch.setattr(os, "access", refuse)
    put(tmp_path, "dev/apex_0")
    assert not node(tmp_path, "/dev/apex_0").readable_writable
    assert asked == [os.R_OK | os.W_OK]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([(USER_OBJ, 6, NOBODY), (USER, 6, 1000), (GROUP_OBJ, 4, NOBODY), (MASK, 6, NOBODY), (OTHER, 4, NOBODY)], True),
        ([(USER, 6, 1000), (MASK, 4, NOBODY)], False),
        ([(USER, 4, 1000), (MASK, 7, NOBODY)], False),
        ([(USER, 7, 1000)], True),
        ([(USER, 6, 1001), (MASK, 6, NOBODY)], False),
        ([(GROUP, 6, 1000), (MASK, 6, NOBODY)], False),
        ([(USER, 4, 1001), (USER, 6, 1000), (MASK, 6, NOBODY)], True),
        ([], False),
    ],
)
def test_access_lists(entries: list[tuple[int, int, int]], expected: bool) -> None:
    """A user counts by name, as far as the mask lets."""
    assert expected is acl_grants(acl(*entries), 1000)


@pytest.mark.parametrize("content", [b"", b"\2\0\0", acl(version=1), acl(version=3), acl() + b"1234", b"\xff" * 12])
def test_other_access_lists(content: bytes) -> None:
    """Another format is no answer."""
    assert acl_grants(content, 1000) is None


@given(st.binary(max_size=64), st.integers(0, 1 << 32))
def test_any_access_list(content: bytes, uid: int) -> None:
    """Never raises."""
    assert acl_grants(content, uid) in (True, False, None)


@given(st.lists(st.tuples(st.sampled_from([USER, GROUP, OTHER]), st.integers(0, 7), st.integers(0, 3)), max_size=5))
def test_an_access_list_without_the_user(entries: list[tuple[int, int, int]]) -> None:
    """Nobody gets in who is not named."""
    assert acl_grants(acl(*entries, (MASK, 7, NOBODY)), 1000) is False


def test_access_list_of_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read from the node; a file system without lists gives no answer."""
    put(tmp_path, "dev/apex_0")
    monkeypatch.setattr(os, "getxattr", lambda _path, _name: acl((USER, 6, 1000)))
    assert node(tmp_path, "/dev/apex_0").acl_user

    def fail(_path: str, _name: str) -> bytes:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "getxattr", fail)
    assert node(tmp_path, "/dev/apex_0").acl_user is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOCKER_LIST, False),
        ("c 1:3 rwm\nc *:* m\n", True),
        ("c 189:128 rw\n", True),
        ("c 189:130 rw\n", False),
        ("c 189:130 r\nc 189:130 w\n", True),
        ("c *:130 rwm\n", False),
        ("b 189:130 rwm\n", True),
        ("a *:* rwm\n", None),
        ("", True),
    ],
)
def test_device_lists(text: str, expected: bool | None) -> None:
    """A device needs one line that allows reading and writing; where all is allowed, refusals are not listed."""
    assert expected is denies(parse_device_rules(text), 189, 130)


def test_no_device_list() -> None:
    """Version 2 of control groups has none."""
    assert denies(None, 189, 130) is None


@pytest.mark.parametrize(
    "line", ["", "c", "c 189 rwm", "c x:y rwm", "d 1:3 rwm", "c 1:3 rwm more", "c ٣:1 rwm", "c -1:1 r"]
)
def test_lines_that_are_none(line: str) -> None:
    """What is no entry is passed over."""
    assert [DeviceRule("c", 1, 3, "rwm")] == parse_device_rules(f"{line}\nc 1:3 rwm\n")


NUMBERS = st.none() | st.integers(0, 4095)


@given(st.lists(st.builds(DeviceRule, st.sampled_from("abc"), NUMBERS, NUMBERS, st.sampled_from(["r", "rw", "rwm"]))))
def test_device_lists_round_trip(rules: list[DeviceRule]) -> None:
    """What the kernel prints is read."""

    def shown(number: int | None) -> str:
        return "*" if number is None else str(number)

    text = "".join(f"{rule.kind} {shown(rule.major)}:{shown(rule.minor)} {rule.allowed}\n" for rule in rules)
    assert rules == parse_device_rules(text)


@given(st.text(max_size=200))
def test_any_device_list(text: str) -> None:
    """Never raises."""
    assert denies(parse_device_rules(text), 189, 130) in (True, False, None)


@pytest.mark.parametrize("folder", ["", "/docker/8f3a"])
def test_where_the_list_lies(tmp_path: Path, folder: str) -> None:
    """Under the group's path, or where only the container's own part is mounted."""
    put(tmp_path, "proc/self/cgroup", "9:name=systemd:/\n5:cpu,devices:/docker/8f3a\n0::/\n")
    put(tmp_path, f"sys/fs/cgroup/devices{folder}/devices.list", DOCKER_LIST)
    assert DeviceRule("c", 189, None, "rwm") in (read_device_rules(Files(str(tmp_path))) or [])


@pytest.mark.parametrize("text", ["", "0::/\n", "5:devices:/x\n", "devices\n"])
def test_no_list(tmp_path: Path, text: str) -> None:
    """Another version, or no such file."""
    put(tmp_path, "proc/self/cgroup", text)
    assert read_device_rules(Files(str(tmp_path))) is None


def test_the_list_decides_for_a_node(tmp_path: Path) -> None:
    """By the numbers of the device (``/dev/null`` is 1:3)."""
    put_device(tmp_path, "dev/apex_0")
    assert node(tmp_path, "/dev/apex_0", parse_device_rules("c 189:* rwm")).cgroup_denies
    assert node(tmp_path, "/dev/apex_0", parse_device_rules("c 1:3 rwm")).cgroup_denies is False


def test_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at a node opens no file but those of the accounts."""
    opened: list[str] = []
    open_file = os.open

    def watch(path: str, flags: int) -> int:
        opened.append(path)
        return open_file(path, flags)

    with tempfile.TemporaryDirectory() as folder:
        put_accounts(Path(folder))
        put_device(Path(folder), "dev/apex_0")
        monkeypatch.setattr(os, "open", watch)
        node(Path(folder), "/dev/apex_0")
        monkeypatch.undo()
    assert {"passwd", "group", "nsswitch.conf"} >= {os.path.basename(path) for path in opened}
