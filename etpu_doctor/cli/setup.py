"""``etpu-doctor setup``: a ready configuration for the Edge TPUs found here, and for two targets the writing of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, write_json
from etpu_doctor.remedies import APPLICABLE, TARGETS, load
from etpu_doctor.remedies.apply import ApplyError, NoRightsError, Plan, Written, plan, write
from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.report.escape import for_terminal, wrap
from etpu_doctor.rules.finding import Command

_WIDTH = 100


def run(arguments: Sequence[str]) -> int:
    """Print a configuration, or write it."""
    options = _parser().parse_args(list(arguments))
    if options.list:
        return _list(as_json=options.json)
    _check(options)
    target = load(options.target)
    setup = target.build(common.report_of(options))
    if options.apply:
        return _apply(setup, options)
    if options.json:
        write_json(setup)
        return exit_codes.OK
    text_stream("auto").write("".join(f"{line}\n" for line in _lines(setup, target.SUMMARY)))
    return exit_codes.OK


def _parser() -> common.Parser:
    parsing = common.parser("setup", "A ready configuration for exactly the Edge TPUs found here.")
    parsing.add_argument("target", nargs="?", metavar="TARGET", help=", ".join(TARGETS))
    parsing.add_argument("--list", action="store_true", help="list the targets")
    parsing.add_argument(
        "--apply",
        action="store_true",
        help=f"write it, after showing the difference ({', '.join(sorted(APPLICABLE))} only)",
    )
    parsing.add_argument("--yes", action="store_true", help="with --apply: do not ask")
    common.add_source(parsing)
    common.add_json(parsing)
    # A configuration with tokens in place of names would not work.
    parsing.set_defaults(no_redact=True)
    return parsing


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be carried out. Raises ``UsageError``."""
    if options.target is None:
        raise UsageError(f"setup needs a target: {', '.join(TARGETS)}")
    if options.target not in TARGETS:
        raise UsageError(f"no such target: {options.target} (there are: {', '.join(TARGETS)})")
    if options.yes and not options.apply:
        raise UsageError("--yes says nothing without --apply")
    if options.apply and options.target not in APPLICABLE:
        raise UsageError(
            f"--apply is for {' and '.join(sorted(APPLICABLE))} only; copy what setup {options.target} prints"
        )
    if options.apply and not options.yes and (options.json or sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError("--apply asks before it writes, and nobody can be asked here: add --yes")


def _list(*, as_json: bool) -> int:
    known = {name: load(name).SUMMARY for name in TARGETS}
    if as_json:
        write_json({"targets": [{"name": name, "summary": summary} for name, summary in known.items()]})
        return exit_codes.OK
    for name, summary in known.items():
        print(f"{name:10}{summary}")
    return exit_codes.OK


def _lines(setup: Setup, summary: str) -> Iterator[str]:
    """The whole answer; everything but what is to be copied is a comment, so that a file can be redirected."""
    found = ", ".join(map(for_terminal, setup.devices)) or "none found here"
    yield from _comment(f"etpu-doctor setup {setup.target}: {summary}")
    yield from _comment(f"Edge TPUs: {found}")
    for note in setup.text:
        yield from _comment(note, mark="- ")
    for file in setup.files:
        yield from _file(file)
    if setup.commands:
        yield "#"
        yield "# ---- then run" if setup.files else "# ---- run"
    for command in setup.commands:
        yield from _command(command, commented=bool(setup.files))
    for step in setup.undo:
        yield from _comment(step, mark="undo: ")


def _file(file: SetupFile) -> Iterator[str]:
    yield "#"
    yield f"# ---- {'add to ' if file.fragment else ''}{for_terminal(file.path)}"
    # Each language's own escapes have made the content plain text.
    yield from file.content.removesuffix("\n").split("\n")


def _command(command: Command, *, commented: bool) -> Iterator[str]:
    yield from _comment(f"{command.why}:")
    yield f"{'#   ' if commented else ''}{for_terminal(command.command)}"


def _comment(text: str, mark: str = "") -> Iterator[str]:
    indent = " " * len(mark)
    for index, line in enumerate(wrap(for_terminal(text), _WIDTH - 2 - len(mark))):
        yield f"# {indent if index else mark}{line}"


def _apply(setup: Setup, options: argparse.Namespace) -> int:
    """Show, ask, write."""
    try:
        plans = [plan(file, options.root) for file in setup.files]
        wanted = [planned for planned in plans if not planned.is_done]
        if not options.json:
            _show(plans)
        if wanted and not options.yes and not _agreed():
            print("Nothing was written.")
            return exit_codes.FOUND
        written = [write(planned) for planned in wanted]
    except NoRightsError as error:
        raise UsageError(f"{error}. Nothing was written. Run it with the rights:  {_as_root(options)}") from error
    except ApplyError as error:
        raise UsageError(str(error)) from error
    _tell(setup, plans, written, as_json=options.json)
    return exit_codes.OK


def _show(plans: list[Plan]) -> None:
    for planned in plans:
        if planned.is_done:
            print(f"{for_terminal(planned.path)} is already as it should be.")
        for line in planned.diff.split("\n") if planned.diff else ():
            # A file that others wrote may hold anything; tabs are harmless.
            print("\t".join(map(for_terminal, line.split("\t"))))


def _agreed() -> bool:
    print("Write this? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(setup: Setup, plans: list[Plan], written: list[Written], *, as_json: bool) -> None:
    if as_json:
        diffs = [{"path": planned.path, "diff": planned.diff} for planned in plans]
        write_json({"setup": setup, "planned": diffs, "written": written})
        return
    for file in written:
        print(f"wrote {for_terminal(file.path)}")
        if file.backup is not None:
            print(f"kept  {for_terminal(file.backup)}")
        print(f"undo: {for_terminal(file.undo)}")
    if written:
        print("then run:")
        for command in setup.commands:
            print(f"  {command.command}  # {command.why}")


def _as_root(options: argparse.Namespace) -> str:
    """This very command line, for root: whose PATH need not have the program."""
    from etpu_doctor.remedies.quoting import shell  # noqa: PLC0415 - only for this message

    words = ["sudo", sys.executable, "-m", "etpu_doctor", "setup", options.target, "--apply"]
    words += ["--yes"] if options.yes else []
    words += ["--root", options.root] if options.root != "/" else []
    words += ["--from", *options.sources] if options.sources else []
    return shell(*words)
