"""ETD201 hub-power-budget."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.wording import hub_text, join_words, port_text, tpu_text
from etpu_doctor.topology.identity import usb_state
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode
from etpu_doctor.topology.physical import case_of
from etpu_doctor.topology.power import HubLoad, halves, hub_load, port_budget_ma, sum_loads, tpu_demand

INFO = RuleInfo(
    code="ETD201",
    name="hub-power-budget",
    severity="warning",
    summary="A hub or port cannot supply 500 mA (standard clock) or 900 mA (maximum clock) to an Edge TPU.",
    documentation="""\
## What it means
Coral asks for a port that delivers 500 mA at the standard clock and 900 mA at the maximum clock. A hub that declares
to be bus-powered may give 100 mA (USB 2) or 150 mA (USB 3) a port; a port of the computer 500 or 900 mA.

## Why it matters
With too little current the voltage drops when the chip starts to compute: the stick resets, disappears, or never
leaves its boot loader. The kernel refuses a device outright that asks for more than the port's budget.

## How to fix
Use a hub with its own power supply that is strong enough for all its ports, or the computer's own sockets.

## What it cannot see
What a supply really delivers. "Self-powered" is the hub's own claim; many claim it without a supply plugged in.
A running Edge TPU's own declaration (96 or 98 mA, self-powered) is not used, because it is not what it draws.

