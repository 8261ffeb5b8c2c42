"""ETD112 dfu-not-initialised."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import place_text, tpu_text
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD112",
    name="dfu-not-initialised",
    severity="info",
    summary="An Edge TPU still has its boot-loader identity 1a6e:089a.",
    documentation="""\
## What it means
After power-on the stick shows itself as `1a6e:089a` (Global Unichip Corp.). The first program that opens it loads the
firmware; then it leaves the bus and comes back as `18d1:9302` (Google Inc.) with another device number.

## Why it matters
Before the first use this is normal. Two things follow: `usb:N` numbers change when a stick gets its firmware,
and a container or virtual machine that was given only this one device node or identity loses it then.

## How to fix
Nothing, before first use. Give containers the whole `/dev/bus/usb` and virtual machines both identities.

## What it cannot see
Whether a program has already tried to open it and failed.

## Source
libedgetpu `driver/usb/usb_driver.cc`; Frigate documentation, Edge TPU troubleshooting.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One note for each USB Edge TPU in its boot loader."""
    fresh = [tpu for tpu in machine.edge_tpus if tpu.state == "dfu"]
    for tpu in fresh:
        node = machine.usb[tpu.id]
        facts = [
            Fact(name="identity", value=tpu.identity, where=usb_origin(node.device, "vendor_id")),
            Fact(name="plugged into", value=place_text(machine, tpu), where=usb_origin(node.device, "port_chain")),
        ]
        moves = tpu.delegate_device != tpu.delegate_device_after_firmware
        if tpu.delegate_device is not None and moves:
            facts.append(Fact(name="delegate string now", value=tpu.delegate_device))
            facts.append(Fact(name="once all have firmware", value=tpu.delegate_device_after_firmware))
        yield Finding(
            code=INFO.code,
            rule=INFO.name,
            severity="info",
            title=f"{tpu_text(tpu)} waits in its boot loader (1a6e:089a): normal before its first use",
            subject=tpu.id,
            concerns=(tpu.id,),
            facts=tuple(facts),
            remedy=Remedy(summary="Nothing to do: the first program that opens it loads the firmware."),
        )
