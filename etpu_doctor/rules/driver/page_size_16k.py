"""ETD506 page-size-16k."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.driver_state import cards_text, ids, own_cards, subject
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD506",
    name="page-size-16k",
    severity="error",
    summary="The kernel's memory pages are not 4 KiB, and PCIe Edge TPUs need that.",
    documentation="""\
## What it means
libedgetpu maps three windows of 4 KiB of the chip's registers, and the driver grants exactly these. On a kernel with
pages of 16 or 64 KiB the mapping fails. The usual kernel of a Raspberry Pi 5 has 16 KiB, some ARM servers have 64 KiB.

## Why it matters
The driver loads, `/dev/apex_0` is there, and still every program fails to open the device.

## How to fix
Raspberry Pi 5: `kernel=kernel8.img` in config.txt, which starts a kernel with 4 KiB pages. Other machines: install the
distribution's 4 KiB kernel.

## What it cannot see
The pages of a virtual machine that the card is given to: run the check there. USB Edge TPUs are not concerned.

## Source
gasket-driver `src/apex_driver.c`; libedgetpu `driver/kernel`; Frigate documentation (Raspberry Pi 5).
""",
)

NEEDED_BYTES = 4096
_KERNEL_LINE = "kernel=kernel8.img"


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for a machine with PCIe Edge TPUs of its own and pages of another size."""
    size, cards = machine.evidence.host.page_size_bytes, own_cards(machine)
    if not cards or size is None or size == NEEDED_BYTES:
        return
    facts = [Fact(name="page size", value=size, unit="bytes", where="getconf PAGESIZE")]
    board = machine.evidence.board
    configured = board is not None and _KERNEL_LINE in (board.firmware_config or ())
    if configured and board is not None:
        facts.append(Fact(name="config.txt", value=_KERNEL_LINE, where=board.firmware_config_path))
    model = (board.model if board is not None else None) or machine.evidence.host.board_model or ""
    yield _finding(cards, size, tuple(facts), _remedy(is_pi="Raspberry Pi" in model, configured=configured))


def _finding(cards: list[EdgeTpu], size: int, facts: tuple[Fact, ...], remedy: Remedy) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        title=f"The kernel uses pages of {size // 1024} KiB; {cards_text(cards)} cannot be used with it",
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=remedy,
    )


def _remedy(*, is_pi: bool, configured: bool) -> Remedy:
    look = Command(command="getconf PAGESIZE", why="4096 when it is right")
    if configured:
        step = "Restart. If the pages stay as they are, the line stands in a section of config.txt for another model."
        return Remedy(summary="config.txt asks for the right kernel already: restart.", steps=(step,), commands=(look,))
    if is_pi:
        steps: tuple[str, ...] = (
            f"Add the line {_KERNEL_LINE} to /boot/firmware/config.txt, below [all].",
            "Restart, then build the driver for it: sudo apt install linux-headers-rpi-v8; sudo dkms autoinstall",
        )
    else:
        steps = (
            "Install the distribution's kernel with 4 KiB pages (not kernel-64k, not linux-generic-64k), and start it.",
            "Build the driver for it: sudo dkms autoinstall",
        )
    return Remedy(summary="Start a kernel with 4 KiB pages.", steps=steps, commands=(look,))