## Source
Coral documentation, "Run multiple Edge TPUs"; Linux `drivers/usb/core/hub.c`; USB 2.0 and 3.2 specifications.
""",
)

_WORTH_SAYING_MA = 1000


def check(machine: Machine) -> Iterator[Finding]:
    """For each hub with Edge TPUs: too weak, not known, or what its supply must deliver; the same for root ports."""
    done: set[str] = set()
    for tpu in machine.edge_tpus:
        node = machine.usb.get(tpu.id)
        hub = machine.usb.get(node.parent) if node is not None and node.parent else None
        if node is None or hub is None:
            continue
        if hub.is_root:
            yield from _root_port(machine, tpu, node, hub)
        elif hub.id not in done:
            chips = _chips_on_one_supply(machine, hub)
            done.update(half.id for chip in chips for half in halves(machine, chip))
            yield from _hub(machine, chips)


def _root_port(machine: Machine, tpu: EdgeTpu, node: UsbNode, hub: UsbNode) -> Iterator[Finding]:
    budget, demand = port_budget_ma(hub), tpu_demand(machine)
    if budget is None or budget >= demand.ma:
        return
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="possible" if tpu.state == "possible" else "likely",
        title=f"{tpu_text(tpu)} needs {demand.ma} mA ({demand.clock} clock); a USB 2 port grants {budget} mA",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=(
            Fact(name="needed", value=demand.ma, unit="mA", where=demand.basis),
            Fact(name="granted on paper", value=budget, unit="mA", where="USB 2.0 specification"),
            Fact(name="plugged into", value=port_text(hub, node.port), where=usb_origin(node.device, "port_chain")),
        ),
        remedy=Remedy(
            summary="Use a USB 3 port, a powered hub, or the standard clock (libedgetpu1-std).",
            steps=tuple(where_to_plug(machine, node)[:2]),
        ),
    )


def _chips_on_one_supply(machine: Machine, hub: UsbNode) -> list[UsbNode]:
    """The chips of one case where all claim a supply of their own: it is the same one. Else the hub alone."""
    case = case_of(machine, hub)
    chips = [machine.usb[chip] for chip in case.chips] if case is not None else [hub]
    return chips if all(chip.device.self_powered for chip in chips) else [hub]


def _hub(machine: Machine, chips: list[UsbNode]) -> Iterator[Finding]:
    hub, load = chips[0], sum_loads([hub_load(machine, chip) for chip in chips])
    if hub.device.self_powered is None:
        yield _unknown(hub, load)
    elif hub.device.self_powered:
        if load.total_ma >= _WORTH_SAYING_MA:
            yield _supply_needed(machine, hub, load)
    else:
        yield _too_weak(machine, hub, load)


def _too_weak(machine: Machine, hub: UsbNode, load: HubLoad) -> Finding:
    demand = tpu_demand(machine)
    refused = [tpu for tpu in load.tpus if machine.usb[tpu].device.configured is False]
    severity: Severity = "error" if refused else "warning"
    names = join_words(list(load.tpus))
    budget = port_budget_ma(hub)
    a_port = "" if budget is None else f" ({budget} mA a port)"
    verdict = f"the kernel refused {join_words(refused)}" if refused else f"{demand.ma} mA are needed for {names}"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence="certain" if refused else _confidence(machine, load),
        title=f"{hub_text(hub).capitalize()} declares to be bus-powered{a_port}: {verdict}",
        subject=hub.id,
        concerns=load.tpus,
        facts=(
            Fact(name="supply (declared)", value="bus-powered", where=usb_origin(hub.device, "self_powered")),
            Fact(name="budget of a port", value=budget, unit="mA", where="USB specification"),
            Fact(name="needed by each Edge TPU", value=demand.ma, unit="mA", where=demand.basis),
            *_upstream_facts(machine, hub, load),
            *(_refused_fact(machine, tpu) for tpu in refused),
        ),
        remedy=Remedy(
            summary="Give the hub its own power supply, or plug the Edge TPU into the computer.",
            steps=(
                "Plug in the hub's supply, if it has a socket for one, then replug the hub.",
                *_elsewhere(machine, hub),
            ),
        ),
    )


def _elsewhere(machine: Machine, hub: UsbNode) -> list[str]:
    # A USB 2 port grants 500 mA, which is enough for the standard clock only.
    return where_to_plug(machine, hub, fast=tpu_demand(machine).clock == "maximum")[:2]


def _confidence(machine: Machine, load: HubLoad) -> Confidence:
    certain = any(usb_state(machine.usb[tpu].device) != "possible" for tpu in load.tpus)
    return "likely" if certain else "possible"


def _upstream_facts(machine: Machine, hub: UsbNode, load: HubLoad) -> list[Fact]:
    """What the hub as a whole draws from the port above it, and what that port grants."""
    parent = machine.usb.get(hub.parent) if hub.parent else None
    budget = port_budget_ma(parent) if parent is not None else None
    own = hub.device.max_power_ma
    facts = [Fact(name="load on the hub (Edge TPUs as Coral asks, others declared)", value=load.total_ma, unit="mA")]
    if own is not None:
        where = usb_origin(hub.device, "max_power_ma")
        facts.append(Fact(name="the hub's own draw (declared)", value=own, unit="mA", where=where))
    if budget is not None and parent is not None:
        facts.append(Fact(name=f"granted by {port_text(parent, hub.port)}", value=budget, unit="mA"))
    return facts


def _refused_fact(machine: Machine, tpu: str) -> Fact:
    device = machine.usb[tpu].device
    return Fact(
        name=f"{tpu} asks for (declared)",
        value=device.max_power_ma,
        unit="mA",
        where=usb_origin(device, "configured"),
    )


def _supply_needed(machine: Machine, hub: UsbNode, load: HubLoad) -> Finding:
    # Rounded up: a supply that is a little too weak is too weak.
    ampere = f"{-(-load.total_ma // 100) / 10:.1f} A"
    demand = tpu_demand(machine)
    more = f" or more ({load.undeclared} devices declare nothing)" if load.undeclared else ""
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info",
        confidence=_confidence(machine, load),
        title=f"The supply of {hub_text(hub)} must deliver {ampere}{more} at 5 V",
        subject=hub.id,
        concerns=load.tpus,
        facts=(
            Fact(name="supply (declared)", value="self-powered", where=usb_origin(hub.device, "self_powered")),
            Fact(
                name=f"{len(load.tpus)} Edge TPUs at the {demand.clock} clock",
                value=load.tpus_ma,
                unit="mA",
                where=demand.basis,
            ),
            Fact(name="other devices (declared)", value=load.others_ma, unit="mA"),
        ),
        remedy=Remedy(summary="Read the rating on the hub's power supply and compare."),
    )


def _unknown(hub: UsbNode, load: HubLoad) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="unknown",
        title=f"Could not tell whether {hub_text(hub)} has its own power supply",
        subject=hub.id,
        concerns=load.tpus,
        facts=(Fact(name="supply (declared)", value=None, where="not in the evidence; lsusb -v shows it"),),
        remedy=Remedy(summary="If it has no supply of its own, use one that has, or the computer's sockets."),
    )
