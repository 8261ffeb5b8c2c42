"""ETD205 undervoltage."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.facts.board import Board
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.kernel_lines import line_facts, log_lines, times
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD205",
    name="undervoltage",
    severity="warning",
    summary="The host board reports under-voltage.",
    documentation="""\
## What it means
A Raspberry Pi measures its own supply. Below about 4.63 V it says so in the kernel's log, in hwmon, and in the bits of
`vcgencmd get_throttled` (0x1 now, 0x10000 since boot).

## Why it matters
The USB sockets are fed from the same supply. An Edge TPU that starts to compute draws up to 900 mA; the voltage drops
further, and the stick resets or disappears. Link errors and disconnects on such a board are a consequence.

## How to fix
Use the supply that is made for the board (5.1 V; 3 A for a Pi 4, 5 A for a Pi 5) and its own short cable, or feed the
Edge TPU from a powered hub.

## What it cannot see
The voltage at the socket of the Edge TPU, and boards that do not measure.

## Source
Raspberry Pi documentation, "Power supplies" and "vcgencmd"; Linux `drivers/hwmon/raspberrypi-hwmon.c`.
""",
)

_NOW, _SINCE_BOOT = 0x1, 0x10000


def check(machine: Machine) -> Iterator[Finding]:
    """One finding from all that speaks of it: alarm, firmware bits, log."""
    lines = log_lines(machine, ("undervoltage",))
    board = machine.evidence.board or Board()
    bits = board.throttled or 0
    now = bool(board.undervoltage_now) or bool(bits & _NOW)
    if not (now or bits & _SINCE_BOOT or lines):
        return
    when = "now" if now else f"{times(len(lines))} since it started" if lines else "since it started"
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        title=f"The board reports under-voltage {when}",
        subject="machine",
        concerns=tuple(tpu.id for tpu in machine.edge_tpus),
        facts=(*_board_facts(board), *line_facts(lines)),
        remedy=Remedy(
            summary="Use the supply that is made for the board, with its own cable.",
            steps=(
                "Replace the power supply; a longer or thinner cable is enough to lose half a volt.",
                "Feed the Edge TPU from a hub with its own supply.",
            ),
            commands=(
                Command(command="vcgencmd get_throttled", why="0x1: under-voltage now, 0x10000: since it started"),
            ),
        ),
    )


def _board_facts(board: Board) -> Iterator[Fact]:
    if board.undervoltage_now:
        yield Fact(name="under-voltage alarm", value=True, where="hwmon rpi_volt in0_lcrit_alarm")
    if board.throttled is not None and board.throttled & (_NOW | _SINCE_BOOT):
        yield Fact(name="throttled", value=f"{board.throttled:#x}", where="vcgencmd get_throttled")
