"""ETD402 dual-tpu-single-lane."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.rules.finding import Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.topology.identity import id_text
from etpu_doctor.topology.machine import EdgeTpu, Machine, PciNode

INFO = RuleInfo(
    code="ETD402",
    name="dual-tpu-single-lane",
    severity="warning",
    summary="One chip of what looks like a Dual Edge TPU is missing.",
    documentation="""\
## What it means
A Dual Edge TPU is two chips with a PCIe link each. One chip is there, and something says that there should be two: an
adapter with a packet switch whose other port is empty, or the number you gave with `--expect-tpus`.

## Why it matters
Most M.2 E-key slots wire one PCIe lane only. Then one chip works and the other is never seen; the card is not
defective.

## How to fix
Use an adapter with a PCIe switch (for the PCIe or the M.2 M-key slot), or a board whose slot has two lanes.

## What it cannot see
Whether the card is a Dual at all: nothing on the bus says so.

## Source
Coral M.2 Dual Edge TPU data sheet; Frigate documentation; magic-blue-smoke Dual Edge TPU Adapter.
""",
)

_ADAPTER_SWITCHES = frozenset({"1b21:1182"})
"""ASMedia ASM1182e, on the low-profile PCIe adapter for the Dual Edge TPU."""


def check(machine: Machine) -> Iterator[Finding]:
    """Fires for one visible PCIe chip where a second was to be expected."""
    chips = [tpu for tpu in machine.edge_tpus if tpu.transport == "pci"]
    if len(chips) % 2 == 0:
        return
    for chip in chips:
        empty = _empty_siblings(machine, chip)
        if empty:
            yield _behind_switch(machine, chip, empty)
            return
    expected = machine.options.expect_tpus
    if expected is not None and len(machine.edge_tpus) < expected:
        yield _expected_more(chips[-1], expected, len(machine.edge_tpus))


def _empty_siblings(machine: Machine, chip: EdgeTpu) -> list[PciNode]:
    """Downstream ports of the same switch with nothing below."""
    bridges = machine.pci_ancestors(chip.id)
    if len(bridges) < 2:
        return []
    port, upstream = bridges[0], bridges[1]
    # A root complex has empty ports beside every card; only below another bridge do they belong to a switch.
    if not upstream.function.secondary_bus and upstream.parent is None:
        return []
    siblings = [machine.pci[child] for child in upstream.children if child != port.id]
    return [node for node in siblings if not node.children and node.function.class_code == 0x0604]


def _behind_switch(machine: Machine, chip: EdgeTpu, empty: list[PciNode]) -> Finding:
    upstream = machine.pci_ancestors(chip.id)[1].function
    switch = id_text(upstream.vendor_id, upstream.device_id)
    known = switch in _ADAPTER_SWITCHES
    severity: Severity = "warning" if known else "info"
    confidence: Confidence = "likely" if known else "possible"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title=f"Edge TPU {chip.id} is alone behind a PCIe switch: if the card is a Dual, its other chip is missing",
        subject=chip.id,
        concerns=(chip.id,),
        facts=(
            Fact(name="switch", value=switch, where=first_seen(upstream.seen)),
            Fact(name="empty port of the switch", value=empty[0].id, where=first_seen(empty[0].function.seen)),
        ),
        remedy=Remedy(summary="Power off, reseat the card in its adapter, and look at its contacts."),
    )


def _expected_more(chip: EdgeTpu, expected: int, found: int) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="possible",
        title=f"Edge TPU {chip.id}: if the card is a Dual, the slot wires only one of its two links",
        subject=chip.id,
        concerns=(chip.id,),
        facts=(Fact(name="expected", value=expected, where="--expect-tpus"), Fact(name="found", value=found)),
        remedy=Remedy(summary="Use an adapter with a PCIe switch, or a slot with two PCIe lanes."),
    )
