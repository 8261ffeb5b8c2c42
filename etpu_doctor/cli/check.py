"""``etpu-doctor check``: the report."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.cli import common
from etpu_doctor.cli.output import write_report


def run(arguments: Sequence[str]) -> int:
    """Judge and print."""
    parsing = common.parser("check", "Judge this machine, a capture, or pasted lsusb/lspci text.")
    common.add_source(parsing)
    common.add_host(parsing)
    common.add_judgment(parsing)
    add_report_options(parsing)
    options = parsing.parse_args(list(arguments))
    if options.json:
        options.format = "json"
    report = common.report_of(options)
    write_report(report, options)
    return common.status_of(report, options.fail_on)


def add_report_options(parsing: common.Parser) -> None:
    """Options of every command that prints a whole report."""
    parsing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parsing.add_argument("--json", action="store_true", help="same as --format json")
    parsing.add_argument("--only", action="append", metavar="RULE", help="only these rules (code or name; repeatable)")
    parsing.add_argument("--skip", action="append", metavar="RULE", help="not these rules")
    parsing.add_argument("--fail-on", choices=("error", "warning", "never"), default="warning")
    common.add_style(parsing)
