"""From files of models to the plan for a machine: what ``plan``, ``check --model`` and the wizard have in common."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from etpu_doctor.evidence.compiled_model import ModelError, load_model
from etpu_doctor.evidence.errors import EvidenceError, shown
from etpu_doctor.evidence.redact import Redactor, redact
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.model import LoadedModel
from etpu_doctor.placement.measured import Measured
from etpu_doctor.placement.plan import Plan, make_plan
from etpu_doctor.placement.profile import Profile, labels, profile_of
from etpu_doctor.placement.sites import sites_of
from etpu_doctor.remedies.model import SetupFile
from etpu_doctor.remedies.plan_code import Code, Engine, plan_code
from etpu_doctor.remedies.quoting import comment, shell
from etpu_doctor.report.examine import Request
from etpu_doctor.report.make import make_report
from etpu_doctor.report.plan import Extras, PlanReport, Unplaced, report_on
from etpu_doctor.report.report import Report, Source
from etpu_doctor.report.tree import source_text
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Machine

MOST_MODELS = 64
CODES = ("python", "cpp", "pycoral", "frigate")
"""The kinds of code that there are."""


class GivenError(Exception):
    """Models or rates that make no plan; says why."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Models as they were given, and the inferences a second wanted of each (``None``: all it can)."""

    loaded: tuple[LoadedModel, ...]
    rates: tuple[float | None, ...]


def read_given(files: Sequence[str], rates: Sequence[str] = ()) -> Given:
    """Read models and ``MODEL=FPS``. Raises ``GivenError``, and ``EvidenceError`` for a file that is no sound model."""
    if len(files) > MOST_MODELS:
        raise GivenError(f"at most {MOST_MODELS} models")
    loaded = tuple(_load(path) for path in files)
    runnable = [_is_runnable(model) for model in loaded]
    wanted = _rates(rates, list(itertools.compress(zip(files, labels(list(files)), strict=True), runnable)))
    return Given(loaded=loaded, rates=tuple(wanted.get(path) for path in files))


def _load(path: str) -> LoadedModel:
    try:
        return load_model(path)
    except ModelError as error:
        raise EvidenceError(path, str(error)) from error


def _is_runnable(model: LoadedModel) -> bool:
    return model.model.compiled != "no"


