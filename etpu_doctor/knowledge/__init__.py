"""What is known of devices and boards: data in TOML, one short reader each, imported only where it is needed."""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec


def load(name: str) -> dict[str, Any]:
    """A knowledge file of this package, parsed.

    Of large files there is a copy in JSON, which is read twenty times as fast (``frozen.py`` makes it).
    """
    # Not importlib.resources: it costs more at start-up than everything else here together.
    path = os.path.join(os.path.dirname(__file__), name)
    return _from_copy(path) or _from_toml(path)


def _from_copy(path: str) -> dict[str, Any] | None:
    """The copy, if there is one and it was made from a file of this size; a test compares the contents."""
    try:
        with open(f"{path[:-5]}.json", "rb") as handle:
            copy = msgspec.json.decode(handle.read())
        content: dict[str, Any] | None = copy["content"] if copy["toml_bytes"] == os.path.getsize(path) else None
    except FileNotFoundError:
        return None
    return content


def _from_toml(path: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - slow to import, and most reports need no knowledge file
    else:
        import tomli as tomllib  # noqa: PLC0415 - as above
    with open(path, "rb") as handle:
        return tomllib.load(handle)
