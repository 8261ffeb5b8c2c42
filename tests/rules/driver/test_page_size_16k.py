"""ETD506: pages that are not 4 KiB."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.board import Board
from etpu_doctor.facts.host import Host
from etpu_doctor.rules.driver.page_size_16k import check
from tests.support.driver import ADDRESS, idle, judged
from tests.support.facts import card, root, steps, tpu, values

PI5 = "Raspberry Pi 5 Model B Rev 1.0"
CONFIG = "/boot/firmware/config.txt"


def host(size: int | None = 16384, model: str | None = None) -> Host:
    """A host with pages of a size."""
    return Host(page_size_bytes=size, board_model=model)


def board(*lines: str) -> Board:
    """A Raspberry Pi 5 with these lines in its configuration."""
    return Board(name="raspberry-pi-5", model=PI5, firmware_config=lines, firmware_config_path=CONFIG)


def test_a_raspberry_pi() -> None:
    """An error for certain even while the driver is bound; config.txt is the remedy."""
    (found,) = judged(check, card(ADDRESS), host(), board=board())
    assert ("error", "certain", ADDRESS) == (found.severity, found.confidence, found.subject)
    assert found.title.startswith("The kernel uses pages of 16 KiB")
    assert {"page size": 16384} == values(found)
    assert "kernel=kernel8.img" in steps(found)[0]


def test_known_by_its_model_only() -> None:
    """A capture without the board's facts still has the model."""
    (found,) = judged(check, idle(), host(model=PI5))
    assert "kernel=kernel8.img" in steps(found)[0]


def test_configured_already() -> None:
    """Where the line is there, a restart is due."""
    (found,) = judged(check, card(ADDRESS), host(), board=board("kernel=kernel8.img"))
    assert steps(found)[0].startswith("Restart.")
    assert CONFIG == found.facts[1].where


def test_another_machine() -> None:
    """64 KiB on a server: another kernel."""
    (found,) = judged(check, card(ADDRESS), host(65536))
    assert "64 KiB" in found.title
    assert "kernel-64k" in steps(found)[0]


@pytest.mark.parametrize(
    "facts",
    [
        (card(ADDRESS), host(4096)),
        (card(ADDRESS), host(None)),
        (root(2), tpu("2-1"), host()),
        (card(ADDRESS, driver="vfio-pci"), host()),
        (host(),),
    ],
    ids=["4 KiB", "unknown", "sticks", "virtual machine", "no Edge TPU"],
)
def test_silence(facts: tuple[Any, ...]) -> None:
    """The right pages, unknown ones, and machines without a card of their own."""
    assert [] == judged(check, *facts)
