"""The rules about smoke tests: each speaks for one cause, and together they leave no bad result unsaid."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.smoke import Difference, SmokeResult, SmokeVerdict
from etpu_doctor.report.report import Cause
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.registry import all_rules, rules_for
from etpu_doctor.rules.smoke_outcomes import OWN_CAUSES, failed, passed
from etpu_doctor.rules.usb import sub_hub_secondary_port
from etpu_doctor.topology.machine import Machine
from tests.support.facts import hub, machine, root, strings, tpu, values

RULES = [rule for rule in all_rules() if rule.info.code.startswith("ETD9")]
BAD: tuple[SmokeVerdict, ...] = ("failed", "wrong-output", "slow")


def after(*results: SmokeResult, built: Machine | None = None) -> Machine:
    """A machine with a stick, after smoke tests."""
    found = built or machine(root(2), tpu("2-1"))
    found.evidence = msgspec.structs.replace(found.evidence, smoke=results)
    return found


def result(verdict: SmokeVerdict, cause: str | None = None, **fields: Any) -> SmokeResult:
    """The result of the stick."""
    return SmokeResult(**{"id": "2-1", "verdict": verdict, "cause": cause, **fields})


def findings(*results: SmokeResult, built: Machine | None = None) -> list[Finding]:
    """What all rules of the family say."""
    machine_after = after(*results, built=built)
    return [finding for rule in RULES for finding in rule.check(machine_after)]


def test_every_rule_has_its_own_cause() -> None:
    """Twenty rules, twenty causes, as the helper lists them."""
    assert {rule.info.name for rule in RULES} == OWN_CAUSES
    assert len(RULES) == len(OWN_CAUSES)


@pytest.mark.parametrize("cause", sorted(OWN_CAUSES))
@pytest.mark.parametrize("verdict", BAD)
def test_a_bad_result_is_one_finding(cause: str, verdict: SmokeVerdict) -> None:
    """By the rule of its cause, about the device, an error unless it only was slow."""
    (found,) = findings(result(verdict, cause, reason="because"))
    assert (cause, "2-1", ("2-1",)) == (found.rule, found.subject, found.concerns)
    assert ("warning" if verdict == "slow" else "error") == found.severity
    assert "because" in found.title


@pytest.mark.parametrize("cause", ["undervoltage", "aspm", "msi-x-interrupts", None])
def test_a_cause_without_a_rule_of_its_own_is_not_lost(cause: str | None) -> None:
    """What no rule of the family is named after is reported all the same."""
    (found,) = findings(result("failed", cause, reason="the board sagged"))
    assert ("ETD909", "error") == (found.code, found.severity)
    assert "the board sagged" in found.title


def test_a_pass_says_nothing() -> None:
    """No finding comes of a device that computes."""
    assert [] == findings(result("pass"))


def test_a_held_device_is_a_note() -> None:
    """Who uses it proves that it works: no fault, and the holder is named."""
    (found,) = findings(result("skipped", "device-busy", holders=("frigate (PID 7)",)))
    assert ("ETD903", "info", "frigate (PID 7)") == (found.code, found.severity, values(found)["held by"])


def test_what_was_not_tested_is_not_known() -> None:
    """A test that could not be made is no fault of the device."""
    (found,) = findings(result("skipped", None, reason="there is no model"))
    assert ("ETD909", "unknown") == (found.code, found.severity)


def test_the_pair_that_works_stands_first() -> None:
    """Advice for this very case replaces the general sentence."""
    (found,) = findings(result("failed", "runtime-mismatch", advice="Use a pair that works: X."))
    assert found.remedy is not None
    assert "Use a pair that works: X." == found.remedy.summary


def test_a_difference_is_told_to_the_byte() -> None:
    """Output, byte, run, expected and got, how often, and whether it repeats."""
    difference = Difference(run=3, output="concat/split0", index=7, expected=18, got=237, runs=2, repeatable=False)
    (found,) = findings(result("wrong-output", "hardware-defective", difference=difference))
    said = strings(found)
    assert "first difference: output concat/split0, byte 7, run 3" in said
    assert "expected and got: 0x12, 0xed" in said
    assert "the same each time: False" in said


def test_long_lines_are_cut() -> None:
    """A line of the runtime never fills the page, and only the last few are quoted."""
    (found,) = findings(result("failed", "unknown", said=("a", "b", "c", "x" * 500)))
    quoted = [str(fact.value) for fact in found.facts if fact.name == "said"]
    assert ["b", "c"] == quoted[:2]
    assert 160 == len(quoted[2])


@pytest.mark.parametrize(
    ("verdicts", "has_passed", "has_failed"),
    [
        (("pass",), True, False),
        (("slow",), True, False),
        (("pass", "failed"), False, True),
        (("wrong-output",), False, True),
        (("skipped",), False, False),
        ((), False, False),
    ],
)
def test_passed_and_failed(verdicts: tuple[SmokeVerdict, ...], has_passed: bool, has_failed: bool) -> None:
    """Neither without a test; a pass and a failure together are a failure."""
    then = after(*(result(verdict) for verdict in verdicts))
    assert (has_passed, has_failed) == (passed(then, "2-1"), failed(then, "2-1"))
    assert not passed(then, "2-2")


def secondary(*results: SmokeResult) -> Finding:
    """What the rule on secondary ports says of a stick on one, after smoke tests."""
    built = machine(root(2), hub("2-1"), hub("2-1.2"), tpu("2-1.2.3"))
    (found,) = sub_hub_secondary_port.check(after(*results, built=built))
    return found


@pytest.mark.parametrize(
    ("results", "severity", "confidence"),
    [
        ((), "error", "likely"),
        ((result("pass", id="2-1.2.3"),), "info", "likely"),
        ((result("failed", "autosuspend-or-reset", id="2-1.2.3"),), "error", "certain"),
        ((result("failed", "runtime-mismatch", id="2-1.2.3"),), "error", "likely"),
        ((result("skipped", "device-busy", id="2-1.2.3"),), "error", "likely"),
        ((result("pass", id="2-9"),), "error", "likely"),
    ],
)
def test_a_secondary_port_is_judged_by_its_smoke_test(
    results: tuple[SmokeResult, ...], severity: str, confidence: str
) -> None:
    """A pass there makes a note of it; a failure that the port can explain proves it; others change nothing."""
    found = secondary(*results)
    assert (severity, confidence) == (found.severity, found.confidence)


def test_rules_of_the_family_run_only_after_a_smoke_test() -> None:
    """Without results their modules are not even imported."""
    untested = {rule.info.code for rule in rules_for(machine(root(2), tpu("2-1")).evidence)}
    then = {rule.info.code for rule in rules_for(after(result("pass")).evidence)}
    assert {rule.info.code for rule in RULES} == then - untested


causes = st.none() | st.sampled_from(get_args(Cause)).filter(lambda cause: cause != "healthy")


@given(st.sampled_from(get_args(SmokeVerdict)), causes)
def test_whatever_came_of_it_is_said_once(verdict: SmokeVerdict, cause: str | None) -> None:
    """Every result but a pass makes exactly one finding."""
    assert (0 if verdict == "pass" else 1) == len(findings(result(verdict, cause)))
