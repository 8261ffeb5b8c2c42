"""Why there are no workers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from etpu_doctor.smoke.jobs import Refusal, Tried
from etpu_doctor.smoke.refusals import judge_refusal, spare_for
from tests.support.smoke import plan

NUMPY = Tried(runtime="tflite_runtime", error_type="ImportError", text="numpy.core.multiarray failed to import")
GLIBC = Tried(
    runtime="ai_edge_litert",
    error_type="ImportError",
    text="/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x.so)",
)
OTHER = Tried(runtime="ai_edge_litert", error_type="ImportError", text="nothing known")


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"reason": "no-runtime"}, "runtime-missing"),
        ({"reason": "python-not-run"}, "runtime-missing"),
        ({"reason": "python-too-old"}, "python-unsupported"),
        ({"reason": "crashed", "signal": "SIGILL", "importing": "numpy"}, "architecture-cpu-unsupported"),
        ({"reason": "crashed", "signal": "SIGSEGV"}, "unknown"),
        ({"reason": "no-answer"}, "unknown"),
        ({"reason": "not-understood"}, "runtime-missing"),
        ({"reason": "runtime-broken", "tried": (NUMPY,)}, "runtime-mismatch"),
        ({"reason": "runtime-broken", "tried": (GLIBC,)}, "runtime-mismatch"),
        ({"reason": "runtime-broken", "tried": (OTHER,)}, "runtime-missing"),
        ({"reason": "runtime-broken"}, "runtime-missing"),
    ],
)
def test_a_refusal_has_a_cause(fields: dict[str, Any], cause: str) -> None:
    """No runtime, a Python too old, a CPU too old, or what the import says."""
    found, reason = judge_refusal(Refusal(**{"text": "because", **fields}))
    assert cause == found
    assert reason


def test_what_crashed_is_named() -> None:
    """The package whose import died of an illegal instruction."""
    refusal = Refusal(reason="crashed", text="", signal="SIGILL", importing="ai_edge_litert")
    assert "ai_edge_litert" in judge_refusal(refusal)[1]


@pytest.mark.parametrize(
    ("reason", "has_way_out"),
    [("runtime-broken", True), ("crashed", True), ("no-runtime", False), ("no-answer", False)],
)
def test_the_other_runtime_is_a_way_out_of_a_broken_one(reason: Any, has_way_out: bool) -> None:
    """One that is there and cannot be used; where there is no second one, there is none."""
    tools = plan().tools
    refusal = Refusal(reason=reason, text="")
    assert spare_for(tools, refusal) is None
    with_spare = msgspec.structs.replace(tools, spare=tools)
    assert (tools if has_way_out else None) == spare_for(with_spare, refusal)
