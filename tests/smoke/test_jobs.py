"""What parent and workers say to each other."""

from __future__ import annotations

import hashlib
import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.smoke import Difference
from etpu_doctor.smoke import jobs
from etpu_doctor.smoke.crew import _Message
from etpu_doctor.smoke.jobs import Channels, Done, Ended, Event, Job, Limits, OutputDigests, OutputsFile, Phase

EVENTS = (
    jobs.Started(task=1, at_seconds=0.5, pid=7),
    jobs.Entered(task=1, at_seconds=0.5, phase="open"),
    jobs.Listed(task=1, at_seconds=0.5, devices=(("usb", "/sys/x"), ("pci", "/dev/apex_0")), load_ms=1),
    jobs.Opening(task=1, at_seconds=0.5, via="path", identity="1a6e:089a"),
    jobs.Firmware(task=1, at_seconds=0.5, firmware_load_ms=2000.5),
    jobs.Opened(task=1, at_seconds=0.5, open_ms=2.5, devices=(), device="usb:0"),
    jobs.Model(task=1, at_seconds=0.5, sha256="0" * 64, size_bytes=1, delegated=1, interpreter_ms=0.1),
    jobs.Ready(
        task=1, at_seconds=0.5, allocate_ms=1, inputs=(jobs.Tensor(name="i", dtype="int8", shape=(1,)),), outputs=()
    ),
    jobs.First(task=1, at_seconds=0.5, first_ms=3),
    jobs.Progress(task=1, at_seconds=0.5, round=1, runs=2, elapsed_ms=3, latencies_ms=(1.25, 1.5), wrong_runs=1),
    jobs.Turns(
        task=1,
        at_seconds=0.5,
        round=1,
        turns=(jobs.Turn(model="/m", runs=2, latency=jobs.Figures(median_ms=1.5, p95_ms=2), wrong_runs=1),),
    ),
    jobs.Host(task=1, at_seconds=0.5, works=(jobs.HostWork(scaling_ms=1.5, outputs_ms=0.25), jobs.HostWork())),
    jobs.Done(
        task=1,
        at_seconds=0.5,
        round=1,
        runs=2,
        elapsed_ms=3,
        compared_runs=2,
        basis="permutation",
        difference=Difference(run=1, output="o", index=3),
        outputs=(OutputDigests(name="o", sha256=("a", None)),),
    ),
    jobs.Ended(task=1, at_seconds=0.5, signal="SIGSEGV", failure=jobs.Failure(phase="open", error_type="E", text="t")),
)


@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_phase_has_a_limit(phase: Phase) -> None:
    """No phase may go on for ever."""
    assert 0 < Limits().seconds(phase) <= 60


def test_limits_are_those_of_their_phase() -> None:
    """What is called an open's limit is the limit of an open; taking the model and allocating share one."""
    limits = Limits(
        start_seconds=1, library_seconds=2, open_seconds=3, model_seconds=4, invoke_seconds=5, close_seconds=6
    )
    assert [1, 2, 3, 4, 4, 5, 6] == [limits.seconds(phase) for phase in get_args(Phase)]


def test_an_open_may_take_what_the_library_takes() -> None:
    """By itself libedgetpu gives up after 32 s at the latest; only what never ends is cut off."""
    assert Limits().open_seconds > 40


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_known_by_its_kind(event: Event) -> None:
    """What was written as an event is read as the same one."""
    assert event == msgspec.json.decode(msgspec.json.encode(event), type=_Message)


def test_every_kind_of_event_was_tried() -> None:
    """The list above is whole."""
    assert set(Event.__subclasses__()) == {type(event) for event in EVENTS}


def test_what_is_new_does_not_disturb() -> None:
    """A field that this version does not know is passed over."""
    raw = {**msgspec.to_builtins(EVENTS[0]), "colour": "green"}
    assert EVENTS[0] == msgspec.json.decode(json.dumps(raw).encode(), type=_Message)


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "entered", "task": 1, "at_seconds": 1, "phase": "lunch"},
        {"kind": "unheard-of", "task": 1, "at_seconds": 1},
        {"task": 1, "at_seconds": 1},
        [],
        "started",
    ],
)
def test_what_no_worker_says(raw: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(raw).encode(), type=_Message)


@pytest.mark.parametrize(
    "reference", [None, OutputsFile(path="/x", tolerance=1), Channels(inputs=(("a", 1),), outputs=(("x", (0,)),))]
)
def test_a_job_survives_the_way(reference: Channels | OutputsFile | None) -> None:
    """A job that is written as the parent does can be read back."""
    job = Job(model="/m", library="/l", device_path="/sys/x", reference=reference, seconds=1.5)
    assert job == msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(job))), Job)


def test_defaults_of_a_job() -> None:
    """Without more said: 30 timed runs of 4 sets of inputs, once, at once."""
    job = Job(model="/m")
    assert (30, 4, 1, False, "path", None) == (
        job.runs,
        job.input_sets,
        job.rounds,
        job.hold,
        job.via,
        job.seconds,
    )


def done(*outputs: OutputDigests) -> Done:
    """The end of a round with these digests."""
    return Done(task=1, at_seconds=0, round=1, runs=1, elapsed_ms=1, compared_runs=1, outputs=outputs)


def test_one_digest_a_set_of_inputs() -> None:
    """The digests of all outputs of a set are digested together; a set that never ran has none."""
    found = done(OutputDigests(name="x", sha256=("aa", "bb", None)), OutputDigests(name="y", sha256=("cc", "dd", None)))
    expected = (hashlib.sha256(b"aacc").hexdigest(), hashlib.sha256(b"bbdd").hexdigest())
    assert expected == found.digests


def test_no_outputs_no_digests() -> None:
    """A model without outputs has nothing to be compared by."""
    assert () == done().digests


@given(st.lists(st.tuples(st.text("0af", min_size=1), st.text("0af", min_size=1)), min_size=1, max_size=4))
def test_digests_tell_outputs_apart(sets: list[tuple[str, str]]) -> None:
    """Two sets have the same digest only if both outputs were the same."""
    found = done(
        OutputDigests(name="x", sha256=tuple(f"{one:0>64}" for one, _ in sets)),
        OutputDigests(name="y", sha256=tuple(f"{other:0>64}" for _, other in sets)),
    ).digests
    padded = [(f"{one:0>64}", f"{other:0>64}") for one, other in sets]
    assert len(sets) == len(found)
    assert len(set(padded)) == len(set(found))


def test_an_end_says_nothing_that_is_not_known() -> None:
    """An end that nobody saw has neither a status nor a signal."""
    end = Ended(task=1, at_seconds=0)
    assert (None, None, None, False, False, None, None) == (
        end.exit_status,
        end.signal,
        end.timed_out,
        end.stopped,
        end.stuck,
        end.lost,
        end.failure,
    )
