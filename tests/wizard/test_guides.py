"""What hands have to do, rule by rule."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.finding import Finding, Remedy, Severity
from etpu_doctor.rules.registry import all_rules
from etpu_doctor.wizard.guides import HANDS, HANDS_OF, hands_of

FROM_TEXTS = {"ETD708", "ETD709", "ETD710"}


def finding(code: str, severity: Severity = "error", remedy: Remedy | None = None) -> Finding:
    """A finding."""
    return Finding(code=code, rule="x", severity=severity, title="x", subject="2-1", remedy=remedy)


def test_every_rule_says_what_hands_have_to_do() -> None:
    """A new rule is not forgotten here; those about an application's files are none of the wizard's."""
    assert {rule.info.code for rule in all_rules()} - FROM_TEXTS == set(HANDS_OF) - FROM_TEXTS


def test_only_known_kinds_are_named() -> None:
    """The list of kinds is closed, and each is used."""
    assert set(HANDS) == set(HANDS_OF.values())


@pytest.mark.parametrize("text", HANDS.values())
def test_each_kind_says_what_to_do_and_what_is_waited_for(text: object) -> None:
    """Both are for a person."""
    assert getattr(text, "ask", "").endswith((":", "."))
    assert getattr(text, "waits", "")[0].islower()


def test_what_has_no_remedy_or_is_only_good_to_know_asks_nothing() -> None:
    """There is nothing to be guided through."""
    remedy = Remedy(summary="Move it.")
    assert hands_of(finding("ETD113")) is None
    assert hands_of(finding("ETD113", "info", remedy)) is None
    assert "move" == hands_of(finding("ETD113", "error", remedy))
