"""ETD110 usb2-link."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import port_origin, usb_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import hub_text, place_text, port_text, speed_text, tpu_text
from etpu_doctor.topology.link import HIGH_SPEED_MBPS, has_superspeed_root
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode

INFO = RuleInfo(
    code="ETD110",
    name="usb2-link",
    severity="warning",
    summary="An Edge TPU runs at 480 Mb/s although something faster is within reach.",
    documentation="""\
## What it means
The stick speaks USB 2 (480 Mb/s) where it could speak USB 3 (5 Gb/s). The finding names who limits: the socket (it
has no SuperSpeed contacts), a USB 2 hub, the uplink of a USB 3 hub, or the cable and its contacts.

## Why it matters
Instructions and input travel over the bus with every inference. Reported times for MobileNet v1 are 9.5 ms over
USB 2 and 2.4 ms over USB 3; read-back suffers more, because the chip is limited to 256-byte pieces there.

## How to fix
Cable: use the short one that came with the stick, push it home, turn a USB-C plug over. Socket: use a blue one or one
marked SS. Hub: use a USB 3 hub on a USB 3 socket.

## What it cannot see
Whether the cable has SuperSpeed wires, and sockets that the firmware does not describe. It is silent on machines
without any USB 3 bus: nothing better exists there.

## Source
Linux ABI `speed` and port `peer` links; libedgetpu `driver/usb/usb_driver.cc`; Coral's benchmark page;
google-coral/edgetpu issue 151.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each USB Edge TPU at 480 Mb/s on a machine that has a faster bus, or may have one."""
    better = has_superspeed_root(machine)
    for tpu in machine.edge_tpus:
        if tpu.transport != "usb" or tpu.speed_mbps != HIGH_SPEED_MBPS:
            continue
        if better is False or tpu.id not in machine.usb:
            continue
        yield _finding(machine, tpu, machine.usb[tpu.id], better=bool(better))


def _finding(machine: Machine, tpu: EdgeTpu, node: UsbNode, *, better: bool) -> Finding:
    limit = tpu.limited_by
    hub = machine.usb.get(limit.hop) if limit is not None and limit.hop else None
    kind = limit.kind if limit is not None else "unknown"
    facts = [
        Fact(name="speed", value=tpu.speed_mbps, unit="Mb/s", where=usb_origin(node.device, "speed_mbps")),
        Fact(name="expected here", value=tpu.expected_speed_mbps, unit="Mb/s"),
        Fact(name="plugged into", value=place_text(machine, tpu), where=usb_origin(node.device, "port_chain")),
        Fact(name="limited by", value=kind, where=_limit_origin(hub, limit.port if limit else None)),
    ]
    sure = better and kind != "unknown" and tpu.state != "possible"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="certain" if sure else "possible" if tpu.state == "possible" else "likely",
        title=f"{tpu_text(tpu)} runs at {speed_text(tpu.speed_mbps)}: {_who(tpu, hub)}",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=tuple(facts),
        remedy=_remedy(machine, kind, node, hub),
    )


def _limit_origin(hub: UsbNode | None, port: int | None) -> str | None:
    if hub is None:
        return None
    return port_origin(hub.device, port, "peer") if port is not None else usb_origin(hub.device, "speed_mbps")


def _who(tpu: EdgeTpu, hub: UsbNode | None) -> str:
    limit = tpu.limited_by
    if limit is None or hub is None:
        return "the evidence does not show what limits it"
    if limit.kind == "device-port":
        return f"{port_text(hub, limit.port)} is a USB 2 socket"
    if limit.kind == "hub":
        return f"it hangs on USB 2 {hub_text(hub)}"
    if limit.kind == "hub-uplink":
        return f"the USB 3 {hub_text(hub)} is itself connected by USB 2"
    if limit.kind == "cable-or-socket":
        return f"{port_text(hub, limit.port)} can do 5 Gb/s, so cable or contact"
    return "socket or cable; the evidence does not show which"


def _remedy(machine: Machine, kind: str, node: UsbNode, hub: UsbNode | None) -> Remedy:
    cable = "Use a short USB 3 cable (the one it came with), push it fully home, and turn a USB-C plug over once."
    if kind == "cable-or-socket":
        steps = [cable, *where_to_plug(machine, node)[:1]]
        return Remedy(summary="Change the cable first, then the socket.", steps=tuple(steps))
    if kind == "hub-uplink" and hub is not None:
        steps = ["Connect the hub with a USB 3 cable to a USB 3 (blue, SS) socket.", *where_to_plug(machine, node)[:1]]
        return Remedy(summary="Give the hub a USB 3 uplink.", steps=tuple(steps))
    if kind == "unknown":
        steps = ["Check that the socket is a USB 3 one (blue, SS).", cable]
        return Remedy(summary="Try the socket, then the cable.", steps=tuple(steps))
    return Remedy(summary="Move it to a USB 3 socket.", steps=tuple(where_to_plug(machine, node)))
