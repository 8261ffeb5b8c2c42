"""ETD406: the PCIe of Raspberry Pi boards."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.board import Board
from etpu_doctor.rules.pci.board_pcie import check
from tests.support.driver import ADDRESS, judged
from tests.support.facts import card, root, steps, tpu, values

CONFIG = "/boot/firmware/config.txt"
ALL = ("dtparam=pciex1", "dtoverlay=pciex1-compat-pi5,no-mip", "dtoverlay=pcie-32bit-dma-pi5")


def pi5(*lines: str) -> Board:
    """A Raspberry Pi 5 with these lines in its configuration."""
    return Board(name="raspberry-pi-5", firmware_config=lines, firmware_config_path=CONFIG)


def test_switched_off() -> None:
    """No Edge TPU and the connector off: a note, since nobody knows whether a card is fitted."""
    (found,) = judged(check, board=pi5())
    assert ("info", "possible", "machine", ()) == (found.severity, found.confidence, found.subject, found.concerns)
    assert {"dtparam=pciex1": "not set"} == values(found)
    assert CONFIG == found.facts[0].where
    assert all(line in steps(found)[0] for line in ALL)


def test_more_were_expected() -> None:
    """A warning where the person says that there should be more."""
    (found,) = judged(check, root(2), tpu("2-1"), board=pi5(), expect_tpus=2)
    assert "warning" == found.severity


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("dtparam=pciex1", False),
        ("dtparam=pciex1=on", False),
        ("dtparam=audio=on,pciex1", False),
        ("dtparam=nvme", False),
        ("dtparam=pciex1=off", True),
        ("dtparam=pciex1_gen=3", True),
        ("dtoverlay=pciex1-compat-pi5", True),
        ("kernel=kernel8.img", True),
    ],
)
def test_what_switches_it_on(line: str, fires: bool) -> None:
    """Only the parameter does, not its generation, not an overlay."""
    assert fires is bool(judged(check, board=pi5(line)))


def test_settings() -> None:
    """With a card, what the driver may need besides."""
    (found,) = judged(check, card(ADDRESS), board=pi5("dtparam=pciex1"))
    assert ("info", "possible", ADDRESS) == (found.severity, found.confidence, found.subject)
    assert 2 == len(found.facts)
    (one,) = judged(check, card(ADDRESS), board=pi5("dtparam=pciex1", "dtoverlay=pciex1-compat-pi5, no-mip"))
    assert ["dtoverlay=pcie-32bit-dma-pi5"] == [fact.name for fact in one.facts]
    assert [] == judged(check, card(ADDRESS), board=pi5(*ALL))


def test_a_compute_module_4() -> None:
    """A card on it is a warning with the reports."""
    board = Board(name="raspberry-pi-cm4", model="Raspberry Pi Compute Module 4 Rev 1.0")
    (found,) = judged(check, card(ADDRESS), board=board)
    assert ("warning", "likely", ADDRESS) == (found.severity, found.confidence, found.subject)
    assert "google-coral/edgetpu issue 280" in str(found.facts[2].where)
    assert [] == judged(check, root(2), tpu("2-1"), board=board)


def test_silence() -> None:
    """Sticks that are all there, no listing, no configuration, other boards, and no board at all."""
    assert [] == judged(check, root(2), tpu("2-1"), board=pi5())
    assert [] == judged(check, board=pi5(), covers=("usb",))
    assert [] == judged(check, board=Board(name="raspberry-pi-5"))
    assert [] == judged(check, card(ADDRESS), board=Board(name="raspberry-pi-4", firmware_config=()))
    assert [] == judged(check, card(ADDRESS), board=Board())
    assert [] == judged(check, card(ADDRESS))
