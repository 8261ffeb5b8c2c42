"""ETD404: errors of a link whose power management is not off."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.pci.aspm import check, is_off, link_errors, on_link
from tests.support.facts import bridge, card, judged, root, steps, tpu, values
from tests.support.kernel_log import logged, said, verdict

A, PORT = "0000:02:00.0", "0000:00:1c.0"
CARD = (bridge(PORT, 2), card(A, PORT))
CORRECTED = f"pcieport {PORT}: AER: Corrected error received: {A}"
BUS_ERROR = f"pcieport {PORT}: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)"
FATAL = f"pcieport {PORT}: AER: Uncorrected (Fatal) error received: {A}"
NOT_FATAL = f"pcieport {PORT}: AER: Uncorrected (Non-Fatal) error received: {A}"
LINK_DOWN = f"pcieport {PORT}: pciehp: Slot(3): Link Down"
ASLEEP = f"apex {A}: Unable to change power state from D3cold to D0, device inaccessible"
OFF = Driver(command_line=("quiet", "pcie_aspm=off"))


def test_without_a_log() -> None:
    """Where there is no log nothing is said."""
    assert [] == judged(check, *CARD)


def test_a_normal_log() -> None:
    """What ports say of themselves at the start is no error."""
    text = f"pcieport {PORT}: PME: Signaling with IRQ 121\npcieport {PORT}: AER: enabled with IRQ 122"
    assert [] == said(check, text, *CARD)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (CORRECTED, "info"),
        ("\n".join([CORRECTED] * 9), "info"),
        ("\n".join([CORRECTED] * 10), "warning"),
        (NOT_FATAL, "warning"),
        (LINK_DOWN, "warning"),
        (FATAL, "error"),
        (f"{CORRECTED}\n{FATAL}", "error"),
        (ASLEEP, "error"),
    ],
)
def test_how_bad_it_is(text: str, severity: str) -> None:
    """Corrected errors cost time only; lost data is a warning, a card that is gone an error. ASPM is one reading."""
    (found,) = said(check, text, *CARD)
    assert (severity, "possible", A, (A,)) == verdict(found)


def test_two_readings_and_what_decides() -> None:
    """The title names both readings, the steps how to tell them apart."""
    (found,) = said(check, CORRECTED, *CARD)
    assert "(ASPM), or a bad contact" in found.title
    assert "pcie_aspm=off" in steps(found)[0]
    assert "come back all the same" in steps(found)[2]


def test_port_and_card_are_one_link() -> None:
    """Lines about the port and about the card behind it are one finding."""
    (found,) = said(check, f"{CORRECTED}\n{BUS_ERROR}", *CARD)
    assert found.title.startswith("PCIe link errors twice at 0000:02:00.0")


def test_a_port_with_two_cards() -> None:
    """Errors of a port that leads to two cards stay with the port."""
    switch = (bridge(PORT, 2), card(A, PORT), card("0000:02:01.0", PORT))
    (found,) = said(check, BUS_ERROR, *switch)
    assert (PORT, (A, "0000:02:01.0")) == (found.subject, found.concerns)


def test_other_cards_are_left_alone() -> None:
    """Errors of a disk's link are nobody's business here, nor are any without a PCIe Edge TPU."""
    text = "pcieport 0000:00:1d.0: AER: Corrected error received: 0000:03:00.0"
    assert [] == said(check, text, *CARD, bridge("0000:00:1d.0", 3))
    assert [] == said(check, text, bridge("0000:00:1d.0", 3), root(2), tpu("2-1"))


@pytest.mark.parametrize(
    ("driver", "confidence", "said_of_it"),
    [
        (None, "possible", "not known"),
        (Driver(), "possible", "not known"),
        (Driver(command_line=("quiet",)), "possible", "not switched off"),
        (Driver(command_line=("pcie_aspm=force",)), "likely", "pcie_aspm=force"),
        (Driver(command_line=("pcie_aspm.policy=powersave",)), "likely", "pcie_aspm.policy=powersave"),
    ],
)
def test_what_the_command_line_says(driver: Driver | None, confidence: str, said_of_it: str) -> None:
    """Where somebody forced power management it is likely to be the reason."""
    (found,) = said(check, CORRECTED, *CARD, driver=driver)
    assert (confidence, said_of_it) == (found.confidence, values(found)["ASPM on the command line"])


def test_switched_off() -> None:
    """With ASPM off it is something else, and another rule says so."""
    assert [] == said(check, FATAL, *CARD, driver=OFF)
    built = logged(FATAL, *CARD, driver=OFF)
    assert is_off(built, A)
    assert [A] == list(link_errors(built))


def ends(card_states: tuple[str, ...] | None, port_states: tuple[str, ...] | None) -> tuple[PciFunction, PciFunction]:
    """Port and card with what lspci -vv says of their link."""
    seen = (Seen("lspci-v", "lspci.txt", 3),)
    return bridge(PORT, 2, aspm=port_states, seen=seen), card(A, PORT, aspm=card_states, seen=seen)


@pytest.mark.parametrize(
    ("card_states", "port_states", "expected"),
    [
        (None, None, None),
        ((), None, ()),
        (None, ("L1",), ("L1",)),
        (("L1",), ("L0s", "L1"), ("L1", "L0s")),
        ((), (), ()),
    ],
)
def test_what_the_link_says(
    card_states: tuple[str, ...] | None, port_states: tuple[str, ...] | None, expected: tuple[str, ...] | None
) -> None:
    """Both ends of the link count, named by either."""
    built = logged(FATAL, *ends(card_states, port_states))
    assert [expected, expected] == [on_link(built, A), on_link(built, PORT)]


def test_off_on_the_link() -> None:
    """Where lspci shows ASPM disabled it is not the reason; where enabled, the command line cannot deny it."""
    assert [] == said(check, FATAL, *ends((), ()))
    (found,) = said(check, FATAL, *ends(("L1",), None), driver=OFF)
    assert "L1 enabled" == values(found)[f"ASPM of {A}"]
    assert "pcie_aspm=off" == values(found)["ASPM on the command line"]
    assert "lspci.txt:3" == next(fact.where for fact in found.facts if fact.name == f"ASPM of {A}")


@pytest.mark.parametrize(
    ("text", "confidence"), [(CORRECTED, "possible"), (FATAL, "possible"), (LINK_DOWN, "likely"), (ASLEEP, "likely")]
)
def test_how_sure_it_is_with_aspm_on(text: str, confidence: str) -> None:
    """A link or a card that did not come back, with ASPM on, makes it likely; errors alone have two readings."""
    (found,) = said(check, text, *ends(("L1",), ("L1",)))
    assert confidence == found.confidence


def test_on_and_no_trouble() -> None:
    """ASPM that is on is normal."""
    assert [] == judged(check, *ends(("L0s", "L1"), ("L1",)))


def test_a_card_that_is_gone() -> None:
    """Of a card that reads all ones it is said that ASPM is on for the port above: one of the reasons."""
    port, gone = bridge(PORT, 2, aspm=("L1",)), card(A, PORT, config_all_ones=True)
    (found,) = judged(check, port, gone)
    assert ("unknown", "possible", A, (A,)) == verdict(found)
    assert [] == judged(check, bridge(PORT, 2, aspm=()), gone)
    assert [] == judged(check, bridge(PORT, 2), gone)
    assert 1 == len(said(check, ASLEEP, port, gone))


def test_a_card_that_did_not_wake_up() -> None:
    """The title says what happened."""
    (found,) = said(check, ASLEEP, *CARD)
    assert found.title.startswith("PCIe card did not wake up once at 0000:02:00.0")
