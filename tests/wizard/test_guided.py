"""Guided steps: hands are followed, and the rules tick findings off."""

from __future__ import annotations

import msgspec
import pytest

from etpu_doctor.facts.access import Access, NodeAccess
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.hotplug.sequence import Delta
from etpu_doctor.wizard.guided import Guided, Standing, places_in_words, standing_of
from etpu_doctor.wizard.session import Session
from tests.support import builder
from tests.support.sequences import (
    TWO_STICKS,
    as_fresh,
    as_ready,
    deltas,
    device_at,
    evidence_of,
    moved_to_a_good_port,
    with_device,
    without,
)
from tests.support.sessions import looked, session, take, take_all

START = evidence_of(TWO_STICKS)
OLD = "2-2.4.3"


def guided(*changes: Delta, start: Evidence = START, rule: str = "sub-hub-secondary-port") -> tuple[Session, Guided]:
    """A guided step for the first finding of a rule."""
    walk = looked(session(start, changes))
    finding = next(finding for finding in walk.now.report.findings if finding.rule == rule)
    return walk, walk.guide(finding)


def moved_to(place: str, speed_mbps: float = 5000) -> tuple[Delta, ...]:
    """The stick leaves its port and comes to another."""
    stick, away = device_at(START, OLD), without(START, OLD)
    there = with_device(away, as_fresh(stick, speed_mbps=speed_mbps), place)
    return deltas((0.0, START), (2.0, away), (5.0, there))


def test_the_way_of_a_stick_to_a_good_port_is_followed_to_the_tick() -> None:
    """Waiting, away, back, and closed when the rules no longer find it."""
    walk, step = guided(*moved_to_a_good_port(START))
    phases = [(step.phase, step.outcome)]
    while (update := take(walk)) is not None and not update.is_over:
        phases.append((step.phase, step.outcome))
    assert [("waiting", None), ("away", None)] == phases[:2]
    assert ("closed", "closed") == phases[-1]
    assert "Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now)." == step.verdict()


def test_unplugging_alone_ticks_nothing_off() -> None:
    """The finding is gone with the stick, and nothing is better."""
    walk, step = guided(*deltas((0.0, START), (2.0, without(START, OLD))))
    take_all(walk)
    assert ("away", None) == (step.phase, step.outcome)
    assert "Unplugged. Now plug it in." == step.verdict()


def test_another_secondary_port_is_no_better() -> None:
    """It moved, and the same rule finds it again, under its new place."""
    walk, step = guided(*moved_to("2-2.4.2"))
    take_all(walk)
    assert "same" == step.outcome
    assert "No better than before (5 Gb/s now): Edge TPU 2-2.4.2 is on a secondary port" in step.verdict()


def test_a_slower_place_is_worse_where_the_same_finding_stands() -> None:
    """Still on a secondary port, and at USB 2 now."""
    walk, step = guided(*moved_to("1-2.4.3", 480))
    take_all(walk)
    assert "worse" == step.outcome
    assert "Worse than before (480 Mb/s now)" in step.verdict()


def test_coming_back_to_the_same_port_is_no_better() -> None:
    """The steps name another one."""
    walk, step = guided(*moved_to(OLD))
    take_all(walk)
    assert ("back", "same") == (step.phase, step.outcome)


def test_a_step_that_was_done_can_be_undone() -> None:
    """Moved to a good port, and then back to the old one: the tick goes away."""
    stick, away = device_at(START, OLD), without(START, OLD)
    good, bad = with_device(away, as_ready(stick), "2-2.2"), with_device(away, as_ready(stick), OLD)
    walk, step = guided(*deltas((0.0, START), (2.0, away), (3.0, good), (6.0, away), (8.0, bad)))
    take_all(walk)
    assert "same" == step.outcome


def test_another_device_that_comes_is_told_and_ticks_nothing_off() -> None:
    """A disk is no Edge TPU."""
    disk = device_at(START, "2-5")
    walk, step = guided(*deltas((0.0, START), (2.0, with_device(START, disk, "2-6"))))
    take_all(walk)
    assert ["JMicron External Disk plugged in: 2-6 (root port 6 of bus 2), 5 Gb/s"] == [text for _, text in step.events]
    assert ("waiting", None) == (step.phase, step.outcome)


