"""Who uses an Edge TPU: two looks before any open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.smoke.occupancy import UNSEEN, Look, in_use, look, look_again, must_wait
from tests.support.facts import apex, card, evidence, interface, root, tpu
from tests.support.host_files import put, put_first_namespace, put_process

NODE = "/dev/bus/usb/002/002"
IDLE = evidence(root(2), tpu("2-1"))
CLAIMED = evidence(root(2), tpu("2-1", interfaces=(interface(0xFF, "usbfs"),)))
CARD = evidence(card("0000:03:00.0"), apex(0, "0000:03:00.0"))
OWNED = evidence(card("0000:03:00.0"), apex(0, "0000:03:00.0", is_device_owned="1"))


def seen(folder: Path, facts: Evidence) -> Look:
    """One look at a host below another root."""
    return look(facts, Files(str(folder)))


def holders(folder: Path, facts: Evidence) -> tuple[str, ...]:
    """Who holds the one Edge TPU, looked at twice in a row."""
    first, second = seen(folder, facts), seen(folder, facts)
    return in_use(first, second, second.machine.edge_tpus[0])


def test_nobody_holds_an_idle_stick(tmp_path: Path) -> None:
    """No open file, no claimed interface: free."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 40, "bash")
    assert () == holders(tmp_path, IDLE)


def test_a_holder_is_named(tmp_path: Path) -> None:
    """By name and PID, where its files can be seen."""
    put_first_namespace(tmp_path)
    put_process(tmp_path, 812, "frigate", NODE)
    assert ("frigate (PID 812)",) == holders(tmp_path, IDLE)


def test_a_claimed_interface_tells_of_a_holder_that_cannot_be_seen(tmp_path: Path) -> None:
    """The interface's driver is usbfs, and anybody can read that."""
    assert (UNSEEN,) == holders(tmp_path, CLAIMED)


@pytest.mark.parametrize(("facts", "expected"), [(CARD, ()), (OWNED, (UNSEEN,))], ids=["free", "owned"])
def test_a_card_says_itself_whether_it_is_owned(facts: Evidence, expected: tuple[str, ...], tmp_path: Path) -> None:
    """The PCIe driver counts who opened it for writing."""
    assert expected == holders(tmp_path, facts)


def test_a_holder_that_left_between_the_looks_is_none(tmp_path: Path) -> None:
    """What counts is the second look."""
    first, second = seen(tmp_path, CLAIMED), seen(tmp_path, IDLE)
    assert () == in_use(first, second, second.machine.edge_tpus[0])


def test_a_holder_that_came_between_the_looks_counts(tmp_path: Path) -> None:
    """An open that was under way at the first look shows at the second."""
    first, second = seen(tmp_path, IDLE), seen(tmp_path, CLAIMED)
    assert (UNSEEN,) == in_use(first, second, second.machine.edge_tpus[0])


@pytest.mark.parametrize(
    ("before", "after", "expected"), [("112\n", "112\n", ()), ("112\n", "147\n", (UNSEEN,)), ("112\n", None, ())]
)
def test_transfers_between_the_looks_are_a_sign_of_use(
    before: str, after: str | None, expected: tuple[str, ...], tmp_path: Path
) -> None:
    """The kernel counts (urbnum) what the kernel carried; an unreadable count is no sign."""
    count = put(tmp_path, "sys/bus/usb/devices/2-1/urbnum", before)
    first = seen(tmp_path, IDLE)
    if after is None:
        count.unlink()
    else:
        count.write_text(after, encoding="utf-8")
    assert expected == in_use(first, seen(tmp_path, IDLE), first.machine.edge_tpus[0])


def test_it_waits_only_where_processes_hide(tmp_path: Path) -> None:
    """Root sees every open file at once; another user must wait until the interface shows."""
    put_first_namespace(tmp_path)
    open_to_all = seen(tmp_path, IDLE)
    hidden = msgspec.structs.replace(open_to_all, hidden=True)
    tpus = open_to_all.machine.edge_tpus
    assert [False, True, False] == [
        must_wait(open_to_all, tpus),
        must_wait(hidden, tpus),
        must_wait(hidden, seen(tmp_path, CARD).machine.edge_tpus),
    ]


@pytest.mark.parametrize(("is_hidden", "waits"), [(False, []), (True, [2.5])])
def test_the_second_look_comes_late_enough(
    is_hidden: bool, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where processes hide their files it waits until an open that was under way at the first look shows."""
    slept: list[float] = []
    first = msgspec.structs.replace(seen(tmp_path, IDLE), hidden=is_hidden)
    monkeypatch.setattr(time, "monotonic", lambda: first.at)
    monkeypatch.setattr(time, "sleep", slept.append)
    look_again(first, first.machine.edge_tpus, Files(str(tmp_path)))
    assert waits == slept


def test_looking_opens_nothing(tmp_path: Path) -> None:
    """A node that is a FIFO without a reader would block whoever opens it."""
    node = tmp_path / NODE.lstrip("/")
    node.parent.mkdir(parents=True)
    os.mkfifo(node)
    assert () == holders(tmp_path, IDLE)
