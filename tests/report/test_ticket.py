"""Threads get the cause that an expert would name, from their evidence alone, and no false alarm."""

from __future__ import annotations

from typing import get_args

import pytest

from etpu_doctor.report.report import Cause
from etpu_doctor.rules.registry import find
from etpu_doctor.rules.thread import CODES
from tests.support.tickets import Case, cases, report_of, sticks_of

CASES = cases()
NORMAL_START = """\
[  20.1] usb 2-2: reset SuperSpeed USB device number 2 using xhci_hcd
[  20.4] usb 2-2: device firmware changed
[  20.5] usb 2-2: USB disconnect, device number 2
[  21.1] usb 2-2: new SuperSpeed USB device number 3 using xhci_hcd
[  21.2] usb 2-2: New USB device found, idVendor=18d1, idProduct=9302, bcdDevice= 1.00
"""


def loud(text: str) -> set[str]:
    """The causes of the findings that are errors or warnings."""
    return {finding.rule for finding in report_of(text).findings if finding.severity in ("error", "warning")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_cause_is_right(case: Case) -> None:
    """Each small thread is understood as its author meant it."""
    assert report_of(case.text).diagnosis.cause in case.accept


@pytest.mark.parametrize("case", [case for case in CASES if case.accept == ("healthy",)], ids=lambda case: case.name)
def test_a_healthy_thread_raises_no_alarm(case: Case) -> None:
    """Where all is well, no finding is an error or a warning."""
    assert set() == loud(case.text)


@pytest.mark.parametrize("case", [case for case in CASES if case.usb_tpus is not None], ids=lambda case: case.name)
def test_every_stick_is_placed(case: Case) -> None:
    """Each stick of a thread is found once, at its place, with the state and the speed that the thread fixes."""
    assert case.usb_tpus is not None
    found = sticks_of(case.text)
    assert len(case.usb_tpus) == len(found)
    for wanted in case.usb_tpus:
        assert any(all(not want or want == is_ for want, is_ in zip(wanted, stick, strict=True)) for stick in found)


@pytest.mark.parametrize("cause", sorted(set(get_args(Cause)) - {"unknown"}))
def test_every_cause_is_the_answer_to_some_thread(cause: str) -> None:
    """No cause of the closed list is out of reach."""
    assert any(cause in case.accept and report_of(case.text).diagnosis.cause == cause for case in CASES)


@pytest.mark.parametrize(("cause", "code"), sorted(CODES.items()))
def test_codes_are_those_of_rules_of_the_same_name(cause: str, code: str) -> None:
    """What explains a finding of a thread is the rule of its cause."""
    assert [cause] == [rule.info.name for rule in find(code)]


def test_every_cause_has_a_code() -> None:
    """Each cause that is a fault can be told of in a finding."""
    assert set(get_args(Cause)) - {"healthy", "unknown"} == set(CODES)


def test_findings_name_the_lines_that_they_rest_on() -> None:
    """A finding quotes the line and says where it stands."""
    report = report_of("hello\n\nmodprobe: ERROR: could not insert 'apex': Key was rejected by service\n")
    fact = report.findings[0].facts[0]
    assert ("ticket.txt:3", True) == (fact.where, "Key was rejected" in str(fact.value))


def test_an_open_question_names_the_command_that_would_decide() -> None:
    """Where the thread does not decide, one or two commands are asked for."""
    diagnosis = report_of("ValueError: Failed to load delegate from libedgetpu.so.1\n").diagnosis
    assert "unknown" == diagnosis.cause
    assert 1 <= len(diagnosis.next_evidence) <= 2
    assert all(command.command and command.why for command in diagnosis.next_evidence)


def test_words_alone_give_a_guess() -> None:
    """What only the reporter says is possible, never likely, and the report says what to ask for."""
    diagnosis = report_of("The stick was not listed in lsusb. With another cable it works.\n").diagnosis
    assert ("cable-or-port-signal", "possible") == (diagnosis.cause, diagnosis.confidence)
    assert diagnosis.next_evidence


def test_a_listing_outweighs_the_reporters_words() -> None:
    """The reporter suspects the cable; the message of the loader names the cause."""
    report = report_of(
        "Not working. I guess another cable works?\nOSError: libedgetpu.so.1: cannot open shared object file: "
        "No such file or directory\n"
    )
    assert "runtime-missing" == report.diagnosis.cause


def test_a_cause_that_explains_others_stands_above_them() -> None:
    """No access in the container explains the stick that stays in its boot loader."""
    report = report_of(
        "Bus 002 Device 002: ID 1a6e:089a Global Unichip Corp.\nservices:\n  frigate:\n"
        "    image: ghcr.io/blakeblackshear/frigate:stable\nNo EdgeTPU was detected.\n"
    )
    assert "container-no-access" == report.diagnosis.cause
    assert {"container-no-access"} == {f.rule for f in report.findings if f.severity in ("error", "warning")}


def test_a_normal_start_is_no_fault() -> None:
    """Reset, change of firmware, disconnect and new number are what every first use prints."""
    report = report_of(NORMAL_START + "works, 9 ms\n")
    assert ("healthy", set()) == (report.diagnosis.cause, loud(NORMAL_START))


def test_names_of_people_are_taken_out_of_what_is_quoted() -> None:
    """A finding's quotes hold no user name and no address."""
    text = (
        "mia@kiste:~$ python x.py\nPermissionError: [Errno 13] Permission denied: '/dev/apex_0' (mia@kiste 10.1.2.3)\n"
    )
    facts = [str(fact.value) for finding in report_of(text).findings for fact in finding.facts]
    assert facts
    assert not any("mia" in fact or "10.1.2.3" in fact for fact in facts)


def test_sentences_are_not_called_ignored() -> None:
    """What a person writes is no line that a parser failed on."""
    report = report_of("Hello all,\nmy stick is slow.\nBus 002 Device 003: ID 18d1:9302 Google Inc.\n")
    assert ((), 0) == (report.source.ignored, report.source.ignored_count)


def test_several_files_are_one_thread(subtests: pytest.Subtests) -> None:
    """Evidence of all files counts together."""
    from etpu_doctor.evidence.ticket import Ticket
    from etpu_doctor.report.ticket import triage

    ticket = Ticket()
    ticket.read("mail.txt", b"No EdgeTPU was detected.\n    devices:\n      # - /dev/apex_0:/dev/apex_0\n")
    ticket.read("host.txt", b"crw-rw---- 1 root apex 120, 0 Jan  6 18:22 /dev/apex_0\n")
    report = triage(ticket.evidence(), name="two")
    with subtests.test("cause"):
        assert "container-no-access" == report.diagnosis.cause
    with subtests.test("name"):
        assert "two" == report.source.name
