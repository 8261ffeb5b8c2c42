"""Real hotplug through udev's monitor, on machines that umockdev mocks: ``watch`` sees devices come and go."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import builder

ROOT = Path(__file__).parent.parent.parent
BED = ROOT / "tests" / "support" / "umockdev_bed.py"

WITH_SUB_HUB = """
    pci 0000:00:14.0 xhci
      root usb2=4 usb3=2 connect=hotplug
        1: hub usb3 ports=4 power=self
          4: hub usb3 ports=4 power=self
            2: {secondary}
          2: {good}
"""


def blocks(description: str) -> dict[str, str]:
    """The blocks of a description by their path."""
    found = (block for block in description.split("\n\n") if block.strip())
    return {block.split("\n", 1)[0].removeprefix("P: "): block + "\n\n" for block in found}


def machine(secondary: str = "empty", good: str = "empty") -> str:
    """The description of a machine with a stick on a secondary port, on a good one, or on none."""
    return builder.machine(WITH_SUB_HUB.format(secondary=secondary, good=good)).umockdev()


def removal(before: str, after: str, **fields: Any) -> dict[str, Any]:
    """A step in which what only the first machine has goes away."""
    gone = [path for path in blocks(before) if path not in blocks(after)]
    return {"remove": sorted(gone, reverse=True), "expect": "unplugged", **fields}


def arrival(before: str, after: str, **fields: Any) -> dict[str, Any]:
    """A step in which what only the second machine has appears."""
    new = {path: block for path, block in blocks(after).items() if path not in blocks(before)}
    return {"add": "".join(new.values()), "paths": list(new), "expect": "plugged", **fields}


def played(tmp_path: Path, start: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """What ``watch --json`` wrote while the steps were carried out, and the seconds until it told of each."""
    (tmp_path / "machine.umockdev").write_text(start, encoding="utf-8")
    (tmp_path / "steps.json").write_text(json.dumps({"ready": '"start"', "steps": steps}), encoding="utf-8")
    watch = [sys.executable, "-m", "etpu_doctor", "watch", "--json"]
    arguments = [str(tmp_path / "machine.umockdev"), str(tmp_path / "steps.json"), *watch]
    done = subprocess.run(
        ["umockdev-wrapper", sys.executable, str(BED), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=180,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    found["events"] = [json.loads(line) for line in found["lines"]]
    return found


def of_kind(found: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    """The events of some kinds, in their order."""
    return [event for event in found["events"] if event["event"] in kinds]


def test_a_stick_is_moved_from_a_secondary_port_to_a_good_one(
    tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    """It leaves, it comes, it is known again, and the finding is closed by the rules."""
    needs_program("umockdev-wrapper", package="umockdev")
    bad, none, good = machine(secondary="tpu"), machine(), machine(good="tpu dfu")
    found = played(tmp_path, bad, removal(bad, none, rest_s=0.8), arrival(none, good, rest_s=1.0))
    assert "udev" == found["events"][0]["trigger"]
    left, came = of_kind(found, "unplugged", "plugged")
    assert ("2-1.4.2", "2-1.2", "2-1.4.2") == (left["id"], came["id"], came["was"])
    assert "ETD113" in [event["finding"]["code"] for event in of_kind(found, "closed")]
    assert "ETD113" not in [event["finding"]["code"] for event in of_kind(found, "opened")]


def test_a_stick_that_comes_back_under_another_id_is_one_stick(
    tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    """Firmware was loaded: the same port, another identity, one after the other or in one."""
    needs_program("umockdev-wrapper", package="umockdev")
    fresh, none, ready = machine(good="tpu dfu"), machine(), machine(good="tpu")
    found = played(tmp_path, fresh, removal(fresh, none, rest_s=0.5), arrival(none, ready, rest_s=1.0))
    (came,) = of_kind(found, "plugged")
    assert ("2-1.2", "2-1.2", True) == (came["id"], came["was"], came["surely"])
    assert "ETD112" in [event["finding"]["code"] for event in of_kind(found, "closed")]


def test_events_show_soon(tmp_path: Path, needs_program: Callable[..., str]) -> None:
    """Half of them within 150 ms of the kernel's event, on a machine that may be busy otherwise."""
    needs_program("umockdev-wrapper", package="umockdev")
    none, good = machine(), machine(good="tpu")
    pair = (arrival(none, good, rest_s=0.4), removal(good, none, rest_s=0.4))
    found = played(tmp_path, none, *pair, *pair, *pair, *pair)
    assert statistics.median(found["took_s"]) < 0.15


def test_a_thousand_events_in_ten_seconds_leave_the_right_tree(
    tmp_path: Path, needs_program: Callable[..., str]
) -> None:
    """Storms cost a part of one processor, are told in few lines, and what comes after them is seen."""
    needs_program("umockdev-wrapper", package="umockdev")
    none, good = machine(), machine(good="tpu")
    hub = next(path for path in blocks(none) if path.endswith("/2-1"))
    storm = {"storm": [hub] * 1000, "every_s": 0.01}
    found = played(tmp_path, none, storm, arrival(none, good, rest_s=1.0))
    (came,) = of_kind(found, "plugged", "unplugged", "renumbered")
    assert "2-1.2" == came["id"]
    assert found["took_s"][1] < 1.0
    assert len(found["events"]) < 30
    ticks_of_one_processor = os.sysconf("SC_CLK_TCK") * 10
    assert found["ticks"] < ticks_of_one_processor
