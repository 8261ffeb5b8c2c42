"""ETD111 full-speed-link."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import hub_text, place_text, speed_text, tpu_text
from etpu_doctor.topology.link import HIGH_SPEED_MBPS, has_superspeed_root
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode

INFO = RuleInfo(
    code="ETD111",
    name="full-speed-link",
    severity="error",
    summary="An Edge TPU is on a 12 or 1.5 Mb/s link: it cannot work there.",
    documentation="""\
## What it means
The link came up at full speed (12 Mb/s) or low speed (1.5 Mb/s), i.e. USB 1.1.

## Why it matters
The Edge TPU's firmware announces high speed and SuperSpeed only, and the runtime refuses low speed
(`USB Low speed is not supported`).

## How to fix
If a hub above runs at 12 Mb/s, it is a USB 1.1 hub or its own cable is bad: take it out of the way. Otherwise change
the cable, then the socket; old boards have USB 1.1 sockets.

## What it cannot see
Whether cable or socket is at fault.

## Source
Firmware descriptors in libedgetpu (BOS wSpeedsSupported), `driver/usb/usb_driver.cc`.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each USB Edge TPU below high speed."""
    fast = has_superspeed_root(machine) is True
    for tpu in machine.edge_tpus:
        slow = tpu.speed_mbps is not None and tpu.speed_mbps < HIGH_SPEED_MBPS
        if tpu.transport == "usb" and slow and tpu.id in machine.usb:
            yield _finding(machine, tpu, machine.usb[tpu.id], fast=fast)


def _finding(machine: Machine, tpu: EdgeTpu, node: UsbNode, *, fast: bool) -> Finding:
    limit = tpu.limited_by
    hub = machine.usb.get(limit.hop) if limit is not None and limit.hop else None
    facts = [
        Fact(name="speed", value=tpu.speed_mbps, unit="Mb/s", where=usb_origin(node.device, "speed_mbps")),
        Fact(name="plugged into", value=place_text(machine, tpu), where=usb_origin(node.device, "port_chain")),
    ]
    slow_hub = limit is not None and hub is not None and limit.kind in ("hub", "hub-uplink", "device-port")
    if slow_hub and hub is not None:
        where = usb_origin(hub.device, "speed_mbps")
        facts.append(Fact(name="speed of what it hangs on", value=hub.device.speed_mbps, unit="Mb/s", where=where))
    reason = f"{hub_text(hub)} is that slow itself" if slow_hub and hub is not None else "cable, contact or socket"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence="possible" if tpu.state == "possible" else "certain",
        title=f"{tpu_text(tpu)} is on a {speed_text(tpu.speed_mbps)} link and cannot work: {reason}",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Move it off the slow hub." if slow_hub else "Change the cable, then the socket.",
            steps=tuple(where_to_plug(machine, node, fast=fast)),
        ),
    )
