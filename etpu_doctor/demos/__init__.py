"""Captures that ship inside the package, one folder each, in the format that ``etpu-doctor capture`` writes."""

from __future__ import annotations

import os

DEFAULT = "two-sticks-on-a-7-port-hub"

_HERE = os.path.dirname(__file__)


def folder_of(name: str) -> str:
    """Where a demo lies."""
    return os.path.join(_HERE, name)


def demos() -> dict[str, str]:
    """Every demo with the sentence that says what machine it is."""
    names = sorted(name for name in os.listdir(_HERE) if os.path.isfile(os.path.join(_HERE, name, "case.toml")))
    return {name: _machine(name) for name in names}


def _machine(name: str) -> str:
    with open(os.path.join(folder_of(name), "case.toml"), encoding="utf-8") as handle:
        for line in handle:
            key, _, value = line.partition("=")
            if key.strip() == "machine":
                return value.strip().strip('"')
    return ""
