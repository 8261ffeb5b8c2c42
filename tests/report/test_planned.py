"""From files of models to the plan: what is read, what is shown, what may be given away, and the command for it."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from etpu_doctor.cli import plan as cli_plan
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.report.examine import Request, examine
from etpu_doctor.report.plan import PlanReport
from etpu_doctor.report.planned import (
    CODES,
    MOST_MODELS,
    Given,
    GivenError,
    Ground,
    Telling,
    ground_of,
    planned,
    read_given,
    with_plan,
)
from etpu_doctor.report.report import Source
from tests.support.mk_compiled import Graph, Operator, Tensor, tflite
from tests.support.plans import given, write_models
from tests.support.sequences import evidence_of

PLAIN = tflite(Graph((Tensor("in"), Tensor("out")), (Operator(3),)))
ANNA = "/home/anna/models"


def live(**host: object) -> Evidence:
    """A machine with Edge TPUs on PCIe and USB, as if it were this one."""
    machine = evidence_of("pcie-and-usb")
    return msgspec.structs.replace(machine, kind="live", host=msgspec.structs.replace(machine.host, **host))


def plan_for(models: Given, evidence: Evidence | None = None, **telling: object) -> PlanReport:
    """The plan for a live machine."""
    ground = ground_of(live() if evidence is None else evidence, Request())
    return planned(ground, models, msgspec.structs.replace(Telling(), **telling))


def test_models_are_read_with_their_rates(tmp_path: Path) -> None:
    """A rate goes by a name; a model without one has none."""
    models = read_given(write_models(tmp_path, "a", "b"), ["b=12.5"])
    assert (None, 12.5) == models.rates
    assert [str(tmp_path / "a_edgetpu.tflite"), str(tmp_path / "b_edgetpu.tflite")] == [
        model.path for model in models.loaded
    ]


def test_a_rate_is_of_every_copy(tmp_path: Path) -> None:
    """The same file twice runs twice at that rate."""
    (path,) = write_models(tmp_path, "a")
    assert (5.0, 5.0) == read_given([path, path], ["a=5"]).rates


@pytest.mark.parametrize("rate", ["a", "a=", "a=0", "a=nan", "a=1e9", "z=3"])
def test_a_rate_that_is_none_is_refused(rate: str, tmp_path: Path) -> None:
    """And named."""
    with pytest.raises(GivenError, match=rate.replace("=", ".")):
        read_given(write_models(tmp_path, "a"), [rate])


def test_a_rate_of_two_models_wants_a_path(tmp_path: Path) -> None:
    """A name that two have is none."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    paths = [write_models(tmp_path / folder, "a")[0] for folder in ("one", "two")]
    with pytest.raises(GivenError, match="more than one model has that name"):
        read_given(paths, ["a=3"])
    assert (None, 3.0) == read_given(paths, [f"{paths[1]}=3"]).rates


def test_too_many_models_are_refused() -> None:
    """Before any is read."""
    with pytest.raises(GivenError, match=f"at most {MOST_MODELS}"):
        read_given(["/nowhere"] * (MOST_MODELS + 1))


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    """With its file."""
    (tmp_path / "x.tflite").write_bytes(b"no model")
    with pytest.raises(EvidenceError, match=r"x\.tflite: "):
        read_given([str(tmp_path / "x.tflite")])


def test_what_is_not_compiled_has_no_place(tmp_path: Path) -> None:
    """The others have theirs."""
    (tmp_path / "plain.tflite").write_bytes(PLAIN)
    models = read_given([*write_models(tmp_path, "a"), str(tmp_path / "plain.tflite")])
    made = plan_for(models)
    assert ["plain"] == [each.model for each in made.unplaced]
    assert ["a"] == [row.model for row in made.assignment]


def test_the_same_model_twice_is_noted() -> None:
    """It is planned as two."""
    made = plan_for(given("a", "a"))
    assert ["a", "a (2)"] == [model.name for model in made.models]


def test_the_kinds_of_code_are_those_of_the_command() -> None:
    """The command names them before it imports what makes them."""
    assert CODES == cli_plan._CODES


def test_code_of_a_live_machine_is_for_this_one() -> None:
    """Nothing stands above it."""
    made = plan_for(given("a"))
    assert len(CODES) == len(made.code)
    assert not any("REPLAY" in file.content or "capture" in file.content for file in made.code)


@pytest.mark.parametrize("kind", ["demo", "capture"])
def test_code_of_a_replay_says_first_that_it_is_one(kind: str) -> None:
    """In a comment of its language, and in a note."""
    source = Source(kind=kind, name="x")  # type: ignore[arg-type] # parametrised
    made = planned(ground_of(live(), Request(), source), given("a"), Telling())
    firsts = {file.path: file.content.split("\n")[0] for file in made.code}
    about = "REPLAY of capture" if kind == "demo" else "From a capture"
    assert {"//": 1, "# ": 3} == {mark: [one[:2] for one in firsts.values()].count(mark) for mark in ("//", "# ")}
    assert all(about in first for first in firsts.values())
    assert "no other" in made.code_notes[0]
    assert (kind, "x") == (made.source.kind, made.source.name)
    compile(next(file.content for file in made.code if file.path == "plan_tflite.py"), "plan_tflite.py", "exec")


def test_hardware_that_is_not_there_has_no_code() -> None:
    """And it is said."""
    machine = ground_of(live(), Request()).real
    made = planned(Ground(machine, machine), given("a"), Telling(what_if="pci"))
    assert ((), "pci") == (made.code, made.what_if)
    assert "once they are there" in made.code_notes[0]


