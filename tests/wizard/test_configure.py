"""The Set-up step."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from etpu_doctor.remedies.model import Setup, SetupFile
from etpu_doctor.rules.finding import Command
from etpu_doctor.wizard import configure
from tests.support.sequences import TWO_STICKS, device_at, evidence_of, with_device, without
from tests.support.sessions import looked, session

RULES = "/etc/udev/rules.d/99-x.rules"


def setup(content: str = "one\n") -> Setup:
    """A configuration of one file and one command."""
    return Setup(
        target="udev",
        files=(SetupFile(path=RULES, content=content),),
        commands=(Command(command="sudo udevadm trigger", why="take it in"),),
    )


def test_a_configuration_is_made_from_evidence_that_is_not_redacted() -> None:
    """A token in place of a name would not work."""
    start = evidence_of(TWO_STICKS)
    host = msgspec.structs.replace(start.host, hostname="workshop-pc")
    walk = looked(session(msgspec.structs.replace(start, host=host), ()))
    assert b"workshop-pc" not in msgspec.json.encode(walk.now.report)
    assert "workshop-pc" == getattr(walk.evidence(), "host", host).hostname
    assert ("2-2.1", "2-2.4.3") == configure.setup_of(walk, "python").devices


def test_it_is_made_for_what_is_there_now() -> None:
    """A stick that left is not in it."""
    start = without(evidence_of(TWO_STICKS), "2-2.4.3")
    assert ("2-2.1",) == configure.setup_of(looked(session(start, ())), "docker").devices
    other = with_device(start, device_at(start, "2-2.1"), "2-6")
    assert ("2-2.1", "2-6") == configure.setup_of(looked(session(other, ())), "docker").devices


def test_a_file_is_shown_before_it_is_written_and_then_undone(tmp_path: Path) -> None:
    """The difference, the writing, what to run, and the way back."""
    (tmp_path / "etc/udev/rules.d").mkdir(parents=True)
    plans = configure.plans_of(setup(), str(tmp_path))
    assert "+one" in list(configure.preview(plans))
    told = configure.carry_out(setup(), plans)
    assert "one\n" == (tmp_path / RULES[1:]).read_text(encoding="utf-8")
    assert told[0].startswith("Wrote ")
    assert "To undo: " in told[0]
    assert "Then run: sudo udevadm trigger" == told[1]


def test_a_file_that_is_as_it_should_be_is_left_alone(tmp_path: Path) -> None:
    """And said so."""
    (tmp_path / "etc/udev/rules.d").mkdir(parents=True)
    configure.carry_out(setup(), configure.plans_of(setup(), str(tmp_path)))
    plans = configure.plans_of(setup(), str(tmp_path))
    assert ["is already as it should be."] == [line.partition(" ")[2] for line in configure.preview(plans)]
    assert ["Then run: sudo udevadm trigger"] == configure.carry_out(setup(), plans)


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """What was looked at is not what is there."""
    folder = tmp_path / "etc/udev/rules.d"
    folder.mkdir(parents=True)
    plans = configure.plans_of(setup(), str(tmp_path))
    (folder / "99-x.rules").write_text("another hand\n", encoding="utf-8")
    assert ["Not written: "] == [line[:13] for line in configure.carry_out(setup(), plans)]
    assert "another hand\n" == (folder / "99-x.rules").read_text(encoding="utf-8")


def test_missing_rights_give_the_command_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wizard runs without root; the same thing as root is one command."""
    (tmp_path / "etc/udev/rules.d").mkdir(parents=True)
    plans = configure.plans_of(setup(), str(tmp_path))

    def refuse(_plan: object) -> None:
        raise configure.NoRightsError("the folder belongs to root")

    monkeypatch.setattr(configure, "write", refuse)
    (line,) = configure.carry_out(setup(), plans)
    assert "sudo etpu-doctor setup udev --apply" in line


def test_what_cannot_be_planned_is_told(tmp_path: Path) -> None:
    """A folder that is not there."""
    with pytest.raises(configure.ApplyError):
        configure.plans_of(setup(), str(tmp_path))
