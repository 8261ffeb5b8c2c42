"""Who this process is: its user and groups, and what the account files say of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from etpu_doctor.evidence.files import Files


class Person(NamedTuple):
    """Effective user and groups of a process, by number, and its environment."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    environment: Mapping[str, str]


def this_process() -> Person:
    """The person that this program runs as."""
    return Person(os.geteuid(), os.getegid(), tuple(os.getgroups()), os.environ)


class Accounts:
    """``/etc/passwd`` and ``/etc/group``. Other sources (LDAP, sssd) are not asked: they may take long to answer."""

    def __init__(self, files: Files) -> None:
        self.users: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        self._primary: dict[str, int] = {}
        self._memberships: dict[str, list[str]] = {}
        self.users_read = self._read_users(files.text("/etc/passwd"))
        self.groups_read = self._read_groups(files.text("/etc/group"))
        self._complete = self.groups_read and _files_only(files.text("/etc/nsswitch.conf", 1 << 16))

    def _read_users(self, text: str | None) -> bool:
        for fields in _records(text, 4):
            if _is_number(fields[2]):
                self.users.setdefault(int(fields[2]), fields[0])
            if _is_number(fields[3]):
                self._primary.setdefault(fields[0], int(fields[3]))
        return text is not None

    def _read_groups(self, text: str | None) -> bool:
        for fields in _records(text, 4):
            if _is_number(fields[2]):
                self.groups.setdefault(int(fields[2]), fields[0])
            for member in fields[3].split(","):
                if member.strip():
                    self._memberships.setdefault(member.strip(), []).append(fields[0])
        return text is not None

    def user_name(self, uid: int) -> str:
        """Name of a user, or the number where the file has none."""
        return self.users.get(uid, str(uid))

    def group_name(self, gid: int) -> str:
        """Name of a group, or the number where the file has none."""
        return self.groups.get(gid, str(gid))

    def groups_of(self, user: str | None) -> tuple[str, ...]:
        """The groups that the files give an account, its primary one first."""
        if user is None:
            return ()
        primary = [self.group_name(self._primary[user])] if user in self._primary else []
        return tuple(dict.fromkeys([*primary, *self._memberships.get(user, [])]))

    def group_exists(self, name: str) -> bool | None:
        """Whether a group exists; ``None`` where another source than the file may know it."""
        if name.isdecimal() or name in self.groups.values():
            return True
        return False if self._complete else None


def _records(text: str | None, count: int) -> list[list[str]]:
    lines = (line.split(":") for line in (text or "").splitlines() if not line.startswith("#"))
    return [fields for fields in lines if len(fields) >= count and fields[0]]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _files_only(text: str | None) -> bool:
    """Whether groups come from ``/etc/group`` alone (nsswitch.conf(5)); so it is where the file is missing."""
    for line in (text or "").splitlines():
        key, _, sources = line.partition(":")
        if key.strip() == "group":
            words = sources.partition("#")[0].replace("[", " [").split()
            return all(word in {"files", "compat", "systemd"} or word.startswith("[") for word in words)
    return True
