"""ETD113: the ports that Coral's documentation excludes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.usb.sub_hub_secondary_port import check
from tests.support.facts import TEXT, hub, judged, machine, maybe, port, root, steps, strings, tpu, values


def test_behind_two_hubs() -> None:
    """A stick on port 2 of a hub behind a hub is an error, and free primary ports are named, nearest first."""
    devices = [hub("2-1"), hub("2-1.4", identity="05e3:0626"), tpu("2-1.4.2")]
    (found,) = judged(check, root(2, port_count=2, ports=(port(1), port(2))), *devices)
    assert ("error", "likely", "2-1.4.2") == (found.severity, found.confidence, found.subject)
    assert "Edge TPU 2-1.4.2 is on a secondary port: port 2 of sub-hub 2-1.4" == found.title
    assert (
        "Plug it into port 1 of hub 2-1.4 (05e3:0626).",
        "Plug it into port 1, 2 or 3 of hub 2-1 (2109:0817).",
        "Plug it into root port 2 of bus 2.",
    ) == steps(found)
    assert {"port chain": "1.4.2", "on": "port 2 of hub 2-1.4 (05e3:0626)"}.items() <= values(found).items()
    assert "port 4 of hub 2-1 (2109:0817)" == values(found)["which hangs on"]


def test_where_it_was_read() -> None:
    """The place is that of sysfs, or the line of the listing."""
    devices = [root(2), hub("2-1"), hub("2-1.4")]
    (live,) = judged(check, *devices, tpu("2-1.4.2"))
    assert "/sys/bus/usb/devices/2-1.4.2/devpath" == live.facts[0].where
    (pasted,) = judged(check, *devices, tpu("2-1.4.2", seen=(Seen("lsusb-t", "a.txt", 5),)), covers=TEXT)
    assert "a.txt:5" == pasted.facts[0].where


def test_the_documented_listing() -> None:
    """Of three sticks only the one on port 2 of the inner hub is flagged."""
    sticks = [tpu("2-3.1", devnum=51), tpu("2-3.2.1", devnum=41), tpu("2-3.2.2", devnum=39)]
    found = judged(check, root(2, port_count=7), hub("2-3"), hub("2-3.2"), *sticks, covers=TEXT)
    assert ["2-3.2.2"] == [each.subject for each in found]


def test_a_case_of_two_chips() -> None:
    """A 7-port hub is recognised and put in the words of the person who holds it, right after the nearest free port."""
    (found,) = judged(check, root(2), hub("2-1"), hub("2-1.4"), tpu("2-1.4.3"))
    assert "Plug it into port 1 of hub 2-1.4 (2109:0817)." == steps(found)[0]
    assert (
        "This looks like one case with 7 sockets and two chips, 2-1.4 behind 2-1. "
        "Any socket of 2-1 will do, or the first of 2-1.4."
    ) == steps(found)[1]
    assert "Plug it into port 1, 2 or 3 of hub 2-1 (2109:0817)." == steps(found)[2]


def test_a_case_of_three_chips() -> None:
    """So is a 10-port hub."""
    (found,) = judged(check, root(2), hub("2-1"), hub("2-1.3"), hub("2-1.4"), tpu("2-1.4.3"))
    assert "10 sockets and three chips" in strings(found)


def test_a_case_without_ids() -> None:
    """Without ids, four ports twice only may be one case."""
    chips = [hub(place, vendor_id=None, product_id=None) for place in ("2-1", "2-1.4")]
    (found,) = judged(check, root(2), *chips, maybe("2-1.4.3"), covers=TEXT)
    assert "This may be one case with 7 sockets" in strings(found)
    assert "possible" == found.confidence


def test_an_uncertain_place() -> None:
    """Where the indentation was lost and another tree fits too, the finding is possible only."""
    (found,) = judged(check, root(2), hub("2-1"), hub("2-1.4"), tpu("2-1.4.3", chain_certain=False))
    assert "possible" == found.confidence


def test_a_host_without_usb3() -> None:
    """Where no USB 3 socket exists, a free USB 2 one is named."""
    low = root(1, 480, root_driver="dwc_otg", port_count=1)
    (found,) = judged(check, low, hub("1-1", 480), hub("1-1.4", 480, identity="05e3:0610"), tpu("1-1.4.2", 480))
    assert "Plug it into port 1, 2 or 3 of hub 1-1 (2109:2817)." in steps(found)


def test_bus_powered_hubs_are_not_suggested() -> None:
    """A hub without supply is no way out."""
    devices = [hub("2-1", self_powered=False), hub("2-1.4", self_powered=False), tpu("2-1.4.3")]
    (found,) = judged(check, root(2, port_count=1), *devices)
    assert "No free USB 3 socket was found" in steps(found)[0]


@pytest.mark.parametrize(
    "devices",
    [
        [tpu("2-2")],
        [hub("2-1"), tpu("2-1.2")],
        [hub("2-1"), hub("2-1.4"), tpu("2-1.4.1")],
        [hub("2-1"), hub("2-1.4"), hub("2-1.4.4"), tpu("2-1.4.4.1")],
        [hub("2-1"), hub("2-1.4"), tpu("2-1.4.2", port_chain=None)],
        [tpu("2-1.4.2")],
    ],
)
def test_silent(devices: list[Any]) -> None:
    """Silent on root ports, first-tier hubs, first ports, and where the place or the hub is not known."""
    assert [] == judged(check, root(2), *devices)


@given(st.lists(st.integers(1, 10), min_size=1, max_size=6))
def test_three_numbers_and_not_one(chain: list[int]) -> None:
    """It fires exactly if the port chain has three numbers or more and does not end in 1."""
    hubs = [hub(f"2-{'.'.join(map(str, chain[:depth]))}", port_count=10) for depth in range(1, len(chain))]
    built = machine(root(2, port_count=10), *hubs, tpu(f"2-{'.'.join(map(str, chain))}"))
    assert (len(chain) >= 3 and chain[-1] != 1) is bool(list(check(built)))
