"""Colours of the faces for a terminal, by severity, verdict, and the role of a part."""

from __future__ import annotations

STYLES = {
    "ERROR": "bold red",
    "WARNING": "bold yellow",
    "UNKNOWN": "bold magenta",
    "INFO": "bold cyan",
    "OK": "bold green",
    "PASS": "bold green",
    "SLOW": "bold yellow",
    "WRONG": "bold red",
    "FAILED": "bold red",
    "SKIPPED": "bold magenta",
    "heading": "bold",
    "quiet": "dim",
    "command": "cyan",
    "replay": "bold magenta",
    "guide": "dim",
    "more": "dim",
    "full": "green",
    "slow": "bold yellow",
    "limit": "yellow",
    "tpu": "bold green",
    "possible": "bold magenta",
    "good": "green",
    "label": "bold",
}
"""Of the 16 colours that every terminal has; what is not listed has the terminal's own."""
