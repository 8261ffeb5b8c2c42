"""What the 16 colours of the rows are on our two backgrounds; each can be read on both of their shades."""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme

ON_DARK = TerminalTheme(
    (18, 18, 18),
    (224, 224, 224),
    [
        (60, 60, 60),
        (255, 110, 110),
        (120, 220, 120),
        (235, 200, 90),
        (120, 170, 255),
        (235, 140, 235),
        (100, 215, 225),
        (224, 224, 224),
    ],
)

ON_LIGHT = TerminalTheme(
    (224, 224, 224),
    (31, 31, 31),
    [
        (31, 31, 31),
        (160, 0, 0),
        (0, 90, 0),
        (110, 70, 0),
        (0, 50, 160),
        (120, 0, 120),
        (0, 80, 95),
        (70, 70, 70),
    ],
)
