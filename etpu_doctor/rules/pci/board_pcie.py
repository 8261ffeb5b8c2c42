"""ETD406 pcie-link-or-slot, of Raspberry Pi boards."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import pci_origin
from etpu_doctor.facts.board import Board
from etpu_doctor.knowledge.boards import KnownBoard, board_named
from etpu_doctor.rules.driver_state import cards_text, ids, own_cards, subject
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.kernel_lines import may_be_missing
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD406",
    name="pcie-link-or-slot",
    severity="warning",
    summary="A Raspberry Pi's PCIe is not switched on, lacks settings that Edge TPUs need, or is not known to work.",
    documentation="""\
## What it means
The connector of a Raspberry Pi 5 is off until config.txt switches it on (`dtparam=pciex1`), or a HAT+ does. Edge TPUs
also need the interrupts of the older controller (`dtoverlay=pciex1-compat-pi5,no-mip`) and DMA addresses of 32 bits
(`dtoverlay=pcie-32bit-dma-pi5`). The PCIe of a Compute Module 4 is reported not to work with Edge TPUs.

## Why it matters
With the connector off, the card is not on the bus at all. Without the other two the driver gets no interrupts, or
transfers end in HIB errors.

## How to fix
Add the lines to `/boot/firmware/config.txt` and restart.

## What it cannot see
Whether a card is fitted: with the connector off nothing shows it, so this is only noted unless you said with
`--expect-tpus` that there should be more. What a HAT+ switches on by itself.

## Source
Raspberry Pi documentation, "Raspberry Pi connector for PCIe"; Frigate documentation; raspberrypi/linux issue 5896 and
pull request 6126; google-coral/edgetpu issue 280.
""",
)

_CONFIG = "/boot/firmware/config.txt"
_ON = ("pciex1", "nvme")
_NO = ("off", "no", "false", "0")
_NO_MIP = "dtoverlay=pciex1-compat-pi5,no-mip"
_DMA = "dtoverlay=pcie-32bit-dma-pi5"


def check(machine: Machine) -> Iterator[Finding]:
    """At most one finding for a board of the table, by what it has and what its config.txt says."""
    board = machine.evidence.board
    known = board_named(board.name) if board is not None else None
    if board is None or known is None:
        return
    cards = own_cards(machine)
    if known.pcie == "not-working" and cards:
        yield _not_working(machine, known, cards)
    elif known.pcie == "off" and board.firmware_config is not None:
        if cards:
            yield from _settings(board, cards)
        elif may_be_missing(machine) and machine.covers("pci") and not any(map(_switches_on, board.firmware_config)):
            yield _off(machine, board)


def _switches_on(line: str) -> bool:
    """Whether a line of config.txt switches the connector on: ``dtparam=pciex1``, ``dtparam=audio=on,nvme``."""
    key, _, parameters = line.replace(" ", "").partition("=")
    if key != "dtparam":
        return False
    given = (parameter.partition("=") for parameter in parameters.split(","))
    return any(name in _ON and value not in _NO for name, _, value in given)


def _off(machine: Machine, board: Board) -> Finding:
    path = board.firmware_config_path or _CONFIG
    severity: Severity = "warning" if machine.options.expect_tpus else "info"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence="possible",
        title="The PCIe connector of this Raspberry Pi 5 is not switched on: a card on it would not be seen",
        subject="machine",
        facts=(Fact(name="dtparam=pciex1", value="not set", where=board.firmware_config_path),),
        remedy=Remedy(
            summary="If a PCIe Edge TPU is fitted, switch the connector on.",
            steps=(
                f"Add these lines to {path} below [all]: dtparam=pciex1, {_NO_MIP}, {_DMA}",
                "Restart. A card that is still not seen: power off, and reseat the flat cable on both ends.",
            ),
            commands=(Command(command="lspci -nn", why="lists 1ac1:089a if the card is there"),),
        ),
    )


def _settings(board: Board, cards: list[EdgeTpu]) -> Iterator[Finding]:
    lines = " ".join(board.firmware_config or ()).replace(" ", "")
    missing = [line for line, mark in ((_NO_MIP, "no-mip"), (_DMA, "pcie-32bit-dma")) if mark not in lines]
    if not missing:
        return
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        confidence="possible",
        title=f"The config.txt of this Raspberry Pi 5 lacks settings that {cards_text(cards)} may need",
        subject=subject(cards),
        concerns=ids(cards),
        facts=tuple(Fact(name=line, value="not set", where=board.firmware_config_path) for line in missing),
        remedy=Remedy(
            summary="If the driver gets no interrupts, or programs end with HIB errors, add them.",
            steps=(f"Add to {board.firmware_config_path or _CONFIG} below [all]: {', '.join(missing)}", "Restart."),
            commands=(
                Command(
                    command="sudo dmesg", why="shows 'Couldn't initialize interrupts' if they miss", needs_root=True
                ),
            ),
        ),
    )


def _not_working(machine: Machine, known: KnownBoard, cards: list[EdgeTpu]) -> Finding:
    function = machine.pci[cards[0].id].function
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="likely",
        title=f"{cards_text(cards)}: the PCIe of a Compute Module 4 is reported not to work with Edge TPUs",
        subject=subject(cards),
        concerns=ids(cards),
        facts=(
            Fact(name="board", value=(machine.evidence.board or Board()).model, where="/proc/device-tree/model"),
            Fact(name="PCIe Edge TPU", value=cards[0].id, where=pci_origin(function, "vendor_id")),
            Fact(name="reports", value="HIB errors and read faults", where=known.source),
        ),
        remedy=Remedy(
            summary="Use a USB Edge TPU on this board, or the card in another one (Raspberry Pi 5, PC).",
            steps=("To see whether yours is affected, run a model and look for HIB errors in the program's output.",),
            commands=(Command(command="sudo dmesg", why="lines that begin with apex", needs_root=True),),
        ),
    )
