"""ETD114 autosuspend-or-reset: runtime power management puts an Edge TPU to sleep."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import usb_origin
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import tpu_text
from etpu_doctor.topology.machine import EdgeTpu, Machine, UsbNode

INFO = RuleInfo(
    code="ETD114",
    name="autosuspend-or-reset",
    severity="warning",
    summary="USB autosuspend is on for an Edge TPU.",
    documentation="""\
## What it means
`power/control` of the device is `auto`: the kernel may suspend it when nothing uses it. The kernel's own default for
devices that are no hubs is `on`; power-saving tools (TLP, powertop, laptop-mode) set `auto`.

## Why it matters
A stick that sleeps has to be woken before each use, and some ports do not bring it back properly.

## How to fix
Write `on` into `power/control` for now, and exclude both identities (1a6e:089a and 18d1:9302) in the tool that sets it.

## What it cannot see
Which tool set it, and whether a wake-up ever failed.

## Source
Linux `Documentation/driver-api/usb/power-management.rst`.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU whose runtime power management is ``auto`` with a delay of 0 or more."""
    for tpu in machine.edge_tpus:
        node = machine.usb.get(tpu.id)
        if node is None or node.device.runtime_control != "auto":
            continue
        # A negative delay means that autosuspend is off in spite of "auto".
        if node.device.autosuspend_delay_ms is None or node.device.autosuspend_delay_ms >= 0:
            yield _finding(tpu, node)


def _finding(tpu: EdgeTpu, node: UsbNode) -> Finding:
    device = node.device
    path = f"/sys/bus/usb/devices/{node.id}/power/control"
    facts = [
        Fact(name="power/control", value=device.runtime_control, where=usb_origin(device, "runtime_control")),
        Fact(
            name="autosuspend delay",
            value=device.autosuspend_delay_ms,
            unit="ms",
            where=usb_origin(device, "autosuspend_delay_ms"),
        ),
        Fact(name="state now", value=device.runtime_status, where=usb_origin(device, "runtime_status")),
    ]
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence="likely",
        title=f"{tpu_text(tpu)} may be put to sleep: USB autosuspend is on",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Switch autosuspend off for this device.",
            steps=("Exclude 1a6e:089a and 18d1:9302 in TLP, powertop or whatever set it, so that it lasts.",),
            commands=(
                Command(
                    command=f"echo on | sudo tee {path}", why="off until the stick is plugged in again", needs_root=True
                ),
            ),
        ),
    )
