"""The smoke test in a child process, as a face sees it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from etpu_doctor.facts.smoke_progress import Progress
from etpu_doctor.wizard import plain_prove, prove, prove_views, views
from etpu_doctor.wizard.prove import Course, Proof
from etpu_doctor.wizard.views import Row, Style
from tests.support.sessions import looked, session, take

FAKE = str(Path(__file__).parent.parent / "support" / "fake_smoke.py")
LIMIT_SECONDS = 60.0
STYLE = Style(100, ascii_only=True)


def fake(what: str, *names: str) -> tuple[str, ...]:
    """The command of a program that behaves so."""
    return (sys.executable, FAKE, what, *names)


def finished(proof: Proof) -> Proof:
    """The same when it is over."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not proof.is_over:
        proof.step(0.1)
        assert time.monotonic() < limit
    return proof


def until(proof: Proof, stage: str) -> None:
    """Wait until an Edge TPU is so far."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not any(course.beat is not None and course.beat.stage == stage for course in proof.courses.values()):
        proof.step(0.1)
        assert time.monotonic() < limit


def test_progress_and_results_come_in() -> None:
    """Each Edge TPU with its latencies, and its result at the end."""
    proof = finished(Proof(["2-1", "2-2"], fake("pass", "2-1", "2-2")))
    assert ["pass", "pass"] == [result.verdict for result in proof.results or ()]
    assert (None, False) == (proof.failure, proof.cancelled)
    course = proof.courses["2-1"]
    assert 1.0 == course.share
    assert [2.5, 2.6, 2.7, 3.0] == list(course.medians_ms)


def test_a_hanging_test_is_cancelled_in_no_time() -> None:
    """The child is interrupted, and nothing is left of it."""
    proof = Proof(["2-1"], fake("hang", "2-1"))
    until(proof, "running")
    process = proof._process
    assert process is not None
    began = time.monotonic()
    proof.cancel()
    assert time.monotonic() - began < LIMIT_SECONDS / 2
    assert ("cancelled", None) == (proof.failure, proof.results)
    assert not os.path.exists(f"/proc/{process.pid}")


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience."""
    monkeypatch.setattr(prove, "_PATIENCE_SECONDS", 0.5)
    proof = Proof(["2-1"], fake("deaf", "2-1"))
    until(proof, "running")
    time.sleep(0.3)
    process = proof._process
    assert process is not None
    proof.cancel()
    assert proof.is_over
    assert not os.path.exists(f"/proc/{process.pid}")


def test_a_test_that_dies_is_told_with_its_last_words() -> None:
    """There is no report; what it printed last may say why."""
    proof = finished(Proof(["2-1"], fake("crash", "2-1")))
    assert ("Segmentation fault", None) == (proof.failure, proof.results)


def test_a_refusal_is_told() -> None:
    """No model to run: the sentence is the command's own."""
    assert "There is no model to run" == finished(Proof(["2-1"], fake("refuse"))).failure


def test_a_program_that_says_nothing_is_told_too() -> None:
    """With its status."""
    proof = finished(Proof(["2-1"], (sys.executable, "-c", "raise SystemExit(3)")))
    assert "it ended with status 3 and said nothing" == proof.failure


def test_the_real_command_names_the_edge_tpus_and_asks_for_json() -> None:
    """Several also together, so that shared links show."""
    assert "--parallel" not in prove._command(["2-1"])
    command = prove._command(["2-1", "2-2"])
    assert ["smoke", "2-1", "2-2", "--parallel", "--json", "--progress", "json"] == command[3:]


def test_closing_twice_is_closing() -> None:
    """Whoever leaves cleans up."""
    proof = Proof(["2-1"], fake("hang", "2-1"))
    proof.close()
    proof.close()
    assert proof.is_over
    assert not proof.step(0.1)


@pytest.mark.parametrize(
    ("beat", "share"),
    [
        (Progress(id="x", stage="opening"), None),
        (Progress(id="x", stage="running", runs=10, of=50), 0.2),
        (Progress(id="x", stage="running", runs=90, of=50), 1.0),
        (Progress(id="x", stage="running", seconds=15, of_seconds=60, runs=7), 0.25),
        (Progress(id="x", stage="done", runs=3, of=50), 1.0),
    ],
)
def test_the_share_that_is_done(beat: Progress, share: float | None) -> None:
    """By runs or by seconds; what is not known is not 0."""
    course = Course()
    assert course.share is None
    course.take(beat)
    assert share == course.share


