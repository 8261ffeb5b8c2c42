"""What holds for every target."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

import etpu_doctor.remedies
from etpu_doctor.remedies import APPLICABLE, TARGETS, load
from etpu_doctor.remedies.model import Setup
from etpu_doctor.report.report import Report
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS

HELPERS = {"plan_code", "__init__", "apply", "containers", "devices", "model", "quoting"}

REPORTS = {
    "nothing": reports.nothing(),
    "one-stick": reports.one_stick(),
    "fresh": reports.sticks("2-1", "2-2", fresh=("2-1",)),
    "card": reports.cards(),
    "four-cards": reports.cards(4),
    "mixed": reports.mixed(),
    "no-driver": reports.card_without_driver(),
}


def texts(setup: Setup) -> list[str]:
    """Everything of a setup that a person or a program reads."""
    return [
        *setup.text,
        *setup.undo,
        *(command.command for command in setup.commands),
        *(command.why for command in setup.commands),
        *(file.path for file in setup.files),
    ]


def test_every_module_is_a_target() -> None:
    """Each file beside the helpers is a target of its name, and the other way round."""
    folder = Path(etpu_doctor.remedies.__file__).parent
    assert set(TARGETS) == {path.stem for path in folder.glob("*.py")} - HELPERS
    assert len(TARGETS) == len(set(TARGETS))
    assert set(TARGETS) > APPLICABLE


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_names_itself(name: str) -> None:
    """A module's name is its target, and its summary fits beside it."""
    module = load(name)
    assert name == module.NAME
    assert 0 < len(module.SUMMARY) <= 80


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", TARGETS)
def test_every_machine_gets_a_whole_answer(name: str, report: Report) -> None:
    """Every target answers for every machine: something to do, and how to undo it."""
    setup = load(name).build(report)
    assert name == setup.target
    assert setup.files or setup.commands
    assert setup.undo
    assert all(texts(setup))
    assert all(file.content for file in setup.files)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_setup_survives_json(name: str, report: Report) -> None:
    """A setup is the same after a trip through JSON."""
    setup = load(name).build(report)
    assert setup == msgspec.json.decode(msgspec.json.encode(setup), type=Setup)


@pytest.mark.parametrize("name", TARGETS)
def test_the_general_configuration_says_that_it_is(name: str) -> None:
    """Without an Edge TPU a note says so; the rules for udev are the same for every machine."""
    setup = load(name).build(reports.nothing())
    assert () == setup.devices
    assert name == "udev" or any("found here" in note for note in setup.text)


@pytest.mark.parametrize("name", TARGETS)
def test_files_end_in_a_line(name: str) -> None:
    """Each file ends in one line feed."""
    for file in load(name).build(reports.mixed()).files:
        assert file.content.endswith("\n")
        assert not file.content.endswith("\n\n")


@pytest.mark.parametrize("name", ["docker", "compose", "podman", "lxc", "proxmox", "libvirt", "systemd"])
def test_what_is_not_there_is_not_configured(name: str) -> None:
    """With sticks alone nothing is about PCIe, with cards alone nothing about USB."""
    usb = msgspec.json.encode(_things(load(name).build(reports.one_stick())))
    pci = msgspec.json.encode(_things(load(name).build(reports.cards())))
    assert b"/dev/apex_" not in usb
    assert b"/dev/bus/usb" not in pci


def _things(setup: Setup) -> Setup:
    """A setup without its notes."""
    return msgspec.structs.replace(setup, text=(), undo=())


@given(HOSTILE_REPORTS)
@settings(max_examples=60)
def test_hostile_names_never_act(report: Report) -> None:
    """No target fails on any name, and no printed text holds what acts on a terminal."""
    for name in TARGETS:
        setup = load(name).build(report)
        assert all(text.isprintable() for text in texts(setup)), name
        for file in setup.files:
            assert all(line.isascii() and line.isprintable() for line in file.content.split("\n") if line), name


@given(HOSTILE_REPORTS)
@settings(max_examples=60)
def test_hostile_names_never_reach_a_command(report: Report) -> None:
    """No command holds a trap: whatever is not a name of the kernel's form is left out."""
    for name in TARGETS:
        for command in load(name).build(report).commands:
            own = command.command.replace("'c 189:* rmw'", "").replace("'*usb-devices*' '*apex*'", "")
            own = own.replace('"$USER"', "")
            assert not set(own) & set(";$`\n\\\"'*#&|<>()\x1b"), (name, command.command)
