"""``etpu-doctor plan``: which model on which Edge TPU, what it will cost, and the code for it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from etpu_doctor.cli import common, exit_codes, planning
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, wants_ascii, write_json
from etpu_doctor.evidence.errors import shown

if TYPE_CHECKING:  # the command imports them only once its options are read
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.placement.measured import Measured
    from etpu_doctor.placement.plan import Plan
    from etpu_doctor.report.plan import PlanReport
    from etpu_doctor.report.planned import Ground

_CODES = ("python", "cpp", "pycoral", "frigate")


def run(arguments: Sequence[str]) -> int:
    """Plan and print."""
    options = _parser().parse_args(list(arguments))
    _check(options)
    report = _planned(options)
    if options.json:
        write_json(report)
    else:
        _write(report, options)
    return exit_codes.FOUND if report.unplaced or not report.assignment else exit_codes.OK


def _parser() -> common.Parser:
    parsing = common.parser(
        "plan",
        "Which model on which Edge TPU, what it will cost, and the code for it. Exit status: 0 every model has its "
        "place, 1 some have none, 2 a file that is no sound model, or a usage error.",
    )
    parsing.add_argument("models", nargs="+", metavar="MODEL", help="a compiled .tflite; twice for two of them")
    planning.add_rate(parsing)
    parsing.add_argument(
        "--what-if",
        metavar="SPEC",
        help="plan for hardware not here: 'usb3 usb3 pci; hub(usb3 usb3)', also usb2, dual, hub2()",
    )
    parsing.add_argument("--measure", action="store_true", help="run the plan, and print measured beside forecast")
    parsing.add_argument(
        "--seconds", type=_seconds, default=5.0, metavar="SECONDS", help="how long --measure runs (default 5)"
    )
    parsing.add_argument("--lib", metavar="FILE", help="for --measure: this libedgetpu.so.1")
    parsing.add_argument("--python", metavar="PATH", help="for --measure: the interpreter whose TFLite runtime is used")
    parsing.add_argument(
        "--code", action="append", choices=(*_CODES, "none"), help="which code to print (default: all)"
    )
    parsing.add_argument("--clock", choices=("standard", "maximum"), help="which libedgetpu is used: std or max")
    common.add_source(parsing)
    common.add_style(parsing)
    common.add_json(parsing)
    return parsing


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 < number <= 3600:
        raise ValueError
    return number


def _check(options: argparse.Namespace) -> None:
    if options.what_if is not None and options.sources:
        raise UsageError("either --what-if or --from")
    if options.measure and (options.what_if is not None or options.sources):
        raise UsageError("--measure runs on this machine: not with --what-if or --from")
    if not options.measure and (options.lib is not None or options.python is not None):
        raise UsageError("--lib and --python are for --measure")


def _planned(options: argparse.Namespace) -> PlanReport:
    from etpu_doctor.report.planned import solve, tell  # noqa: PLC0415 - --help needs nothing of it

    models = planning.given(options.models, options.rate)
    ground, evidence = _ground(options)
    solved = solve(ground, models)
    telling = msgspec.structs.replace(
        planning.telling_of(options),
        codes=tuple(kind for kind in options.code or _CODES if kind != "none"),
        what_if=options.what_if,
        measured=_measured(evidence, solved.plan, options) if options.measure else None,
    )
    return tell(ground, solved, telling)


def _measured(evidence: Evidence, plan: Plan, options: argparse.Namespace) -> Measured:
    from etpu_doctor.placement.measure import Run, measure  # noqa: PLC0415 - only with --measure
    from etpu_doctor.smoke.tools import Wishes  # noqa: PLC0415 - as above

    wishes = Wishes(library=options.lib, python=options.python)
    return measure(evidence, plan, Run(seconds=options.seconds, wishes=wishes))


def _ground(options: argparse.Namespace) -> tuple[Ground, Evidence]:
    """The machine to plan for, and its evidence as it was read: what is shown of it is redacted, what is run is not."""
    from etpu_doctor.placement.what_if import WhatIfError, machine_of  # noqa: PLC0415 - --help needs nothing of it
    from etpu_doctor.report.planned import Ground, ground_of  # noqa: PLC0415 - as above

    request = common.request_of(options)
    if options.what_if is None:
        evidence = _evidence(options)
        return ground_of(evidence, request), evidence
    try:
        machine = machine_of(options.what_if, request.options)
    except WhatIfError as error:
        mark = f"{' ' * error.position}^"
        raise UsageError(f"--what-if: {error}\n  {shown(error.spec)}\n  {mark}") from None
    return Ground(machine, machine), machine.evidence


def _evidence(options: argparse.Namespace) -> Evidence:
    if not options.measure:
        return common.evidence_of(options)
    from etpu_doctor.evidence.around import HostRequest  # noqa: PLC0415 - only with --measure
    from etpu_doctor.evidence.gather import gather_live  # noqa: PLC0415 - as above

    # Asking the library what it lists would hold the devices that are about to be opened.
    return gather_live(request=HostRequest(pythons=(options.python,) if options.python else (), probe=False))


def _write(report: PlanReport, options: argparse.Namespace) -> None:
    from etpu_doctor.report.escape import to_ascii  # noqa: PLC0415 - as above
    from etpu_doctor.report.plan import lines, terminal_width  # noqa: PLC0415 - as above

    stream = text_stream(options.encoding)
    plain = wants_ascii(options.encoding)
    for line in lines(report, terminal_width()):
        stream.write(f"{to_ascii(line) if plain else line}\n")
