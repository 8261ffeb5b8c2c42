"""``etpu-doctor check``: the report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from etpu_doctor.cli import common
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import write_report
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report


def run(arguments: Sequence[str]) -> int:
    """Judge and print."""
    parsing = common.parser("check", "Judge this machine, a capture, or pasted lsusb/lspci text.")
    common.add_source(parsing)
    common.add_host(parsing)
    common.add_judgment(parsing)
    parsing.add_argument("--smoke", action="store_true", help="run smoke tests too (more of them: etpu-doctor smoke)")
    add_report_options(parsing)
    options = parsing.parse_args(list(arguments))
    if options.json:
        options.format = "json"
    report = _with_smoke(options) if options.smoke else common.report_of(options)
    write_report(report, options)
    return common.status_of(report, options.fail_on)


def _with_smoke(options: Namespace) -> Report:
    """The report with the results of smoke tests. Raises ``UsageError``."""
    if options.sources or options.root != "/":
        raise UsageError("--smoke opens the Edge TPUs of this machine: it goes with neither --from nor --root")
    from etpu_doctor.cli.smoke import with_smoke  # noqa: PLC0415 - only where it was asked for

    return examine(with_smoke(common.evidence_of(options), options.python), common.request_of(options))


def add_report_options(parsing: common.Parser) -> None:
    """Options of every command that prints a whole report."""
    parsing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parsing.add_argument("--json", action="store_true", help="same as --format json")
    parsing.add_argument("--only", action="append", metavar="RULE", help="only these rules (code or name; repeatable)")
    parsing.add_argument("--skip", action="append", metavar="RULE", help="not these rules")
    parsing.add_argument("--fail-on", choices=("error", "warning", "never"), default="warning")
    common.add_style(parsing)
