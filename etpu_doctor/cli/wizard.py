"""``etpu-doctor wizard``: the guided way on the terminal, from plugged in to proven."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etpu_doctor.cli import common, exit_codes, planning
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, wants_ascii
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.wizard.labels import LabelError, Labels, default_path
from etpu_doctor.wizard.plans import How, Plans
from etpu_doctor.wizard.session import Session

if TYPE_CHECKING:
    from etpu_doctor.hotplug.engine import Feed


def run(arguments: Sequence[str]) -> int:
    """Walk with the user."""
    options = _parser().parse_args(list(arguments))
    if options.answers is not None and not options.plain:
        raise UsageError("--answers goes with --plain")
    session = _session(options)
    try:
        return _plain(session, options) if options.plain else _full_screen(session, options)
    finally:
        session.close()


def _parser() -> common.Parser:
    parsing = common.parser("wizard", "The guided way on the terminal, from plugged in to proven.")
    common.add_source(parsing)
    common.add_host(parsing)
    common.add_judgment(parsing)
    planning.add_models(parsing, what="the last step has")
    parsing.add_argument("--demo", nargs="?", const="", metavar="NAME", help="replay a demo, marked on every screen")
    parsing.add_argument("--plain", action="store_true", help="numbered questions on plain lines instead of a screen")
    parsing.add_argument("--answers", metavar="FILE", help="with --plain: answers from this file, one a line")
    parsing.add_argument(
        "--wait",
        type=common.seconds,
        default=60.0,
        metavar="N",
        help="with --answers: how long a guided step waits (60 s)",
    )
    parsing.add_argument("--theme", choices=("dark", "light", "ansi"), help="colours; default: as the terminal can")
    parsing.add_argument("--encoding", choices=("auto", "ascii", "utf-8"), default="auto")
    return parsing


def _session(options: argparse.Namespace) -> Session:
    if options.demo is not None and options.sources:
        raise UsageError("--demo and --from are two replays; choose one")
    # Before the first screen: a file that is no model is told as by every other command.
    models = planning.models_of(options)
    replay = _replay(options)
    plans = Plans(_how(options), models)
    if replay is not None:
        # A replay is not this machine: names given to its ports are forgotten with it.
        return Session(replay, Labels(), plans=plans, is_replay=True)
    if not os.path.isdir(options.root):
        raise EvidenceError(options.root, "no such directory")
    try:
        labels = Labels(default_path() if options.root == "/" else None)
    except LabelError as error:
        raise EvidenceError(default_path(), str(error)) from None
    return Session(_live(options), labels, plans=plans)


def _how(options: argparse.Namespace) -> How:
    sources = tuple(options.sources or ())
    if options.demo is not None:
        from etpu_doctor.demos import DEFAULT, folder_of  # noqa: PLC0415 - only for a replay

        sources = (folder_of(options.demo or DEFAULT),)
    return How(common.request_of(options), tuple(planning.options_of(options)), sources)


def _replay(options: argparse.Namespace) -> Feed | None:
    if options.demo is None and not options.sources:
        return None
    from etpu_doctor.demos import DEFAULT, demos, folder_of  # noqa: PLC0415 - only for a replay
    from etpu_doctor.evidence.sources import read_sources  # noqa: PLC0415 - as above
    from etpu_doctor.hotplug.engine import Engine, Marks  # noqa: PLC0415 - as above
    from etpu_doctor.hotplug.sequence import read_changes  # noqa: PLC0415 - as above
    from etpu_doctor.hotplug.world import ReplayWorld  # noqa: PLC0415 - as above

    sources, marks = options.sources, Marks(name=os.path.basename(os.path.abspath((options.sources or ["-"])[0])))
    if options.demo is not None:
        name = options.demo or DEFAULT
        if name not in demos():
            raise UsageError(f"no such demo: {name} (there are: {', '.join(demos())})")
        sources, marks = [folder_of(name)], Marks(kind="demo", name=name)
    changes = read_changes(sources[0]) if len(sources) == 1 else ()
    return Engine(ReplayWorld(read_sources(sources), changes, held=True), common.request_of(options), marks=marks)


def _live(options: argparse.Namespace) -> Feed:
    from etpu_doctor.hotplug.child import ChildFeed, Order  # noqa: PLC0415 - only for the live machine

    order = Order(
        root=options.root,
        pythons=tuple(options.python or ()),
        probe=not options.no_probe,
        request=common.request_of(options),
    )
    return ChildFeed(order)


def _plain(session: Session, options: argparse.Namespace) -> int:
    from etpu_doctor.wizard.plain import FileAnswers, Plain, PlainOptions, TypedAnswers, to_stream  # noqa: PLC0415
    from etpu_doctor.wizard.views import Style  # noqa: PLC0415 - the other face does without

    stream = text_stream(options.encoding)
    style = Style(width=_width(), ascii_only=wants_ascii(options.encoding))
    plain = PlainOptions(style=style, wait_seconds=options.wait, root=options.root)
    if options.answers is None:
        if sys.stdin is None:
            raise UsageError("the wizard asks questions, and standard input is closed: give --answers FILE")
        Plain(session, TypedAnswers(sys.stdin), to_stream(stream), plain).run()
        return exit_codes.OK
    try:
        with open(options.answers, encoding="utf-8", errors="replace") as handle:
            answers = FileAnswers(handle.readlines())
    except OSError as error:
        raise EvidenceError(options.answers, error.strerror or str(error)) from None
    Plain(session, answers, to_stream(stream), plain).run()
    return exit_codes.OK


def _width() -> int:
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = 80
    return min(max(columns or 80, 40), 120)


def _full_screen(session: Session, options: argparse.Namespace) -> int:
    # Textual draws on standard error, so that must be the terminal too.
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError("the wizard needs a terminal; without one: wizard --plain, with --answers FILE for a script")
    if os.environ.get("TERM") == "dumb":
        raise UsageError("this terminal can only print lines (TERM=dumb): use wizard --plain")
    from etpu_doctor.wizard.app import WizardApp  # noqa: PLC0415 - Textual is slow to import

    app = WizardApp(session, ascii_only=wants_ascii(options.encoding), theme=options.theme, root=options.root)
    app.run()
    if app.crash is not None:
        _leave_report(session)
        raise app.crash
    return app.return_code or exit_codes.OK


def _leave_report(session: Session) -> None:
    """A crash leaves what was known: the error handler writes the log, this the report."""
    from etpu_doctor.wizard.takeaway import SaveError, save_json  # noqa: PLC0415 - only after a crash

    if session.update is None:
        return
    try:
        import tempfile  # noqa: PLC0415 - only after a crash

        path = save_json(session.update.report, os.path.join(tempfile.gettempdir(), "etpu-doctor-report.json"))
    except SaveError:
        return
    print(f"etpu-doctor: the report as far as it came: {path}", file=sys.stderr)
