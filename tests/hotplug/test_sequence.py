"""Recorded sequences: a capture and what changed after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.facts.access import Access
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage
from etpu_doctor.hotplug.sequence import Delta, applied, decoded, delta, encoded, read_changes
from etpu_doctor.topology.build import node_id
from tests.support import builder, facts, strategies
from tests.support.sequences import TWO_STICKS, evidence_of

MACHINES = strategies.notations(most_devices=6, most_controllers=2).map(lambda text: builder.machine(text).evidence())


def by_id(evidence: Evidence) -> tuple[object, ...]:
    """What an evidence holds, whatever the order."""
    return (
        {node_id(device): device for device in evidence.usb},
        {function.address: function for function in evidence.pci},
        evidence.apex,
    )


@settings(max_examples=60, deadline=None)
@given(MACHINES, MACHINES)
def test_a_change_that_was_written_and_read_turns_one_evidence_into_the_other(one: Evidence, other: Evidence) -> None:
    """Through the file and back, nothing of the second evidence is lost, and nothing of the first is left over."""
    change = delta(one, other, 1.0)
    if change is None:
        assert by_id(one)[:2] == by_id(other)[:2]
        return
    (read,) = decoded([encoded(change)])
    after = applied(one, read)
    assert by_id(other)[:2] == by_id(after)[:2]
    # A list of nodes that became empty is not told apart from one that did not change.
    assert after.apex in (other.apex or one.apex, other.apex)


def test_nothing_that_changed_is_no_change() -> None:
    """The same evidence twice leaves no line in the file."""
    evidence = evidence_of("usb2-cable")
    assert delta(evidence, evidence, 3.0) is None


def test_parts_around_the_buses_are_kept_as_well() -> None:
    """A user who logged in again changes nothing on the bus, and the permissions all the same."""
    before = facts.evidence(facts.root(2))
    after = facts.evidence(facts.root(2), access=Access(user="user-1"), kernel_log=KernelLog(origin="/dev/kmsg"))
    change = delta(before, after, 1.0)
    assert change is not None
    assert ("user-1", "/dev/kmsg") == (
        change.access and change.access.user,
        change.kernel_log and change.kernel_log.origin,
    )
    assert after == applied(before, change)


def log(*texts: str, origin: str = "/dev/kmsg") -> KernelLog:
    """A kernel log with these lines."""
    return KernelLog(
        origin=origin,
        line_count=len(texts),
        messages=tuple(KernelMessage(message="usb-device-found", text=text) for text in texts),
    )


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (log("a"), log("a", "b", "c"), ["b", "c"]),
        (log("a", "b"), log("b", "c"), None),
        (log("a"), log("a", "b", origin="dmesg.txt"), None),
        (None, log("a"), None),
    ],
)
def test_of_a_log_that_grew_only_the_new_lines_are_written(
    before: KernelLog | None, after: KernelLog, written: list[str] | None
) -> None:
    """Else a night of watching would write the whole log a thousand times."""
    first, second = facts.evidence(kernel_log=before), facts.evidence(kernel_log=after)
    change = delta(first, second, 1.0)
    assert change is not None
    more = change.kernel_log_more
    assert written == (None if more is None else [message.text for message in more.messages])
    assert after == applied(first, change).kernel_log


def test_what_is_not_known_is_not_written() -> None:
    """The file is for people too: a hundred nulls hide the one value that matters."""
    line = encoded(Delta(after_s=1.0, usb=(facts.tpu("2-1"),)))
    assert b"null" not in line
    assert b'"after_s":1.0' in line


def test_changes_are_read_in_the_order_of_their_times() -> None:
    """Whoever wrote the file by hand may have put a line at its end."""
    lines = [encoded(Delta(after_s=5, note="second")), b"\n", encoded(Delta(after_s=2, note="first"))]
    assert ["first", "second"] == [change.note for change in decoded(lines)]


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"after_s":"soon"}', b'{"usb":[]}', b"[" * 100_000])
def test_a_damaged_line_is_named(line: bytes) -> None:
    """The error says which line of which file, and a deep nesting is no crash."""
    with pytest.raises(EvidenceError, match=r"changes\.jsonl:2: not a recorded change"):
        decoded([encoded(Delta(after_s=1)), line])


@given(st.binary(max_size=200))
def test_any_bytes_are_changes_or_an_error(content: bytes) -> None:
    """Nothing else comes out of it."""
    try:
        found = decoded(content.split(b"\n"))
    except EvidenceError:
        return
    assert all(isinstance(each, Delta) for each in found)


def test_a_folder_without_changes_is_a_capture_in_which_nothing_happens(tmp_path: Path) -> None:
    """Every fixture replays, most of them as a still picture."""
    assert () == read_changes(str(tmp_path))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Too large is refused before it is decoded."""
    (tmp_path / "changes.jsonl").write_bytes(b" " * ((64 << 20) + 1))
    with pytest.raises(EvidenceError, match="larger than 64 MiB"):
        read_changes(str(tmp_path))


def test_the_changes_beside_a_capture_are_no_part_of_its_evidence() -> None:
    """``check --from`` of a recorded sequence judges the capture, and counts no line as not understood."""
    evidence = read_sources([str(TWO_STICKS)])
    assert 0 == evidence.ignored_count
    assert "capture" == evidence.kind


def test_the_demo_that_ships_moves_a_stick_to_a_good_port() -> None:
    """The stick leaves, comes back as a boot loader elsewhere, and gets its firmware."""
    evidence = evidence_of(TWO_STICKS)
    places = []
    for change in read_changes(str(TWO_STICKS)):
        evidence = applied(evidence, change)
        places.append(
            {node_id(device): device.product_id for device in evidence.usb if device.product_id in (0x089A, 0x9302)}
        )
    assert [
        {"2-2.1": 0x9302},
        {"2-2.1": 0x9302, "2-2.2": 0x089A},
        {"2-2.1": 0x9302, "2-2.2": 0x9302},
    ] == places
