"""Who this process is, and what the account files say."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.accounts import Accounts, this_process
from etpu_doctor.evidence.files import Files
from tests.support.host_files import put, put_accounts


def accounts(root: Path) -> Accounts:
    """The accounts of a root."""
    return Accounts(Files(str(root)))


def test_this_process() -> None:
    """Effective ids, as the kernel has them."""
    person = this_process()
    assert (os.geteuid(), os.getegid()) == (person.uid, person.gid)
    assert tuple(os.getgroups()) == person.groups


def test_names(tmp_path: Path) -> None:
    """Numbers become names where the files have them, and stay numbers where not."""
    put_accounts(tmp_path)
    known = accounts(tmp_path)
    assert ("mia", "4711") == (known.user_name(1000), known.user_name(4711))
    assert ("plugdev", "4711") == (known.group_name(46), known.group_name(4711))
    assert known.users_read
    assert known.groups_read


def test_groups_of_an_account(tmp_path: Path) -> None:
    """The primary group comes first, each group once; nobody is in none."""
    put_accounts(tmp_path, groups="mia:x:1000:mia\nplugdev:x:46:tom, mia\nplugdev:x:46:mia\n")
    known = accounts(tmp_path)
    assert ("mia", "plugdev") == known.groups_of("mia")
    assert ("plugdev",) == known.groups_of("tom")
    assert () == known.groups_of("somebody")
    assert () == known.groups_of(None)


def test_the_first_entry_counts(tmp_path: Path) -> None:
    """Two names for one number: the C library takes the first, and so does this."""
    put_accounts(tmp_path, users="root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n")
    assert "root" == accounts(tmp_path).user_name(0)


@pytest.mark.parametrize(
    ("nsswitch", "expected"),
    [
        (None, False),
        ("", False),
        ("group: files systemd\n", False),
        ("group:\tfiles [SUCCESS=merge] systemd # all\n", False),
        ("passwd: files sss\ngroup: compat\n", False),
        ("group: files sss\n", None),
        ("group: ldap files\n", None),
    ],
)
def test_a_group_that_is_not_there(tmp_path: Path, nsswitch: str | None, expected: bool | None) -> None:
    """A group is only known to be missing where the file is the only source."""
    put_accounts(tmp_path)
    if nsswitch is not None:
        put(tmp_path, "etc/nsswitch.conf", nsswitch)
    assert expected is accounts(tmp_path).group_exists("nogroup")


def test_a_group_that_is_there(tmp_path: Path) -> None:
    """By name, and every number is one."""
    put_accounts(tmp_path)
    known = accounts(tmp_path)
    assert known.group_exists("plugdev")
    assert known.group_exists("46")


def test_no_files(tmp_path: Path) -> None:
    """Without the files nothing is known, which is no answer."""
    known = accounts(tmp_path)
    assert not known.users_read
    assert not known.groups_read
    assert known.group_exists("plugdev") is None
    assert "0" == known.user_name(0)


@pytest.mark.parametrize(
    "line", ["", "#x:x:1:", "broken", "a:b", ":x:5:5::", "x:x:abc:5:", "x:x:٣:5:", "x:x:99999999999:1:"]
)
def test_lines_that_are_none(tmp_path: Path, line: str) -> None:
    """What is no entry is passed over, and the next one counts."""
    put_accounts(tmp_path, users=f"{line}\nmia:x:1000:1000::/:/bin/sh\n", groups=f"{line}\nplugdev:x:46:\n")
    known = accounts(tmp_path)
    assert {1000: "mia"} == known.users
    assert {46: "plugdev"}.items() <= known.groups.items()


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=100))
def test_any_content(passwd: bytes, group: bytes, nsswitch: bytes) -> None:
    """No content of the files is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, "etc/passwd", passwd)
        put(root, "etc/group", group)
        put(root, "etc/nsswitch.conf", b"group:" + nsswitch)
        known = accounts(root)
        assert known.groups_read
        assert known.group_exists("plugdev") in (True, False, None)
        assert all(isinstance(name, str) for name in known.groups_of("mia"))
