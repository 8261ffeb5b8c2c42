"""Options that several commands share, and the way from them to a report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from etpu_doctor.cli import exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.report import Report
from etpu_doctor.rules.finding import SEVERITY_RANK
from etpu_doctor.topology.machine import Options


class Parser(argparse.ArgumentParser):
    """argparse, but a usage error is an exception like any other, so that ``--json`` can answer in JSON."""

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` instead of printing and leaving."""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def print_help(self, file: Any = None) -> None:
        """Print the help; unlike argparse's own, it does not keep silent about a reader that left."""
        (file or sys.stdout).write(self.format_help())


def parser(command: str, description: str) -> Parser:
    """A parser of one command."""
    # With a width given, argparse does not import shutil (and lzma and bz2 with it) to ask the terminal for its own.
    formatter = partial(argparse.HelpFormatter, width=80)
    return Parser(prog=f"etpu-doctor {command}", description=description, allow_abbrev=False, formatter_class=formatter)


def count(value: str) -> int:
    """A number of devices."""
    number = int(value)
    if number < 0:
        raise ValueError
    return number


def seconds(value: str) -> float:
    """A time to wait."""
    number = float(value)
    if not 0 <= number < 1e9:
        raise ValueError
    return number


def add_source(parsing: argparse.ArgumentParser) -> None:
    """``--from`` and what goes with it."""
    parsing.add_argument(
        "--from",
        dest="sources",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="capture folder, bundle, or text of lsusb/lspci; '-' is standard input; default: this machine",
    )
    parsing.add_argument(
        "--root", default="/", metavar="DIR", help="where sys, proc and etc of the live host are (default /)"
    )
    parsing.add_argument("--no-redact", action="store_true", help="keep host name, serial numbers and addresses")


def add_host(parsing: argparse.ArgumentParser) -> None:
    """What to look at besides the machine itself."""
    parsing.add_argument("--python", action="append", metavar="PATH", help="also look at this interpreter's packages")
    parsing.add_argument(
        "--no-probe", action="store_true", help="do not ask libedgetpu (in a child process) what it lists"
    )


def add_judgment(parsing: argparse.ArgumentParser) -> None:
    """What the person knows and the evidence does not."""
    parsing.add_argument("--expect-tpus", type=count, metavar="N", help="how many Edge TPUs there should be")
    parsing.add_argument("--clock", choices=("standard", "maximum"), help="which libedgetpu is used: std or max")


def add_style(parsing: argparse.ArgumentParser) -> None:
    """How text looks."""
    parsing.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parsing.add_argument("--encoding", choices=("auto", "ascii", "utf-8"), default="auto")


def add_json(parsing: argparse.ArgumentParser) -> None:
    """``--json``."""
    parsing.add_argument("--json", action="store_true", help="machine-readable output")


def evidence_of(options: argparse.Namespace) -> Evidence:
    """Evidence from ``--from``, or of this machine. Raises ``EvidenceError``."""
    if not options.sources:
        if not os.path.isdir(options.root):
            raise EvidenceError(options.root, "no such directory")
        from etpu_doctor.evidence.around import HostRequest  # noqa: PLC0415 - a replay reads nothing of this host
        from etpu_doctor.evidence.gather import gather_live  # noqa: PLC0415 - as above

        request = HostRequest(
            pythons=getattr(options, "python", None) or (), probe=not getattr(options, "no_probe", False)
        )
        return gather_live(options.root, request=request)
    from etpu_doctor.evidence.sources import read_sources  # noqa: PLC0415 - a live check needs no parsers

    return read_sources(options.sources)


def names(values: Sequence[str] | None) -> frozenset[str]:
    """Rule names from a repeatable, comma-separated option. Raises ``UsageError`` for one that does not exist."""
    from etpu_doctor.rules.registry import find  # noqa: PLC0415 - only with --only or --skip

    wanted = [name.strip() for value in values or () for name in value.split(",") if name.strip()]
    if values and not wanted:
        raise UsageError("no rule was named (see etpu-doctor rules)")
    found: set[str] = set()
    for name in wanted:
        rules = find(name)
        if not rules:
            raise UsageError(f"no such rule: {name} (see etpu-doctor rules)")
        found.update(rule.info.code for rule in rules)
    return frozenset(found)


def request_of(options: argparse.Namespace) -> Request:
    """How to judge, from the command line."""
    return Request(
        options=Options(clock=getattr(options, "clock", None), expect_tpus=getattr(options, "expect_tpus", None)),
        only=names(getattr(options, "only", None)) if getattr(options, "only", None) else (),
        skip=names(getattr(options, "skip", None)) if getattr(options, "skip", None) else (),
        redact=not options.no_redact,
    )


def report_of(options: argparse.Namespace) -> Report:
    """The report that the options ask for."""
    request = request_of(options)
    return examine(evidence_of(options), request)


def status_of(report: Report, fail_on: str) -> int:
    """Exit status of a report under ``--fail-on``; what could not be told is no fault."""
    if fail_on == "never":
        return exit_codes.OK
    limit = SEVERITY_RANK[fail_on]
    failed = any(SEVERITY_RANK[finding.severity] <= limit for finding in report.findings)
    return exit_codes.FOUND if failed else exit_codes.OK
