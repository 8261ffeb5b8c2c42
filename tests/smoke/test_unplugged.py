"""A stick that is pulled while its smoke test runs, on a machine whose devices umockdev takes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.builder import machine
from tests.support.fake_edgetpu.build import build_library
from tests.support.mk_compiled import synthetic

ROOT = Path(__file__).parent.parent.parent
BED = ROOT / "tests" / "support" / "umockdev_bed.py"
NOTATION = "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: {first}\n    2: {second}\n"
GONE = "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]"


def paths(description: str) -> list[str]:
    """The devices of a description."""
    return [line.removeprefix("P: ") for line in description.splitlines() if line.startswith("P: ")]


def test_a_pulled_stick_is_told_from_one_that_was_reset(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """The real library dies of both with the same line; what tells is whether the stick is there afterwards."""
    needs_program("umockdev-wrapper", package="umockdev")
    library = build_library(needs_program("gcc", package="gcc"), tmp_path)
    (tmp_path / "small.tflite").write_bytes(synthetic())
    both = machine(NOTATION.format(first="tpu", second="tpu")).umockdev()
    one = machine(NOTATION.format(first="tpu", second="empty")).umockdev()
    pulled = sorted(set(paths(both)) - set(paths(one)), reverse=True)
    (tmp_path / "machine.umockdev").write_text(both, encoding="utf-8")
    step = {"remove": pulled, "expect": '"diagnosis"', "rest_s": 1.0}
    (tmp_path / "steps.json").write_text(json.dumps({"ready": '"running"', "steps": [step]}), encoding="utf-8")
    smoke = ["-m", "etpu_doctor", "smoke", "--runs", "100", "--lib", str(library), "--json", "--progress", "json"]
    # Progress comes on standard error; the bed waits for it before it pulls.
    script = "import os, sys; os.dup2(1, 2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [sys.executable, "-c", script, *smoke, "--model", str(tmp_path / "small.tflite")]
    done = subprocess.run(
        [
            "umockdev-wrapper",
            sys.executable,
            str(BED),
            str(tmp_path / "machine.umockdev"),
            str(tmp_path / "steps.json"),
            *command,
        ],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FAKE_EDGETPU_DEVICES": "usb=/sys/bus/usb/devices/2-1,usb=/sys/bus/usb/devices/2-2",
            "FAKE_EDGETPU_MS": "25",
            "FAKE_EDGETPU_INVOKE": "abort@80",
            "FAKE_EDGETPU_MESSAGE": GONE,
        },
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    results = {each["id"]: each for each in report(json.loads(done.stdout)["lines"])["smoke"]}
    assert [("failed", "autosuspend-or-reset", "SIGABRT")] * 2 == [
        (each["verdict"], each["cause"], each["ended_by"]) for each in results.values()
    ]
    assert results["2-2"]["reason"].startswith("it left the bus in use, after at least ")
    assert "came back" in results["2-1"]["reason"]


def report(lines: list[str]) -> dict[str, Any]:
    """The report behind the lines of progress."""
    text = "".join(line for line in lines if not line.startswith('{"event":'))
    found: dict[str, Any] = json.loads(text)
    return found
