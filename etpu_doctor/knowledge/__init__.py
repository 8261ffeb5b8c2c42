"""What is known of devices and boards: data in TOML, one short reader each, imported only where it is needed."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any


def load(name: str) -> dict[str, Any]:
    """A knowledge file of this package, parsed."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - slow to import, and most reports need no knowledge file
    else:
        import tomli as tomllib  # noqa: PLC0415 - as above
    return tomllib.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
