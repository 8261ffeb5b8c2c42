"""The wizard on plain lines, with answers from a file."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from etpu_doctor.wizard.plain import FileAnswers, Plain, PlainOptions, TypedAnswers, to_stream
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Style
from tests.cli.command_line import valid
from tests.support.sequences import TWO_STICKS
from tests.support.sessions import session

FAKE = str(Path(__file__).parent.parent / "support" / "fake_smoke.py")


def walked(walk: Session, *answers: str, style: Style | None = None, smoke: tuple[str, ...] | None = None) -> str:
    """What a walk with these answers printed."""
    said: list[str] = []
    options = PlainOptions(style=style or Style(80), wait_seconds=30.0, smoke_command=smoke)
    Plain(walk, FileAnswers(answers), said.append, options).run()
    return "".join(said)


def test_the_whole_way_from_plugged_in_to_the_report(tmp_path: Path) -> None:
    """Look, map, finding, guided step, set-up, prove, take away, by Enter where Enter does."""
    path = tmp_path / "report.json"
    answers = ["", "", "", "", "", "1", "", "1", "", "", "6", "2", str(path), "q"]
    text = walked(session(), *answers)
    assert "[x] Done: the rules find no sub-hub-secondary-port any more (5 Gb/s now)." in text
    assert "healthy" == valid(path.read_bytes())["diagnosis"]["cause"]
    assert text.endswith("Left the wizard.\n")


def test_every_title_of_a_replay_is_marked() -> None:
    """It is never to be taken for this machine."""
    text = walked(session(), "2", "1", "3", "1", "4", "1", "5", "6", "1", "q")
    titles = [
        line for line in text.split("\n") if line.endswith(("Look", "Map", "Findings", "Set up", "Prove", "Where to?"))
    ]
    assert len(titles) > 8
    assert all(title.startswith("REPLAY ") for title in titles)


def test_answers_that_end_leave_the_wizard() -> None:
    """A script that is too short does not hang."""
    assert walked(session(), "2").endswith("Left the wizard.\n")
    assert walked(session()).endswith("Left the wizard.\n")


def test_lines_that_begin_with_a_hash_are_no_answers() -> None:
    """They are for whoever reads the file."""
    assert "Left the wizard." in walked(session(), "# leave at once", "q")


@pytest.mark.parametrize("answer", ["7", "0", "-1", "x", "²", "1" * 5000, "\x1b[2J"])
def test_an_answer_that_is_none_is_asked_for_again(answer: str) -> None:
    """And shown as text."""
    text = walked(session(), answer, "q")
    assert "1 to 6, b, q or ?" in text
    assert "\x1b" not in text


def test_help_is_given_and_the_question_stays() -> None:
    """Then the answer counts."""
    text = walked(session(), "?", "2", "1", "q")
    assert "b goes back, q leaves" in text
    assert "REPLAY Map" in text


def test_going_back_offers_the_step_before() -> None:
    """B after the map leads to the look."""
    text = walked(session(), "2", "1", "b", "q")
    assert ["? [2] 2", "? [3] b", "? [2] q"] == [
        line for line in text.split("\n") if line.startswith("? [") and line != "? [1] 1"
    ]


def test_a_port_gets_a_name_that_later_messages_use() -> None:
    """In the map and in the finding."""
    text = walked(session(), "2", "2", "2-2.4.3", "inner left", "1", "3", "1", "q")
    assert '2-2.4.3 is "inner left" from now on.' in text
    assert 'port 3 "inner left" of sub-hub 2-2.4' in " ".join(text.split())


def test_a_port_that_is_not_there_gets_no_name() -> None:
    """It is said, and nothing is asked further."""
    assert "No such port: 9-9." in walked(session(), "2", "2", "9-9", "1", "q")


def test_a_node_is_shown_with_its_facts() -> None:
    """By its number, or by its name."""
    assert "Edge TPU 2-2.4.3\n" in walked(session(), "2", "5", "1", "q")
    assert "Hub 2-2\n" in walked(session(), "2", "3", "2-2", "1", "q")


def test_a_guided_step_without_a_change_ends_with_the_recording() -> None:
    """Nobody waits for what cannot come."""
    text = walked(session(TWO_STICKS, ()), "3", "2", "1", "q")
    assert "The recording ends here: nothing more will happen." in text


def test_a_configuration_is_printed_whole() -> None:
    """So that it can be copied; a replay is written nowhere."""
    text = walked(session(), "4", "2", "1", "q")
    assert "Add to" in text or "/etc/udev/rules.d/" in text
    assert "Write this now?" not in text


def test_edge_tpus_are_proved() -> None:
    """All of them, with their verdicts."""
    text = walked(session(is_replay=False), "5", "2", "q", smoke=(sys.executable, FAKE, "pass", "2-2.1", "2-2.4.3"))
    assert 2 == text.count("PASS     ")


def test_a_report_that_cannot_be_saved_is_told() -> None:
    """And the walk goes on."""
    assert "Not saved: /no/such/r.json" in walked(session(), "6", "2", "/no/such/r.json", "1", "q")


def test_the_markdown_says_what_changed(tmp_path: Path) -> None:
    """For the ticket."""
    path = tmp_path / "r.md"
    walked(session(), "3", "2", "1", "1", "6", "3", str(path), "q")
    assert "Mended: ETD113 sub-hub-secondary-port" in path.read_text(encoding="utf-8")


def test_ascii_is_ascii() -> None:
    """For a serial console."""
    assert walked(session(), "2", "1", "3", "2", "1", "4", "2", "q", style=Style(80, ascii_only=True)).isascii()


def test_typed_answers_come_from_a_stream() -> None:
    """Its end is the end."""
    answers = TypedAnswers(io.StringIO("1\n\nlast"))
    assert ["1", "", "last", None] == [answers.next() for _ in range(4)]
    assert (False, False) == (answers.is_person(), answers.pressed())


def test_lines_are_written_at_once() -> None:
    """A screen reader reads along."""

    class Stream(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    to_stream(stream)("x")
    assert ("x", 1) == (stream.getvalue(), stream.flushed)
