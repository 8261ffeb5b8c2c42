"""Running a plan: on mocked machines with the double of libedgetpu, and what is made of what the workers say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.placement.measure import Run, measure
from etpu_doctor.placement.plan import make_plan
from etpu_doctor.placement.sites import sites_of
from etpu_doctor.report.plan import PlanReport
from etpu_doctor.smoke import obstacles, occupancy
from etpu_doctor.smoke.tools import Wishes
from etpu_doctor.topology.build import build
from tests.support.access import USB_NODE, access, node
from tests.support.builder import machine
from tests.support.facts import evidence, root, tpu
from tests.support.fake_edgetpu.build import build_library
from tests.support.mk_compiled import Recipe, synthetic
from tests.support.plans import profile

ROOT = Path(__file__).parent.parent.parent
RUNTIMES = [name for name in ("tflite_runtime", "ai_edge_litert") if importlib.util.find_spec(name) is not None]
LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, needs_program: Callable[..., str]) -> Path:
    """The double of libedgetpu."""
    return build_library(needs_program("gcc", package="gcc"), tmp_path_factory.mktemp("double"))


class Bed:
    """Runs ``plan --measure`` on a mocked machine."""

    def __init__(self, umockdev: str, library: Path, folder: Path) -> None:
        self.umockdev, self.library, self.folder, self.path = umockdev, library, folder, str(ROOT)
        for name, recipe in (("a", Recipe()), ("b", Recipe(height=16)), ("alone", Recipe(stand_alone=True))):
            (folder / f"{name}_edgetpu.tflite").write_bytes(synthetic(recipe))

    def run(self, sticks: str, *arguments: str, **faults: str) -> PlanReport:
        """The report; ``sticks`` are a notation's words for each root port."""
        ports = "\n".join(f"    {number}: {what}" for number, what in enumerate(sticks.split(","), start=1))
        notation = f"pci 0000:00:14.0 xhci\n  root usb2=16 usb3=16\n{ports}\n"
        text = machine(notation).umockdev()
        fresh = "H: descriptors=12011003000000096E1A9A08"
        text = text.replace(fresh, f"A: idVendor=1a6e\\n\nA: idProduct=089a\\n\n{fresh}")
        (self.folder / "machine").write_text(text, encoding="utf-8")
        listed = ",".join(f"usb=/sys/bus/usb/devices/2-{number + 1}" for number in range(len(sticks.split(","))))
        told = {f"FAKE_EDGETPU_{name.replace('__', '@2-')}": value for name, value in faults.items()}
        command = [self.umockdev, "-d", str(self.folder / "machine"), "--", sys.executable, "-m", "etpu_doctor", "plan"]
        done = subprocess.run(
            [*command, "--measure", "--seconds", "0.4", "--lib", str(self.library), "--json", *arguments],
            capture_output=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": self.path, "FAKE_EDGETPU_DEVICES": listed, **told},
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout
        return msgspec.json.decode(done.stdout, type=PlanReport)


@pytest.fixture
def bed(library: Path, tmp_path: Path, needs_program: Callable[..., str]) -> Bed:
    """A mocked machine to plan for."""
    return Bed(needs_program("umockdev-run", package="umockdev"), library, tmp_path)


def test_one_model_a_tpu_is_measured_beside_its_forecast(bed: Bed) -> None:
    """Each runs on the Edge TPU of the plan, with the latency of the double, and the forecast stands beside it."""
    report = bed.run("tpu,tpu", "a_edgetpu.tflite", "b_edgetpu.tflite", MS="4")
    assert report.measured is not None
    assert {row.model: row.tpu for row in report.assignment} == {row.model: row.tpu for row in report.measured.rows}
    for row in report.measured.rows:
        assert row.median_ms is not None
        assert 4 <= row.median_ms < 40
        assert row.forecast_ms is not None
        assert row.ratio == pytest.approx(row.median_ms / row.forecast_ms, rel=0.01)
        assert not row.in_turns
        assert "forecast" in row.text
        assert row.host_ms is not None
        assert row.scaling_ms is not None
        assert 0 < row.scaling_ms < row.host_ms < 50
        assert any("to scale a picture" in remark for remark in row.remarks)
    assert any("inference alone" in note for note in report.measured.notes)
    assert report.measured.host_busy_percent is not None
    needed = sum((row.rate or 0) * (row.host_ms or 0) / 10 for row in report.measured.rows)
    assert report.measured.one_process_percent == pytest.approx(needed, abs=0.1)


def test_fresh_sticks_are_opened_one_after_the_other(bed: Bed) -> None:
    """Sticks without firmware are measured too, each under its own place."""
    report = bed.run("tpu dfu,tpu dfu", "a_edgetpu.tflite", "b_edgetpu.tflite", MS="2")
    assert report.measured is not None
    assert ["2-1", "2-2"] == sorted(row.tpu for row in report.measured.rows if row.median_ms is not None)


def test_models_that_share_take_turns(bed: Bed) -> None:
    """One with a rate runs at it, the two others in turns in what is left, in one process; each has its own latency."""
    report = bed.run("tpu", "a_edgetpu.tflite", "alone_edgetpu.tflite", "b_edgetpu.tflite", "--rate", "a=10", MS="3")
    assert report.measured is not None
    rows = {row.model: row for row in report.measured.rows}
    assert {"a", "b", "alone"} == set(rows)
    asked, *free = (rows[name] for name in ("a", "b", "alone"))
    assert all(row.in_turns and 3 <= (row.median_ms or 0) < 40 for row in rows.values())
    assert abs(free[0].runs - free[1].runs) <= 1
    assert all(row.runs > asked.runs and row.wanted_rate is None for row in free)
    assert asked.runs + (asked.missed_runs or 0) in (3, 4, 5)
    assert any("10/s wanted" in remark for remark in asked.remarks)
    assert any("in turns" in note for note in report.measured.notes)


def test_a_rate_that_is_reached_leaves_the_edge_tpu_idle(bed: Bed) -> None:
    """Twenty inferences a second of 2 ms: the worker sleeps between them, and runs no more than is due."""
    report = bed.run("tpu", "a_edgetpu.tflite", "--rate", "a=20", "--seconds", "1", MS="2")
    assert report.measured is not None
    (row,) = report.measured.rows
    assert 20 == row.runs + (row.missed_runs or 0)
    assert 20 == row.wanted_rate
    assert (row.rate or 0) <= 20
    if row.missed_runs == 0:  # a busy machine may have had no time
        assert row.is_reached
        assert 20 == row.rate
        assert report.measured.limit is None
    assert (0.0, None) == (row.switched_share, row.switched_ms)


def test_a_rate_that_is_not_reached_is_told(bed: Bed) -> None:
    """A model that takes 20 ms does not run 500 times a second: what was due meanwhile is missed, not made up for."""
    report = bed.run("tpu", "a_edgetpu.tflite", "--rate", "a=500", MS="20")
    assert report.measured is not None
    (row,) = report.measured.rows
    assert row.is_reached is False
    assert 0 < (row.rate or 0) <= 50
    assert row.missed_runs is not None
    assert row.missed_runs >= 8 * row.runs
    assert any("500/s wanted: not reached" in remark for remark in row.remarks)
    assert "edge-tpu" == report.limit.kind
    assert "2-1" == report.limit.subject


def test_the_host_s_cpu_is_named_where_it_limits(bed: Bed) -> None:
    """A large picture takes the host longer than its period leaves: the limit is the host's, not what was forecast."""
    large = synthetic(Recipe(height=1440, width=1280))
    (bed.folder / "large_edgetpu.tflite").write_bytes(large)
    report = bed.run("tpu", "large_edgetpu.tflite", "--rate", "large=20", MS="30")
    assert report.measured is not None
    (row,) = report.measured.rows
    assert row.host_ms is not None
    assert "host" == report.limit.kind
    assert report.measured.limit == report.limit


def test_what_is_no_picture_is_not_scaled(bed: Bed) -> None:
    """The reason stands in place of a figure, and the sum is one at least."""
    (bed.folder / "flat_edgetpu.tflite").write_bytes(synthetic(Recipe(channels=7)))
    report = bed.run("tpu", "flat_edgetpu.tflite", MS="2")
    assert report.measured is not None
    (row,) = report.measured.rows
    assert row.scaling_ms is None
    assert "is no picture" in (row.host_unknown or "")
    assert row.outputs_ms is not None
    assert report.measured.one_process_is_at_least


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_that_is_broken_gives_way_to_the_other(bed: Bed, runtime: str, tmp_path: Path) -> None:
    """Of two installed runtimes one cannot be imported: the other one measures."""
    if len(RUNTIMES) < 2:
        pytest.skip("needs a Python that both runtimes have wheels for")
    broken = tmp_path / "path" / runtime
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libstdc++.so.6: cannot open')", encoding="utf-8")
    bed.path = f"{ROOT}{os.pathsep}{tmp_path / 'path'}"
    report = bed.run("tpu", "a_edgetpu.tflite", MS="2")
    assert report.measured is not None
    assert report.measured.rows[0].median_ms is not None


def test_one_that_fails_says_why_and_the_other_is_measured(bed: Bed) -> None:
    """A fault of one Edge TPU is its own."""
    report = bed.run("tpu,tpu", "a_edgetpu.tflite", "b_edgetpu.tflite", MS="2", CREATE__1="fail")
    assert report.measured is not None
    by_tpu = {row.tpu: row for row in report.measured.rows}
    assert by_tpu["2-1"].text.startswith("not measured: ")
    assert by_tpu["2-1"].median_ms is None
    assert by_tpu["2-2"].median_ms is not None


def test_a_fault_in_turns_is_told_for_all_on_that_tpu(bed: Bed) -> None:
    """They share a process, and so its end; the other Edge TPU is measured."""
    report = bed.run(
        "tpu,tpu", "a_edgetpu.tflite", "b_edgetpu.tflite", "alone_edgetpu.tflite", MS="2", INVOKE__2="segv@9"
    )
    assert report.measured is not None
    assert {"2-1", "2-2"} == {row.tpu for row in report.measured.rows}
    assert {"2-1"} == {row.tpu for row in report.measured.rows if row.median_ms is not None}


def test_a_stick_that_somebody_uses_is_left_alone(bed: Bed) -> None:
    """Opening it would end that, so it is not opened."""
    report = bed.run("tpu used", "a_edgetpu.tflite")
    assert report.measured is not None
    assert "holds it" in report.measured.rows[0].text


def test_outputs_that_change_are_told(bed: Bed) -> None:
    """A chip that computes something else each time is no matter of speed alone."""
    report = bed.run("tpu", "a_edgetpu.tflite", MS="2", INVOKE="wrong@9")
    assert report.measured is not None
    assert report.measured.rows[0].outputs_differ
    assert any("etpu-doctor smoke" in remark for remark in report.measured.rows[0].remarks)


def test_a_node_that_this_user_may_not_open_is_not_opened(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    """The library would try for 25 seconds; the row says why there is no figure, and no worker is started."""
    seen = evidence(root(2), tpu("2-1"))
    seen = msgspec.structs.replace(seen, access=access(node(readable_writable=False)), runtime=gather_live().runtime)
    first = occupancy.look(seen, Files())
    monkeypatch.setattr(obstacles, "look_again", lambda *_: first)
    monkeypatch.delattr("etpu_doctor.placement.measure.Crew")
    plan = make_plan(sites_of(build(seen)), [profile("a")])
    found = measure(seen, plan, Run(seconds=1, wishes=Wishes(library=str(library))))
    assert [f"not measured: this user may not open its device node {USB_NODE}"] == [row.text for row in found.rows]


def test_without_a_library_nothing_is_opened() -> None:
    """A library that is not there is named in every row."""
    built = build(machine("pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: tpu\n").evidence())
    plan = make_plan(sites_of(built), [profile("a")])
    found = measure(gather_live(), plan, Run(seconds=1, wishes=Wishes(library="/nowhere/libedgetpu.so.1")))
    assert ["not measured: there is no file /nowhere/libedgetpu.so.1"] == [row.text for row in found.rows]
    assert (None, ()) == (found.host_busy_percent, found.notes)
