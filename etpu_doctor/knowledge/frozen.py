"""Copies of the large knowledge files in JSON: TOML is for people, and slow to read.

``python -m etpu_doctor.knowledge.frozen`` writes them anew after an edit; a test tells when that was forgotten.
"""

from __future__ import annotations

import os

import msgspec

from etpu_doctor.knowledge import _from_toml

NAMES = ("messages", "words", "judgments", "fixes", "kernel_messages")
FOLDER = os.path.dirname(__file__)


def frozen(name: str) -> bytes:
    """What the copy of a file must hold."""
    path = os.path.join(FOLDER, f"{name}.toml")
    copy = {"toml_bytes": os.path.getsize(path), "content": _from_toml(path)}
    return msgspec.json.encode(copy) + b"\n"


def freeze() -> None:
    """Write all copies."""
    for name in NAMES:
        with open(os.path.join(FOLDER, f"{name}.json"), "wb") as handle:
            handle.write(frozen(name))


if __name__ == "__main__":
    freeze()
