"""ETD405: cards and controllers that the kernel's log gives up."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.pci import PciBar
from etpu_doctor.rules.pci.probe_errors import check
from tests.support.facts import XHCI, bridge, card, judged, root, steps, strings, tpu, values, xhci
from tests.support.kernel_log import said, verdict

A, PORT = "0000:02:00.0", "0000:00:1c.0"
CARD = (bridge(PORT, 2), card(A, PORT))
HUNG = f"apex {A}: RAM did not enable within timeout (12000 ms)\napex {A}: Error in device open cb: -110"
NORMAL = f"""\
apex {A}: enabling device (0000 -> 0002)
apex {A}: Apex performance not throttled due to temperature
gasket: loading out-of-tree module taints kernel.
"""
NO_SPACE = f"pci {A}: BAR 2: no space for [mem size 0x00100000 64bit pref]"
LIMITED = (
    f"pci {A}: 2.000 Gb/s available PCIe bandwidth, limited by 2.5 GT/s PCIe x1 link at {PORT} "
    "(capable of 4.000 Gb/s with 5.0 GT/s PCIe x1 link)"
)
AER = f"pcieport {PORT}: AER: Uncorrected (Non-Fatal) error received: {A}"
DIED = f"xhci_hcd {XHCI}: xHCI host controller not responding, assume dead\nxhci_hcd {XHCI}: HC died; cleaning up"
DOWN = "brcm-pcie 1000110000.pcie: link down"


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, *CARD)


def test_a_normal_start() -> None:
    """What the driver prints of a card that works is no error."""
    assert [] == said(check, NORMAL, *CARD)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (HUNG, "the chip hangs"),
        (f"apex {A}: GCB did not leave reset within timeout (12000 ms)", "the chip hangs"),
        (f"apex {A}: Page table init timed out", "did not answer when the driver set it up"),
        (f"apex {A}: MSI-X table init timed out", "did not answer when the driver set it up"),
        (f"apex {A}: Device reported as unhealthy.", "the driver calls it unhealthy"),
        (f"apex {A}: error adding gasket device", "the driver could not set it up"),
        (f"apex: probe of {A} failed with error -5", "the driver could not set it up"),
        (f"apex {A}: Cannot get BAR2 base address", "it was given no memory"),
        (f"vfio-pci {A}: BAR 2: can't reserve [mem 0x90000000-0x900fffff 64bit pref]", "it was given no memory"),
        (NO_SPACE, "it was given no memory"),
    ],
)
def test_what_is_wrong_with_the_card(line: str, title: str) -> None:
    """Each kind of message is an error of the card, in words of its own."""
    (found,) = said(check, line, *CARD)
    assert ("error", "likely", A, (A,)) == verdict(found)
    assert title in found.title


def test_lines_of_one_card_are_one_finding() -> None:
    """All that the log says of a card is one finding with its lines as facts."""
    (found,) = said(check, f"{HUNG}\n{HUNG}", *CARD)
    assert ["kernel log, 2 times", "kernel log, 2 times"] == [fact.name for fact in found.facts]


def test_a_card_that_no_listing_shows() -> None:
    """The driver's lines name the card without a listing."""
    (found,) = said(check, HUNG, covers=())
    assert ("error", "likely", A, ()) == verdict(found)


def test_a_hot_card() -> None:
    """A card that was throttled before it hung gets air as well as power."""
    (found,) = said(check, f"apex {A}: Apex performance throttled due to temperature\n{HUNG}", *CARD)
    assert any("heat sink" in step for step in steps(found))
    assert "throttled due to temperature" in strings(found)
    (found,) = said(check, f"{NORMAL}{HUNG}", *CARD)
    assert not any("heat sink" in step for step in steps(found))


def test_a_virtual_machine() -> None:
    """No answer at the start has a reading of its own in a virtual machine."""
    (found,) = said(check, f"apex {A}: Page table init timed out", *CARD)
    assert any("virtual machine" in step for step in steps(found))


def test_missing_interrupts_are_another_rules() -> None:
    """The driver's general words after its interrupts failed are not a second fault."""
    text = f"apex {A}: Couldn't initialize interrupts: -28\napex {A}: error adding gasket device"
    assert [] == said(check, text, *CARD)


def test_memory_that_was_found_later() -> None:
    """What the kernel shows of the card's memory now decides, not the first attempt in the log."""
    bars = (PciBar(index=0, assigned=True), PciBar(index=2, assigned=True))
    assert [] == said(check, NO_SPACE, bridge(PORT, 2), card(A, PORT, bars=bars))


def test_a_slow_link() -> None:
    """The kernel's remark on the link counts where the link itself is not known."""
    unknown = card(A, PORT, current_link_speed_gts=None)
    (found,) = said(check, LIMITED, bridge(PORT, 2), unknown)
    assert ("warning", "likely", A, (A,)) == verdict(found)
    assert "its link is slower than it can" in found.title
    assert [] == said(check, LIMITED, *CARD)


def test_other_cards_are_left_alone() -> None:
    """A disk without memory or with a slow link is nobody's business here."""
    other = "pci 0000:03:00.0: BAR 0: no space for [mem size 0x00100000]"
    assert [] == said(check, f"{other}\n{LIMITED.replace(A, '0000:03:00.0')}", *CARD)


def test_link_errors_with_aspm_off() -> None:
    """Errors that come in spite of pcie_aspm=off are the connection's."""
    driver = Driver(command_line=("pcie_aspm=off",))
    (found,) = said(check, AER, *CARD, driver=driver)
    assert ("warning", "likely", A, (A,)) == verdict(found)
    assert "pcie_aspm=off" == values(found)["ASPM on the command line"]
    assert [] == said(check, AER, *CARD)


def test_a_controller_that_died() -> None:
    """The sticks on a dead controller are lost: an error; without any it is possible that one was on it."""
    (found,) = said(check, DIED, xhci(), root(2), tpu("2-1"))
    assert ("error", "likely", XHCI, ("2-1",)) == verdict(found)
    (found,) = said(check, DIED, xhci(), root(2))
    assert ("warning", "possible", XHCI, ()) == verdict(found)


def test_a_controller_of_others() -> None:
    """A controller without an Edge TPU may die unmentioned."""
    tree = (xhci(), root(2, controller="0000:05:00.0"), tpu("2-1"))
    assert [] == said(check, DIED, *tree)


def test_a_controller_without_an_address() -> None:
    """A controller of a board has no PCI address."""
    (found,) = said(check, "xhci-hcd xhci-hcd.0: HC died; cleaning up", root(2))
    assert "machine" == found.subject
    assert found.title.startswith("A USB controller died")


def test_a_slot_without_a_link() -> None:
    """A slot that stays dark matters while an Edge TPU is missing."""
    (found,) = said(check, DOWN, root(2))
    assert ("warning", "possible", "machine", ()) == verdict(found)
    assert [] == said(check, DOWN, root(2), tpu("2-1"))
    assert [] == said(check, DOWN, root(2), expect_tpus=0)


def test_link_errors_with_aspm_disabled_on_the_link() -> None:
    """Where lspci -vv shows ASPM disabled the errors are the connection's too."""
    (found,) = said(check, AER, bridge(PORT, 2, aspm=()), card(A, PORT, aspm=()))
    assert ("warning", "likely", A, (A,)) == verdict(found)
    assert "disabled" == values(found)[f"ASPM of {A}"]
