"""ETD103 not-an-edge-tpu."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.identity import id_text
from etpu_doctor.topology.machine import Machine

if TYPE_CHECKING:
    from etpu_doctor.knowledge.accelerators import Accelerator

INFO = RuleInfo(
    code="ETD103",
    name="not-an-edge-tpu",
    severity="warning",
    summary="Another accelerator is there and no Edge TPU.",
    documentation="""\
## What it means
The evidence shows an accelerator of another make, and no Edge TPU.

## Why it matters
libedgetpu only drives the Edge TPU. Another accelerator needs its own runtime and other models.

## How to fix
Use the runtime of the device that is there (the finding names it), or plug in the Edge TPU.

## What it cannot see
Accelerators that are not in the list of known ids, and those built into a processor.

## Source
Vendor and product ids of usb.ids and pci.ids.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each foreign accelerator on a machine without an Edge TPU."""
    if machine.edge_tpus or not (machine.usb or machine.pci):
        return
    from etpu_doctor.knowledge.accelerators import accelerators  # noqa: PLC0415 - most machines need no such list

    known = accelerators()
    for usb in machine.usb.values():
        found = known.get(("usb", id_text(usb.device.vendor_id, usb.device.product_id) or ""))
        if found is not None:
            yield _finding(usb.id, found, first_seen(usb.device.seen))
    for pci in machine.pci.values():
        found = known.get(("pci", id_text(pci.function.vendor_id, pci.function.device_id) or ""))
        found = found or _by_name(pci.function.vendor_name, known.values())
        if found is not None:
            yield _finding(pci.id, found, first_seen(pci.function.seen))


def _by_name(listed: str | None, known: Iterable[Accelerator]) -> Accelerator | None:
    """``lspci`` without ``-nn`` prints names of pci.ids only."""
    return next((one for one in known if listed and one.listed_as is not None and one.listed_as in listed), None)


def _finding(subject: str, found: Accelerator, where: str | None) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        title=f"This is a {found.name}, not an Edge TPU",
        subject=subject,
        facts=(Fact(name="id", value=found.id, where=where),),
        remedy=Remedy(summary=f"It works with {found.runtime}, not with libedgetpu."),
    )
