"""What both faces know."""

from __future__ import annotations

import pytest

from etpu_doctor.wizard.labels import Labels
from etpu_doctor.wizard.session import STEPS, NothingYetError
from tests.support.sessions import looked, passed, session, take, take_all


def test_before_the_first_look_nothing_is_known() -> None:
    """And it is said so."""
    walk = session()
    assert ("LOOKING", "reading the buses") == walk.verdict()
    assert ("", {}, [], False) == (walk.source(), walk.names(), walk.comparison(), walk.is_whole)
    with pytest.raises(NothingYetError):
        walk.groups()


def test_the_first_whole_look_is_what_is_compared_with() -> None:
    """That of the buses alone is too little to compare with."""
    walk = session()
    take(walk)
    assert not walk.is_whole
    take(walk)
    assert walk.is_whole


def test_a_replay_is_marked_everywhere() -> None:
    """It is never to be taken for this machine."""
    assert 'REPLAY of capture "two-sticks" - not this machine' == looked(session()).source()


def test_what_happened_is_kept_with_labels() -> None:
    """Every later message names the port as the user does."""
    walk = looked(session())
    walk.name_port("2-2.4.3", "inner left")
    walk.guide(walk.groups()[0].first)
    take_all(walk)
    walk.end_guide()
    texts = [text for _, text in walk.log]
    assert 'Edge TPU unplugged: was 2-2.4.3 (port 3 "inner left" of hub 2-2.4 (2109:0817))' == texts[0]
    assert any("Mended: ETD113" in line and '"inner left"' in line for line in walk.comparison())


def test_before_and_after_tell_what_was_mended() -> None:
    """The verdicts and the findings that are gone."""
    walk = looked(session())
    assert "Nothing changed." == walk.comparison()[-1]
    walk.guide(walk.groups()[0].first)
    take_all(walk)
    before, after, *more = walk.comparison()
    assert before.startswith("Before: ERROR: sub-hub-secondary-port")
    assert after.startswith("Now:    OK: 2 Edge TPUs found")
    assert ["Mended: ETD113"] == [line[:14] for line in more]


def test_a_finding_that_came_up_meanwhile_is_new() -> None:
    """Not everything gets better."""
    walk = looked(session("usb2-cable"))
    walk.before, walk.update = looked(session("pcie-healthy")).before, walk.update
    assert any(line.startswith("New:    ETD110") for line in walk.comparison())


def test_findings_with_the_same_steps_are_one_group() -> None:
    """Four sticks on one hub are one thing to do, and what is only good to know stands alone."""
    walk = looked(session("hub4-self-powered-four-tpus"))
    groups = walk.groups()
    assert sum(1 + len(group.others) for group in groups) == len(walk.now.report.findings)
    assert all(not group.others for group in groups if group.first.severity in ("info", "unknown"))


def test_a_guided_step_attends_and_its_end_does_not() -> None:
    """A held recording goes on only meanwhile."""
    walk = looked(session())
    walk.guide(walk.groups()[0].first)
    walk.end_guide()
    assert take(walk) is None
    assert walk.guided is None


def test_a_replay_cannot_be_proved() -> None:
    """It is another machine."""
    assert "This is a replay" in (looked(session()).cannot_prove or "")


def test_without_an_edge_tpu_there_is_nothing_to_prove() -> None:
    """The findings say why."""
    assert "There is no Edge TPU" in (looked(session("no-tpu-two-expected", is_replay=False)).cannot_prove or "")
    assert looked(session(is_replay=False)).cannot_prove is None


def test_results_come_into_the_reports() -> None:
    """And from there into everything that is shown and saved."""
    walk = looked(session(is_replay=False))
    walk.feed.tested((passed("2-2.1"),))
    take(walk)
    assert ["pass"] == [result.verdict for result in walk.now.report.smoke]


def test_labels_of_a_file_are_used(tmp_path: object) -> None:
    """The same object for both faces."""
    labels = Labels(f"{tmp_path}/labels.json")
    walk = looked(session(labels=labels))
    walk.name_port("2-2.1", "first")
    assert "first" == Labels(f"{tmp_path}/labels.json").names(walk.now.report, walk.now.halves)["2-2.1"]


def test_the_way_has_six_steps() -> None:
    """Named as the issue names them, each with its purpose."""
    assert ["Look", "Map", "Findings", "Set up", "Prove", "Take away"] == [step.title for step in STEPS]
    assert all(step.purpose for step in STEPS)
