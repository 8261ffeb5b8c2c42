"""Names of operators, and what is said of those that stay on the CPU."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.knowledge.tflite_operators import Operators, builtin_name, operators, remark_on


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "ADD"),
        (3, "CONV_2D"),
        (6, "DEQUANTIZE"),
        (32, "CUSTOM"),
        (114, "QUANTIZE"),
        (127, "PLACEHOLDER_FOR_GREATER_OP_CODES"),
        (209, "STABLEHLO_CASE"),
        (210, "builtin operator 210"),
        (-1, "builtin operator -1"),
    ],
)
def test_names(number: int, expected: str) -> None:
    """A number has its name; one that is not known says its number."""
    assert expected == builtin_name(number)


def test_every_name_is_one() -> None:
    """Names are what the schema's are, and none is there twice."""
    names = operators().builtin
    assert [] == [name for name in names if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name)]
    assert len(names) == len(set(names))


def test_remarks() -> None:
    """Every remark names its source, speaks of one operator once, and can follow its name in a sentence."""
    remarks = operators().remark
    named = [name for remark in remarks for name in remark.operators]
    assert len(named) == len(set(named))
    assert [] == [remark for remark in remarks if not remark.source.strip()]
    assert [] == [remark for remark in remarks if not remark.text[:1].islower() or remark.text.endswith(".")]


def test_remark_on() -> None:
    """A detector's last step and the conversions at the ends are usual; a convolution on the CPU is not."""
    assert remark_on("QUANTIZE") is remark_on("DEQUANTIZE")
    assert remark_on("TFLite_Detection_PostProcess") is not None
    assert remark_on("CONV_2D") is None


def test_unknown_keys_are_refused() -> None:
    """The list of keys is closed."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"builtin": [], "remark": [], "colour": "red"}, Operators)


@given(st.integers())
def test_any_number(number: int) -> None:
    """Every number has some name."""
    assert builtin_name(number)
