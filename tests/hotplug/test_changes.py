"""What changed on the buses between two looks."""

from __future__ import annotations

from hypothesis import given, settings

from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.hotplug.changes import Change, change_text, changes_between
from etpu_doctor.topology.build import build
from tests.support import builder, facts, strategies

BUS = (facts.root(1, 480), facts.root(2), facts.hub("2-1", port_count=4, vendor_id=0x2109, product_id=0x0817))


def between(before: Evidence, after: Evidence) -> list[Change]:
    """The changes between two evidences."""
    return changes_between(build(before), build(after))


def only(*after: facts.Fact, before: tuple[facts.Fact, ...] = ()) -> Change:
    """The one change between two states of a bus with a hub."""
    (found,) = between(facts.evidence(*BUS, *before), facts.evidence(*BUS, *after))
    return found


def test_an_edge_tpu_that_comes_is_told_with_its_port_speed_and_state() -> None:
    """The line names the device, its port in words, its link, and what it is ready for."""
    change = only(facts.tpu("2-1.4", dfu=True))
    assert ("plugged", True, "2-1.4") == (change.kind, change.edge_tpu, change.port)
    assert "Edge TPU plugged in: 2-1.4 (port 4 of hub 2-1 (2109:0817)), 5 Gb/s, dfu" == change_text(change)


def test_an_edge_tpu_that_leaves_is_told_with_the_port_it_was_in() -> None:
    """The port is that of the tree before: the tree after has no such device."""
    change = only(before=(facts.tpu("2-1.4"),))
    assert "Edge TPU unplugged: was 2-1.4 (port 4 of hub 2-1 (2109:0817))" == change_text(change)


def test_another_device_is_told_by_its_name() -> None:
    """A keyboard that comes is no Edge TPU, and is called what it calls itself."""
    change = only(facts.usb("2-1.2", "046d:c31c", 12, vendor_name="Logitech", product_name="Keyboard"))
    assert ("Logitech Keyboard", False) == (change.what, change.edge_tpu)


def test_a_device_without_a_name_is_told_by_its_ids() -> None:
    """Ids are better than nothing."""
    assert "0951:1666" == only(facts.usb("2-1.2", "0951:1666")).what


def test_firmware_that_was_loaded_is_a_change_of_identity() -> None:
    """The stick that left as a boot loader and came back with its firmware is one stick that changed."""
    change = only(facts.tpu("2-1.4", devnum=8), before=(facts.tpu("2-1.4", dfu=True, devnum=7),))
    assert ("identity", "1a6e:089a", "18d1:9302") == (change.kind, change.before, change.after)
    assert "has its firmware now" in change_text(change)


def test_power_that_was_lost_is_a_change_of_identity_the_other_way() -> None:
    """A stick that went back to its boot loader was without power."""
    change = only(facts.tpu("2-1.4", dfu=True, devnum=8), before=(facts.tpu("2-1.4", devnum=7),))
    assert "lost its firmware: its power was off" in change_text(change)


def test_another_device_in_the_same_port_replaces_the_first() -> None:
    """A disk where an Edge TPU was is no change of identity."""
    change = only(facts.storage("2-1.4", vendor_id=0x152D, product_id=0x0578), before=(facts.tpu("2-1.4"),))
    assert ("replaced", "18d1:9302", "152d:0578") == (change.kind, change.before, change.after)


def test_a_link_that_came_up_slower_is_told_once() -> None:
    """Speed and device number change together; the speed is what matters."""
    change = only(facts.tpu("2-1.4", 480, devnum=9), before=(facts.tpu("2-1.4", devnum=7),))
    assert ("link", "5 Gb/s", "480 Mb/s") == (change.kind, change.before, change.after)


def test_a_device_that_only_got_another_number_left_and_came_back() -> None:
    """The kernel counts device numbers up at each enumeration."""
    change = only(facts.tpu("2-1.4", devnum=9), before=(facts.tpu("2-1.4", devnum=7),))
    assert "Edge TPU 2-1.4 left and came back, device number: 7 -> 9 (port 4 of hub 2-1 (2109:0817))" == change_text(
        change
    )


def test_a_number_that_is_not_known_is_no_change() -> None:
    """What one of the looks could not read cannot have changed."""
    before = facts.evidence(*BUS, facts.tpu("2-1.4", devnum=None, speed_mbps=None))
    assert [] == between(before, facts.evidence(*BUS, facts.tpu("2-1.4", devnum=9)))


def test_a_program_that_takes_an_edge_tpu_is_told() -> None:
    """The interface is bound to usbfs while a program holds it."""
    used = facts.tpu("2-1.4", interfaces=(facts.interface(0xFF, "usbfs"),))
    change = only(used, before=(facts.tpu("2-1.4"),))
    assert ("use", "free", "in use") == (change.kind, change.before, change.after)


def test_a_pcie_driver_that_is_bound_is_told() -> None:
    """``modprobe apex`` is seen as the driver of the card."""
    before = facts.evidence(facts.card("0000:03:00.0", driver=None))
    (change,) = between(before, facts.evidence(facts.card("0000:03:00.0", driver="apex")))
    assert ("driver", True, "none", "apex") == (change.kind, change.edge_tpu, change.before, change.after)


def test_a_hub_takes_its_devices_with_it() -> None:
    """Each device that is gone is told, those that left before those that came."""
    before = facts.evidence(*BUS, facts.tpu("2-1.4"))
    after = facts.evidence(*BUS[:2], facts.hub("2-2"))
    assert [("unplugged", "2-1"), ("unplugged", "2-1.4"), ("plugged", "2-2")] == [
        (change.kind, change.id) for change in between(before, after)
    ]


@settings(max_examples=40, deadline=None)
@given(
    strategies.notations(most_devices=6, most_controllers=2), strategies.notations(most_devices=6, most_controllers=2)
)
def test_what_is_unplugged_and_plugged_in_is_the_difference_of_the_trees(one: str, other: str) -> None:
    """Going back undoes it: what came one way leaves the other, and nothing changes between equal trees."""
    first, second = builder.machine(one).evidence(), builder.machine(other).evidence()
    there, back = between(first, second), between(second, first)
    assert [] == between(first, first)
    assert {change.id for change in there if change.kind == "plugged"} == {
        change.id for change in back if change.kind == "unplugged"
    }
    assert all(change_text(change) for change in there)
