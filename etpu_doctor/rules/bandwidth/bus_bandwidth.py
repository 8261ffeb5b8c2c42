"""ETD301 bus-bandwidth."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import pci_origin, usb_origin
from etpu_doctor.rules.advice import where_to_plug
from etpu_doctor.rules.finding import Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.wording import hub_text, join_words, speed_text
from etpu_doctor.topology.bandwidth import DEMAND_BASIS, TPU_DEMAND_MB_S, Uplink, shared_uplinks
from etpu_doctor.topology.identity import usb_state
from etpu_doctor.topology.machine import Machine

INFO = RuleInfo(
    code="ETD301",
    name="bus-bandwidth",
    severity="warning",
    summary="Several Edge TPUs, or Edge TPUs and other heavy devices, share an uplink that cannot carry them.",
    documentation="""\
## What it means
All devices below one hub share the hub's link to the computer, and all ports of a USB controller share its PCIe link.
The sum of what hangs there can exceed what the link carries.

## Why it matters
Each inference sends its instructions and its input over the bus. Alone every stick is fast; together they wait
for each other, and for the disk, the camera or the network adapter beside them.

## How to fix
Spread the sticks over the computer's own ports, best over two controllers; move disks, cameras and network adapters
away from the link that the Edge TPUs use.

## What it cannot see
What your model sends: without one, the traffic of MobileNet v1 at full rate is assumed, and neighbours are counted
with the most they can ask for. A detector that runs at 10 frames a second asks for a fraction of that.

## Source
Bytes of an inference seen on the wire with libedgetpu 16.0; rates of Coral's benchmark page; usable rates are
estimates (about 70 % of the line rate).
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each overloaded link; a wider link above with the same load is not repeated."""
    reported: set[tuple[str, ...]] = set()
    for uplink in shared_uplinks(machine):
        severity = _severity(uplink)
        if severity is None or uplink.load.tpus in reported:
            continue
        reported.add(uplink.load.tpus)
        yield _finding(machine, uplink, severity)


def _severity(uplink: Uplink) -> Severity | None:
    if uplink.load.total_mb_s <= uplink.usable_mb_s:
        return None
    # One stick beside a disk is slowed while the disk is busy; that is worth knowing, but no fault.
    return "warning" if len(uplink.load.tpus) > 1 else "info"


def _finding(machine: Machine, uplink: Uplink, severity: Severity) -> Finding:
    load = uplink.load
    possible = any(usb_state(machine.usb[tpu].device) == "possible" for tpu in load.tpus if tpu in machine.usb)
    others = f" and {_neighbours(uplink)}" if load.neighbours else ""
    count = "One Edge TPU" if len(load.tpus) == 1 else f"{len(load.tpus)} Edge TPUs"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence="possible" if possible else "likely",
        title=f"{count}{others} share one {_link_text(uplink)} link ({_place(machine, uplink)})",
        subject=uplink.lower,
        concerns=load.tpus,
        facts=(
            Fact(name="link", value=uplink.rate_mbps, unit="Mb/s", where=_origin(machine, uplink)),
            Fact(name="usable (estimate)", value=round(uplink.usable_mb_s), unit="MB/s"),
            Fact(
                name="Edge TPUs at full rate",
                value=round(load.tpus_mb_s),
                unit="MB/s",
                where=f"assumed: {DEMAND_BASIS}",
            ),
            *(
                Fact(name=f"{neighbour.what} {neighbour.id}, at most", value=round(neighbour.worst_mb_s), unit="MB/s")
                for neighbour in load.neighbours[:6]
            ),
        ),
        remedy=_remedy(machine, uplink),
    )


def _neighbours(uplink: Uplink) -> str:
    kinds = sorted({neighbour.what for neighbour in uplink.load.neighbours})
    return join_words([f"a {kind}" for kind in kinds])


def _link_text(uplink: Uplink) -> str:
    return f"PCIe {speed_text(uplink.rate_mbps)}" if uplink.pci else f"USB {speed_text(uplink.rate_mbps)}"


def _place(machine: Machine, uplink: Uplink) -> str:
    if uplink.pci:
        return f"{uplink.lower} to {uplink.upper}"
    return f"uplink of {hub_text(machine.usb[uplink.lower])}"


def _origin(machine: Machine, uplink: Uplink) -> str | None:
    if uplink.pci:
        return pci_origin(machine.pci[uplink.lower].function, "current_link_speed_gts")
    return usb_origin(machine.usb[uplink.lower].device, "speed_mbps")


def _remedy(machine: Machine, uplink: Uplink) -> Remedy:
    share = uplink.usable_mb_s / TPU_DEMAND_MB_S
    fits = f"This link carries about {share:.1f} Edge TPUs at full rate."
    node = machine.usb.get(uplink.load.tpus[0])
    steps = [fits]
    if uplink.load.neighbours:
        steps.append(
            f"Move {join_words([neighbour.id for neighbour in uplink.load.neighbours[:4]])} to another hub or port."
        )
    # Every port of a controller shares its PCIe link: for that one no port is known to be better.
    if node is not None and not uplink.pci:
        above = machine.usb_ancestors(node.id)
        steps += where_to_plug(machine, above[-1] if above else node, not_below=uplink.lower)[:1]
    return Remedy(summary="Spread them over more ports, best over two controllers.", steps=tuple(steps))
