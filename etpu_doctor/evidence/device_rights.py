"""What stands on a device node: rights, access lists, and the device control group of version 1."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from etpu_doctor.evidence.accounts import Accounts, Person
from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import NodeAccess

_ACL = "system.posix_acl_access"
_ACL_VERSION = 2
_TAG_USER, _TAG_MASK = 0x02, 0x10
_READ_WRITE = 6


class DeviceRule(NamedTuple):
    """One line of ``devices.list``: kind (``a``, ``b``, ``c``), numbers (``None`` for all), what is allowed."""

    kind: str
    major: int | None
    minor: int | None
    allowed: str


class Asker(NamedTuple):
    """Who asks: the person, the account files, and the device control group's list where there is one."""

    person: Person
    accounts: Accounts
    rules: list[DeviceRule] | None


def read_node(files: Files, path: str, edge_tpu: str | None, asker: Asker) -> NodeAccess:
    """What this process may do with a node. Nothing is opened."""
    status = files.stat(path)
    if status is None:
        return NodeAccess(path=path, edge_tpu=edge_tpu, exists=None if path in files.refused else False)
    is_device = stat.S_ISCHR(status.st_mode)
    return NodeAccess(
        path=path,
        edge_tpu=edge_tpu,
        exists=True,
        is_character_device=is_device,
        owner=asker.accounts.user_name(status.st_uid),
        group=asker.accounts.group_name(status.st_gid),
        mode=stat.S_IMODE(status.st_mode),
        readable_writable=_may_open(files.path(path)),
        acl_user=_acl_names(files.path(path), asker.person.uid),
        cgroup_denies=denies(asker.rules, os.major(status.st_rdev), os.minor(status.st_rdev)) if is_device else None,
    )


def _may_open(path: str) -> bool:
    """``access(2)`` for reading and writing, by the effective ids."""
    # C libraries used to answer for effective ids by arithmetic that knows no access lists; the kernel answers for the
    # real ones, which nearly always are the same.
    differ = os.geteuid() != os.getuid() or os.getegid() != os.getgid()
    return os.access(path, os.R_OK | os.W_OK, effective_ids=differ and os.access in os.supports_effective_ids)


def _acl_names(path: str, uid: int) -> bool | None:
    try:
        content = os.getxattr(path, _ACL)
    except OSError as error:
        return False if error.errno == errno.ENODATA else None
    return acl_grants(content, uid)


def acl_grants(content: bytes, uid: int) -> bool | None:
    """Whether a POSIX access list lets a user read and write by name; ``None`` for another format.

    Linux ``include/uapi/linux/posix_acl_xattr.h``: a version, then entries of tag, rights and id, little-endian.
    """
    if len(content) < 4 or int.from_bytes(content[:4], "little") != _ACL_VERSION or len(content) % 8 != 4:
        return None
    granted, mask = 0, 7
    for start in range(4, len(content), 8):
        tag = int.from_bytes(content[start : start + 2], "little")
        rights = int.from_bytes(content[start + 2 : start + 4], "little")
        if tag == _TAG_USER and int.from_bytes(content[start + 4 : start + 8], "little") == uid:
            granted = rights
        elif tag == _TAG_MASK:
            mask = rights
    return granted & mask & _READ_WRITE == _READ_WRITE


def read_device_rules(files: Files) -> list[DeviceRule] | None:
    """The list of the device control group; ``None`` with version 2, which cannot be asked."""
    for line in (files.text("/proc/self/cgroup", 1 << 16) or "").splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3 and "devices" in fields[1].split(","):
            # In a container the folder of the group itself is what is mounted.
            for folder in (fields[2].rstrip("/"), ""):
                text = files.text(f"/sys/fs/cgroup/devices{folder}/devices.list", 1 << 16)
                if text is not None:
                    return parse_device_rules(text)
    return None


def parse_device_rules(text: str) -> list[DeviceRule]:
    """``c 189:* rwm`` and the like (Linux ``Documentation/admin-guide/cgroup-v1/devices.rst``)."""
    rules = []
    for line in text.splitlines():
        fields = line.split()
        major, colon, minor = fields[1].partition(":") if len(fields) == 3 else ("", "", "")
        if colon and fields[0] in ("a", "b", "c") and all(_is_device_number(each) for each in (major, minor)):
            rules.append(DeviceRule(fields[0], _device_number(major), _device_number(minor), fields[2]))
    return rules


def _is_device_number(text: str) -> bool:
    return text == "*" or (text.isascii() and text.isdecimal() and len(text) <= 10)


def _device_number(text: str) -> int | None:
    return None if text == "*" else int(text)


def denies(rules: list[DeviceRule] | None, major: int, minor: int) -> bool | None:
    """Whether the list refuses a character device; ``None`` if it does not tell."""
    if rules is None or any(rule.kind == "a" for rule in rules):
        # Where all is allowed, the exceptions from that are not listed.
        return None
    return not any(
        rule.kind == "c"
        and rule.major in (None, major)
        and rule.minor in (None, minor)
        and {"r", "w"} <= set(rule.allowed)
        for rule in rules
    )
