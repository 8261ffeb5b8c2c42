"""From findings to one cause."""

from __future__ import annotations

from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.evidence import Missing
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.report.diagnosis import EXPLAINS, diagnose
from etpu_doctor.report.report import Cause, Diagnosis
from etpu_doctor.rules.finding import Confidence, Finding, Severity
from etpu_doctor.topology.machine import EdgeTpu
from tests.support.facts import card, evidence, machine, maybe, root, tpu

MISSING = (
    Missing(what="USB ids", why="x", how="lsusb"),
    Missing(what="the weather", why="x"),
    Missing(what="PCI devices", why="x", how="lspci -nn"),
    Missing(what="links", why="x", how="sudo lspci -vv"),
)


def finding(rule: str, severity: Severity = "warning", confidence: Confidence = "certain", **fields: Any) -> Finding:
    """A finding of a cause."""
    known: dict[str, Any] = {"code": f"ETD9{len(rule):02}", "title": f"title of {rule}", "subject": "2-1"}
    return Finding(rule=rule, severity=severity, confidence=confidence, **{**known, **fields})


def sticks(*facts: Any) -> list[EdgeTpu]:
    """The Edge TPUs of a machine."""
    return machine(root(2), *facts).edge_tpus


def diagnosed(*findings: Finding, tpus: list[EdgeTpu] | None = None) -> Diagnosis:
    """The diagnosis of findings on a machine with a stick that works."""
    return diagnose(evidence(*MISSING), sticks(tpu("2-1")) if tpus is None else tpus, findings)


def causes(*findings: Finding) -> list[str]:
    """The ranked causes."""
    return [ranked.cause for ranked in diagnosed(*findings).ranked]


def test_healthy() -> None:
    """An Edge TPU without findings is healthy as far as the buses tell."""
    found = diagnosed()
    assert ("healthy", "likely", ()) == (found.cause, found.confidence, found.ranked)
    assert "1 Edge TPU found, nothing wrong with the place on the bus" == found.summary
    assert () == found.next_evidence
    assert diagnosed(tpus=sticks(tpu("2-1"), tpu("2-2"))).summary.startswith("2 Edge TPUs found")


@pytest.mark.parametrize("severity", ["info", "unknown"])
def test_notes_are_no_causes(severity: Severity) -> None:
    """What is good to know, and what could not be told, makes no machine ill."""
    found = diagnosed(finding("dfu-not-initialised", severity))
    assert ("healthy", ()) == (found.cause, found.ranked)


def test_healthy_if_they_are_edge_tpus() -> None:
    """Devices that only may be Edge TPUs are healthy if they are: what to collect is named."""
    found = diagnosed(tpus=sticks(maybe("2-1"), maybe("2-2")))
    assert ("healthy", "possible") == (found.cause, found.confidence)
    assert "2 devices that may be an Edge TPU found" in found.summary
    assert ["lsusb", "lspci -nn"] == [command.command for command in found.next_evidence]


def test_nothing_seen() -> None:
    """Without an Edge TPU and without a finding, the evidence does not decide."""
    found = diagnosed(tpus=[])
    assert ("unknown", "certain") == (found.cause, found.confidence)
    assert ["lsusb", "lspci -nn"] == [command.command for command in found.next_evidence]
    assert "shows USB ids" == found.next_evidence[0].why


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (tpu("2-1", configured=False), "Edge TPU 2-1 is on the bus, but it has no usable configuration"),
        (card("0000:01:00.0", driver=None), "Edge TPU 0000:01:00.0 is on the bus, but no apex driver is bound to it"),
    ],
)
def test_unconfigured(fact: UsbDevice, said: str) -> None:
    """One that nothing can use, for a reason that no finding gives, is unknown and not healthy."""
    found = diagnosed(tpus=sticks(fact, tpu("2-2")))
    assert ("unknown", said) == (found.cause, found.summary)
    assert "sudo dmesg" == found.next_evidence[0].command
    assert found.next_evidence[0].needs_root


def test_unconfigured_with_a_reason() -> None:
    """If a finding says why, that is the cause."""
    found = diagnosed(finding("hub-power-budget", "error"), tpus=sticks(tpu("2-1", configured=False)))
    assert "hub-power-budget" == found.cause


def test_the_worst_cause_stands_first() -> None:
    """Severity, then confidence, then code decide; the summary is its finding's title."""
    expected = ["sub-hub-secondary-port", "usb2-link", "autosuspend-or-reset", "bus-bandwidth"]
    given_findings = [
        finding("sub-hub-secondary-port", "error", "likely"),
        finding("usb2-link"),
        finding("autosuspend-or-reset", confidence="likely"),
        finding("bus-bandwidth", confidence="likely", code="ETD301"),
    ]
    found = diagnosed(*given_findings)
    assert expected[0] == found.cause
    assert ("title of sub-hub-secondary-port", "likely") == (found.summary, found.confidence)
    assert expected[:2] == [ranked.cause for ranked in found.ranked][:2]
    assert "bus-bandwidth" == [ranked.cause for ranked in found.ranked][-1]


