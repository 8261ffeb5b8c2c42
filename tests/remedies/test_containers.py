"""Docker, Compose and Podman."""

from __future__ import annotations

import shlex

import pytest
import yaml
from hypothesis import given

from etpu_doctor.remedies import compose, containers, docker, podman
from etpu_doctor.report.report import Report
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS

USB = ["--volume", "/dev/bus/usb:/dev/bus/usb", "--device-cgroup-rule", "c 189:* rmw"]


def words(command: str) -> list[str]:
    """The words that a shell makes of a command."""
    return shlex.split(command)


def test_docker_with_sticks() -> None:
    """The whole folder and every USB node: one node is another one after the firmware load."""
    run = words(docker.build(reports.one_stick()).commands[0].command)
    assert ["docker", "run", "--rm", "--interactive", "--tty", *USB, "IMAGE"] == run


def test_docker_with_cards() -> None:
    """Each card's node, and nothing of USB."""
    run = words(docker.build(reports.cards(2)).commands[0].command)
    assert ["--device", "/dev/apex_0:/dev/apex_0", "--device", "/dev/apex_1:/dev/apex_1", "IMAGE"] == run[5:]


def test_docker_with_both() -> None:
    """A mixed machine gets both parts."""
    run = words(docker.build(reports.mixed()).commands[0].command)
    assert [*USB, "--device", "/dev/apex_0:/dev/apex_0", "IMAGE"] == run[5:]


def test_docker_with_a_card_that_has_no_node() -> None:
    """A node that is not there keeps a container from starting, so it is not named; a note says why."""
    setup = docker.build(reports.card_without_driver())
    assert ["IMAGE"] == words(setup.commands[0].command)[5:]
    assert any("no device node" in note for note in setup.text)


def test_docker_look() -> None:
    """The second command lists in a container what the first would give."""
    look = words(docker.build(reports.mixed()).commands[1].command)
    assert ["ls", "-lR", "/dev/bus/usb", "/dev/apex_0"] == look[-4:]


def test_docker_needs_no_privileges() -> None:
    """No command asks for all rights."""
    assert not any("--privileged" in command.command for command in docker.build(reports.mixed()).commands)


def loaded(report: Report) -> object:
    """The Compose file as a YAML parser reads it."""
    (file,) = compose.build(report).files
    return yaml.safe_load(file.content)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            reports.one_stick(),
            {"volumes": ["/dev/bus/usb:/dev/bus/usb"], "device_cgroup_rules": ["c 189:* rmw"]},
        ),
        (reports.cards(2), {"devices": ["/dev/apex_0:/dev/apex_0", "/dev/apex_1:/dev/apex_1"]}),
        (
            reports.mixed(),
            {
                "devices": ["/dev/apex_0:/dev/apex_0"],
                "volumes": ["/dev/bus/usb:/dev/bus/usb"],
                "device_cgroup_rules": ["c 189:* rmw"],
            },
        ),
        (reports.card_without_driver(), {}),
    ],
)
def test_compose(report: Report, expected: dict[str, list[str]]) -> None:
    """A service has the keys for what is there, and stays a mapping where there is nothing."""
    assert {"services": {"your-program": expected}} == loaded(report)


def test_compose_is_a_fragment() -> None:
    """The file is one that exists already and holds more."""
    assert [True] == [file.fragment for file in compose.build(reports.mixed()).files]


@given(HOSTILE_REPORTS)
def test_compose_always_parses(report: Report) -> None:
    """Whatever the names are, the file is YAML of the same shape."""
    value = loaded(report)
    assert isinstance(value, dict)
    service = value["services"]["your-program"]
    assert set(service) <= {"devices", "volumes", "device_cgroup_rules"}
    assert all(isinstance(item, str) for items in service.values() for item in items)


def test_podman_without_root() -> None:
    """Rootless Podman keeps the user's groups and refuses rules for the device cgroup."""
    rootless, rooted = (words(command.command) for command in podman.build(reports.mixed()).commands)
    assert ["--group-add", "keep-groups"] == rootless[5:7]
    assert "--device-cgroup-rule" not in rootless
    assert ["/dev/bus/usb:/dev/bus/usb", "--device", "/dev/apex_0:/dev/apex_0", "IMAGE"] == rootless[8:]
    assert "sudo" == rooted[0]
    assert USB == rooted[6:10]


def test_podman_marks_what_needs_root() -> None:
    """The first command is for everybody, the second for root."""
    assert [False, True] == [command.needs_root for command in podman.build(reports.mixed()).commands]


def test_notes_follow_what_is_there() -> None:
    """The note on the change of identity is for sticks, the one on the driver for cards."""
    usb, pci = " ".join(containers.notes(reports.one_stick())), " ".join(containers.notes(reports.cards()))
    assert "two identities" in usb
    assert "driver" not in usb
    assert "two identities" not in pci
    assert "driver" in pci
