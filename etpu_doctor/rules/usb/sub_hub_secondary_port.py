"""ETD113 sub-hub-secondary-port."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.smoke_outcomes import PORT_CAUSES, WHERE, failed, passed
from etpu_doctor.rules.wording import port_text, tpu_text
from etpu_doctor.topology.free_ports import is_on_secondary_port
from etpu_doctor.topology.link import HIGH_SPEED_MBPS
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode
from etpu_doctor.topology.physical import HubCase, case_of

INFO = RuleInfo(
    code="ETD113",
    name="sub-hub-secondary-port",
    severity="error",
    summary="An Edge TPU is on a port other than 1 of a hub that hangs behind another hub.",
    documentation="""\
## What it means
Between the computer and the stick there are two hubs or more, and the stick is not on port 1 of the last one. Hubs
with seven or ten sockets are two or three 4-port chips chained in one case, so one hub in the hand can be two.

## Why it matters
Coral's documentation says to connect the USB Accelerator only to a hub's primary ports: no Edge TPU context can be
established on the secondary ports of a sub-hub.

## How to fix
Use a socket of the first chip, the first port of the sub-hub, or the computer itself; the finding names free ones.

## What it cannot see
Whether this very hub is one of those where it works all the same: nothing in libedgetpu forbids it, so power and
re-enumeration behind a second hub stage are the likely reasons. Only an inference on that port can tell: after
`etpu-doctor check --smoke` this finding is a note where it passed, and stands at the top where it failed.

## Source
Coral documentation, "Run multiple Edge TPUs"; no limit of this kind in libedgetpu's source.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each USB Edge TPU on a secondary port."""
    for tpu in machine.edge_tpus:
        if is_on_secondary_port(machine, tpu):
            node = machine.usb[tpu.id]
            yield _finding(machine, tpu, node, machine.usb[node.parent or ""])


def _finding(machine: Machine, tpu: EdgeTpu, node: UsbNode, hub: UsbNode) -> Finding:
    parent = machine.usb.get(hub.parent) if hub.parent else None
    case = case_of(machine, hub)
    facts = [
        Fact(name="port chain", value=tpu.port_chain, where=usb_origin(node.device, "port_chain")),
        Fact(name="on", value=port_text(hub, node.port), where=usb_origin(hub.device, "port_count")),
    ]
    if parent is not None:
        facts.append(Fact(name="which hangs on", value=port_text(parent, hub.port)))
    # A stick that runs at 480 Mb/s now may stay so: what matters here is another port.
    elsewhere = where_to_plug(machine, node, fast=tpu.speed_mbps != HIGH_SPEED_MBPS)
    works, fails = passed(machine, tpu.id), failed(machine, tpu.id, PORT_CAUSES)
    if works or fails:
        facts.append(Fact(name="smoke test there", value="passed" if works else "failed", where=WHERE))
    guessed = tpu.state == "possible" or not node.device.chain_certain
    place = f"{tpu_text(tpu)} is on a secondary port: port {node.port} of sub-hub {hub.id}"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="info" if works else "error",
        confidence="possible" if guessed else "certain" if fails else "likely",
        title=f"{place}, and works there" if works else f"{place}, and fails there" if fails else place,
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Leave it there as long as it works." if works else "Move it to a primary port.",
            # The nearest port first, then why: a person who reads no further has what is needed.
            steps=(*elsewhere[:1], *_about_the_case(case, hub), *elsewhere[1:]),
        ),
    )


def _about_the_case(case: HubCase | None, hub: UsbNode) -> list[str]:
    """What the person holds in the hand, where two or three chips look like one hub."""
    if case is None:
        return []
    number = {2: "two", 3: "three"}.get(len(case.chips), str(len(case.chips)))
    sure = "This looks like" if case.same_ids else "This may be"
    first = case.chips[0]
    sentence = (
        f"{sure} one case with {case.sockets} sockets and {number} chips, {hub.id} behind {first}. "
        f"Any socket of {first} will do, or the first of {hub.id}."
    )
    return [sentence]
