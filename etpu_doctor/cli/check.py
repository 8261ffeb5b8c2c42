"""``etpu-doctor check``: the report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from etpu_doctor.cli import common, planning
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import write_report
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report


def run(arguments: Sequence[str]) -> int:
    """Judge and print."""
    parsing = common.parser("check", "Judge this machine, a capture, or pasted lsusb/lspci text.")
    common.add_source(parsing)
    common.add_host(parsing)
    common.add_judgment(parsing)
    parsing.add_argument("--smoke", action="store_true", help="run smoke tests too (more of them: etpu-doctor smoke)")
    planning.add_models(parsing, what="the report carries")
    add_report_options(parsing)
    options = parsing.parse_args(list(arguments))
    if options.json:
        options.format = "json"
    report = _report(options)
    write_report(report, options)
    return common.status_of(report, options.fail_on)


def _report(options: Namespace) -> Report:
    """The report, with smoke tests and a plan where they are wanted. Raises ``UsageError``."""
    if options.smoke and (options.sources or options.root != "/"):
        raise UsageError("--smoke opens the Edge TPUs of this machine: it goes with neither --from nor --root")
    # Before the machine is looked at: a file that is no model is told at once.
    models = planning.models_of(options)
    request = common.request_of(options)
    evidence = _evidence(options)
    report = examine(evidence, request)
    return report if models is None else planning.with_plan(report, evidence, models, options)


def _evidence(options: Namespace) -> Evidence:
    evidence = common.evidence_of(options)
    if not options.smoke:
        return evidence
    from etpu_doctor.cli.smoke import with_smoke  # noqa: PLC0415 - only where it was asked for

    return with_smoke(evidence, options.python)


def add_report_options(parsing: common.Parser) -> None:
    """Options of every command that prints a whole report."""
    parsing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    parsing.add_argument("--json", action="store_true", help="same as --format json")
    parsing.add_argument("--only", action="append", metavar="RULE", help="only these rules (code or name; repeatable)")
    parsing.add_argument("--skip", action="append", metavar="RULE", help="not these rules")
    parsing.add_argument("--fail-on", choices=("error", "warning", "never"), default="warning")
    common.add_style(parsing)
