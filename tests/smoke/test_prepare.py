"""From wishes to a plan."""

from __future__ import annotations

import subprocess
import sys

import pytest

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.smoke_progress import Progress
from etpu_doctor.smoke.prepare import Wanted, smoke_test, untested
from etpu_doctor.smoke.targets import TargetError
from tests.support.facts import evidence, root, tpu

BUSES = evidence(root(2), tpu("2-1"), tpu("2-2"))


def nobody(progress: Progress) -> None:
    """Watches, and does nothing."""


def after(facts: Evidence, *devices: str) -> Evidence:
    """The evidence after smoke tests that nobody watches."""
    return smoke_test(facts, Wanted(devices=devices), nobody)


def test_without_an_edge_tpu_nothing_is_started() -> None:
    """No results, and no worker."""
    assert () == after(evidence(root(2))).smoke


def test_without_a_library_every_stick_fails_for_the_same_reason() -> None:
    """Nothing to open them with is found before anything is opened."""
    found = after(BUSES).smoke
    assert [("2-1", "failed", "runtime-missing"), ("2-2", "failed", "runtime-missing")] == [
        (each.id, each.verdict, each.cause) for each in found
    ]


def test_a_name_of_nothing_is_refused() -> None:
    """Before any worker is started."""
    with pytest.raises(TargetError, match="2-9"):
        after(BUSES, "2-9")


def test_what_cannot_be_tested_is_said_of_each() -> None:
    """A reason in place of a result."""
    assert [("skipped", "no model")] * 2 == [(each.verdict, each.reason) for each in untested(BUSES, "no model").smoke]


def test_the_parent_never_imports_numpy_or_a_runtime() -> None:
    """All that the parent loads for a smoke test is light."""
    script = (
        "import sys, etpu_doctor.cli.smoke, etpu_doctor.smoke.prepare, etpu_doctor.smoke.runner;"
        "print(sorted({'numpy', 'tflite_runtime', 'ai_edge_litert', 'flatbuffers', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "[]" == done.stdout.strip()
