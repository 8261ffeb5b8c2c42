"""Live evidence: what is covered, what is missing, and which files are opened for it."""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import DirectoryTree, MemoryTree
from etpu_doctor.facts.evidence import Evidence
from tests.support.sysfs_folder import HUB, memory_tree, write_folder

ALL = ("apex", "host", "pci", "pci-links", "pci-tree", "usb", "usb-ids", "usb-ports", "usb-power", "usb-tree")
BUSES_ONLY = HostRequest(around=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with sys, proc and etc, and with device nodes that nobody may open."""
    write_folder(tmp_path / "sys")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("PRETTY_NAME=Test\n")
    (tmp_path / "dev/bus/usb/002").mkdir(parents=True)
    for node in ("dev/bus/usb/002/007", "dev/apex_0"):
        os.mkfifo(tmp_path / node)
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every path that is opened from now on."""
    paths: list[str] = []

    def recording(real: Callable[..., Any]) -> Callable[..., Any]:
        def record(path: Any, *arguments: Any, **named: Any) -> Any:
            paths.append(os.fspath(path) if not isinstance(path, int) else str(path))
            return real(path, *arguments, **named)

        return record

    monkeypatch.setattr(os, "open", recording(os.open))
    monkeypatch.setattr(builtins, "open", recording(builtins.open))
    return paths


def test_a_whole_machine(root: Path) -> None:
    """Devices, functions and nodes are those of sysfs, and everything is covered."""
    evidence = gather_live(str(root), request=BUSES_ONLY)
    tree = DirectoryTree(str(root / "sys"))
    assert "live" == evidence.kind
    assert ALL == evidence.covers
    assert () == evidence.missing
    assert () == evidence.ignored
    assert (tuple(read_usb(tree)), tuple(read_pci(tree)), tuple(read_apex(tree))) == (
        evidence.usb,
        evidence.pci,
        evidence.apex,
    )
    assert "Test" == evidence.host.os_name


def test_a_root_with_a_slash_at_its_end_is_the_same(root: Path) -> None:
    """How the root is spelled makes no difference."""
    assert gather_live(str(root)) == gather_live(f"{root}/")


def test_only_files_of_sys_proc_and_etc_are_opened(root: Path, opened: list[str]) -> None:
    """No device node is opened, nothing outside of the root but logs and state, and no port's disable file."""
    gather_live(str(root))
    assert len(opened) > 40
    below = tuple(f"{root}/{folder}/" for folder in ("sys", "proc", "etc"))
    outside = [path for path in opened if not path.startswith(below)]
    # The runtime is looked for where libraries lie, the kernel's log where it is kept; neither is a device.
    others = (f"{root}/usr/", f"{root}/lib/modules/", f"{root}/var/", f"{root}/run/", f"{root}/boot/")
    assert [] == [path for path in outside if not path.startswith(others)]
    assert [] == [path for path in opened if re.search("/dev/(?!kmsg$)|/disable$", path)]


def test_the_live_machine_opens_no_device(opened: list[str]) -> None:
    """Nothing below /dev but the kernel's log is opened on the real machine either."""
    gather_live()
    assert [] == [path for path in opened if re.match("/dev/(?!kmsg$)|.*/disable$", path)]


@pytest.mark.parametrize(
    ("gone", "missing", "covers"),
    [
        ("bus/usb", "USB devices", ("apex", "host", "pci", "pci-links", "pci-tree")),
        ("bus/pci", "PCI devices", ("host", "usb", "usb-ids", "usb-ports", "usb-power", "usb-tree")),
    ],
)
def test_a_machine_without_a_bus(root: Path, gone: str, missing: str, covers: tuple[str, ...]) -> None:
    """A bus that is not there is missing with a reason and a command, and is not covered."""
    (root / "sys" / gone / "devices").rename(root / "elsewhere")
    evidence = gather_live(str(root), request=BUSES_ONLY)
    assert covers == evidence.covers
    assert [missing] == [fact.what for fact in evidence.missing]
    assert all(f"/sys/{gone}" in fact.why and fact.how for fact in evidence.missing)


def test_a_machine_without_sysfs(tmp_path: Path) -> None:
    """An empty root gives evidence that covers the host alone."""
    evidence = gather_live(str(tmp_path), request=BUSES_ONLY)
    assert ((), (), (), ("host",)) == (evidence.usb, evidence.pci, evidence.apex, evidence.covers)
    assert ["USB devices", "PCI devices"] == [fact.what for fact in evidence.missing]


def test_a_bus_that_may_not_be_listed_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where listing is refused, the report must not say that there are no devices."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    evidence = gather_live(str(root), request=BUSES_ONLY)
    assert ("host",) == evidence.covers
    assert 2 == len(evidence.missing)


def test_refused_attributes_are_missing() -> None:
    """What this user may not read is named; the delay that answers with an error where it is off is no news."""
    tree = memory_tree()
    tree.unreadable = {
        f"{HUB}/descriptors": "Permission denied",
        f"{HUB}/power/autosuspend_delay_ms": "Input/output error",
    }
    assert [(f"/sys{HUB}/descriptors", "Permission denied")] == [
        (fact.what, fact.why) for fact in gather_live("/nowhere", tree, BUSES_ONLY).missing
    ]


def test_the_list_of_refused_attributes_is_bounded() -> None:
    """A machine that refuses everything does not fill the report."""
    tree = memory_tree()
    tree.unreadable = {f"/devices/{index}": "Permission denied" for index in range(1000)}
    assert 20 == len(gather_live("/nowhere", tree, BUSES_ONLY).missing)


def test_a_copy_with_bytes_that_are_no_text_can_be_reported(tmp_path: Path) -> None:
    """Names and contents of any bytes end in evidence that is JSON."""
    sys = write_folder(tmp_path / "sys", {f"{HUB}/product": b"\xff\xfe", f"{HUB}/speed": b"\xff\n"})
    os.symlink(b"../../../devices/\xff", os.fsencode(sys) + b"/bus/usb/devices/3-1")
    os.mkdir(os.fsencode(sys) + b"/devices/\xff")
    evidence = gather_live(str(tmp_path))
    assert evidence == msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence)
    assert "3-1" in {(device.sysfs_devpath or "").rpartition("/")[2] for device in evidence.usb}


def test_a_tree_may_be_given() -> None:
    """Evidence can be gathered from a tree that is already there, empty as it may be."""
    assert 3 == len(gather_live("/nowhere", memory_tree()).usb)
    assert () == gather_live("/nowhere", MemoryTree()).usb


def test_the_host_around_the_buses_is_read(root: Path) -> None:
    """By default the driver, the access and the runtime are looked at too, and what they did not tell is missing."""
    evidence = gather_live(str(root))
    assert None not in (evidence.driver, evidence.access, evidence.runtime)
    assert "the kernel's log" in {fact.what for fact in evidence.missing}
    assert all(fact.why for fact in evidence.missing)
