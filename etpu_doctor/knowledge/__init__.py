"""What is known of devices and boards: data in TOML, one short reader each, imported only where it is needed."""

from __future__ import annotations

import os
import sys
from typing import Any


def load(name: str) -> dict[str, Any]:
    """A knowledge file of this package, parsed."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - slow to import, and most reports need no knowledge file
    else:
        import tomli as tomllib  # noqa: PLC0415 - as above
    # Not importlib.resources: it costs more at start-up than everything else here together.
    with open(os.path.join(os.path.dirname(__file__), name), "rb") as handle:
        return tomllib.load(handle)
