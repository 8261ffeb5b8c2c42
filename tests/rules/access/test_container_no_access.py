"""ETD602: the container does not have the Edge TPU."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.access import Access, NodeAccess
from etpu_doctor.rules.access.container_no_access import check
from etpu_doctor.rules.finding import Finding
from tests.support.access import (
    APEX_NODE,
    USB_NODE,
    absent,
    access,
    apex_node,
    commands,
    judged_with,
    machine_with,
    node,
)
from tests.support.facts import apex, card, root, steps, strings, tpu, values

OPEN = node(readable_writable=True)
CARD = (card("0000:02:00.0"), apex(0, "0000:02:00.0"))


def inside(*nodes: NodeAccess, **fields: Any) -> Access:
    """Root in a Docker container with the host's folder bound."""
    known: dict[str, Any] = {"container": "docker", "is_root": True, "udev_rules_read": False, "holders_hidden": None}
    return access(*nodes, **{**known, **fields})


def stick(about: Access, *, dfu: bool = False) -> list[Finding]:
    """What is said of a stick."""
    return judged_with(check, about, root(2), tpu("2-1", dfu=dfu))


def test_no_bus() -> None:
    """The container sees the stick in sysfs and has no folder of nodes at all: an error for certain."""
    (found,) = stick(inside(absent(), usb_bus_mapped=False, usb_bus_live=None))
    assert ("error", "certain", "2-1", ("2-1",)) == (found.severity, found.confidence, found.subject, found.concerns)
    assert "Edge TPU 2-1: this Docker container has no /dev/bus/usb" == found.title
    assert {
        "runs in": "Docker container",
        "device node": "missing",
        "user numbers are mapped": False,
    } == values(found)
    assert ["etpu-doctor setup docker", "etpu-doctor setup compose", f"ls -l {USB_NODE}"] == commands(found)


def test_the_number_changed() -> None:
    """The folder is a copy of a moment, and the stick has another number since."""
    (found,) = stick(inside(absent(), usb_bus_live=False))
    assert "error" == found.severity
    assert f"this Docker container does not have {USB_NODE}" in found.title
    assert values(found)["/dev/bus/usb is the host's folder"] is False
    assert "until the number changes again" in strings(found)


@pytest.mark.parametrize(
    ("dfu", "severity", "words"), [(True, "warning", "the first use renumbers it"), (False, "info", "plugged in again")]
)
def test_a_copy_of_the_moment(dfu: bool, severity: str, words: str) -> None:
    """It works now, and will not after the firmware, or after the next plugging in."""
    (found,) = stick(inside(OPEN, usb_bus_live=False), dfu=dfu)
    assert (severity, "likely") == (found.severity, found.confidence)
    assert words in found.title
    assert "bind the whole folder /dev/bus/usb" in steps(found)[0]


def test_a_rootless_container() -> None:
    """Its root is an ordinary user of the host, to whom the node does not belong."""
    about = node(owner="nobody", group="nogroup")
    (found,) = stick(inside(about, user_namespace=True, container="podman"))
    assert f"this Podman container has {USB_NODE}, but may not open it" in found.title
    assert {"device node": "crw-rw-r-- nobody nogroup", "user numbers are mapped": True}.items() <= values(
        found
    ).items()
    assert 'MODE="0666"' in steps(found)[0]
    assert "etpu-doctor setup udev" in commands(found)


def test_root_without_its_rights() -> None:
    """A container whose root was stripped of its rights is the container's doing too."""
    (found,) = stick(inside(node()))
    assert "may not open it" in found.title


def test_the_device_control_group() -> None:
    """Where its list is readable and does not hold the device, the open is refused whatever the mode says."""
    (found,) = stick(inside(node(readable_writable=True, cgroup_denies=True)))
    assert ("error", "certain") == (found.severity, found.confidence)
    assert f"device control group of this Docker container refuses {USB_NODE}" in found.title
    assert values(found)["device control group refuses"] is True
    assert "c 189:*" in steps(found)[0]


def test_an_empty_file_in_place_of_a_card() -> None:
    """An engine makes a file of a device that the host did not have at that moment."""
    about = inside(apex_node(is_character_device=False, mode=0o644))
    (found,) = judged_with(check, about, *CARD)
    assert f"{APEX_NODE} is no device but an empty file or folder" in found.title
    assert str(values(found)["device node"]).startswith("-rw")
    assert f"map {APEX_NODE} into the container" in steps(found)[0]


