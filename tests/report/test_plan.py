"""The plan's two faces."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.placement.measured import Measured, MeasuredRow
from etpu_doctor.placement.plan import make_plan
from etpu_doctor.placement.profile import Profile
from etpu_doctor.placement.sites import sites_of
from etpu_doctor.placement.what_if import machine_of
from etpu_doctor.report.make import make_report
from etpu_doctor.report.plan import SCHEMA, Extras, PlanReport, Unplaced, lines, report_on
from tests.support.plans import profile


def reported(spec: str, *profiles: Profile, extras: Extras | None = None) -> PlanReport:
    """The report of a plan for described hardware."""
    machine = machine_of(spec)
    return report_on(make_plan(sites_of(machine), profiles), make_report(machine, ()), extras or Extras(what_if=spec))


def text(report: PlanReport, width: int = 100) -> str:
    """The text face."""
    return "\n".join(lines(report, width))


def test_the_json_is_read_back_as_the_same() -> None:
    """The wire format keeps everything, and names its version."""
    report = reported("hub(usb3 usb3) pci", profile("a", cycles=1000), profile("b", token=2, lax=1))
    assert SCHEMA == report.schema
    assert report == msgspec.json.decode(msgspec.json.encode(report), type=PlanReport)


def test_the_text_has_all_parts() -> None:
    """Models, Edge TPUs, assignment, shared links, limit, suggestions and notes, in this order."""
    found = text(reported("hub(usb3 usb3)", *(profile(name, token=n, cached=9_000) for n, name in enumerate("abc", 1))))
    headings = ["Models", "Edge TPUs", "Assignment", "Shared links", "What limits", "With the compiler", "To know"]
    places = [found.index(f"\n{heading}\n") for heading in headings]
    assert sorted(places) == places
    assert found.startswith("3 models on 2 Edge TPUs (hardware not here: hub(usb3 usb3)): no assignment is better")


def test_an_assignment_that_is_not_proven_says_so() -> None:
    """Nothing is claimed of a search that did not end."""
    report = msgspec.structs.replace(reported("usb3", profile("a")), is_optimal=False)
    assert "maybe not the best" in text(report)


def test_unknown_is_written_as_unknown() -> None:
    """A model whose traffic is open has neither latency nor rate, and the reason stands there."""
    found = text(reported("pci", profile("a", lax=1)))
    assert "latency unknown, rate unknown" in found
    assert "what it moves is not known" in found


def test_what_is_measured_stands_beside_the_forecast() -> None:
    """Rows and notes of a measurement are printed as they are."""
    row = MeasuredRow(model="a", tpu="2-1", text="measured 1.00 ms, forecast 0.50 ms (+100%)")
    extras = Extras(measured=Measured(seconds=1, rows=(row,), notes=("The host's processors were busy 99 %.",)))
    found = text(reported("usb3", profile("a"), extras=extras))
    assert "a on 2-1: measured 1.00 ms, forecast 0.50 ms (+100%)" in found
    assert "busy 99 %" in found


def test_refused_models_are_told() -> None:
    """What was refused before the plan stands with the models."""
    extras = Extras(refused=(Unplaced(model="x", why="nothing of it is compiled"),))
    assert "x: not placed: nothing of it is compiled" in text(reported("usb3", profile("a"), extras=extras))


def test_a_command_is_never_broken() -> None:
    """However narrow the page, what is to be copied stays in one line."""
    models = [profile(f"a_model_with_a_long_name_{n}", token=n, cached=1000) for n in range(1, 4)]
    found = list(lines(reported("usb3", *models), 40))
    assert 1 == len([line for line in found if line.strip().startswith("edgetpu_compiler")])
    assert all(f"a_model_with_a_long_name_{n}.tflite" in "".join(found) for n in range(1, 4))


@given(st.text(min_size=1, max_size=20), st.integers(20, 120))
def test_no_name_reaches_the_terminal_raw(name: str, width: int) -> None:
    """Control codes in a model's name are shown, not obeyed."""
    found = text(reported("usb3", profile(name)), width)
    assert not any(character in found for character in "\x1b\x07\x9b\r\x00")