def test_findings_of_one_cause_are_one() -> None:
    """Several findings, and several codes, of a cause make one entry with the worst severity of them."""
    found = diagnosed(
        finding("no-device-visible", "warning", code="ETD102", subject="b"),
        finding("no-device-visible", "error", "likely", code="ETD101", subject="a"),
        finding("no-device-visible", "warning", code="ETD102", subject="a"),
    )
    (ranked,) = found.ranked
    assert ("error", "likely", ("ETD101", "ETD102"), ("b", "a")) == (
        ranked.severity,
        ranked.confidence,
        ranked.codes,
        ranked.subjects,
    )


@pytest.mark.parametrize(
    ("first", "then"), [(cause, other) for cause, others in EXPLAINS.items() for other in sorted(others)]
)
def test_what_explains_another_stands_above_it(first: str, then: str) -> None:
    """A cause that explains another comes first, even where the other is worse."""
    assert [first, then] == causes(finding(then, "error"), finding(first, "warning", "possible"))


def test_a_chain_of_explanations() -> None:
    """A hub that is too weak explains the over-current, which explains the bad signal."""
    expected = ["hub-power-budget", "over-current", "cable-or-port-signal"]
    for order in permutations(finding(cause) for cause in expected):
        assert expected == causes(*order)


def test_an_explained_error_does_not_sink_below_an_unrelated_warning() -> None:
    """What explains an error, and the error, both stand above warnings that have nothing to do with it."""
    findings = [
        finding("usb2-link"),
        finding("no-device-visible", "error"),
        finding("dual-tpu-single-lane", "warning", "likely"),
    ]
    assert ["dual-tpu-single-lane", "no-device-visible", "usb2-link"] == causes(*findings)


def test_a_possible_cause_asks_for_more() -> None:
    """Where the first cause is possible only, what would decide is named; else not."""
    assert ["lsusb", "lspci -nn"] == [
        command.command for command in diagnosed(finding("usb2-link", confidence="possible")).next_evidence
    ]
    assert () == diagnosed(finding("usb2-link", confidence="likely")).next_evidence


def test_explanations_are_causes() -> None:
    """Every name in the table of explanations is in the closed list, and nothing explains itself in a circle."""
    known = set(get_args(Cause))
    assert set(EXPLAINS) <= known
    assert set().union(*EXPLAINS.values()) <= known
    for cause, others in EXPLAINS.items():
        assert all(cause not in EXPLAINS.get(other, ()) for other in others)


faults = st.builds(
    finding,
    st.sampled_from([cause for cause in get_args(Cause) if cause not in ("healthy", "unknown")]),
    st.sampled_from(["error", "warning", "info", "unknown"]),
    st.sampled_from(["certain", "likely", "possible"]),
)


@given(st.lists(faults, max_size=6), st.randoms())
def test_the_order_of_the_findings_does_not_matter(findings: list[Finding], random: Any) -> None:
    """The same findings in any order rank the same causes; the first is the diagnosis."""
    shuffled = list(findings)
    random.shuffle(shuffled)
    first, second = diagnosed(*findings), diagnosed(*shuffled)
    assert [ranked.cause for ranked in first.ranked] == [ranked.cause for ranked in second.ranked]
    assert first.cause == second.cause
    assert first.cause == (first.ranked[0].cause if first.ranked else "healthy")


def test_power_management_explains_a_card_that_is_gone_if_it_is_likely() -> None:
    """ASPM stands above the card that fell off the bus where it was forced on; as one of two readings it does not."""
    gone = finding("pcie-link-or-slot", "error", "certain")
    assert ["aspm", "pcie-link-or-slot"] == causes(gone, finding("aspm", "error", "likely"))
    assert ["pcie-link-or-slot", "aspm"] == causes(gone, finding("aspm", "error", "possible"))


def test_what_a_configuration_asks_for() -> None:
    """A missing stick explains that the configuration finds none; a configuration explains a busy stick."""
    asked, wrong = finding("frigate-config", "error"), finding("wrong-device-string", "error")
    assert ["no-device-visible", "wrong-device-string", "frigate-config"] == causes(
        asked, wrong, finding("no-device-visible", "error", "likely")
    )
    assert ["frigate-config", "device-busy"] == causes(finding("device-busy", "error"), asked)
