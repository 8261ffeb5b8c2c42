"""``etpu-doctor plan``: which model on which Edge TPU, what it will cost, and the code for it."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, wants_ascii, write_json
from etpu_doctor.evidence.errors import EvidenceError, shown

if TYPE_CHECKING:  # the command imports them only once its options are read
    from etpu_doctor.facts.evidence import Evidence
    from etpu_doctor.facts.model import LoadedModel
    from etpu_doctor.placement.measured import Measured
    from etpu_doctor.placement.plan import Plan
    from etpu_doctor.placement.profile import Profile
    from etpu_doctor.remedies.plan_code import Code
    from etpu_doctor.report.plan import PlanReport
    from etpu_doctor.report.report import Report
    from etpu_doctor.topology.machine import Machine

_MOST_MODELS = 64
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
    parsing.add_argument(
        "--rate", action="append", default=[], metavar="MODEL=FPS", help="inferences a second wanted (of each copy)"
    )
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
    if len(options.models) > _MOST_MODELS:
        raise UsageError(f"at most {_MOST_MODELS} models")


def _planned(options: argparse.Namespace) -> PlanReport:
    from etpu_doctor.placement.plan import make_plan  # noqa: PLC0415 - --help needs nothing of it
    from etpu_doctor.placement.sites import sites_of  # noqa: PLC0415 - as above
    from etpu_doctor.report.make import make_report  # noqa: PLC0415 - as above
    from etpu_doctor.report.plan import Extras, Unplaced, report_on  # noqa: PLC0415 - as above

    profiles, refused, notes = _profiles(options)
    machine, evidence = _machine(options)
    report = make_report(machine, ())
    plan = make_plan(sites_of(machine), profiles)
    code = _code(report, plan, options)
    extras = Extras(
        what_if=options.what_if,
        code=code.files,
        code_notes=code.notes,
        measured=_measured(evidence, plan, options) if options.measure else None,
        refused=tuple(Unplaced(model=name, why=why) for name, why in refused),
        notes=tuple(notes),
    )
    return report_on(plan, report, extras)


def _profiles(options: argparse.Namespace) -> tuple[list[Profile], list[tuple[str, str]], list[str]]:
    """Profiles of the compiled models, what was refused and why, and remarks on what was given."""
    from etpu_doctor.placement.profile import labels, profile_of  # noqa: PLC0415 - --help needs nothing of it

    loaded = [_load(path) for path in options.models]
    names = labels(options.models)
    compiled = [each.model.compiled != "no" for each in loaded]
    rates = _rates(options.rate, list(itertools.compress(zip(options.models, names, strict=True), compiled)))
    profiles, refused = [], []
    for model, name, path in zip(loaded, names, options.models, strict=True):
        if model.model.compiled == "no":
            refused.append((name, "nothing of it is compiled for the Edge TPU (see etpu-doctor model)"))
        else:
            profiles.append(profile_of(model, name, rates.get(path)))
    return profiles, refused, _given_twice(loaded, names)


def _load(path: str) -> LoadedModel:
    from etpu_doctor.evidence.compiled_model import ModelError, load_model  # noqa: PLC0415 - --help needs none

    try:
        return load_model(path)
    except ModelError as error:
        raise EvidenceError(path, str(error)) from error


def _rates(given: Sequence[str], named: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Rates by path; ``named`` are path and label of the models that an Edge TPU can run. Raises ``UsageError``."""
    rates: dict[str, float] = {}
    for one in given:
        name, equals, value = one.rpartition("=")
        rate = _rate(value)
        if not equals or rate is None:
            raise UsageError(f"--rate wants MODEL=FPS, a number above 0: {shown(one)}")
        meant = _meant(name, named)
        if not meant:
            known = ", ".join(shown(label) for _, label in named) or "none"
            raise UsageError(f"--rate {shown(one)}: there is no such compiled model (there are: {known})")
        if len(meant) > 1:
            raise UsageError(f"--rate {shown(one)}: more than one model has that name; give its path")
        rates |= dict.fromkeys(meant, rate)
    return rates


def _rate(value: str) -> float | None:
    try:
        rate = float(value)
    except ValueError:
        return None
    return rate if 0.001 <= rate <= 1_000_000 else None


def _meant(name: str, named: Sequence[tuple[str, str]]) -> set[str]:
    """The paths that a name means: the exact ones if there are any."""
    ways: tuple[Callable[[str, str], str], ...] = (
        lambda path, _: path,
        lambda _, label: label,
        lambda path, _: os.path.basename(path),
        lambda path, _: os.path.basename(path).removesuffix(".tflite"),
        lambda path, _: os.path.basename(path).removesuffix(".tflite").removesuffix("_edgetpu"),
    )
    for way in ways:
        meant = {path for path, label in named if way(path, label) == name}
        if meant:
            return meant
    return set()


def _given_twice(loaded: Sequence[LoadedModel], names: Sequence[str]) -> list[str]:
    """A line for each model that was given more than once."""
    by_hash: dict[str, list[str]] = {}
    for model, name in zip(loaded, names, strict=True):
        by_hash.setdefault(model.sha256, []).append(name)
    return [
        f"{' and '.join(same)} are the same model: planned as {len(same)} that run side by side."
        for same in by_hash.values()
        if len(same) > 1
    ]


def _measured(evidence: Evidence, plan: Plan, options: argparse.Namespace) -> Measured:
    from etpu_doctor.placement.measure import Run, measure  # noqa: PLC0415 - only with --measure
    from etpu_doctor.smoke.tools import Wishes  # noqa: PLC0415 - as above

    wishes = Wishes(library=options.lib, python=options.python)
    return measure(evidence, plan, Run(seconds=options.seconds, wishes=wishes))


def _code(report: Report, plan: Plan, options: argparse.Namespace) -> Code:
    from etpu_doctor.remedies.plan_code import Code, Engine, plan_code  # noqa: PLC0415 - --help needs none

    if options.what_if is not None:
        note = "The code goes by where the devices are plugged in: run etpu-doctor plan again once they are there."
        return Code(notes=(note,))
    tpus = {site.id: site.tpu for site in plan.sites.sites}
    profiles = {profile.label: profile for profile in plan.profiles}
    engines = [
        Engine(
            file=profiles[each.model].loaded.path,
            label=each.model,
            model=profiles[each.model].loaded.model,
            tpu=tpus[each.tpu],
        )
        for each in plan.placements
    ]
    return plan_code(report, engines, [kind for kind in options.code or _CODES if kind != "none"])


def _machine(options: argparse.Namespace) -> tuple[Machine, Evidence]:
    """The machine to plan for, and its evidence as it was read: what is shown of it is redacted, what is run is not."""
    from etpu_doctor.evidence.redact import redact  # noqa: PLC0415 - --help needs nothing of it
    from etpu_doctor.placement.what_if import WhatIfError, machine_of  # noqa: PLC0415 - as above
    from etpu_doctor.topology.build import build  # noqa: PLC0415 - as above
    from etpu_doctor.topology.machine import Options  # noqa: PLC0415 - as above

    judged = Options(clock=options.clock)
    if options.what_if is not None:
        try:
            machine = machine_of(options.what_if, judged)
        except WhatIfError as error:
            mark = f"{' ' * error.position}^"
            raise UsageError(f"--what-if: {error}\n  {shown(error.spec)}\n  {mark}") from None
        return machine, machine.evidence
    evidence = _evidence(options)
    return build(evidence if options.no_redact else redact(evidence), judged), evidence


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
