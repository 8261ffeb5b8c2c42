"""The reply can be posted as it is: verdict, evidence, steps, what to run next; nothing of the thread is markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.evidence.ticket import Ticket
from etpu_doctor.report.make import error_report
from etpu_doctor.report.reply import render
from etpu_doctor.report.report import ReportError
from etpu_doctor.report.ticket import triage
from tests.support.tickets import cases, report_of

CASES = cases()


@pytest.mark.parametrize("case", CASES[::6], ids=lambda case: case.name)
def test_a_reply_has_verdict_and_cause(case: object) -> None:
    """Every reply begins with a sentence and names the cause."""
    report = report_of(case.text)  # type: ignore[attr-defined] # a Case
    text = render(report)
    assert text.startswith("**")
    word = "Verdict" if report.diagnosis.cause in ("healthy", "unknown") else "Cause"
    assert f"{word}: `{report.diagnosis.cause}`" in text
    assert text.endswith("\n")


def test_a_fault_comes_with_evidence_and_steps() -> None:
    """The line that shows it with its number, then what to do."""
    text = render(report_of("modprobe: ERROR: could not insert 'apex': Key was rejected by service\n"))
    assert "### What shows it" in text
    assert "- line 1: `modprobe: ERROR" in text
    assert "### What to do" in text
    assert "1. " in text


def test_an_open_question_comes_with_commands() -> None:
    """What would decide stands in a fence."""
    text = render(report_of("Failed to load delegate from libedgetpu.so.1\n"))
    assert "### What would decide" in text
    assert "```sh\n# shows whether a USB Edge TPU is there, where, and how fast\nlsusb; lsusb -t\n# " in text


def test_several_files_are_named() -> None:
    """Where the evidence comes from more than one file, each line says which."""
    ticket = Ticket()
    ticket.read("a.log", b"crw------- 1 root root 120, 0 Feb  2 10:10 /dev/apex_0\n")
    ticket.read("b.log", b"ValueError: Failed to load delegate from libedgetpu.so.1\n")
    text = render(triage(ticket.evidence()))
    assert "(`a.log`)" in text
    assert "(`b.log`)" in text


def test_no_command_stands_there_twice() -> None:
    """A command that would decide is not among the steps as well."""
    text = render(report_of("usb usb2-port1: unable to enumerate USB device\nCoral with other cable works\n"))
    assert "### What would decide" in text
    assert 1 == text.count("sudo dmesg --follow")


def test_devices_are_in_a_table() -> None:
    """Where each Edge TPU is, and how fast."""
    text = render(report_of("Bus 004 Device 003: ID 18d1:9302 Google Inc.\n8 ms\n"))
    assert "| Edge TPU | Plugged into | Speed | State |" in text


def test_an_error_is_one_paragraph() -> None:
    """A report without content says why."""
    error = ReportError(code=2, kind="evidence", message="no *such* file")
    assert "no \\*such\\* file" in render(error_report(error, "text"))


HOSTILE = "Key was rejected by service <script>alert(1)</script> [x](http://evil) ![y](z) `` ``` \x1b[31m\u202e @user"


def test_nothing_of_a_thread_is_markup() -> None:
    """Tags, links, images, fences, colours and directions of a thread are shown, not obeyed."""
    text = render(report_of(f"modprobe: ERROR: could not insert 'apex': {HOSTILE}\n"))
    assert "Key was rejected" in text
    outside = re.sub(r"(`+).*?\1", "", text)
    for mark in ("<script", "](http", "![", "\x1b", "\u202e", "@user"):
        assert mark not in outside


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_line_is_quoted_safely(line: str) -> None:
    """Whatever a line holds, the reply has the same frame and no control character."""
    text = render(report_of(f"OSError: libedgetpu.so.1: cannot open shared object file: {line}"))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert 1 == text.count("Cause: `")
