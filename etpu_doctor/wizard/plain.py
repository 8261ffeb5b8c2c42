"""The wizard as numbered questions on plain lines: for a serial console, a screen reader, or a script with answers."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

from etpu_doctor.remedies import APPLICABLE, TARGETS, load
from etpu_doctor.report.escape import for_terminal
from etpu_doctor.rules.finding import Finding
from etpu_doctor.wizard import configure, takeaway, views
from etpu_doctor.wizard.guided import Guided
from etpu_doctor.wizard.labels import LabelError
from etpu_doctor.wizard.session import STEPS, Group, Session
from etpu_doctor.wizard.views import Row, Style

WAIT_SECONDS = 60.0
_LOOK_SECONDS = 30.0
_PULSE_SECONDS = 0.25

HELP = (
    "Answer with the number of a line; Enter takes the one in brackets.",
    "b goes back, q leaves, ? shows this. Nothing is changed on this machine unless you say so.",
)

_TAKE_AWAY = ("", "json", "markdown", "bundle", "plan", "quit")
"""What can be done in the last step, by the names of ``takeaway.ACTIONS``; the first goes on."""

if TYPE_CHECKING:
    from etpu_doctor.hotplug.engine import Update
    from etpu_doctor.wizard.plain_plan import PlanTalk


class Answers(Protocol):
    """Where answers come from."""

    def next(self) -> str | None:
        """The next answer, without its line end; ``None`` when there are no more."""

    def is_person(self) -> bool:
        """Whether somebody sits there, who can press Enter to end a wait."""

    def pressed(self) -> bool:
        """Whether a line came while one waited; takes it."""


class FileAnswers:
    """Answers from a file, one a line; lines that begin with # are for whoever reads it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter([line.rstrip("\r\n") for line in lines if not line.startswith("#")])

    def next(self) -> str | None:
        return next(self._lines, None)

    def is_person(self) -> bool:
        return False

    def pressed(self) -> bool:
        return False


