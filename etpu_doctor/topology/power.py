"""Power budgets per hop, from what devices declare and what the USB specification grants.

A running Edge TPU declares 96 or 98 mA and to be self-powered, which is neither what it draws nor true; its
declaration is never added up. It is counted with what Coral asks for: 500 mA at the standard clock and 900 mA at the
maximum clock (Coral documentation, "Run multiple Edge TPUs").
"""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.host import Clock
from etpu_doctor.topology.identity import usb_state
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.pairing import is_superspeed

DEMAND_MA: dict[Clock, int] = {"standard": 500, "maximum": 900}

FULL_LOAD_MA = {False: 500, True: 900}
"""Port of a root hub or a self-powered hub, USB 2 and USB 3 (USB specifications; Linux ``drivers/usb/core/hub.c``)."""

UNIT_LOAD_MA = {False: 100, True: 150}
"""Port of a bus-powered hub (same sources)."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What one Edge TPU is counted with, for which clock, and why that one."""

    clock: Clock
    ma: int
    basis: str


def tpu_demand(machine: Machine) -> Demand:
    """The demand of one Edge TPU: by ``--clock``, else by the installed libedgetpu, else the lesser of the two."""
    clock, basis = machine.options.clock, "--clock"
    if clock is None:
        clock, basis = machine.evidence.host.libedgetpu_clock, machine.evidence.host.libedgetpu_path or "libedgetpu"
    if clock is None:
        clock, basis = "standard", "assumed: standard clock"
    return Demand(clock=clock, ma=DEMAND_MA[clock], basis=f"Coral documentation; {basis}")


def port_budget_ma(hub: UsbNode) -> int | None:
    """What one port of a hub may deliver on paper; ``None`` where speed or supply of the hub is not known."""
    fast = is_superspeed(hub)
    if fast is None:
        return None
    if hub.is_root or hub.device.self_powered:
        return FULL_LOAD_MA[fast]
    return None if hub.device.self_powered is None else UNIT_LOAD_MA[fast]


class HubLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs on one physical hub, both halves together.

    ``others_ma`` is the declared sum of everything that is no Edge TPU; ``undeclared`` counts devices whose
    declaration is not known, so that the sum is a lower bound.
    """

    tpus: tuple[str, ...]
    tpus_ma: int
    others_ma: int
    undeclared: int

    @property
    def total_ma(self) -> int:
        """Edge TPUs and others."""
        return self.tpus_ma + self.others_ma


def halves(machine: Machine, hub: UsbNode) -> list[UsbNode]:
    """The logical hubs of a physical one."""
    return [hub] if hub.twin is None else [hub, machine.usb[hub.twin]]


def hub_load(machine: Machine, hub: UsbNode) -> HubLoad:
    """Load on a physical hub's ports. A hub below that has its own supply counts with its own draw only."""
    tpus: list[str] = []
    declared: dict[str, int | None] = {}
    waiting = [machine.usb[child] for half in halves(machine, hub) for child in half.children]
    while waiting:
        node = waiting.pop()
        if usb_state(node.device) is not None:
            tpus.append(node.id)
            continue
        # The two halves of a hub below are one device on one plug: the larger of their declarations counts.
        body = min(node.id, node.twin or node.id)
        known = [draw for draw in (declared.get(body), node.device.max_power_ma) if draw is not None]
        declared[body] = max(known, default=None)
        if node.is_hub and node.device.self_powered is False:
            waiting += [machine.usb[child] for child in node.children]
    draws = [draw for draw in declared.values() if draw is not None]
    return HubLoad(
        tpus=tuple(sorted(tpus)),
        tpus_ma=len(tpus) * tpu_demand(machine).ma,
        others_ma=sum(draws),
        undeclared=len(declared) - len(draws),
    )


def sum_loads(loads: list[HubLoad]) -> HubLoad:
    """The loads of several chips on one supply."""
    return HubLoad(
        tpus=tuple(tpu for load in loads for tpu in load.tpus),
        tpus_ma=sum(load.tpus_ma for load in loads),
        others_ma=sum(load.others_ma for load in loads),
        undeclared=sum(load.undeclared for load in loads),
    )