def test_a_link_at_usb_2_that_comes_back_on_the_other_half_is_the_same_stick() -> None:
    """Plugged in anew, the cable pushed home: the same socket, the other bus."""
    slow = builder.machine("""
        pci 0000:00:14.0 xhci
          root usb2=6 usb3=4 shift=2 connect=hotplug
            3: tpu at=480
    """).evidence()
    stick = device_at(slow, "1-3")
    away = without(slow, "1-3")
    fast = with_device(away, as_fresh(stick), "2-1")
    walk, step = guided(*deltas((0.0, slow), (2.0, away), (4.0, fast)), start=slow, rule="usb2-link")
    take_all(walk)
    assert ("closed", ["2-1"]) == (step.outcome, step.present())


def refused(evidence: Evidence, *, may: bool) -> Evidence:
    """Permissions as a user without them, or with them, sees them."""
    nodes = tuple(
        NodeAccess(
            path=f"/dev/bus/usb/002/{device_at(evidence, name).devnum:03d}",
            edge_tpu=name,
            exists=True,
            is_character_device=True,
            owner="root",
            group="plugdev",
            mode=0o660,
            readable_writable=may,
        )
        for name in ("2-2.1",)
    )
    access = Access(user="user-1", is_root=False, session_groups=("users",), nodes=nodes, udev_rules_read=True)
    return msgspec.structs.replace(evidence, access=access)


def test_what_is_changed_on_the_machine_is_seen_without_an_event() -> None:
    """A rule was added: no device came or went, and the finding is ticked off all the same."""
    before, after = refused(START, may=False), refused(START, may=True)
    walk, step = guided(*deltas((0.0, before), (3.0, after)), start=before, rule="permissions-udev")
    assert "change" == step.hands
    take_all(walk)
    assert "closed" == step.outcome


def test_what_needs_a_restart_is_not_waited_for() -> None:
    """The machine goes off; the wizard says so."""
    walk = looked(session("driver-16-kib-pages"))
    step = walk.guide(walk.now.report.findings[0])
    assert not step.can_wait
    assert "start the wizard again" in step.text.ask


def test_places_are_named_hub_by_hub_with_what_to_avoid() -> None:
    """The hub with the sticks first, the computer's own sockets in words."""
    walk, step = guided()
    assert [
        "Port 2 or 3 of hub 2-2.",
        "Port 1 of hub 2-2.4, but not port 2 or 4.",
        (
            "The computer's own: a USB 3 socket (mostly blue inside, or marked SS),"
            " which is port 1, 3, 4, 6, 7 or 8 of bus 2."
        ),
    ] == list(step.places())
    assert [] == list(places_in_words(msgspec.structs.replace(walk.now, ports=())))


def test_the_remedy_is_that_of_now() -> None:
    """Ports that were taken meanwhile are not suggested any more."""
    disk = device_at(START, "2-5")
    taken = with_device(with_device(START, disk, "2-2.2", devnum=50), disk, "2-2.3", devnum=51)
    walk, step = guided(*deltas((0.0, START), (1.0, taken)))
    before = step.remedy.steps
    take_all(walk)
    assert any("port 2 or 3 of hub 2-2" in each for each in before)
    assert not any("port 2 or 3 of hub 2-2" in each for each in step.remedy.steps)


def test_events_are_bounded() -> None:
    """A night of flapping fills no memory."""
    walk, step = guided()
    update = msgspec.structs.replace(walk.now, changes=())
    step.events = [(0.0, "x")] * 5000
    step.take(update)
    assert len(step.events) <= 200


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Standing(0, 1, 0), Standing(1, 0, 0)),
        (Standing(0, 0, 0), Standing(0, 1, 0)),
        (Standing(0, 0, -5000), Standing(0, 0, -480)),
    ],
)
def test_an_error_weighs_more_than_a_warning_and_that_more_than_speed(better: Standing, worse: Standing) -> None:
    """The order in which things get better."""
    assert better < worse


def test_a_machine_stands_by_all_its_findings() -> None:
    """Without Edge TPUs named, everything counts."""
    walk, _ = guided()
    assert Standing(1, 0, 0.0) == standing_of(walk.now.report, ())
