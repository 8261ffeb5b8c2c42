"""Coverage-guided fuzzing of everything that reads foreign bytes, with atheris.

Usage: python tests/fuzz/fuzz_evidence.py CORPUS_FOLDER [libFuzzer options], in an environment that has atheris.
An input that breaks something goes into tests/data/hostile, where tests/test_hostile_input.py keeps it broken no more.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["etpu_doctor"]):
    from tests.hostile import feed


def one_input(data: bytes) -> None:
    """Feed one input to the whole flow; any exception but the user's error is a finding."""
    feed(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
