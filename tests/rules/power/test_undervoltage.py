"""ETD205: under-voltage of the board."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.board import Board
from etpu_doctor.rules.power.undervoltage import check
from tests.support.facts import judged, root, tpu, values
from tests.support.kernel_log import HAND_OVER, said, verdict

OLD = "[  7.1] Under-voltage detected! (0x00050005)\n[ 11.2] Voltage normalised (0x00000000)"
NEW = "[  7.1] hwmon hwmon1: Undervoltage detected!\n[ 11.2] hwmon hwmon1: Voltage normalised"


def test_without_log_and_board() -> None:
    """Where nothing is known of it, nothing is said."""
    assert [] == judged(check, root(2), tpu("2-1"))


@pytest.mark.parametrize(
    "board",
    [None, Board(), Board(undervoltage_now=False, throttled=0), Board(throttled=0xE000E), Board(throttled=0x40004)],
)
def test_a_healthy_supply(board: Board | None) -> None:
    """Bits of frequency and temperature are not of the voltage."""
    assert [] == said(check, HAND_OVER, root(2), tpu("2-1"), board=board)


@pytest.mark.parametrize("text", [OLD, NEW])
def test_the_log(text: str) -> None:
    """Either wording is understood; all Edge TPUs are concerned."""
    (found,) = said(check, text, root(2), tpu("2-1"), tpu("2-2"))
    assert ("warning", "certain", "machine", ("2-1", "2-2")) == verdict(found)
    assert "The board reports under-voltage once since it started" == found.title
    assert "dmesg:1" == found.facts[0].where


@pytest.mark.parametrize(
    ("board", "when"),
    [
        (Board(undervoltage_now=True), "now"),
        (Board(throttled=0x50005), "now"),
        (Board(throttled=0x1), "now"),
        (Board(throttled=0x50000), "since it started"),
    ],
)
def test_the_board(board: Board, when: str) -> None:
    """The alarm and the firmware's bits are enough without a log."""
    (found,) = said(check, "", root(2), tpu("2-1"), board=board)
    assert found.title.endswith(f"under-voltage {when}")


def test_all_that_speaks_of_it_is_one_finding() -> None:
    """Alarm, bits and log are facts of one finding."""
    board = Board(undervoltage_now=True, throttled=0x50005)
    (found,) = said(check, NEW * 2, root(2), board=board)
    assert {"under-voltage alarm": True, "throttled": "0x50005"}.items() <= values(found).items()
    assert any(fact.name.startswith("kernel log") for fact in found.facts)
