"""Names of TensorFlow Lite's operators, and what is known of those that stay on the CPU."""

from __future__ import annotations

from functools import cache

import msgspec

from etpu_doctor.knowledge import load

CUSTOM = 32
"""The number of every operator that has its name in the file instead."""


class Remark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of operators that are left on the CPU."""

    operators: tuple[str, ...]
    text: str
    source: str


class Operators(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; the keys are explained at its top."""

    builtin: tuple[str, ...]
    remark: tuple[Remark, ...]


@cache
def operators() -> Operators:
    """The file, parsed and checked."""
    return msgspec.convert(load("tflite_operators.toml"), Operators)


def builtin_name(number: int) -> str:
    """The name of a built-in operator: ``CONV_2D``, or ``builtin operator 999`` for one that came later."""
    names = operators().builtin
    return names[number] if 0 <= number < len(names) else f"builtin operator {number}"


def remark_on(name: str) -> Remark | None:
    """What is known of an operator that is left on the CPU."""
    return next((remark for remark in operators().remark if name in remark.operators), None)
