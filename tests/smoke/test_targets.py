"""Names of Edge TPUs on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.smoke.targets import TargetError, select
from etpu_doctor.topology.machine import EdgeTpu
from tests.support.facts import apex, card, machine, root, tpu

MACHINE = machine(
    root(2), tpu("2-1", devnum=3), tpu("2-3", devnum=4, dfu=True), card("0000:03:00.0"), apex(0, "0000:03:00.0")
)
TPUS = MACHINE.edge_tpus


def ids(*names: str) -> list[str]:
    """The ids that names mean."""
    return [each.id for each in select(TPUS, names)]


def test_without_names_all_are_meant() -> None:
    """Nothing named means everything, PCIe first."""
    assert ["0000:03:00.0", "2-1", "2-3"] == ids()


@pytest.mark.parametrize(
    "name",
    ["2-3", "usb:0", "/sys/bus/usb/devices/2-3", "/dev/bus/usb/002/004", ":1", " 2-3 "],
)
def test_every_name_of_a_stick_means_it(name: str) -> None:
    """The fresh stick by its port, its delegate strings, its path and its node."""
    assert ["2-3"] == ids(name)


@pytest.mark.parametrize(
    "name", ["0000:03:00.0", "03:00.0", "pci:0", "/dev/apex_0", "/sys/bus/pci/devices/0000:03:00.0"]
)
def test_every_name_of_a_card_means_it(name: str) -> None:
    """The card by its address with and without the domain, its string, its node."""
    assert ["0000:03:00.0"] == ids(name)


def test_two_names_never_mean_one_stick_twice() -> None:
    """A stick named twice is tested once, in the order of the first naming."""
    assert ["2-1", "2-3"] == ids("2-1", "usb:0", "usb:1", "2-3")


@pytest.mark.parametrize("name", ["usb:7", "coral", "", "2-1.1", "/dev/apex_1"])
def test_a_name_of_nothing_says_what_there_is(name: str) -> None:
    """The message lists the names that would do."""
    with pytest.raises(TargetError, match=r"pci:0 = 0000:03:00\.0, usb:1 = 2-1, usb:0 = 2-3"):
        ids(name)


def test_a_name_of_two_is_refused() -> None:
    """A node that two devices seem to have names neither."""
    twins = [
        EdgeTpu(id="2-1", transport="usb", device_node="/dev/x"),
        EdgeTpu(id="3-1", transport="usb", device_node="/dev/x"),
    ]
    with pytest.raises(TargetError, match="more than one Edge TPU: 2-1, 3-1"):
        select(twins, ["/dev/x"])


@given(st.lists(st.sampled_from(["2-1", "2-3", "usb:0", "usb:1", "pci:0", "03:00.0", ":0"]), max_size=9))
def test_the_selection_has_no_repeats(names: list[str]) -> None:
    """However they are named, each Edge TPU comes once."""
    found = ids(*names)
    assert len(set(found)) == len(found)
    assert not names or {each for name in names for each in ids(name)} == set(found)
