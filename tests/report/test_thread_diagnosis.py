"""One cause comes first: the surest, the one that explains the others, the specific one; guesses stay quiet."""

from __future__ import annotations

from etpu_doctor.facts.thread import Sign
from etpu_doctor.report.thread_diagnosis import EXPLAINS, diagnose_thread
from etpu_doctor.rules.finding import Confidence, Finding, Severity
from etpu_doctor.rules.thread import CODES
from etpu_doctor.topology.build import build
from tests.support.tickets import evidence_of

EMPTY = build(evidence_of(""))


def finding(rule: str, confidence: Confidence = "likely", severity: Severity = "error") -> Finding:
    """A finding of a cause."""
    return Finding(code=CODES[rule], rule=rule, severity=severity, confidence=confidence, title=rule, subject="machine")


def first(*findings: Finding) -> str:
    """The cause that stands first."""
    return diagnose_thread(EMPTY, findings, {})[0].cause


def test_the_surer_cause_stands_first() -> None:
    """Likely before possible, whatever the order."""
    sure, guess = finding("runtime-missing"), finding("device-busy", "possible", "warning")
    assert "runtime-missing" == first(guess, sure) == first(sure, guess)


def test_what_explains_stands_above() -> None:
    """A container without the device explains the stick that stays fresh."""
    assert "container-no-access" == first(finding("dfu-not-initialised"), finding("container-no-access"))
    assert "dfu-not-initialised" in EXPLAINS["container-no-access"]


def test_a_likely_cause_stands_above_the_sure_symptom_that_it_explains() -> None:
    """A refused signature is why the driver is certainly not loaded; a guess explains nothing."""
    symptom, cause = finding("apex-module-not-loaded", "certain"), finding("secure-boot-module-signing")
    assert "secure-boot-module-signing" == first(symptom, cause)
    guess = finding("secure-boot-module-signing", "possible", "warning")
    assert "apex-module-not-loaded" == first(symptom, guess)


def test_without_an_edge_tpu_it_is_beside_the_point_that_none_is_listed() -> None:
    """However sure that is."""
    found = [finding("no-device-visible", "certain"), finding("not-an-edge-tpu", "certain", "warning")]
    diagnosis, told = diagnose_thread(EMPTY, found, {})
    assert "not-an-edge-tpu" == diagnosis.cause
    assert {"no-device-visible": "info", "not-an-edge-tpu": "warning"} == {each.rule: each.severity for each in told}


def test_the_specific_cause_stands_above_the_generic_one() -> None:
    """Losing the stick is what a dozen causes look like."""
    assert "wrong-device-string" == first(finding("autosuspend-or-reset"), finding("wrong-device-string"))


def test_guesses_beside_a_better_cause_are_made_quiet() -> None:
    """They are told, and raise no alarm."""
    _, found = diagnose_thread(EMPTY, [finding("runtime-missing"), finding("thermal", "possible", "warning")], {})
    assert {"runtime-missing": "error", "thermal": "info"} == {each.rule: each.severity for each in found}


def test_a_sure_finding_stays_loud_beside_another() -> None:
    """Two things can be wrong at once."""
    _, found = diagnose_thread(EMPTY, [finding("runtime-missing"), finding("thermal")], {})
    assert ["error", "error"] == [each.severity for each in found]


def test_a_quiet_guess_goes_where_a_finding_says_the_same() -> None:
    """The same cause is not told twice."""
    told = finding("dfu-not-initialised", "certain", "info")
    guess = finding("dfu-not-initialised", "possible", "warning")
    _, found = diagnose_thread(EMPTY, [finding("container-no-access"), told, guess], {})
    assert 1 == sum(each.rule == "dfu-not-initialised" for each in found)


def test_the_list_is_ranked() -> None:
    """All causes are listed, the first one first."""
    diagnosis, _ = diagnose_thread(EMPTY, [finding("thermal", "possible"), finding("runtime-missing")], {})
    assert ["runtime-missing", "thermal"] == [cause.cause for cause in diagnosis.ranked]


def test_a_failed_attempt_without_a_cause_is_unknown() -> None:
    """Something is wrong, and nothing shows what."""
    signs = {"attempt-failed": [Sign(name="delegate-not-created", kind="message")], "tpu": []}
    assert "unknown" == diagnose_thread(EMPTY, [], signs)[0].cause


def test_a_device_without_trouble_is_healthy() -> None:
    """Shown, and nothing speaks against it."""
    signs = {"apex-node": [Sign(name="apex-node", kind="reading")], "tpu": []}
    assert "healthy" == diagnose_thread(EMPTY, [], signs)[0].cause
