"""What a user takes away."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.report.markdown import render
from etpu_doctor.report.plan import PlanReport
from etpu_doctor.wizard import takeaway
from etpu_doctor.wizard.plain import _TAKE_AWAY
from etpu_doctor.wizard.plans import Plans
from tests.cli.command_line import valid
from tests.support import builder
from tests.support.live_root import write_machine
from tests.support.plans import given
from tests.support.sessions import looked, session


def test_the_saved_report_is_the_one_of_check_json(tmp_path: Path) -> None:
    """By the schema, whole."""
    path = takeaway.save_json(looked(session()).now.report, str(tmp_path / "report.json"))
    assert "sub-hub-secondary-port" == valid(Path(path).read_bytes())["diagnosis"]["cause"]


def test_the_saved_markdown_is_the_report_with_what_changed(tmp_path: Path) -> None:
    """A fenced block that no line can end."""
    report = looked(session()).now.report
    path = takeaway.save_markdown(report, str(tmp_path / "report.md"), ["Before: ```", "Now: OK"])
    text = Path(path).read_text(encoding="utf-8")
    assert text.startswith(render(report).rstrip("\n"))
    assert "````\nBefore: ```\nNow: OK\n````" in text


def test_without_a_change_the_markdown_is_the_report(tmp_path: Path) -> None:
    """Nothing is added."""
    report = looked(session()).now.report
    path = takeaway.save_markdown(report, str(tmp_path / "report.md"))
    assert render(report) == Path(path).read_text(encoding="utf-8")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The second report gets a number before its whole ending."""
    report = looked(session()).now.report
    paths = [takeaway.save_json(report, str(tmp_path / "r.tar.gz")) for _ in range(3)]
    assert ["r.tar.gz", "r-2.tar.gz", "r-3.tar.gz"] == [Path(path).name for path in paths]


def test_a_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People type it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / "r.json") == takeaway.save_json(looked(session()).now.report, "~/r.json")


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    """With the path and the reason."""
    with pytest.raises(takeaway.SaveError, match="No such file or directory"):
        takeaway.save_json(looked(session()).now.report, str(tmp_path / "no" / "r.json"))


def test_the_bundle_is_looked_into_before_it_is_kept(tmp_path: Path) -> None:
    """Each file with its size and first lines."""
    write_machine(
        builder.machine("pci 0000:00:14.0 xhci\n  root usb2=2 usb3=2\n    1: tpu").umockdev(), tmp_path / "host/sys"
    )
    path = takeaway.save_bundle(str(tmp_path / "bundle.tar.gz"), root=str(tmp_path / "host"))
    members = takeaway.look_into(path)
    assert {"case.toml", "host.json", "evidence.json", "sysfs.umockdev"} == {member.name for member in members}
    shown = list(takeaway.preview_texts(members))
    assert any(line.startswith("== sysfs.umockdev (") for line in shown)
    assert any(line.startswith("P: /devices/") for line in shown)


def test_a_long_file_is_previewed_in_part(tmp_path: Path) -> None:
    """A look is no reading."""
    content = b"line\n" * 10_000
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("long.txt")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    (member,) = takeaway.look_into(str(tmp_path / "b.tar.gz"))
    assert (50_000, 40) == (member.size_bytes, len(member.lines))


def test_what_is_no_bundle_is_told(tmp_path: Path) -> None:
    """And nothing else happens."""
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(takeaway.SaveError):
        takeaway.look_into(str(tmp_path / "x"))
    with pytest.raises(takeaway.SaveError):
        takeaway.save_bundle(str(tmp_path / "no" / "b.tar.gz"), root=str(tmp_path))


def plan() -> PlanReport:
    """A plan with its code."""
    walk = looked(session(plans=Plans(given=given("a", "b"))))
    walk.make_plan()
    assert walk.plans.made is not None
    return walk.plans.made.shown


def test_the_code_of_a_plan_is_saved_as_it_is(tmp_path: Path) -> None:
    """A file each, byte for byte; a part of a file is called one."""
    made = plan()
    paths = list(takeaway.save_code(made, str(tmp_path)))
    names = ["plan_tflite.py", "plan.cc", "plan_pycoral.py", "part-of-config.yml"]
    assert [str(tmp_path / name) for name in names] == paths
    assert [file.content for file in made.code] == [Path(path).read_text(encoding="utf-8") for path in paths]


def test_code_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """What a user changed in it is worth more."""
    (tmp_path / "plan.cc").write_text("mine", encoding="utf-8")
    assert str(tmp_path / "plan-2.cc") in list(takeaway.save_code(plan(), str(tmp_path)))
    assert "mine" == (tmp_path / "plan.cc").read_text(encoding="utf-8")


def test_what_was_saved_is_told_with_what_one_must_know(tmp_path: Path) -> None:
    """First the files, then the notes on them."""
    made = plan()
    told = takeaway.told_of_code(made, f" {tmp_path} ")
    assert [f"Saved {tmp_path / takeaway.code_name(file)}" for file in made.code] == told[: len(made.code)]
    assert list(made.code_notes) == told[len(made.code) :]


def test_code_that_cannot_be_saved_is_told(tmp_path: Path) -> None:
    """What was written before is told too."""
    (told,) = takeaway.told_of_code(plan(), str(tmp_path / "no"))
    assert told.startswith(f"Not saved: {tmp_path / 'no' / 'plan_tflite.py'}: No such file")
    made = plan()
    broken = msgspec.structs.replace(made.code[1], path="no/plan.cc")
    files = (made.code[0], broken, *made.code[2:])
    first, second = takeaway.told_of_code(msgspec.structs.replace(made, code=files), str(tmp_path))
    assert (f"Saved {tmp_path / 'plan_tflite.py'}", True) == (first, second.startswith("Not saved: "))


def test_a_report_without_the_plan_that_belongs_into_it_says_so() -> None:
    """Only where one was wanted, and only where it lacks."""
    walk = looked(session(plans=Plans(given=given("a"))))
    report = walk.now.report
    assert "without the plan" in takeaway.saved_text("x.json", report, wants_plan=True)
    assert "Saved x.json" == takeaway.saved_text("x.json", report, wants_plan=False)
    assert "Saved x.json" == takeaway.saved_text("x.json", walk.report_to_save(), wants_plan=True)


def test_every_action_has_its_words() -> None:
    """Both faces offer them by their names."""
    assert {name for name in _TAKE_AWAY if name} <= set(takeaway.ACTIONS)
    assert all(takeaway.ACTIONS.values())
