"""ETD403: the driver's interrupts."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.driver import Driver
from etpu_doctor.rules.pci.msi_x_interrupts import check
from tests.support.facts import apex, card, judged, root, steps, tpu, values
from tests.support.kernel_log import said, verdict

A = "0000:02:00.0"
LINE = f"[ 12.1] apex {A}: Couldn't initialize interrupts: -28"
SHOWN = {"framework_version": "1.1.4", "reset_count": "0", "status": "ALIVE"}


def test_nothing_known() -> None:
    """A card of which interrupts are not known is not judged."""
    assert [] == judged(check, card(A))
    assert [] == judged(check, root(2), tpu("2-1"))


def test_a_card_that_works() -> None:
    """Enabled vectors and counted interrupts are as they should be."""
    assert [] == judged(check, card(A, msix_enabled=True), apex(0, A, **SHOWN, interrupt_counts="0x00: 0"))


def test_the_log() -> None:
    """The driver's own words are an error, and show the line."""
    (found,) = said(check, LINE, card(A))
    assert ("error", "likely", A, (A,)) == verdict(found)
    assert {"kernel log": f"apex {A}: Couldn't initialize interrupts: -28"} == values(found)


def test_the_log_alone() -> None:
    """Without a listing the card is named as the log does."""
    (found,) = said(check, LINE, covers=())
    assert ("error", "likely", A, ()) == verdict(found)


@pytest.mark.parametrize(
    "line",
    [
        f"apex {A}: Critical failure to allocate interrupts: -22",
        f"apex {A}: Couldn't reinit interrupts: -28",
        f"apex {A}: Unable to reinit interrupts: -28.",
        f"apex {A}: Cannot get IRQ for interrupt 3, vector 41; -22",
    ],
)
def test_every_wording(line: str) -> None:
    """Each message of the driver about its interrupts counts."""
    assert 1 == len(said(check, line, card(A)))


def test_the_configuration_space() -> None:
    """MSI-X disabled under the bound driver shows it now."""
    (found,) = judged(check, card(A, msix_enabled=False))
    assert ("error", "likely", A, (A,)) == verdict(found)
    assert {"MSI-X": "disabled"} == values(found)


@pytest.mark.parametrize("driver", [None, "vfio-pci"])
def test_without_the_driver_it_means_nothing(driver: str | None) -> None:
    """MSI-X is off as long as no driver, or another one, has the card."""
    assert [] == judged(check, card(A, msix_enabled=False, driver=driver))


def test_the_missing_file() -> None:
    """Where the driver's other files are shown and this one is not, its interrupts failed."""
    (found,) = judged(check, card(A), apex(0, A, **SHOWN))
    assert {"interrupt_counts": "missing"} == values(found)


def test_a_capture_with_few_files() -> None:
    """Where few files were recorded, one that is not there says nothing."""
    assert [] == judged(check, card(A), apex(0, A, temp="41800"))


def test_log_and_present_state_agree() -> None:
    """Both together are certain, and one finding."""
    (found,) = said(check, LINE, card(A, msix_enabled=False), apex(0, A, **SHOWN))
    assert "certain" == found.confidence
    assert 3 == len(found.facts)


@pytest.mark.parametrize(
    "facts",
    [(card(A, msix_enabled=True),), (card(A), apex(0, A, **SHOWN, interrupt_counts="0x00: 0"))],
)
def test_an_earlier_attempt(facts: tuple[object, ...]) -> None:
    """A line of an earlier attempt is not held against a card that works now."""
    assert [] == said(check, LINE, *facts)  # type: ignore[arg-type] # facts


def test_switched_off_by_the_command_line() -> None:
    """Where the kernel was told to do without MSI, that is the reason, and what to remove."""
    driver = Driver(command_line=("quiet", "pci=nomsi,noaer"))
    (found,) = said(check, LINE, card(A), driver=driver)
    assert "certain" == found.confidence
    assert "pci=nomsi,noaer" == values(found)["kernel command line"]
    assert "Remove pci=nomsi" in steps(found)[0]
    (found,) = said(check, LINE, card(A), driver=Driver(command_line=("quiet",)))
    assert any("no-mip" in step for step in steps(found))


def test_two_cards() -> None:
    """Each card has a finding of its own."""
    b = "0000:03:00.0"
    found = said(check, LINE, card(A), card(b, msix_enabled=False))
    assert [A, b] == [each.subject for each in found]
