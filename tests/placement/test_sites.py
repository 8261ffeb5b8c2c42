"""Where models can go."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.host import Clock
from etpu_doctor.placement.sites import Sites, sites_of
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import Options
from tests.support.builder import machine


def found(notation: str, clock: Clock | None = None) -> Sites:
    """The places of a machine in the builder's notation."""
    return sites_of(build(machine(notation).evidence(), Options(clock=clock)))


TWO = """
pci 0000:00:14.0 xhci
  root usb2=4 usb3=4
    1: tpu
    2: tpu at=480
pci 0000:00:1c.0 bridge link=2x1/3x4
  pci 0000:02:00.0 edgetpu link=1x1/2x1 driver=apex apex=0
"""


def test_pcie_first_then_the_runtimes_own_order() -> None:
    """The order in which libedgetpu itself prefers them."""
    assert ["pci:0", "usb:0", "usb:1"] == [site.tpu.delegate_device for site in found(TWO).sites]


def test_the_narrowest_link_counts() -> None:
    """USB 3, USB 2, and a PCIe link that runs at Gen1."""
    assert {"2-1": 350.0, "1-2": 35.0, "0000:02:00.0": 200.0} == {site.id: site.mb_s for site in found(TWO).sites}


@pytest.mark.parametrize(("clock", "usb"), [(None, (500, False)), ("standard", (250, True)), ("maximum", (500, True))])
def test_the_clock(clock: Clock | None, usb: tuple[int, bool]) -> None:
    """A stick's is the library's; a card's is always the same."""
    by_id = {site.id: (site.mhz, site.clock_known) for site in found(TWO, clock).sites}
    assert usb == by_id["2-1"]
    assert (500, True) == by_id["0000:02:00.0"]


def test_a_hubs_uplink_is_shared() -> None:
    """By those below it, in each half of the hub for itself."""
    places = found(
        "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: hub usb3\n"
        "      1: tpu\n      2: tpu\n      3: tpu at=480\n"
    )
    assert [("2-1", ("2-1.1", "2-1.2"))] == [(lane.lower, lane.tpus) for lane in places.shared]


def test_a_hub_on_a_usb2_link_makes_all_slow() -> None:
    """Three sticks behind one USB 2 link."""
    places = found(
        "pci 0000:00:14.0 xhci\n  root usb2=4 usb3=4\n    1: hub usb2\n      1: tpu\n      2: tpu\n      3: tpu\n"
    )
    assert [35.0] * 3 == [site.mb_s for site in places.sites]
    assert [3] == [len(lane.tpus) for lane in places.shared]


def test_a_card_without_a_driver_is_left_out() -> None:
    """No program can open it; the check says why."""
    places = found("pci 0000:00:1c.0 bridge\n  pci 0000:02:00.0 edgetpu link=2x1 driver=none\n")
    assert () == places.sites
    assert ["no driver serves it (see etpu-doctor check)"] == [each.why for each in places.left_out]


def test_two_chips_behind_one_slot_share_it() -> None:
    """A PCIe switch with one lane up carries both chips' bytes."""
    notation = """
pci 0000:00:1c.0 bridge link=2x1/2x1
  pci 0000:01:00.0 bridge link=2x1/2x1
    pci 0000:02:01.0 bridge
      pci 0000:03:00.0 edgetpu link=2x1 driver=apex apex=0
    pci 0000:02:02.0 bridge
      pci 0000:04:00.0 edgetpu link=2x1 driver=apex apex=1
"""
    assert [2] == [len(lane.tpus) for lane in found(notation).shared]


SUB_HUB = """
pci 0000:00:14.0 xhci
  root usb2=4 usb3=4
    1: hub usb3 ports=4
      1: tpu
      4: hub usb3 ports=4
        1: tpu
        3: tpu
"""


def test_a_stick_on_a_secondary_port_is_taken_last() -> None:
    """Coral's documentation excludes such ports, so the other sticks get the models first, whatever their numbers."""
    sites = found(SUB_HUB).sites
    assert ["3"] == [site.id.rpartition(".")[2] for site in sites if site.is_doubtful]
    assert sites[-1].is_doubtful
