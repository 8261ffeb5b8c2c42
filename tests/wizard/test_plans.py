"""The models of a wizard, and the plan for the machine as it is now."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from etpu_doctor.evidence.redact import redact
from etpu_doctor.report.examine import Request
from etpu_doctor.report.planned import MOST_MODELS
from etpu_doctor.topology.machine import Options
from etpu_doctor.wizard import plans as module
from etpu_doctor.wizard.plans import How, PlanError, Plans
from etpu_doctor.wizard.session import NothingYetError, Session
from tests.support.plans import given, write_models
from tests.support.sequences import TWO_STICKS, evidence_of
from tests.support.sessions import looked, session, take


def planned(plans: Plans, **options: object) -> Session:
    """A session whose plan was made once."""
    walk = looked(session(plans=plans, **options))  # type: ignore[arg-type] # options of a session
    walk.make_plan()
    return walk


def test_without_models_nothing_is_planned() -> None:
    """Nor is anything due."""
    walk = looked(session())
    walk.make_plan()
    assert (False, None) == (walk.plan_is_due, walk.plans.made)
    assert walk.now.report is walk.report_to_save()


def test_a_plan_is_made_once_for_a_machine() -> None:
    """Until that changes."""
    walk = looked(session(plans=Plans(given=given("a", "b"))))
    assert walk.plan_is_due
    walk.make_plan()
    made = walk.plans.made
    assert made is not None
    assert {"2-2.1", "2-2.4.3"} == {row.tpu for row in made.shown.assignment}
    walk.make_plan()
    assert (False, made) == (walk.plan_is_due, walk.plans.made)


def test_before_everything_was_read_nothing_is_planned() -> None:
    """The first look knows the buses alone."""
    walk = session(plans=Plans(given=given("a")))
    assert not walk.plan_is_due
    take(walk)
    assert not walk.plan_is_due
    take(walk)
    assert walk.plan_is_due


def test_a_plan_is_made_anew_when_devices_change() -> None:
    """While they come and go the old one stays, and says that it is old; then there is one for the new place."""
    walk = planned(Plans(given=given("a", "b")), changes=None)
    before = walk.plans.made
    walk.guide(walk.groups()[0].first)
    unsettled, last = 0, before
    while (update := take(walk)) is not None and not update.is_over:
        assert not (walk.plan_is_due and not update.settled)
        walk.make_plan()
        if not update.settled:
            unsettled += walk.plans.is_of_before(update)
            assert last is walk.plans.made
        last = walk.plans.made
    after = walk.plans.made
    assert unsettled > 0
    assert before is not None
    assert after is not None
    assert "2-2.4.3" in {row.tpu for row in before.shown.assignment}
    assert "2-2.4.3" not in {row.tpu for row in after.shown.assignment}
    assert not walk.plans.is_of_before(walk.now)


def test_a_saved_report_has_no_plan_of_another_machine() -> None:
    """While devices come and go it has none."""
    walk = planned(Plans(given=given("a", "b")), changes=None)
    walk.guide(walk.groups()[0].first)
    seen = set()
    while (update := take(walk)) is not None and not update.is_over:
        report = walk.report_to_save()
        seen.add((update.settled, report.plan is msgspec.UNSET))
        if report.plan is not msgspec.UNSET:
            ids = {tpu["id"] for tpu in report.plan["edge_tpus"]}
            assert ids <= {tpu.id for tpu in report.edge_tpus}
    assert {(True, False), (False, True)} <= seen


def test_the_plan_is_judged_as_the_machine_is() -> None:
    """By the options of the command line, which its command repeats."""
    how = How(Request(options=Options(clock="standard")), ("--clock", "standard"), ("capture",))
    made = planned(Plans(how, given("a"))).plans.made
    assert made is not None
    assert {250} == {tpu.clock_mhz for tpu in made.shown.edge_tpus}
    assert "etpu-doctor plan /models/a_edgetpu.tflite --clock standard --from capture" == made.shown.command


def test_a_replay_says_so_in_the_plan_and_its_code() -> None:
    """It is never to be taken for this machine."""
    made = planned(Plans(given=given("a"))).plans.made
    assert made is not None
    assert "demo" == made.shown.source.kind
    assert all("REPLAY" in file.content.split("\n")[0] for file in made.shown.code)


def test_what_is_shown_has_real_paths_and_what_is_saved_names_nobody() -> None:
    """The code is to be run here; a report goes to a ticket."""
    walk = planned(Plans(given=given("a", folder="/home/anna")))
    made = walk.plans.made
    assert made is not None
    assert any("/home/anna/a_edgetpu.tflite" in file.content for file in made.shown.code)
    assert b"anna" not in msgspec.json.encode(walk.report_to_save())


def test_models_are_named_as_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With quotes and a home folder; relative names are made whole, for the code is run elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path, "a", "b c")
    plans = Plans()
    plans.read("~/a_edgetpu.tflite 'b c_edgetpu.tflite'")
    assert plans.given is not None
    assert [str(tmp_path / f"{name}_edgetpu.tflite") for name in ("a", "b c")] == [
        each.path for each in plans.given.loaded
    ]


def test_models_of_the_command_line_are_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those that were asked for."""
    monkeypatch.chdir(tmp_path)
    plans = Plans(given=given("a", folder="models"))
    assert plans.given is not None
    assert str(tmp_path / "models" / "a_edgetpu.tflite") == plans.given.loaded[0].path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "no file was named"),
        ("   ", "no file was named"),
        ("a 'b", "a quote is opened and not closed"),
        ("gone.tflite", "gone.tflite: cannot be opened: No such file or directory"),
        ("a\0b", "no file has such a name"),
        (".", "a folder without any .tflite file in it"),
        (" ".join(["x"] * (MOST_MODELS + 1)), "at most 64 models"),
    ],
)
def test_what_names_no_models_is_told_and_changes_nothing(line: str, said: str) -> None:
    """The models of before stay."""
    plans = Plans(given=given("a"))
    before = plans.given
    with pytest.raises(PlanError, match=said.replace(".", r"\.")):
        plans.read(line)
    assert before is plans.given


