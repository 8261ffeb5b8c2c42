"""What the commands that take models have in common: ``plan``, ``check --model`` and ``wizard --model``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.cli import common
from etpu_doctor.cli.errors import UsageError

if TYPE_CHECKING:  # placement and code are imported only where models were given
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.report.planned import Given, Telling
    from etpu_doctor.report.report import Report


def add_models(parsing: argparse.ArgumentParser, *, what: str) -> None:
    """``--model`` and what goes with it; ``what`` becomes of the plan for the models."""
    parsing.add_argument(
        "--model", action="append", metavar="FILE", help=f"a compiled .tflite (repeatable): {what} the plan for them"
    )
    add_rate(parsing)


def add_rate(parsing: argparse.ArgumentParser) -> None:
    """``--rate``."""
    parsing.add_argument(
        "--rate", action="append", default=[], metavar="MODEL=FPS", help="inferences a second wanted (of each copy)"
    )


def models_of(options: argparse.Namespace) -> Given | None:
    """The models of ``--model``; ``None`` where there are none. Raises ``UsageError`` and ``EvidenceError``."""
    if options.model:
        return given(options.model, options.rate)
    if options.rate:
        raise UsageError("--rate is of a model: give it with --model")
    return None


def given(files: Sequence[str], rates: Sequence[str]) -> Given:
    """Read models. Raises ``UsageError``, and ``EvidenceError`` for a file that is no sound model."""
    from etpu_doctor.report.planned import GivenError, read_given  # noqa: PLC0415 - only where models were given

    try:
        return read_given(files, rates)
    except GivenError as error:
        raise UsageError(str(error)) from None


def telling_of(options: argparse.Namespace) -> Telling:
    """How the plan is told: with the command that prints it, for the same machine."""
    from etpu_doctor.report.planned import Telling  # noqa: PLC0415 - as above

    return Telling(options=tuple(options_of(options)), sources=tuple(options.sources or ()))


def options_of(options: argparse.Namespace) -> Iterator[str]:
    """The options of the command that prints the plan, beside the models and ``--from``."""
    for rate in options.rate:
        yield from ("--rate", rate)
    if options.clock:
        yield from ("--clock", options.clock)
    if options.root != "/":
        yield from ("--root", options.root)
    if getattr(options, "what_if", None) is not None:
        yield from ("--what-if", options.what_if)


def with_plan(report: Report, evidence: Evidence, models: Given, options: argparse.Namespace) -> Report:
    """A report of evidence, with the plan for models in it; as the report, it names nobody unless that is wanted."""
    from etpu_doctor.report import planned  # noqa: PLC0415 - as above

    telling = msgspec.structs.replace(telling_of(options), for_others=not options.no_redact)
    ground = planned.ground_of(evidence, common.request_of(options), report.source)
    return planned.with_plan(report, planned.planned(ground, models, telling))
