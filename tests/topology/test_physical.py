"""Chips that share a case."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.topology.physical import HubCase, case_of
from tests.support.facts import hub, machine, root


def case(*devices: UsbDevice, of: str) -> HubCase | None:
    """The case that a hub belongs to."""
    built = machine(root(2), *devices)
    return case_of(built, built.usb[of])


@pytest.mark.parametrize("of", ["2-1", "2-1.4"])
def test_seven_sockets_are_two_chips(of: str) -> None:
    """Two 4-port chips of one kind in a row have seven sockets, whichever of the two is asked about."""
    assert HubCase(chips=("2-1", "2-1.4"), sockets=7, same_ids=True) == case(hub("2-1"), hub("2-1.4"), of=of)


@pytest.mark.parametrize("places", [("2-1", "2-1.4", "2-1.4.4"), ("2-1", "2-1.3", "2-1.4")])
def test_ten_sockets_are_three_chips(places: tuple[str, ...]) -> None:
    """Three chips, in a row or two behind one, have ten sockets."""
    found = case(*map(hub, places), of=places[-1])
    assert found is not None
    assert (set(places), 10, "2-1") == (set(found.chips), found.sockets, found.chips[0])


def test_hubs_of_different_makers_are_different_hubs() -> None:
    """A hub plugged into a hub of another make is no case."""
    assert case(hub("2-1"), hub("2-1.4", identity="05e3:0626"), of="2-1.4") is None


def test_one_chip_is_no_case() -> None:
    """A 4-port hub alone is what it seems."""
    assert case(hub("2-1"), hub("2-2"), of="2-1") is None


def test_without_ids_the_usual_four_ports_have_to_do() -> None:
    """From ``lsusb -t`` alone two 4-port hubs in a row may be one, which is said with less certainty."""
    chips = [hub(place, vendor_id=None, product_id=None) for place in ("2-1", "2-1.4")]
    assert HubCase(chips=("2-1", "2-1.4"), sockets=7, same_ids=False) == case(*chips, of="2-1")


def test_without_ids_other_counts_are_no_case() -> None:
    """Hubs with other numbers of ports are not taken for one without ids."""
    chips = [hub("2-1", vendor_id=None), hub("2-1.4", port_count=7, vendor_id=None)]
    assert case(*chips, of="2-1.4") is None


def test_a_root_hub_is_in_no_case() -> None:
    """The host's own hub is not part of a hub plugged into it, even with the same ids."""
    assert case(hub("2-1", identity="1d6b:0003"), of="2-1") is None


def test_a_long_chain_ends() -> None:
    """A row of twenty equal hubs makes a case of a few chips, in bounded time."""
    places = ["2-1" + ".1" * depth for depth in range(20)]
    found = case(*map(hub, places), of=places[-1])
    assert found is not None
    assert 2 <= len(found.chips) <= 8