def test_a_card_without_node() -> None:
    """The same for PCIe, where the folder of USB does not matter."""
    (found,) = judged_with(check, inside(absent(APEX_NODE, "0000:02:00.0"), usb_bus_mapped=False), *CARD)
    assert ("error", "0000:02:00.0") == (found.severity, found.subject)
    assert f"does not have {APEX_NODE}" in found.title
    assert "restart brings" not in strings(found)


def test_one_of_two_was_given() -> None:
    """Where one Edge TPU works, the other may be meant for somebody else: a note."""
    about = inside(OPEN, absent("/dev/bus/usb/002/005", "2-2"))
    (found,) = judged_with(check, about, root(2), tpu("2-1"), tpu("2-2", devnum=5))
    assert ("info", "2-2") == (found.severity, found.subject)


def test_none_of_two_was_given() -> None:
    """Where none works, both are errors."""
    about = inside(absent(), absent("/dev/bus/usb/002/005", "2-2"))
    found = judged_with(check, about, root(2), tpu("2-1"), tpu("2-2", devnum=5))
    assert ["error", "error"] == [each.severity for each in found]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("docker", ["docker", "compose"]),
        ("podman", ["podman"]),
        ("lxc", ["lxc", "proxmox"]),
        ("systemd-nspawn", ["docker", "lxc"]),
        ("other", ["docker", "lxc"]),
    ],
)
def test_the_remedy_fits_the_container(container: Any, expected: list[str]) -> None:
    """Each kind has configurations of its own."""
    (found,) = stick(inside(absent(), container=container))
    assert [f"etpu-doctor setup {name}" for name in expected] == commands(found)[:-1]


@pytest.mark.parametrize("bus", ["usb", "pci"])
def test_kubernetes(bus: str) -> None:
    """No configuration is printed for it: the steps say what the pod needs."""
    if bus == "usb":
        (found,) = stick(inside(absent(), container="kubernetes"))
        assert "Mount /dev/bus/usb as a hostPath" in steps(found)[0]
    else:
        (found,) = judged_with(check, inside(absent(APEX_NODE, "0000:02:00.0"), container="kubernetes"), *CARD)
        assert f"Mount {APEX_NODE} as a hostPath" in steps(found)[0]
    assert "this Kubernetes pod" in found.title
    assert not any("setup" in command for command in commands(found))


def test_a_user_namespace_without_container() -> None:
    """``unshare --map-root-user`` and sandboxes of applications have the same effect."""
    (found,) = stick(access(node(owner="nobody"), user_namespace=True))
    assert "this user namespace has" in found.title


def test_a_container_that_shows_nothing() -> None:
    """Without sysfs nobody can tell what the host has: unknown, not a fault."""
    (found,) = judged_with(check, inside(usb_bus_mapped=False), covers=("host",))
    assert ("unknown", "machine", ()) == (found.severity, found.subject, found.concerns)
    assert "on the host" in strings(found)


def test_a_host_without_edge_tpu() -> None:
    """The container is not to blame where sysfs shows that the host has none."""
    assert [] == judged_with(check, inside(usb_bus_mapped=False), root(2))


@pytest.mark.parametrize(
    "about",
    [
        None,
        Access(),
        access(absent()),
        access(node()),
        access(OPEN, usb_bus_live=False),
        inside(OPEN),
        inside(OPEN, usb_bus_live=None),
        inside(node(readable_writable=None)),
        inside(node(), is_root=False),
        inside(NodeAccess(path=USB_NODE, edge_tpu="2-1"), usb_bus_live=False),
        inside(absent(tpu="9-9")),
        inside(node("/dev/apex_0", None, readable_writable=False)),
    ],
)
def test_silent(about: Access | None) -> None:
    """Silent on a host, where all is given, where nothing is known, and where only the user lacks the right."""
    assert [] == judged_with(check, about, root(2), tpu("2-1", dfu=True))


def test_facts_have_places() -> None:
    """All but the name of the surroundings say where they were read."""
    machine = machine_with(inside(node(cgroup_denies=True), user_namespace=True), root(2), tpu("2-1"))
    (found,) = check(machine)
    assert ["runs in"] == [fact.name for fact in found.facts if fact.where is None]
