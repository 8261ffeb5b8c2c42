"""The boards: complete, sourced, and recognised by the models that their firmware gives."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.knowledge import load
from etpu_doctor.knowledge.boards import KnownBoard, board_named, board_of, known_boards

every_board = pytest.mark.parametrize("board", known_boards(), ids=lambda board: board.name)


def test_names_are_unique() -> None:
    """No two boards have one name."""
    names = [board.name for board in known_boards()]
    assert sorted(set(names)) == sorted(names)


def test_an_unknown_key_is_an_error() -> None:
    """A key that is misspelled does not go by in silence."""
    content = load("boards.toml")["board"]
    content[0]["usb_ma"] = 600
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(content, tuple[KnownBoard, ...])


@every_board
def test_a_board_is_sound(board: KnownBoard) -> None:
    """Limits that can be lifted say how, ids are ids, and each board has models and a public source."""
    assert bool(board.usb_total_lifted_ma) == bool(board.lifted_by)
    assert not board.usb_total_lifted_ma or board.usb_total_lifted_ma > board.usb_total_ma
    assert all(re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", each) for each in board.onboard_hubs + board.onboard_devices)
    assert board.models
    assert all(model.startswith("Raspberry Pi ") for model in board.models)
    assert re.search("Raspberry Pi documentation|google-coral/", board.source)


@every_board
def test_a_board_is_found_by_its_name(board: KnownBoard) -> None:
    """The name that the evidence keeps leads back to the board."""
    assert board == board_named(board.name)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi 4 Model B Rev 1.4", "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-400"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberry-pi-3"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "raspberry-pi-3"),
        ("Raspberry Pi 2 Model B Rev 1.1", "raspberry-pi-2"),
        ("Raspberry Pi Model B Plus Rev 1.2", "raspberry-pi-2"),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "raspberry-pi-cm4"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "raspberry-pi-cm5"),
        ("Raspberry Pi 500 Rev 1.0", None),
        ("Raspberry Pi Zero 2 W Rev 1.0", None),
        ("Raspberry Pi Model B Rev 2", None),
        ("Intel NUC8i7BEH", None),
        ("", None),
    ],
)
def test_models(model: str, expected: str | None) -> None:
    """A model that is not listed is no board of the table, however alike."""
    board = board_of(model)
    assert expected == (board.name if board is not None else None)


def test_no_name() -> None:
    """Without a name, and with an unknown one, there is no board."""
    assert (None, None) == (board_named(None), board_named("raspberry-pi-9"))


@given(st.text())
def test_any_model_is_answered(model: str) -> None:
    """No text makes the search fail."""
    board = board_of(model)
    assert board is None or model.startswith(board.models)
