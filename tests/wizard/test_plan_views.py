"""What the plan looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from etpu_doctor.report.escape import cells
from etpu_doctor.wizard import plan_views
from etpu_doctor.wizard.plans import Plans
from etpu_doctor.wizard.session import Session
from etpu_doctor.wizard.views import Row, Style, plain_text
from tests.support.plans import given
from tests.support.sessions import looked, session, take

View = Callable[[Session, Style], Iterable[Row]]


def planned(*names: str, **options: object) -> Session:
    """A session with a plan for these models."""
    walk = looked(session(plans=Plans(given=given(*names)), **options))  # type: ignore[arg-type] # options of a session
    walk.make_plan()
    return walk


def text_of(view: View, walk: Session, style: Style | None = None) -> str:
    """A view as text."""
    return "\n".join(plain_text(row) for row in view(walk, style or Style(76)))


@pytest.mark.parametrize("view", [plan_views.summary_rows, plan_views.plan_rows])
def test_without_models_it_says_what_it_is_for(view: View) -> None:
    """And has no code."""
    walk = looked(session())
    assert text_of(view, walk).startswith("Name the compiled models (.tflite)")
    assert "" == text_of(plan_views.code_rows, walk)


def test_until_there_is_a_plan_it_says_why() -> None:
    """First the machine is read, then it is planned for."""
    walk = session(plans=Plans(given=given("a")))
    assert "Not everything was read yet." == text_of(plan_views.summary_rows, walk)
    assert "Planning..." == text_of(plan_views.summary_rows, looked(walk))


def test_the_summary_has_places_forecast_and_limit() -> None:
    """A model an entry."""
    text = text_of(plan_views.summary_rows, planned("a", "b"), Style(200))
    assert "2 models on 2 Edge TPUs: no assignment is better under the forecast" in text
    assert "- a -> usb:0 = 2-2.4.3, port 3 of hub 2-2.4 (2109:0817): 1.3 ms (1.2 to 4.0), " in text
    assert "\nlimit  " in text


def test_ports_are_called_as_the_user_called_them() -> None:
    """In the summary and in the whole."""
    walk = planned("a", "b")
    walk.name_port("2-2.1", "left rear")
    assert 'port 1 "left rear" of hub 2-2' in text_of(plan_views.summary_rows, walk, Style(200))
    assert 'port 1 "left rear" of hub 2-2' in text_of(plan_views.plan_rows, walk, Style(200))


def test_the_whole_plan_has_the_parts_of_the_command() -> None:
    """Models, Edge TPUs, assignment, shared links, limit, suggestions."""
    text = text_of(plan_views.plan_rows, planned("a", "b", "c"))
    places = [
        text.index(f"\n{title}\n") for title in ("Models", "Edge TPUs", "Assignment", "Shared links", "What limits")
    ]
    assert sorted(places) == places


def test_a_command_is_not_broken() -> None:
    """It is copied."""
    text = text_of(plan_views.plan_rows, planned(*(f"a_model_with_a_long_name_{n}" for n in range(5))), Style(40))
    commands = [line for line in text.split("\n") if line.startswith("  $ edgetpu_compiler ")]
    assert max(command.count(".tflite") for command in commands) > 1
    assert text.count(".tflite") == sum(command.count(".tflite") for command in commands)


def test_the_code_stands_whole_with_what_one_must_know() -> None:
    """Each file under its name; a part of a file is no whole one."""
    walk = planned("a", "b")
    text = text_of(plan_views.code_rows, walk)
    for name in (
        "plan_tflite.py",
        "plan.cc",
        "plan_pycoral.py",
        "part-of-config.yml (add it to yours)",
        "About the code",
    ):
        assert f"\n{name}\n" in text
    made = walk.plans.made
    assert made is not None
    assert all(line in text for file in made.shown.code for line in file.content.rstrip("\n").split("\n"))


def test_a_plan_of_before_says_so() -> None:
    """Until there is one for the machine as it is."""
    walk = planned("a", "b", changes=None)
    walk.guide(walk.groups()[0].first)
    words = set()
    while (update := take(walk)) is not None and not update.is_over:
        words.add("the plan is made anew" in text_of(plan_views.summary_rows, walk, Style(200)))
        assert ("the plan is made anew" in text_of(plan_views.plan_rows, walk, Style(200))) == walk.plans.is_of_before(
            update
        )
    walk.make_plan()
    assert True in words
    assert "made anew" not in text_of(plan_views.summary_rows, walk, Style(200))


@pytest.mark.parametrize("width", [30, 40, 76, 117])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_wrapped_row_is_wider_than_the_page(width: int, ascii_only: bool) -> None:
    """Nor beyond ASCII where that is asked for; names of models are text."""
    walk = planned("a", "näme \x1b[31m", "a_model_with_a_long_name")
    for view in (plan_views.summary_rows, plan_views.plan_rows):
        for row in view(walk, Style(width, ascii_only=ascii_only)):
            line = plain_text(row)
            assert cells(line) <= width or row[-1].role == "command"
            assert not ascii_only or line.isascii()
            assert line.isprintable()
