"""The engine in a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.hotplug.child import ChildFeed, FeedError, Order
from etpu_doctor.hotplug.engine import Update
from etpu_doctor.report.examine import Request
from etpu_doctor.topology.machine import Options
from tests.support import builder
from tests.support.live_root import write_machine

LIMIT_SECONDS = 60.0

ONE = """
    pci 0000:00:14.0 xhci
      root usb2=4 usb3=2 connect=hotplug
        1: tpu
"""


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[ChildFeed]:
    """A child that looks at a machine with one Edge TPU."""
    write_machine(builder.machine(ONE).umockdev(), tmp_path / "sys")
    child = ChildFeed(Order(root=str(tmp_path), request=Request(options=Options(expect_tpus=2))))
    yield child
    child.close()


def process_of(feed: ChildFeed) -> subprocess.Popen[bytes]:
    """The child, which began with the first step."""
    assert feed._process is not None
    return feed._process


def next_update(feed: ChildFeed) -> Update:
    """The next update, which has to come."""
    update = feed.step(LIMIT_SECONDS)
    assert update is not None
    return update


def _drained(feed: ChildFeed) -> None:
    while True:
        feed.step(LIMIT_SECONDS)


def test_what_the_child_sees_arrives_here(feed: ChildFeed) -> None:
    """Its first looks, judged as it was told, with the evidence they were made from."""
    assert "buses" == next_update(feed).stage
    update = next_update(feed)
    assert ["2-1"] == [tpu.id for tpu in update.report.edge_tpus]
    assert "ETD102" in {finding.code for finding in update.report.findings}
    evidence = feed.evidence()
    assert evidence is not None
    assert "live" == evidence.kind


def test_a_step_without_news_ends_with_its_time(feed: ChildFeed) -> None:
    """The face goes on."""
    for _ in range(2):
        next_update(feed)
    assert feed.step(0.05) is None


def test_the_child_looks_again_when_it_is_told_to(feed: ChildFeed) -> None:
    """One word goes in, one update comes out."""
    for _ in range(2):
        next_update(feed)
    feed.look()
    assert next_update(feed).settled


def test_the_child_sees_what_changes(feed: ChildFeed, tmp_path: Path) -> None:
    """A device that leaves while nobody asks."""
    for _ in range(2):
        next_update(feed)
    os.unlink(tmp_path / "sys/bus/usb/devices/2-1")
    update = next_update(feed)
    assert [("unplugged", "2-1")] == [(change.kind, change.id) for change in update.changes]


def test_results_of_smoke_tests_go_in(feed: ChildFeed) -> None:
    """And come back in its reports."""
    for _ in range(2):
        next_update(feed)
    feed.tested((SmokeResult(id="2-1", verdict="pass"),))
    assert ["pass"] == [result.verdict for result in next_update(feed).report.smoke]


def test_while_somebody_waits_the_child_looks_by_itself(feed: ChildFeed, tmp_path: Path) -> None:
    """What changes without an event and without another name is seen within seconds."""
    for _ in range(2):
        next_update(feed)
    feed.attend(attentive=True)
    control = next((tmp_path / "sys").rglob("2-1/power/control"))
    control.write_text("auto\n", encoding="ascii")
    assert "ETD114" in {finding.code for finding in next_update(feed).opened}
    feed.attend(attentive=False)


def test_a_child_that_dies_is_told_with_its_last_words(feed: ChildFeed) -> None:
    """The face must not wait for ever."""
    next_update(feed)
    os.kill(process_of(feed).pid, signal.SIGKILL)
    with pytest.raises(FeedError, match="the process that looks at this machine ended"):
        _drained(feed)


def test_a_word_to_a_dead_child_is_no_error(feed: ChildFeed) -> None:
    """The next step says what happened."""
    next_update(feed)
    process_of(feed).kill()
    process_of(feed).wait()
    feed.look()
    feed.look()


def test_closing_leaves_no_process(feed: ChildFeed) -> None:
    """And may be done twice."""
    next_update(feed)
    pid = process_of(feed).pid
    feed.close()
    feed.close()
    assert not os.path.exists(f"/proc/{pid}")


def test_the_child_ends_with_its_parent(feed: ChildFeed) -> None:
    """Its input ends: whatever became of the parent, nobody needs it any more."""
    next_update(feed)
    stdin = process_of(feed).stdin
    assert stdin is not None
    stdin.close()
    limit = time.monotonic() + LIMIT_SECONDS
    while process_of(feed).poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    assert 0 == process_of(feed).returncode


def test_before_its_first_step_there_is_no_child() -> None:
    """The first screen is there before anything is read; words that come too early are for nobody."""
    feed = ChildFeed(Order())
    feed.look()
    feed.attend(attentive=True)
    feed.tested(())
    assert feed._process is None
    assert feed.evidence() is None
    feed.close()
