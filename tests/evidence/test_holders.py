"""Who has a node open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.holders import driver_owners, find_holders, is_owned, process_name, sees_all_processes
from etpu_doctor.facts.access import Holder
from etpu_doctor.facts.pci import ApexNode
from tests.support.facts import apex
from tests.support.host_files import put, put_first_namespace, put_process

NODE = "/dev/bus/usb/002/003"
APEX = "/dev/apex_0"


def found(root: Path, *nodes: str) -> tuple[list[tuple[str, int, str | None]], int | None]:
    """Holders as tuples, and how many processes are hidden."""
    holders, hidden = find_holders(Files(str(root)), nodes or (NODE, APEX))
    return [(holder.path, holder.pid, holder.name) for holder in holders], hidden


def test_a_holder(tmp_path: Path) -> None:
    """By the links of its open files, with name and number."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "frigate.detecto", NODE, "socket:[1]")
    put_process(tmp_path, 900, "bash", "/dev/bus/usb/002/004")
    assert ([(NODE, 812, "frigate.detecto")], 0) == found(tmp_path)


def test_two_nodes_in_one_process(tmp_path: Path) -> None:
    """A process is named once for each node, however often it has it open."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "python3", NODE, APEX, NODE)
    assert ([(APEX, 812, "python3"), (NODE, 812, "python3")], 0) == found(tmp_path)


def test_nodes_that_are_gone(tmp_path: Path) -> None:
    """A file that is held but was removed is not the node of now."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "python3", f"{NODE} (deleted)")
    assert ([], 0) == found(tmp_path)


def test_no_proc(tmp_path: Path) -> None:
    """Without ``/proc`` nobody is seen, and it is not known how many are not."""
    assert ([], None) == found(tmp_path)


def test_a_container_sees_its_own(tmp_path: Path) -> None:
    """Where the kernel's threads are not seen, others may hold the node as well."""
    put_process(tmp_path, 1, "init", NODE)
    put_process(tmp_path, 2, "python3")
    assert ([(NODE, 1, "init")], None) == found(tmp_path)
    assert not sees_all_processes(Files(str(tmp_path)))


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that shows nobody's open files."""
    listing = os.listdir

    def refuse(path: str) -> list[str]:
        if path.endswith("/fd"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "listdir", refuse)


@pytest.mark.usefixtures("refusing")
def test_hidden_processes_are_counted(tmp_path: Path) -> None:
    """Those of other users count, the kernel's own threads, which open no device, do not."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "python3", NODE)
    put_process(tmp_path, 813, "sshd")
    assert ([], 2) == found(tmp_path)


def test_a_process_that_ends_meanwhile(tmp_path: Path) -> None:
    """Its files are gone: it holds nothing."""
    put_first_namespace(tmp_path)
    (tmp_path / "proc/77").mkdir()
    put(tmp_path, "proc/78/fd", "no folder")
    put(tmp_path, "proc/version")
    (tmp_path / "proc/812").mkdir()
    put(tmp_path, "proc/812/fd/0", "no link")
    assert ([], 0) == found(tmp_path)


def test_a_process_without_a_name(tmp_path: Path) -> None:
    """The name is left open where it cannot be read, or is empty."""
    put_process(tmp_path, 812, "", NODE)
    assert process_name(Files(str(tmp_path)), 812) is None
    assert process_name(Files(str(tmp_path)), 813) is None


def test_this_process() -> None:
    """A file that this process opens is found in the real ``/proc``."""
    with open(__file__, encoding="utf-8") as handle:
        holders, _ = find_holders(Files("/"), [os.readlink(f"/proc/self/fd/{handle.fileno()}")])
    assert os.getpid() in [holder.pid for holder in holders]


def owners(root: Path, *nodes: ApexNode) -> list[Holder]:
    """What the driver says."""
    return list(driver_owners(Files(str(root)), nodes))


def test_the_owner_that_the_driver_names(tmp_path: Path) -> None:
    """With its name where all processes are seen."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "frigate")
    expected = [Holder(path=APEX, pid=812, name="frigate", alive=True)]
    assert expected == owners(tmp_path, apex(0, "0000:02:00.0", is_device_owned="1", device_owner="812"))


def test_an_owner_that_ended(tmp_path: Path) -> None:
    """It can be told where all processes are seen."""
    put_first_namespace(tmp_path)
    expected = [Holder(path=APEX, pid=812, alive=False)]
    assert expected == owners(tmp_path, apex(0, "0000:02:00.0", is_device_owned="1\n", device_owner="812\n"))


def test_an_owner_outside_of_the_container(tmp_path: Path) -> None:
    """Another process may have that number inside: neither its name nor its end are believed."""
    put_process(tmp_path, 812, "bash")
    expected = [Holder(path=APEX, pid=812)]
    assert expected == owners(tmp_path, apex(0, "0000:02:00.0", is_device_owned="1", device_owner="812"))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"is_device_owned": "0", "device_owner": "0"},
        {"is_device_owned": "0", "device_owner": "812"},
        {"is_device_owned": "1"},
        {"is_device_owned": "1", "device_owner": "0"},
        {"is_device_owned": "1", "device_owner": "-1"},
        {"is_device_owned": "1", "device_owner": "x"},
        {"is_device_owned": "1", "device_owner": "9" * 30},
    ],
)
def test_no_owner(tmp_path: Path, attributes: dict[str, str]) -> None:
    """Free, or nothing that could be a process."""
    assert [] == owners(tmp_path, apex(0, "0000:02:00.0", **attributes))


def test_owned() -> None:
    """The driver's own word."""
    assert is_owned(apex(0, "0000:02:00.0", is_device_owned="1"))
    assert not is_owned(apex(0, "0000:02:00.0", is_device_owned="0"))
    assert not is_owned(apex(0, "0000:02:00.0"))
