"""From trials to the results that a report carries."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.smoke import Difference, SmokeResult
from etpu_doctor.smoke.results import Subject, compare, refused, result_of, skipped, with_together
from etpu_doctor.smoke.trial import Trial, apply
from etpu_doctor.smoke.verdict import Around
from etpu_doctor.topology.machine import Machine
from tests.support.facts import apex, card, hub, machine, root, tpu
from tests.support.smoke import done, ended, failed, good, plan, progress

ONE = machine(root(2), tpu("2-1"))
SLOW_LINK = machine(root(1, 480), tpu("1-1", 480))
TWO = machine(root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"))


def subject(built: Machine = ONE, index: int = 0, **fields: Any) -> Subject:
    """An Edge TPU of a machine under test."""
    others = tuple(each for number, each in enumerate(built.edge_tpus) if number != index)
    return Subject(tpu=built.edge_tpus[index], machine=built, plan=plan(**fields), others=others)


def test_a_good_trial_passes_with_its_figures() -> None:
    """Every figure of the measurement, the place, the string at that moment, and what it ran with."""
    result = result_of(subject(), good(), Around(runtime="ai-edge-litert 2.3.0"))
    assert ("pass", None, "root port 1 of bus 2", "usb:0") == (
        result.verdict,
        result.cause,
        result.place,
        result.delegate_device,
    )
    assert (40, 2400, 17, 2.195, 2.37, 2.0, 2.39) == (
        result.runs,
        result.open_ms,
        result.first_ms,
        result.median_ms,
        result.p95_ms,
        result.min_ms,
        result.max_ms,
    )
    assert ("ai-edge-litert 2.3.0", "libedgetpu 16.0") == (result.runtime, result.library_version)
    assert result.model is not None
    assert ("a_edgetpu.tflite", "repetition") == (result.model.name, result.model.checked_by)
    assert 0.929 == result.expected_ms


def test_few_runs_pass_without_a_claim_of_speed() -> None:
    """A pass is a pass; how fast, nobody says from so few."""
    result = result_of(subject(), good(1.0, 2.0, 3.0), Around())
    assert ("pass", 3, None, None) == (result.verdict, result.runs, result.median_ms, result.inferences_per_s)


def test_a_slow_link_that_shows_is_named() -> None:
    """The small MobileNet at 480 Mb/s: slow, and the cause is the link."""
    result = result_of(subject(SLOW_LINK), good(*[7.0] * 40), Around())
    assert ("slow", "usb2-link") == (result.verdict, result.cause)
    assert "480 Mb/s" in (result.reason or "")


def test_a_slow_link_that_does_not_show_is_a_pass() -> None:
    """A latency that the full link would not better is not called slow."""
    assert "pass" == result_of(subject(SLOW_LINK), good(*[1.0] * 40), Around()).verdict


def test_slower_than_anything_explains_is_said_without_a_cause() -> None:
    """A full link and a latency of 100 ms: nobody knows why."""
    result = result_of(subject(), good(*[100.0] * 40), Around())
    assert ("slow", "unknown", "possible") == (result.verdict, result.cause, result.confidence)


def test_sharers_are_named_where_they_cost() -> None:
    """Two behind one uplink, at twice what each would take alone."""
    result = result_of(subject(TWO), good(*[2.5] * 40), Around())
    assert ("slow", "bus-bandwidth") == (result.verdict, result.cause)
    assert "shares" in (result.reason or "")


@pytest.mark.parametrize(
    ("repeatable", "again"), [(True, "the same each time"), (False, "differently each time"), (None, "")]
)
def test_wrong_bytes_are_wrong_output(repeatable: bool | None, again: str) -> None:
    """Which output, how many bytes, in how many runs, and whether they repeat."""
    difference = Difference(
        run=3, output="o", index=7, expected=1, got=2, differing_bytes=9, runs=5, repeatable=repeatable
    )
    result = result_of(subject(), good(difference=difference), Around())
    assert ("wrong-output", "hardware-defective", difference) == (result.verdict, result.cause, result.difference)
    assert "9 wrong bytes in output o, in 5 of 40 runs" in (result.reason or "")
    assert again in (result.reason or "")


def test_wrong_bytes_stand_before_a_later_crash() -> None:
    """What was seen wrong stays so although the process died afterwards."""
    trial = Trial()
    for event in (progress(1.0), done(difference=Difference(run=1, output="o", index=0)), ended(signal="SIGSEGV")):
        apply(trial, event)
    assert "wrong-output" == result_of(subject(), trial, Around()).verdict


def test_a_failure_keeps_what_was_measured_before() -> None:
    """The phase, how it ended, what was said, and the runs until then."""
    trial = failed(
        "invoke",
        "F x.cc:1] HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [A]",
        signal="SIGABRT",
    )
    apply(trial, progress(1.0, 2.0))
    result = result_of(subject(), trial, Around(present=False))
    assert ("failed", "autosuspend-or-reset", "invoke", "SIGABRT", 2) == (
        result.verdict,
        result.cause,
        result.phase,
        result.ended_by,
        result.runs,
    )
    assert result.said


def test_what_is_not_opened_has_a_result_too() -> None:
    """Skipped or refused: the device, the reason, and no figures."""
    busy = skipped(subject(), "device-busy", "frigate holds it", ("frigate (PID 7)",))
    denied = refused(subject(), "permissions-udev", "no right")
    assert ("skipped", "device-busy", ("frigate (PID 7)",)) == (busy.verdict, busy.cause, busy.holders)
    assert ("failed", "permissions-udev", "start") == (denied.verdict, denied.cause, denied.phase)
    assert None is busy.median_ms is denied.open_ms


def test_the_run_together_is_set_beside_the_run_alone() -> None:
    """The slowdown is the ratio of the medians; the shared uplink is named."""
    trial = good(*[2.0] * 40)
    for event in (progress(*[3.0] * 40, round_number=2), done(2)):
        apply(trial, event)
    alone = result_of(msgspec.structs.replace(subject(TWO), others=()), trial, Around())
    together = with_together(alone, trial, subject(TWO)).together
    assert together is not None
    assert (1.5, 3.0, 40) == (together.slowdown, together.median_ms, together.runs)
    assert ("usb2",) == together.shared


def test_a_round_that_was_too_short_is_not_compared() -> None:
    """Fewer than thirty runs together say nothing."""
    trial = good()
    apply(trial, progress(3.0, round_number=2))
    result = result_of(subject(), trial, Around())
    assert with_together(result, trial, subject()).together is None


def result(name: str) -> SmokeResult:
    """A pass."""
    return SmokeResult(id=name, verdict="pass")


def test_the_odd_one_out_is_wrong() -> None:
    """Two agree and one does not: the one."""
    found = compare([result("a"), result("b"), result("c")], {"a": ("1",), "b": ("2",), "c": ("1",)})
    assert ["pass", "wrong-output", "pass"] == [each.verdict for each in found]


def test_of_two_that_differ_nobody_knows() -> None:
    """Both are marked, as a possibility."""
    found = compare([result("a"), result("b")], {"a": ("1",), "b": ("2",)})
    assert [("wrong-output", "possible")] * 2 == [(each.verdict, each.confidence) for each in found]


@given(st.lists(st.sampled_from("xyz"), min_size=1, max_size=9))
def test_the_majority_is_never_blamed(outputs: list[str]) -> None:
    """Whoever computes what more than half compute stays as it was."""
    names = [str(number) for number in range(len(outputs))]
    found = compare(
        [result(name) for name in names], {name: (each,) for name, each in zip(names, outputs, strict=True)}
    )
    for each, output in zip(found, outputs, strict=True):
        if outputs.count(output) * 2 > len(outputs):
            assert "pass" == each.verdict
    assert len(set(outputs)) > 1 or all(each.verdict == "pass" for each in found)


def test_failures_take_no_part_in_the_comparison() -> None:
    """Only those that passed are compared."""
    broken = SmokeResult(id="b", verdict="failed")
    assert [result("a"), broken] == compare([result("a"), broken], {"a": ("1",), "b": ("2",)})


def test_a_card_has_its_node_for_a_place() -> None:
    """A PCIe card is named by its address and its node."""
    built = machine(card("0000:03:00.0"), apex(0, "0000:03:00.0"))
    found = skipped(subject(built), None, "x")
    assert ("0000:03:00.0", "/dev/apex_0", "pci:0") == (found.id, found.device_path, found.delegate_device)
