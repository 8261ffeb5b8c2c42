"""ETD206 hub-power-budget, of a whole board."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from etpu_doctor.facts.board import Board
from etpu_doctor.knowledge.boards import KnownBoard, board_named
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.identity import id_text, usb_state
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.power import tpu_demand

INFO = RuleInfo(
    code="ETD206",
    name="hub-power-budget",
    severity="warning",
    summary="The Edge TPUs and other devices on a board's own sockets ask for more than these may deliver together.",
    documentation="""\
## What it means
A Raspberry Pi limits what all its USB sockets together deliver: 1.2 A on a Pi 3 and 4; on a Pi 5 600 mA, and 1.6 A
with a 5 A supply. An Edge TPU is counted with 500 mA at the standard clock and 900 mA at the maximum clock.

## Why it matters
Above the limit the voltage of all sockets drops or is cut: sticks and disks reset or disappear as soon as they work.

## How to fix
Use a hub with its own supply. On a Pi 5, use the 5 A supply that is made for it.

## What it cannot see
What devices really draw; they declare a maximum. A hub that claims a supply of its own is believed.

## Source
Raspberry Pi documentation, "Power supplies"; Coral documentation, "Run multiple Edge TPUs".
""",
)


class BoardLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs on a board's own sockets: Edge TPUs, and the declared sum of everything else (a lower bound)."""

    tpus: tuple[str, ...]
    others_ma: int


def check(machine: Machine) -> Iterator[Finding]:
    """One finding if the sum is above the limit that holds, or above the one that may hold."""
    evidence = machine.evidence
    known = board_named(evidence.board.name) if evidence.board is not None else None
    if known is None or evidence.board is None or not known.usb_total_ma:
        return
    load = board_load(machine, known)
    needed = len(load.tpus) * tpu_demand(machine).ma + load.others_ma
    limit, sure = _limit(evidence.board, known, needed)
    if load.tpus and needed > limit:
        yield _finding(machine, known, load, limit, sure=sure)


def _limit(board: Board, known: KnownBoard, needed: int) -> tuple[int, bool]:
    """The limit to hold against the need, and whether it is known to be in force."""
    lifted = known.usb_total_lifted_ma
    if not lifted or board.usb_max_current_enabled is False:
        return known.usb_total_ma, True
    if board.usb_max_current_enabled:
        return lifted, True
    return (lifted, True) if needed > lifted else (known.usb_total_ma, False)


def board_load(machine: Machine, known: KnownBoard) -> BoardLoad:
    """Everything that a board's own sockets feed: through its soldered hubs, and through hubs without a supply."""
    tpus: list[str] = []
    bodies: dict[str, int] = {}
    waiting = [
        child for root in machine.usb_roots if _is_own(machine.usb[root], known) for child in _children(machine, root)
    ]
    while waiting:
        node = machine.usb[waiting.pop()]
        identity = id_text(node.device.vendor_id, node.device.product_id)
        soldered = identity in known.onboard_hubs
        if usb_state(node.device) is not None:
            tpus.append(node.id)
        elif not soldered and identity not in known.onboard_devices:
            # The two halves of a hub are one device on one plug: the larger of their declarations counts.
            body = min(node.id, node.twin or node.id)
            bodies[body] = max(bodies.get(body, 0), node.device.max_power_ma or 0)
        if soldered or (node.is_hub and node.device.self_powered is False):
            waiting += node.children
    return BoardLoad(tpus=tuple(sorted(tpus)), others_ma=sum(bodies.values()))


def _children(machine: Machine, root: str) -> list[str]:
    return machine.usb[root].children


def _is_own(root: UsbNode, known: KnownBoard) -> bool:
    """Whether a root hub is the board's; a USB card on PCIe has a supply of its own."""
    controller = root.device.controller
    return known.usb_on_pci or controller is None or ":" not in controller


def _finding(machine: Machine, known: KnownBoard, load: BoardLoad, limit: int, *, sure: bool) -> Finding:
    demand, board = tpu_demand(machine), machine.evidence.board or Board()
    tpus_ma = len(load.tpus) * demand.ma
    total = tpus_ma + load.others_ma
    severity: Severity = "warning" if sure else "info"
    confidence: Confidence = "likely" if sure else "possible"
    limited = f"{limit} mA" if sure else f"{limit} mA (with a 3 A supply)"
    names = join_words(list(load.tpus))
    facts = [
        Fact(name="all sockets together may deliver", value=limit, unit="mA", where=known.source),
        Fact(
            name=f"Edge TPUs ({len(load.tpus)} at the {demand.clock} clock)",
            value=tpus_ma,
            unit="mA",
            where=demand.basis,
        ),
        Fact(name="other devices (declared)", value=load.others_ma, unit="mA"),
    ]
    if known.usb_total_lifted_ma:
        facts.append(Fact(name="limit lifted", value=board.usb_max_current_enabled, where=known.lifted_by))
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"{names} and all else that is plugged in ask for {total} mA; the board gives {limited}",
        subject="machine",
        concerns=load.tpus,
        facts=tuple(facts),
        remedy=_remedy(known, limit),
    )


def _remedy(known: KnownBoard, limit: int) -> Remedy:
    steps = ["Put the Edge TPUs on a USB 3 hub with its own supply."]
    commands = [Command(command="vcgencmd get_throttled", why="0x0 unless the board's supply dropped")]
    if known.usb_total_lifted_ma > limit:
        steps.append(
            f"Or use the supply that is made for the board; with another that is as strong, add {known.lifted_by} to "
            f"config.txt and restart: then the sockets give {known.usb_total_lifted_ma} mA together."
        )
        name = known.lifted_by.partition("=")[0]
        commands.insert(0, Command(command=f"vcgencmd get_config {name}", why="1 if the limit is lifted"))
    steps.append("Or use the standard clock (libedgetpu1-std): 500 mA for each Edge TPU instead of 900 mA.")
    return Remedy(summary="Feed the Edge TPUs from elsewhere.", steps=tuple(steps), commands=tuple(commands))