def test_latencies_are_kept_for_the_sparkline_only() -> None:
    """An hour of soaking fills no memory."""
    course = Course()
    for number in range(1000):
        course.take(Progress(id="x", stage="running", runs=number, of=1000, median_ms=number))
    assert prove.HISTORY == len(course.medians_ms)


def shown(rows: object) -> str:
    """Rows as text."""
    return "\n".join(map(views.plain_text, rows))  # type: ignore[call-overload] # any iterable of rows


def test_a_running_test_shows_a_bar_and_a_sparkline() -> None:
    """In ASCII where that is asked for."""
    course = Course()
    assert "waiting" in shown([prove_views.course_row(course, STYLE)])
    for runs in (10, 20, 30):
        course.take(Progress(id="x", stage="running", runs=runs, of=50, median_ms=2.0 + runs, temperature_c=48.25))
    text = shown([prove_views.course_row(course, STYLE)])
    assert text.startswith("[######----] running")
    assert text.endswith("32.0 ms  48.2 C")
    assert text.isascii()


def test_what_failed_leads_back_to_its_finding() -> None:
    """The detail of an Edge TPU names the finding that the rules made of its result."""
    walk = looked(session(is_replay=False))
    proof = finished(walk.prove(["2-2.1"], fake("fail", "2-2.1")))
    walk.proved()
    take(walk)
    text = shown(prove_views.prove_detail(walk, "2-2.1", STYLE))
    assert "WRONG" in text
    assert "See step 3: ETD901" in text
    assert proof.results is not None


def test_before_a_test_it_is_said_what_it_does() -> None:
    """It opens devices, which nothing before did."""
    assert "opens the Edge TPU" in shown(prove_views.prove_detail(looked(session(is_replay=False)), "2-2.1", STYLE))
    assert "This is a replay" in shown(prove_views.prove_detail(looked(session()), "2-2.1", STYLE))


class Talk:
    """A talk with prepared choices."""

    def __init__(self, *choices: int | None, pressed: bool = False) -> None:
        self.choices = list(choices)
        self.lines: list[str] = []
        self.is_pressed = pressed

    def rows(self, rows: object) -> None:
        """Keep what was said."""
        self.lines += shown(rows).split("\n")

    def choose(self, choices: object, default: int) -> int | None:
        """The next choice."""
        del choices, default
        return self.choices.pop(0)

    def talk(self) -> plain_prove.Talk:
        """For the step."""
        return plain_prove.Talk(self.rows, self.choose, lambda: self.is_pressed, STYLE)


def test_on_plain_lines_each_stage_is_a_line() -> None:
    """Bars that move are for screens."""
    walk, talk = looked(session(is_replay=False)), Talk(2)
    plain_prove.prove(walk, talk.talk(), fake("pass", "2-2.1", "2-2.4.3"))
    assert "2-2.1: running" in talk.lines
    assert sum(line.startswith("PASS") for line in talk.lines) == 2


def test_on_plain_lines_one_can_be_chosen() -> None:
    """By its number; 3 is the first."""
    walk, talk = looked(session(is_replay=False)), Talk(3)
    plain_prove.prove(walk, talk.talk(), fake("pass", "2-2.1"))
    assert ("2-2.1",) == (walk.proof.ids if walk.proof else ())


def test_on_plain_lines_enter_cancels() -> None:
    """And that is said."""
    walk, talk = looked(session(is_replay=False)), Talk(2, pressed=True)
    plain_prove.prove(walk, talk.talk(), fake("hang", "2-2.1"))
    assert "No test: cancelled" == talk.lines[-1]


def test_on_plain_lines_going_on_tests_nothing() -> None:
    """Neither does going back, nor a replay."""
    for choice in (1, None):
        walk = looked(session(is_replay=False))
        plain_prove.prove(walk, Talk(choice).talk())
        assert walk.proof is None
    talk = Talk()
    plain_prove.prove(looked(session()), talk.talk())
    assert "This is a replay" in talk.lines[0]


def test_a_row_is_a_row() -> None:
    """The helper of these tests shows what the faces show."""
    row: Row = (views.Span("a"), views.Span("b", "quiet"))
    assert "ab" == shown([row])
