"""What the help screen says."""

from __future__ import annotations

KEYS: tuple[tuple[str, str], ...] = (
    ("1 to 6", "go to a step"),
    ("n, Escape", "next step, back"),
    ("Up, Down", "choose"),
    ("Enter", "open what is chosen"),
    ("Tab", "from the list to the text beside it, to scroll it"),
    ("r", "look again: read everything anew"),
    ("l", "on the map: give the port of the chosen device a name"),
    ("g", "on a finding: be guided through it"),
    ("c", "copy (by the terminal, also over SSH, where it allows that: OSC 52)"),
    ("a", "on Set up: write the configuration, after a look at the difference"),
    ("s", "on the plan: save its code"),
    ("m", "on the plan: give other models"),
    ("t", "light or dark"),
    ("Ctrl+P", "all commands"),
    ("q", "leave"),
)

NOTES: tuple[str, ...] = (
    "The wizard changes nothing on this machine unless you say so.",
    "Names and serial numbers are replaced by tokens wherever they are shown; only configurations hold real ones.",
    "A finding is ticked off when the rules no longer find it, not because somebody said so.",
)
