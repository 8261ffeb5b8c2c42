"""ETD707: the library counts otherwise."""

from __future__ import annotations

import msgspec
import pytest

from etpu_doctor.facts.runtime import Probe
from etpu_doctor.rules.runtime.enumeration_differs import check
from etpu_doctor.topology.machine import Machine
from tests.support.builder import machine as built
from tests.support.facts import Fact, apex, card, machine, maybe, root, tpu, values
from tests.support.user_space import PATH, found, library, runtime, with_runtime

Device = tuple[str, str]
TWO = (root(2), tpu("2-1"), tpu("2-2"))
CARD = (card("0000:01:00.0"), apex(0, "0000:01:00.0"))


def stick(place: str) -> Device:
    """A stick as the library lists it."""
    return ("usb", f"/sys/bus/usb/devices/{place}")


def apex_node(number: int) -> Device:
    """A card as the library lists it."""
    return ("pci", f"/dev/apex_{number}")


def listed(*devices: Device) -> Probe:
    """A probe that gave a list."""
    return Probe(version_text="x", devices=devices)


def judge(facts: tuple[Fact, ...], *devices: Device) -> list[str]:
    """Titles of what the rule says."""
    return [finding.title for finding in found(check, library(), listed(*devices), facts=facts)]


def test_no_evidence() -> None:
    """Without user space, without a probe, and without an answer nothing is said."""
    assert [] == list(check(machine(*TWO)))
    assert [] == list(check(with_runtime(None, *TWO)))
    assert [] == found(check, library(), facts=TWO)
    assert [] == found(check, library(), Probe(failure="no answer in 10 s"), facts=TWO)


@pytest.mark.parametrize(
    ("facts", "devices"),
    [
        (TWO, (stick("2-2"), stick("2-1"))),
        ((root(2), tpu("2-1", dfu=True), tpu("2-2")), (stick("2-1"), stick("2-2"))),
        (CARD, (apex_node(0),)),
        ((*CARD, *TWO), (apex_node(0), stick("2-2"), stick("2-1"))),
        ((root(2),), ()),
        ((card("0000:01:00.0", driver=None),), ()),
    ],
)
def test_both_agree(facts: tuple[Fact, ...], devices: tuple[Device, ...]) -> None:
    """The order of the tree is the library's: no finding."""
    assert [] == judge(facts, *devices)


def test_another_order() -> None:
    """Both orders are given; which is right is not decided."""
    (finding,) = found(check, library(), listed(stick("2-1"), stick("2-2")), facts=TWO)
    assert ("ETD707", "wrong-device-string", "unknown", "possible", ("2-1", "2-2")) == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.concerns,
    )
    assert "libedgetpu lists the USB Edge TPUs in another order than the tree" in finding.title
    assert {
        "usb: in the tree": "usb:0 = /sys/bus/usb/devices/2-2, usb:1 = /sys/bus/usb/devices/2-1",
        "usb: by the library": "usb:0 = /sys/bus/usb/devices/2-1, usb:1 = /sys/bus/usb/devices/2-2",
    } == values(finding)
    assert ["sysfs", PATH] == [fact.where for fact in finding.facts]


@pytest.mark.parametrize(
    "devices",
    [(), (stick("2-1"),), (stick("2-2"), stick("2-1"), stick("2-3")), (stick("2-2"), stick("2-4"))],
)
def test_other_devices(devices: tuple[Device, ...]) -> None:
    """A stick more, less, or another one."""
    (title,) = judge(TWO, *devices)
    assert "lists the USB Edge TPUs others than the tree" in title


def test_none_by_the_library() -> None:
    """An empty list is written as such."""
    (finding,) = found(check, library(), listed(), facts=TWO)
    assert "none" == values(finding)["usb: by the library"]


def test_cards_and_sticks() -> None:
    """Both kinds may differ, and only the kind that does is named."""
    both = (*CARD, *TWO)
    assert ["PCI"] == [title.split()[3] for title in judge(both, stick("2-2"), stick("2-1"))]
    (title,) = judge(both)
    assert "the PCI and USB Edge TPUs" in title


def test_a_libusb_without_udev() -> None:
    """If the library's order is the one that such a libusb gives, the finding says so."""
    three = (root(2), tpu("2-1"), tpu("2-2"), tpu("2-3"))
    tpus = sorted(machine(*three).edge_tpus, key=lambda each: each.delegate_device_without_udev or "")
    (finding,) = found(check, library(), listed(*(stick(each.id) for each in tpus)), facts=three)
    assert "a libusb built without udev" == values(finding)["the library's order is that of"]


@pytest.mark.parametrize(
    "facts",
    [
        (root(2), maybe("2-1")),
        (root(2, controller=None), tpu("2-1"), root(4, controller=None), tpu("4-1")),
    ],
)
def test_an_order_that_is_not_known(facts: tuple[Fact, ...]) -> None:
    """Where the tree has no order there is nothing to contradict."""
    assert [] == judge(facts, stick("2-1"), stick("9-9"))


def test_a_bus_that_was_not_looked_at() -> None:
    """Evidence without a bus says nothing of what is on it."""
    user_space = runtime(library(), listed(stick("2-1"), apex_node(0)))
    assert [] == list(check(with_runtime(user_space, root(2), covers=("host",))))


def test_a_device_of_another_type() -> None:
    """A type that nobody knows is not counted."""
    assert [] == judge(TWO, ("9", "/dev/x"), stick("2-2"), stick("2-1"))


def vector() -> Machine:
    """Two controllers, hubs in hubs, and sticks of both identities."""
    text = """
        pci 0000:00:14.0 xhci
          root usb2=12 usb3=4
            1: hub usb3 ports=10
              1: tpu
              2: tpu
              10: tpu
    """
    from etpu_doctor.topology.build import build
    from etpu_doctor.topology.machine import Options

    return build(built(text).evidence(), Options())


def test_an_order_that_was_seen_on_real_libraries() -> None:
    """Ports are sorted as text, and the last comes first."""
    found_machine = vector()
    order = [stick("2-1.2"), stick("2-1.10"), stick("2-1.1")]
    user_space = runtime(library(), listed(*order))
    found_machine.evidence = msgspec.structs.replace(found_machine.evidence, runtime=user_space)
    assert [] == list(check(found_machine))
