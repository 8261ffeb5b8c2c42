"""ETD101 no-device-visible."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD101",
    name="no-device-visible",
    severity="error",
    summary="No Edge TPU on any bus that the evidence covers.",
    documentation="""\
## What it means
None of the identities of an Edge TPU was found: `1a6e:089a` and `18d1:9302` on USB, `1ac1:089a` on PCI.

## Why it matters
No driver, permission or program can help before the device is on a bus.

## How to fix
USB: plug it straight into the computer, try another cable and another port, and look at its LED. PCIe: check that
the slot carries PCIe (not only SATA or CNVi) and is enabled in the firmware set-up; power off fully before reseating.

## What it cannot see
A bus that the evidence does not cover. Old versions of `lsusb -t` do not print a device whose configuration the
kernel refused.

## Source
libedgetpu `driver/beagle/beagle_usb_driver_provider.cc`, gasket-driver `src/apex_driver.c`, usbutils `lsusb-t.c`.
""",
)

_BUSES = (("usb", "USB"), ("pci", "PCI"))


def check(machine: Machine) -> Iterator[Finding]:
    """One finding if the machine has no Edge TPU; ``unknown`` where no bus was seen at all."""
    if machine.edge_tpus or machine.options.expect_tpus == 0:
        return
    seen = [label for name, label in _BUSES if machine.covers(name)]
    if not seen:
        yield _nothing_to_look_at()
        return
    facts = [
        Fact(name="USB devices seen", value=len(machine.usb)) if machine.covers("usb") else None,
        Fact(name="PCI functions seen", value=len(machine.pci)) if machine.covers("pci") else None,
    ]
    yield Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        # Without ids a stick can hide behind a driver's name.
        confidence="certain" if len(seen) == len(_BUSES) and machine.covers("usb-ids") else "likely",
        title=f"No Edge TPU on the {' or '.join(seen)} bus",
        subject="machine",
        facts=tuple(fact for fact in facts if fact is not None),
        remedy=_remedy(machine),
    )


def _remedy(machine: Machine) -> Remedy:
    steps = [
        "USB Accelerator: plug it straight into the computer with the cable it came with, without a hub.",
        "M.2 or Mini PCIe: power off, reseat the card, and check that the slot carries PCIe and is enabled.",
        "Virtual machine or container: run this on the host first; the guest only sees what it was given.",
    ]
    commands = [Command(command="lsusb", why="lists 1a6e:089a or 18d1:9302 if a USB Edge TPU is there")]
    if not machine.covers("pci"):
        commands.append(Command(command="lspci -nn", why="lists 1ac1:089a if a PCIe Edge TPU is there"))
    return Remedy(summary="Get the device onto a bus.", steps=tuple(steps), commands=tuple(commands))


def _nothing_to_look_at() -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="unknown",
        title="Could not tell whether there is an Edge TPU: the evidence shows neither a USB nor a PCI listing",
        subject="machine",
        remedy=Remedy(
            summary="Collect a listing of the buses.",
            commands=(
                Command(command="lsusb -t; lsusb", why="the USB tree and the ids of its devices"),
                Command(command="lspci -nn", why="the PCI devices"),
            ),
        ),
    )
