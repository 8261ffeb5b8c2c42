"""Findings that a change opened or closed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.hotplug.difference import difference
from etpu_doctor.rules.finding import Finding, Severity


def finding(code: str = "ETD110", subject: str = "2-1", severity: Severity = "warning", title: str = "slow") -> Finding:
    """A finding."""
    return Finding(code=code, rule="usb2-link", severity=severity, title=title, subject=subject)


FINDINGS = st.lists(
    st.builds(
        finding,
        code=st.sampled_from(["ETD110", "ETD113"]),
        subject=st.sampled_from(["2-1", "2-2"]),
        severity=st.sampled_from(["error", "warning"]),
    ),
    max_size=6,
)


def test_a_finding_that_is_new_is_opened() -> None:
    """It was not there before."""
    assert ((finding(),), ()) == difference([], [finding()])


def test_a_finding_that_is_gone_is_closed() -> None:
    """It is not there any more."""
    assert ((), (finding(),)) == difference([finding()], [])


def test_another_title_is_the_same_finding() -> None:
    """A title may count resets; the third is no other finding than the second."""
    assert ((), ()) == difference([finding(title="2 resets")], [finding(title="3 resets")])


def test_another_severity_closes_one_and_opens_the_other() -> None:
    """A warning that became an error has to be told."""
    opened, closed = difference([finding(severity="warning")], [finding(severity="error")])
    assert (["error"], ["warning"]) == ([each.severity for each in opened], [each.severity for each in closed])


def test_of_two_alike_one_can_go() -> None:
    """A rule may say two things of one device."""
    assert ((), (finding(),)) == difference([finding(), finding()], [finding()])


@given(FINDINGS, FINDINGS)
def test_before_without_the_closed_and_with_the_opened_is_after(before: list[Finding], after: list[Finding]) -> None:
    """Nothing is lost and nothing is told twice."""
    opened, closed = difference(before, after)
    left = list(before)
    for each in closed:
        left.remove(each)
    key = [(each.code, each.subject, each.severity) for each in (*left, *opened)]
    assert sorted(key) == sorted((each.code, each.subject, each.severity) for each in after)