def test_other_models_make_another_plan(tmp_path: Path) -> None:
    """The old one is of others."""
    walk = planned(Plans(given=given("a")))
    walk.plans.read(" ".join(write_models(tmp_path, "x", "y")))
    assert (True, None) == (walk.plan_is_due, walk.plans.made)
    walk.make_plan()
    assert walk.plans.made is not None
    assert ["x", "y"] == [model.name for model in walk.plans.made.shown.models]


@generated(
    st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9),
        min_size=1,
        max_size=4,
    )
)
def test_the_line_of_the_models_names_them_again(names: list[str]) -> None:
    """It stands there to be changed, whatever the names are."""
    import shlex

    plans = Plans(given=given(*names))
    assert [f"/models/{name}_edgetpu.tflite" for name in names] == shlex.split(plans.line)
    assert "" == Plans().line


def test_two_threads_make_one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen and a save may want it at once."""
    walk = looked(session(plans=Plans(given=given("a", "b"))))
    made = []
    plan = Plans._plan

    def counted(self: Plans, *arguments: object) -> module.Made:
        made.append(1)
        return plan(self, *arguments)  # type: ignore[arg-type] # handed on

    monkeypatch.setattr(Plans, "_plan", counted)
    threads = [threading.Thread(target=walk.make_plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [1] == made


def test_a_machine_of_which_nothing_is_known_is_not_planned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather an error than a plan for nothing."""
    walk = looked(session(plans=Plans(given=given("a"))))
    monkeypatch.setattr(walk.feed, "evidence", lambda: None)
    with pytest.raises(NothingYetError):
        walk.make_plan()


def test_what_a_plan_is_made_from_is_not_redacted() -> None:
    """Tokens are no paths."""
    evidence = evidence_of(TWO_STICKS)
    host = msgspec.structs.replace(evidence.host, libedgetpu_path="/home/anna/libedgetpu.so.1")
    walk = planned(Plans(given=given("a")), start=msgspec.structs.replace(evidence, host=host))
    made = walk.plans.made
    assert made is not None
    assert any('"/home/anna/libedgetpu.so.1"' in file.content for file in made.shown.code)
    assert not any("anna" in file.content for file in made.shared.code)
    assert redact(evidence).usb
    assert os.path.isabs(made.shown.models[0].file)
