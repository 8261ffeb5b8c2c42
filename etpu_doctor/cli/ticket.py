"""``etpu-doctor ticket``: read pasted threads."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, write_report

if TYPE_CHECKING:
    from etpu_doctor.report.report import Report

_DESCRIPTION = """\
Read a pasted thread (mail, forum post, chat: logs, listings and sentences in any order) and say what it shows, the
likeliest cause, the fix, and what to ask for next.\
"""


_COLLECT_AFTER = 100_000
"""New objects until Python looks for cycles among them. What is read here makes none, and by default every import has
all objects of all imports before it looked at anew: a twentieth of the time of a short thread."""


def run(arguments: Sequence[str]) -> int:
    """Read threads and print what they show."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        return _run(arguments)
    finally:
        gc.set_threshold(*before)


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(list(arguments))
    if options.json:
        options.format = "json"
    if options.batch is not None:
        if options.files:
            raise UsageError("--batch reads its own files (see etpu-doctor ticket --help)")
        return _run_batch(options)
    from etpu_doctor.evidence.ticket import read_ticket  # noqa: PLC0415 - the parsers are slow to import
    from etpu_doctor.report.ticket import triage  # noqa: PLC0415 - as above

    report = triage(read_ticket(options.files or ["-"]), hide=not options.no_redact)
    if options.format == "markdown":
        from etpu_doctor.report import reply  # noqa: PLC0415 - one face a run

        text_stream(options.encoding).write(reply.render(report))
    else:
        write_report(report, options)
    return common.status_of(report, options.fail_on)


def _parser() -> common.Parser:
    parsing = common.parser("ticket", _DESCRIPTION)
    parsing.add_argument("files", nargs="*", metavar="FILE", help="files of one thread; '-' or none: standard input")
    parsing.add_argument(
        "--batch", metavar="PATH", help="many threads: a folder, or a file with one JSON value a line; a line each"
    )
    parsing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parsing.add_argument("--json", action="store_true", help="same as --format json")
    parsing.add_argument("--no-redact", action="store_true", help="keep host name, serial numbers and addresses")
    parsing.add_argument("--fail-on", choices=("error", "warning", "never"), default="never")
    common.add_style(parsing)
    return parsing


def _run_batch(options: argparse.Namespace) -> int:
    if options.format == "markdown":
        raise UsageError("--batch prints a line a thread: --format text or json")
    status = exit_codes.OK
    for report in _reports(options):
        _write_line(report, options)
        if report.error is not None:
            status = exit_codes.USAGE
        elif status == exit_codes.OK:
            status = common.status_of(report, options.fail_on)
    return status


def _reports(options: argparse.Namespace) -> Iterator[Report]:
    from etpu_doctor.evidence.ticket import Ticket  # noqa: PLC0415 - the parsers are slow to import
    from etpu_doctor.evidence.ticket_batch import read_batch  # noqa: PLC0415 - as above
    from etpu_doctor.report.make import error_report  # noqa: PLC0415 - as above
    from etpu_doctor.report.report import ReportError  # noqa: PLC0415 - as above
    from etpu_doctor.report.ticket import triage  # noqa: PLC0415 - as above

    for thread in read_batch(options.batch):
        if thread.problem is not None:
            error = ReportError(code=exit_codes.USAGE, kind="evidence", message=thread.problem, file=thread.name)
            yield error_report(error, "text")
            continue
        ticket = Ticket()
        for name, content in thread.texts:
            ticket.read(name, content)
        yield triage(ticket.evidence(), name=thread.name, hide=not options.no_redact)


def _write_line(report: Report, options: argparse.Namespace) -> None:
    if options.format == "json":
        from etpu_doctor.cli.output import encoded  # noqa: PLC0415 - as above

        stream = getattr(sys.stdout, "buffer", None)
        data = encoded(report) + b"\n"
        if stream is None:
            sys.stdout.write(data.decode())
        else:
            stream.write(data)
        return
    from etpu_doctor.report.escape import for_terminal, to_ascii  # noqa: PLC0415 - as above

    diagnosis = report.diagnosis
    name = report.source.name or (report.error.file if report.error is not None else None) or "?"
    line = for_terminal(f"{name}: {diagnosis.cause} ({diagnosis.confidence}): {diagnosis.summary}")
    from etpu_doctor.cli.output import wants_ascii  # noqa: PLC0415 - as above

    text_stream(options.encoding).write(f"{to_ascii(line) if wants_ascii(options.encoding) else line}\n")
