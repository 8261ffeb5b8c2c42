"""Messages that name one cause are findings; judgments join signs; what is only said stays a guess."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.thread import Sign
from etpu_doctor.knowledge.messages import program_messages
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.thread import judge_thread

DECIDING = [entry for entry in program_messages() if entry.kind == "fault" and entry.decides and not entry.needs]


def signs(*names: str, kind: str = "message") -> dict[str, list[Sign]]:
    """Signs of these names, one each."""
    return {name: [Sign(name=name, kind=kind, text=f"line of {name}", where="t:1")] for name in names}  # type: ignore[arg-type] # a kind


def causes(found: list[Finding]) -> set[str]:
    """The causes of findings."""
    return {finding.rule for finding in found}


@pytest.mark.parametrize("entry", DECIDING, ids=lambda entry: entry.name)
def test_a_deciding_message_is_a_finding(entry: object) -> None:
    """Its cause, its meaning as title, the line quoted."""
    name, means, expected = entry.name, entry.means, entry.causes[0]  # type: ignore[attr-defined] # a ProgramMessage
    (finding,) = [finding for finding in judge_thread(signs(name)) if finding.rule == expected]
    assert "error" == finding.severity
    assert means
    assert ["t:1"] == [fact.where for fact in finding.facts]


@pytest.mark.parametrize(
    "name", ["delegate-not-created", "frigate-no-edge-tpu", "hib-error", "frigate-detection-stuck"]
)
def test_a_message_of_many_causes_is_no_finding(name: str) -> None:
    """What fits a dozen causes names none."""
    assert set() == causes(judge_thread(signs(name)))


@pytest.mark.parametrize("name", ["transfer-cancelled", "usb-close-noise", "e-fuse-revision", "delegate-del-noise"])
def test_benign_messages_are_no_findings(name: str) -> None:
    """What looks frightening and is normal makes no cause."""
    assert set() == causes(judge_thread(signs(name)))


def test_a_judgment_of_words_alone_is_possible() -> None:
    """However sure a judgment is, words of the reporter make it a guess."""
    (finding,) = judge_thread(signs("stopping-other-helps", kind="words"))
    assert ("device-busy", "possible", "warning") == (finding.rule, finding.confidence, finding.severity)


def test_a_judgment_needs_each_group() -> None:
    """Half of what it rests on is not enough."""
    assert "secure-boot-module-signing" in causes(judge_thread(signs("secure-boot-on", "mok-not-enrolled")))
    assert "secure-boot-module-signing" not in causes(judge_thread(signs("secure-boot-on")))


def test_a_judgment_is_off_where_something_speaks_against_it() -> None:
    """A loaded module needs no key."""
    names = ("secure-boot-on", "dkms-gasket-installed")
    assert "secure-boot-module-signing" in causes(judge_thread(signs(*names)))
    assert "secure-boot-module-signing" not in causes(judge_thread(signs(*names, "module-loaded")))


def test_one_finding_a_cause() -> None:
    """Two messages of one cause are one finding, the surest."""
    found = judge_thread(signs("key-rejected", "module-key-rejected", "secure-boot-on", "mok-not-enrolled"))
    assert len(found) == len(causes(found))


def test_a_finding_has_something_to_do() -> None:
    """Each comes with a fix."""
    for finding in judge_thread(signs("library-not-found", "usb-claim-busy")):
        assert finding.remedy is not None
        assert finding.remedy.summary