def _rates(given: Sequence[str], named: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Rates by path; ``named`` are path and label of the models that an Edge TPU can run."""
    rates: dict[str, float] = {}
    for one in given:
        name, equals, value = one.rpartition("=")
        rate = _rate(value)
        if not equals or rate is None:
            raise GivenError(f"--rate wants MODEL=FPS, a number above 0: {shown(one)}")
        meant = _meant(name, named)
        if not meant:
            known = ", ".join(shown(label) for _, label in named) or "none"
            raise GivenError(f"--rate {shown(one)}: there is no such compiled model (there are: {known})")
        if len(meant) > 1:
            raise GivenError(f"--rate {shown(one)}: more than one model has that name; give its path")
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


class Ground(NamedTuple):
    """The machine that is planned for: as it may be shown, and as it is, because code has to work there.

    ``redactor`` gives out the tokens of what is shown; without one everything is. ``source`` marks a replay.
    """

    shown: Machine
    real: Machine
    redactor: Redactor | None = None
    source: Source | None = None


def ground_of(evidence: Evidence, request: Request, source: Source | None = None) -> Ground:
    """The machine of evidence that was not redacted."""
    real = build(evidence, request.options)
    if not request.redact:
        return Ground(real, real, None, source)
    redactor = Redactor()
    return Ground(build(redact(evidence, redactor), request.options), real, redactor, source)


class Solved(NamedTuple):
    """The plan, what was refused before it, and remarks on what was given."""

    given: Given
    plan: Plan
    refused: tuple[Unplaced, ...]
    notes: tuple[str, ...]


def solve(ground: Ground, given: Given) -> Solved:
    """The best plan for the models; takes up to seconds where there are many."""
    names = labels([_shareable(model.path, ground.redactor) for model in given.loaded])
    profiles: list[Profile] = []
    refused: list[Unplaced] = []
    for model, name, rate in zip(given.loaded, names, given.rates, strict=True):
        if _is_runnable(model):
            profiles.append(profile_of(model, name, rate))
        else:
            why = "nothing of it is compiled for the Edge TPU (see etpu-doctor model)"
            refused.append(Unplaced(model=name, why=why))
    plan = make_plan(sites_of(ground.shown), profiles)
    return Solved(given, plan, tuple(refused), tuple(_given_twice(given.loaded, names)))


def _given_twice(loaded: Iterable[LoadedModel], names: Iterable[str]) -> Iterator[str]:
    """A line for each model that was given more than once."""
    by_hash: dict[str, list[str]] = {}
    for model, name in zip(loaded, names, strict=True):
        by_hash.setdefault(model.sha256, []).append(name)
    for same in by_hash.values():
        if len(same) > 1:
            yield f"{' and '.join(same)} are the same model: planned as {len(same)} that run side by side."


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the report of a plan beside the plan.

    ``codes``: of ``CODES``. ``options`` and ``sources`` are those of the command that prints this plan. With
    ``for_others`` the names of people in paths are replaced by tokens, in the code too.
    """

    codes: tuple[str, ...] = CODES
    options: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    what_if: str | None = None
    measured: Measured | None = None
    for_others: bool = False


def tell(ground: Ground, solved: Solved, telling: Telling) -> PlanReport:
    """The report of a plan, with the code for it."""
    redactor = ground.redactor if telling.for_others else None
    plan = _for_others(solved.plan, redactor) if redactor is not None else solved.plan
    code = _code(ground, plan, solved, telling)
    files = [model.path for model in solved.given.loaded]
    extras = Extras(
        what_if=telling.what_if,
        refused=solved.refused,
        notes=solved.notes,
        code=code.files,
        code_notes=code.notes,
        measured=telling.measured,
        command=_command(files, telling, redactor),
    )
    return report_on(plan, _report(ground.shown, ground.source), extras)


def _report(machine: Machine, source: Source | None) -> Report:
    return make_report(machine, ()) if source is None else make_report(machine, (), kind=source.kind, name=source.name)


def _for_others(plan: Plan, redactor: Redactor) -> Plan:
    profiles = (
        msgspec.structs.replace(
            each, loaded=msgspec.structs.replace(each.loaded, path=_shareable(each.loaded.path, redactor))
        )
        for each in plan.profiles
    )
    return msgspec.structs.replace(plan, profiles=tuple(profiles))


def _shareable(path: str, redactor: Redactor | None) -> str:
    """A path in whose folders nobody is named; the file's own name is what one wants to talk about."""
    folder, name = os.path.split(path)
    return path if redactor is None or not folder else os.path.join(redactor.text(folder), name)


def _code(ground: Ground, plan: Plan, solved: Solved, telling: Telling) -> Code:
    if telling.what_if is not None:
        note = "The code goes by where the devices are plugged in: run etpu-doctor plan again once they are there."
        return Code(notes=(note,))
    report = _report(ground.shown if telling.for_others else ground.real, ground.source)
    code = plan_code(report, list(_engines(plan)), telling.codes)
    if code.files and _has_tokens(plan, solved.plan, ground):
        note = "Names of people in its paths are replaced by tokens: etpu-doctor plan prints the code that works."
        code = msgspec.structs.replace(code, notes=(note, *code.notes))
    if report.source.kind == "live" or not code.files:
        return code
    about = source_text(report)
    note = "The code is true on the machine that was captured or pasted, and on no other."
    return Code(files=tuple(_marked(file, about) for file in code.files), notes=(note, *code.notes))


def _has_tokens(told: Plan, plan: Plan, ground: Ground) -> bool:
    """Whether a plan for others lacks something that its code needs."""
    library = (machine.evidence.host.libedgetpu_path for machine in (ground.shown, ground.real))
    return told is not plan and (told.profiles != plan.profiles or len(set(library)) > 1)


def _engines(plan: Plan) -> Iterator[Engine]:
    tpus = {site.id: site.tpu for site in plan.sites.sites}
    loaded = {profile.label: profile.loaded for profile in plan.profiles}
    for each in plan.placements:
        model = loaded[each.model]
        yield Engine(file=model.path, label=each.model, model=model.model, tpu=tpus[each.tpu])


def _marked(file: SetupFile, about: str) -> SetupFile:
    """A file that says first which machine it is for."""
    mark = "//" if file.path.endswith(".cc") else "#"
    return msgspec.structs.replace(file, content=f"{mark} {comment(about)}\n{file.content}")


def _command(files: Iterable[str], telling: Telling, redactor: Redactor | None) -> str:
    words = ["etpu-doctor plan", *(_path_word(path, redactor) for path in files), *map(shell, telling.options)]
    if telling.sources:
        words += ["--from", *(_path_word(path, redactor) for path in telling.sources)]
    return " ".join(words)


def _path_word(path: str, redactor: Redactor | None) -> str:
    """A path as a word for a shell. Below the own home folder it is given from there, which names nobody."""
    home = os.path.expanduser("~")
    if len(home) > 1 and path.startswith(f"{home}/"):
        return f"~/{shell(path[len(home) + 1 :])}"
    # What begins with a dash would be an option; a dash alone is standard input.
    return shell(f"./{path}" if path.startswith("-") and path != "-" else _shareable(path, redactor))


def planned(ground: Ground, given: Given, telling: Telling) -> PlanReport:
    """The plan for a machine, in one step."""
    return tell(ground, solve(ground, given), telling)


def with_plan(report: Report, plan: PlanReport) -> Report:
    """A report that carries a plan, as JSON would hold it."""
    return msgspec.structs.replace(report, plan=msgspec.to_builtins(plan))