class TypedAnswers:
    """Answers from a keyboard, or from a pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def next(self) -> str | None:
        line = self._stream.readline()
        return line.rstrip("\r\n") if line else None

    def is_person(self) -> bool:
        return self._stream.isatty()

    def pressed(self) -> bool:
        if not self.is_person() or not select.select([self._stream], [], [], 0)[0]:
            return False
        return bool(self._stream.readline())


class PlainOptions(NamedTuple):
    """How the walk goes.

    ``wait_seconds``: how long a guided step waits where nobody can press Enter; ``root``: of the live machine;
    ``smoke_command``: another program than the smoke test itself, for tests.
    """

    style: Style
    wait_seconds: float = WAIT_SECONDS
    root: str = "/"
    smoke_command: tuple[str, ...] | None = None


class _LeaveError(Exception):
    """The user leaves, or there are no more answers."""


class Plain:
    """One walk."""

    def __init__(self, session: Session, answers: Answers, write: Callable[[str], None], options: PlainOptions) -> None:
        self._session = session
        self._answers = answers
        self._write = write
        self._options = options
        self._style = options.style

    def run(self) -> None:
        """Walk until the user leaves."""
        try:
            self._look()
            place = 1
            while True:
                place = self._step(place)
        except _LeaveError:
            self._say("Left the wizard.")

    def _step(self, place: int) -> int:
        """One step of the way; returns the next."""
        session = self._session
        choices = [f"{step.title}: {step.purpose}" for step in STEPS]
        choices[2] = f"{choices[2]} ({len(session.groups())})"
        self._title("Where to?")
        chosen = self._choose(choices, default=min(place + 1, len(STEPS)))
        if chosen is None:
            return max(place - 1, 0)
        walks = (self._look, self._map, self._findings, self._setup, self._prove, self._takeaway)
        walks[chosen - 1]()
        return chosen

    # -- talking

    def _say(self, text: str) -> None:
        self._rows(views.paragraph(text, self._style))

    def _rows(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._write(views.plain_text(row) + "\n")

    def _title(self, text: str) -> None:
        mark = "REPLAY  " if self._session.is_replay else ""
        self._write("\n")
        self._say(f"{mark}{text}")

    def _answer(self, prompt: str) -> str:
        self._write(prompt)
        answer = self._answers.next()
        if answer is None:
            self._write("\n")
            raise _LeaveError
        if not self._answers.is_person():
            self._write(for_terminal(answer) + "\n")
        return answer.strip()

    def _choose(self, choices: Sequence[str], *, default: int) -> int | None:
        """The number of a choice, or ``None`` to go back."""
        for number, choice in enumerate(choices, 1):
            self._rows(views.paragraph(choice, self._style, mark=f"{number:>3}  "))
        while True:
            answer = self._answer(f"? [{default}] ").lower()
            if answer == "?":
                self._help()
            elif answer == "q":
                raise _LeaveError
            elif answer == "b":
                return None
            elif not answer:
                return default
            elif answer.isascii() and answer.isdecimal() and 0 < int(answer[:4]) <= len(choices):
                return int(answer[:4])
            else:
                self._say(f"There is no {answer}; 1 to {len(choices)}, b, q or ?.")

    def _help(self) -> None:
        for line in HELP:
            self._say(line)

    def _agreed(self, question: str) -> bool:
        return self._answer(f"{question} [y/N] ").lower() in ("y", "yes")

    # -- the engine

    def _take(self, update: Update | None, *, quiet: bool = False) -> None:
        if update is None:
            return
        told = self._session.take(update)
        for line in () if quiet else told:
            self._say(f"{update.seconds:.1f} s  {line}")

    def _catch_up(self) -> None:
        """Take in what happened while the user was reading."""
        while (update := self._session.feed.step(0.0)) is not None:
            self._take(update)
            if update.is_over:
                return

    def _look(self) -> None:
        self._title("Look")
        if self._session.is_whole:
            self._session.feed.look()
        end = time.monotonic() + _LOOK_SECONDS
        while time.monotonic() < end:
            update = self._session.feed.step(_PULSE_SECONDS)
            self._take(update)
            if update is not None and update.stage == "library":
                break
            if update is None and self._session.is_whole:
                break
        self._rows(views.look_rows(self._session, self._style))

    # -- the steps

    def _map(self) -> None:
        self._catch_up()
        self._title("Map")
        for row in views.map_rows(self._session, self._style):
            self._rows(row.rows)
        report = self._session.now.report
        while True:
            nodes = [tpu.id for tpu in report.edge_tpus]
            choices = ["go on", "name a port", "show another device", *(f"show Edge TPU {name}" for name in nodes)]
            chosen = self._choose(choices, default=1)
            if chosen in (None, 1):
                return
            if chosen == 2:
                self._name_port()
            elif chosen is not None:
                name = (
                    self._answer("which (as the kernel writes it: 2-1.4, usb2)? ") if chosen == 3 else nodes[chosen - 4]
                )
                self._rows(views.node_rows(self._session, name, self._style))

    def _name_port(self) -> None:
        port = self._answer("which port (as the kernel writes it: 2-1.4)? ")
        known = {node.id for node in self._session.now.report.topology.usb}
        known |= {each.name for each in self._session.now.ports}
        if port not in known:
            self._say(f"No such port: {port}.")
            return
        label = self._answer("its name (empty: none)? ")
        try:
            self._session.name_port(port, label)
        except LabelError as error:
            self._say(f"Not kept: {error}")
            return
        self._say(
            f'{port} is "{self._session.names().get(port, "")}" from now on.' if label else f"{port} has no name."
        )

    def _findings(self) -> None:
        self._catch_up()
        while True:
            self._title("Findings")
            groups = self._session.groups()
            choices = ["go on", *(self._brief(group) for group in groups)]
            faults = any(group.first.severity in ("error", "warning") for group in groups)
            chosen = self._choose(choices, default=2 if faults else 1)
            if chosen in (None, 1):
                return
            if chosen is not None:
                self._finding(groups[chosen - 2])

    def _brief(self, group: Group) -> str:
        more = f" (and {len(group.others)} more)" if group.others else ""
        return f"{group.first.severity.upper()} {self._session.labelled(group.first.title)}{more}"

    def _finding(self, group: Group) -> None:
        self._rows(views.finding_rows(self._session, group, self._style))
        if self._session.can_guide(group.first):
            self._title("Do it now?")
            if self._choose(["guide me: the wizard watches while you do it", "back to the findings"], default=1) == 1:
                self._guide(group.first)

    def _guide(self, finding: Finding) -> None:
        session = self._session
        guided = session.guide(finding)
        try:
            self._title("Guided step")
            self._rows(views.guide_rows(session, guided, self._style))
            if guided.can_wait:
                self._wait(guided)
            self._rows(views.guide_state(session, guided, self._style, events=0))
        finally:
            session.end_guide()

    def _wait(self, guided: Guided) -> None:
        if self._session.now.is_over:
            return
        person = self._answers.is_person()
        self._say(f"{guided.verdict()}{' Enter ends the wait.' if person else ''}")
        end = None if person else time.monotonic() + self._options.wait_seconds
        while guided.outcome != "closed" and not self._answers.pressed():
            if end is not None and time.monotonic() >= end:
                self._say(f"Waited {self._options.wait_seconds:g} s.")
                return
            update = self._session.feed.step(_PULSE_SECONDS)
            self._take(update)
            if update is not None and update.is_over:
                return

    def _setup(self) -> None:
        self._catch_up()
        while True:
            self._title("Set up")
            choices = ["go on", *(f"{name}: {load(name).SUMMARY}" for name in TARGETS)]
            chosen = self._choose(choices, default=1)
            if chosen in (None, 1):
                return
            if chosen is not None:
                self._target(TARGETS[chosen - 2])

    def _target(self, name: str) -> None:
        setup = configure.setup_of(self._session, name)
        self._rows(views.setup_rows(setup, self._style))
        if name not in APPLICABLE or self._session.is_replay:
            return
        try:
            plans = configure.plans_of(setup, self._options.root)
        except configure.ApplyError as error:
            self._say(f"The wizard cannot write it: {error}")
            return
        for line in configure.preview(plans):
            self._write(views.clean(line, self._style) + "\n")
        if any(not plan.is_done for plan in plans) and self._agreed("Write this now?"):
            for line in configure.carry_out(setup, plans):
                self._say(line)
            self._look()

    def _prove(self) -> None:
        from etpu_doctor.wizard.plain_prove import Talk, prove  # noqa: PLC0415 - the smoke test is not always wanted

        self._catch_up()
        self._title("Prove")

        def choose(choices: Sequence[str], default: int) -> int | None:
            return self._choose(choices, default=default)

        talk = Talk(rows=self._rows, choose=choose, pressed=self._answers.pressed, style=self._style)
        prove(self._session, talk, self._options.smoke_command)

    def _takeaway(self) -> None:
        self._catch_up()
        given = self._session.plans.is_up_front
        while True:
            self._title("Take away")
            if given:
                self._plan_summary()
            for line in self._session.comparison():
                self._say(line)
            names = [name for name in _TAKE_AWAY if name != "bundle" or not self._session.is_replay]
            default = names.index("plan") if given else len(names) - 1
            chosen = self._choose(["go on", *(takeaway.ACTIONS[name] for name in names[1:])], default=default + 1)
            if chosen in (None, 1):
                return
            given = False  # Said once; what follows is up to the user.
            try:
                self._take_away(names[(chosen or 1) - 1])
            except takeaway.SaveError as error:
                self._say(f"Not saved: {error}")

    def _take_away(self, name: str) -> None:
        if name == "quit":
            raise _LeaveError
        if name == "plan":
            self._plan()
        elif name == "bundle":
            self._save_bundle()
        else:
            self._save_report(name)

    def _save_report(self, name: str) -> None:
        session = self._session
        wants_plan = session.plans.given is not None
        if name == "json":
            path, report = self._path(takeaway.JSON_NAME), session.report_to_save()
            saved = takeaway.save_json(report, path)
        else:
            path, report = self._path(takeaway.MARKDOWN_NAME), session.report_to_save()
            saved = takeaway.save_markdown(report, path, session.comparison())
        self._say(takeaway.saved_text(saved, report, wants_plan=wants_plan))

    def _save_bundle(self) -> None:
        path = takeaway.save_bundle(self._path(takeaway.BUNDLE_NAME), root=self._options.root)
        for line in takeaway.preview_texts(takeaway.look_into(path)):
            self._write(views.clean(line, self._style) + "\n")
        if self._agreed(f"Keep {path}?"):
            self._say(f"Saved {path}")
        else:
            os.unlink(path)
            self._say("Thrown away.")

    def _plan(self) -> None:
        from etpu_doctor.wizard.plain_plan import plan  # noqa: PLC0415 - the plan is not always wanted

        self._title("The plan")
        plan(self._session, self._plan_talk())

    def _plan_summary(self) -> None:
        from etpu_doctor.wizard.plain_plan import show  # noqa: PLC0415 - as above
        from etpu_doctor.wizard.plan_views import summary_rows  # noqa: PLC0415 - as above

        show(self._session, self._plan_talk(), summary_rows)
        self._write("\n")

    def _plan_talk(self) -> PlanTalk:
        from etpu_doctor.wizard.plain_plan import PlanTalk  # noqa: PLC0415 - as above

        def choose(choices: Sequence[str], default: int) -> int | None:
            return self._choose(choices, default=default)

        return PlanTalk(self._rows, choose, self._answer, self._catch_up, self._style)

    def _path(self, name: str) -> str:
        return self._answer(f"file [{name}]? ") or name


def to_stream(stream: TextIO) -> Callable[[str], None]:
    """Writes at once: whoever reads along may be a screen reader."""

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write


__all__ = ["FileAnswers", "Plain", "PlainOptions", "TypedAnswers", "to_stream"]
