"""Events of a worker as they add up to a trial."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.smoke import Difference
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.jobs import Event
from etpu_doctor.smoke.trial import Trial, apply
from tests.support.smoke import done, ended, progress, trial_of


def test_a_good_run_adds_up() -> None:
    """Every milestone is noted, and the first inference counts as a run."""
    trial = trial_of(
        jobs.Started(task=1, at_seconds=0, pid=7),
        jobs.Entered(task=1, at_seconds=0, phase="library"),
        jobs.Listed(task=1, at_seconds=0, devices=(("usb", "/sys/bus/usb/devices/2-1"),), device="usb:0", load_ms=1),
        jobs.Entered(task=1, at_seconds=0, phase="open"),
        jobs.Opening(task=1, at_seconds=0, via="path", device="usb:0"),
        jobs.Firmware(task=1, at_seconds=0, firmware_load_ms=1200),
        jobs.Opened(task=1, at_seconds=0, open_ms=4500),
        jobs.Model(task=1, at_seconds=0, sha256="", size_bytes=1, delegated=1, interpreter_ms=1),
        jobs.Ready(task=1, at_seconds=0, allocate_ms=1, inputs=(), outputs=()),
        jobs.First(task=1, at_seconds=0, first_ms=17),
        progress(2.0, 3.0),
        progress(4.0),
        done(),
        ended(phase="close"),
    )
    assert (4500, 1200, 17, 1) == (trial.open_ms, trial.firmware_load_ms, trial.first_ms, trial.delegated)
    assert ("usb:0", True, 4, [2.0, 3.0, 4.0]) == (
        trial.device,
        trial.ready,
        trial.runs,
        list(trial.rounds[0].latencies_ms.values),
    )
    assert trial.ended_well
    assert trial.ended_by is None


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (ended(signal="SIGSEGV"), "SIGSEGV"),
        (ended(signal="SIGKILL", timed_out="open"), "no answer in phase open, so it was ended"),
        (ended(exit_status=3), "exit status 3"),
        (ended(failure=jobs.Failure(phase="open", error_type="ValueError", text="x")), "ValueError"),
        (ended(lost="foreman killed"), "foreman killed"),
        (ended(), None),
    ],
)
def test_how_it_ended_in_words(last: Event, expected: str | None) -> None:
    """A limit before the signal that carried it out, an exception before its exit status."""
    assert expected == trial_of(last).ended_by


def test_what_python_does_around_is_kept() -> None:
    """The host's work of each model, once it was timed."""
    works = (jobs.HostWork(outputs_ms=1.5),)
    assert (None, works) == (trial_of(done()).host, trial_of(done(), jobs.Host(task=1, at_seconds=0, works=works)).host)


def test_what_models_did_in_turns_belongs_to_its_round() -> None:
    """The turns of a round are kept with it."""
    turns = (jobs.Turn(model="/m", runs=3, latency=jobs.Figures(median_ms=1, p95_ms=2)),)
    trial = trial_of(progress(1.0), jobs.Turns(task=1, at_seconds=0, round=1, turns=turns), done())
    assert turns == trial.rounds[0].turns


def test_rounds_are_kept_apart() -> None:
    """The second round has its own latencies and its own verdict."""
    wrong = Difference(run=40, output="o", index=0)
    trial = trial_of(progress(1.0), done(), progress(9.0, round_number=2), done(2, difference=wrong), ended())
    assert [[1.0], [9.0]] == [list(each.latencies_ms.values) for each in trial.rounds]
    assert [None, wrong] == [each.difference for each in trial.rounds]


def test_one_that_never_ran_did_not_end_well() -> None:
    """An end without a fault and without a round is no success."""
    assert not trial_of(ended()).ended_well
    assert not trial_of(progress(1.0), ended()).ended_well


def test_a_new_trial_shares_nothing() -> None:
    """Rounds of one trial are not those of another."""
    first = Trial()
    apply(first, progress(1.0))
    assert [] == Trial().rounds
