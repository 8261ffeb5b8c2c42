"""Drives the full-screen wizard without a terminal, and reads its screen back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from etpu_doctor.wizard.app import WizardApp
from etpu_doctor.wizard.session import Session

SMALL, LARGE = (80, 24), (120, 34)
LIMIT_SECONDS = 20.0

Driver = Pilot[Any]


def lines_of(app: WizardApp) -> list[str]:
    """What stands on the screen, after all filters, line by line."""
    filters = app.get_line_filters()
    strips = app.screen._compositor.render_strips()
    for each in filters:
        strips = [strip.apply_filter(each, app.screen.background_colors[1]) for strip in strips]
    return [strip.text.rstrip() for strip in strips]


def text_of(app: WizardApp) -> str:
    """The screen as one text."""
    return "\n".join(lines_of(app))


async def until(pilot: Driver, wanted: str) -> str:
    """Wait until a text stands on the screen; returns the whole screen."""
    limit = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < limit:
        await pilot.pause(0.02)
        text = text_of(pilot.app)  # type: ignore[arg-type] # it is ours
        if wanted in text:
            return text
    raise AssertionError(f"{wanted!r} did not come:\n{text_of(pilot.app)}")  # type: ignore[arg-type] # as above


async def click_on(pilot: Driver, wanted: str) -> None:
    """A click into the first place on the screen where a text stands."""
    text = await until(pilot, wanted)
    for row, line in enumerate(text.split("\n")):
        if wanted in line:
            await pilot.click(offset=(line.index(wanted) + len(wanted) // 2, row))
            await pilot.pause()
            return


def drive(
    session: Session, steps: Callable[[Driver], Awaitable[None]], *, size: tuple[int, int] = SMALL, **options: Any
) -> WizardApp:
    """Run the app on a session and carry out the steps; returns the app as it was left."""
    app = WizardApp(session, **{"theme": "dark", **options})

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, "[x] driver")
            await steps(pilot)

    try:
        asyncio.run(run())
    finally:
        session.close()
    return app


def emphasised(app: WizardApp) -> list[str]:
    """What stands out on the screen by a style of ours (bold, dim, one of the 16 colours), row by row."""
    found = []
    for row, strip in enumerate(app.screen._compositor.render_strips()):
        for segment in strip:
            style, text = segment.style, segment.text.strip()
            if style is None or not text:
                continue
            color = style.color.name if style.color is not None and style.color.number is not None else None
            words = [word for word, on in (("bold", style.bold), ("dim", style.dim), (color, color)) if on and word]
            if words:
                found.append(f"{row:>3} {' '.join(words)}: {text}")
    return found


def contrasts(app: WizardApp) -> list[tuple[float, str]]:
    """The contrast of every piece of text with its background (WCAG 2.1, 1 to 21), after all filters."""
    found = []
    for strip in app.screen._compositor.render_strips():
        shown = strip
        for each in app.get_line_filters():
            shown = shown.apply_filter(each, app.screen.background_colors[1])
        for segment in shown:
            style = segment.style
            is_word = any(character.isalnum() for character in segment.text)
            if style is not None and is_word and style.color is not None and style.bgcolor is not None:
                one, other = (_luminance(color.get_truecolor()) for color in (style.color, style.bgcolor))
                found.append(((max(one, other) + 0.05) / (min(one, other) + 0.05), segment.text.strip()))
    return found


def _luminance(color: tuple[int, int, int]) -> float:
    parts = [value / 255 for value in color]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