def test_code_has_the_real_library_and_the_rest_names_nobody() -> None:
    """Code has to work here; a library below a home folder is no exception."""
    made = plan_for(given("a"), live(libedgetpu_path="/home/anna/lib/libedgetpu.so.1", hostname="annas-box"))
    assert any('"/home/anna/lib/libedgetpu.so.1"' in file.content for file in made.code)
    assert b"anna" not in msgspec.json.encode(msgspec.structs.replace(made, code=()))


def test_what_is_for_others_names_nobody() -> None:
    """Neither in paths, nor in code, nor in the command; the models' own names stay."""
    evidence = live(libedgetpu_path="/home/anna/lib/libedgetpu.so.1", hostname="detector")
    made = plan_for(given("detector", folder=ANNA), evidence, for_others=True)
    assert b"anna" not in msgspec.json.encode(made)
    assert ["detector"] == [model.name for model in made.models]
    assert ["/home/user-1/models/detector_edgetpu.tflite"] == [model.file for model in made.models]
    assert any("/home/user-1/models/detector_edgetpu.tflite" in file.content for file in made.code)


def test_code_that_lacks_what_it_needs_says_so() -> None:
    """A path of a model or of the library that holds a token; other code is whole."""
    note = "Names of people in its paths are replaced by tokens: etpu-doctor plan prints the code that works."
    library = live(libedgetpu_path="/home/anna/lib/libedgetpu.so.1")
    assert note in plan_for(given("a", folder=ANNA), for_others=True).code_notes
    assert note in plan_for(given("a"), library, for_others=True).code_notes
    assert note not in plan_for(given("a"), for_others=True).code_notes
    assert note not in plan_for(given("a", folder=ANNA), library).code_notes
    assert note not in plan_for(given("a", folder=ANNA), library, for_others=True, codes=()).code_notes


def test_what_is_shown_here_has_the_real_paths() -> None:
    """Its code is to be run."""
    made = plan_for(given("a", folder=ANNA))
    assert [f"{ANNA}/a_edgetpu.tflite"] == [model.file for model in made.models]


def test_paths_that_are_names_name_nobody() -> None:
    """Where two files have one name, their paths tell them apart."""
    models = Given(
        loaded=(*given("a", folder="/home/anna/1").loaded, *given("a", folder="/home/anna/2").loaded),
        rates=(None, None),
    )
    assert ["/home/user-1/1/a_edgetpu.tflite", "/home/user-1/2/a_edgetpu.tflite"] == [
        model.name for model in plan_for(models).models
    ]


def test_nothing_is_hidden_where_that_is_wanted() -> None:
    """``--no-redact`` keeps all of it."""
    ground = ground_of(live(), Request(redact=False))
    made = planned(ground, given("a", folder=ANNA), Telling(for_others=True))
    assert [f"{ANNA}/a_edgetpu.tflite"] == [model.file for model in made.models]


def test_the_command_prints_this_plan() -> None:
    """Models, then options, then the evidence."""
    made = plan_for(given("a", "b c"), options=("--rate", "a=5"), sources=("cap ture", "-"))
    assert (
        "etpu-doctor plan /models/a_edgetpu.tflite '/models/b c_edgetpu.tflite' --rate a=5 --from 'cap ture' -"
        == made.command
    )


def test_the_own_home_folder_is_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names nobody, can be pasted, and is not in quotes."""
    monkeypatch.setenv("HOME", "/home/anna")
    made = plan_for(given("a", "b c", folder=ANNA), for_others=True)
    assert "etpu-doctor plan ~/models/a_edgetpu.tflite ~/'models/b c_edgetpu.tflite'" == made.command


@pytest.mark.parametrize("home", ["/", "", "/home/ann"])
def test_another_folder_is_no_home(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one whose name only begins alike."""
    monkeypatch.setenv("HOME", home)
    assert "etpu-doctor plan /home/anna/models/a_edgetpu.tflite" == plan_for(given("a", folder=ANNA)).command


@generated(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_name_is_one_word_of_the_command(name: str) -> None:
    """Whatever is in it, and none is taken for an option."""
    command = plan_for(given(name, folder=".")).command or ""
    assert ["etpu-doctor", "plan", f"./{name}_edgetpu.tflite"] == shlex.split(command)


def test_a_name_that_begins_with_a_dash_is_no_option() -> None:
    """It gets its folder before it."""
    models = given("a")
    dashed = msgspec.structs.replace(models, loaded=(msgspec.structs.replace(models.loaded[0], path="-x.tflite"),))
    assert "etpu-doctor plan ./-x.tflite" == plan_for(dashed).command


def test_a_report_carries_the_plan_as_json_holds_it() -> None:
    """It is the object that ``plan --json`` prints, on the wire and back."""
    made = plan_for(given("a", "b"))
    report = with_plan(examine(live()), made)
    assert made == msgspec.convert(report.plan, PlanReport)
    back = msgspec.json.decode(msgspec.json.encode(report), type=type(report))
    assert made == msgspec.convert(back.plan, PlanReport)


def test_a_report_without_models_has_no_plan() -> None:
    """Not even an empty one."""
    assert "plan" not in msgspec.to_builtins(examine(live()))


def test_the_clock_that_was_asked_for_is_planned_with() -> None:
    """Options of the machine reach the plan."""
    options = msgspec.structs.replace(Request().options, clock="standard")
    made = planned(ground_of(live(), Request(options=options)), given("a"), Telling())
    assert {"usb": 250, "pci": 500} == {tpu.transport: tpu.clock_mhz for tpu in made.edge_tpus}
