"""Each screen as it looks, healthy and at its worst, small and large; and whether one can read it in each theme.

``ETPU_DOCTOR_UPDATE_FIXTURES=1`` writes the snapshots anew; the difference is what is reviewed. They hold the words
and our own emphasis, not the colours of a theme, which are Textual's to choose.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from etpu_doctor.wizard.plans import Plans
from etpu_doctor.wizard.session import Session
from tests.support import fixtures
from tests.support.plans import given
from tests.support.screens import LARGE, SMALL, Driver, contrasts, drive, emphasised, lines_of, until
from tests.support.sequences import TWO_STICKS, evidence_of
from tests.support.sessions import real_session

HERE = Path(__file__).parent / "snapshots"

WAY: dict[str, tuple[tuple[str, ...], str]] = {
    "look": (("1",), "[1 Look]"),
    "map": (("2", "end", "up"), "> "),
    "findings": (("3",), "[3 Findings]"),
    "guide": (("3", "enter"), ""),
    "setup": (("4", "down", "down"), "a service of Docker Compose"),
    "prove": (("5",), "[5 Prove]"),
    "takeaway": (("6",), "Before and after"),
    "help": (("question_mark",), "Keys; everything can be clicked as well"),
    "takeaway-with-models": (("6",), "The plan"),
    "plan": (("6", "enter"), "\n Models"),
}
"""The keys to each screen, and what stands on it."""

WITH_MODELS = ("takeaway-with-models", "plan")
"""Screens of a wizard to which models were given."""

STATES: dict[str, str | Path] = {"worst": TWO_STICKS, "healthy": "pcie-and-usb"}
SIZES = {"small": SMALL, "large": LARGE}
LEAST_CONTRAST = 3.0
"""Of large or bold text and of marks by WCAG 2.1 (AA); a terminal's text is as large as its user made it."""


def compared(name: str, shown: list[str]) -> None:
    """The snapshot of this name, or with the switch its new content."""
    path = HERE / f"{name}.txt"
    text = "\n".join(shown) + "\n"
    if fixtures.updating():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8").split("\n") == text.split("\n")


def walk(screen: str, state: str) -> Session:
    """A session in which nothing happens, with three models where the screen is about them."""
    plans = Plans(given=given("a", "b", "c", rates=(None, 100.0, None))) if screen in WITH_MODELS else None
    return real_session(evidence_of(STATES[state]), plans=plans)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("screen", WAY)
def test_a_screen_looks_as_it_did(screen: str, state: str, size: str) -> None:
    """Word for word, and what stands out."""
    keys, wanted = WAY[screen]

    async def steps(pilot: Driver) -> None:
        app = pilot.app
        await pilot.press(*keys)
        await until(pilot, wanted)
        await pilot.pause(0.3)
        shown = [*lines_of(app), "", "What stands out:", *emphasised(app)]  # type: ignore[arg-type] # it is ours
        compared(f"{screen}-{state}-{size}", shown)

    drive(walk(screen, state), steps, size=SIZES[size])


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("state", STATES)
def test_every_word_can_be_read_in_each_theme(theme: str, state: str) -> None:
    """Its contrast with what is behind it is enough."""
    weak: list[tuple[str, float, str]] = []

    async def steps(pilot: Driver) -> None:
        for screen, (keys, wanted) in WAY.items():
            await pilot.press(*keys)
            await until(pilot, wanted)
            await pilot.pause(0.2)
            found = contrasts(pilot.app)  # type: ignore[arg-type] # it is ours
            assert found
            weak.extend((screen, round(ratio, 2), text) for ratio, text in found if ratio < LEAST_CONTRAST)
            await pilot.press("escape") if screen in ("guide", "help", "plan") else None

    drive(walk("plan", state), steps, theme=theme, size=LARGE)
    assert [] == weak, "\n".join(map(str, sorted(set(weak))))


def test_each_snapshot_has_its_screen() -> None:
    """None is left over from a screen that is no more."""
    expected = {f"{screen}-{state}-{size}.txt" for screen in WAY for state in STATES for size in SIZES}
    assert expected == {path.name for path in HERE.iterdir()}
