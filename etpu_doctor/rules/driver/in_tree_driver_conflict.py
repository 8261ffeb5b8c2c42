"""ETD504 in-tree-driver-conflict."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.rules.driver_state import cards_text, dkms, ids, module, own_cards, said, subject
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD504",
    name="in-tree-driver-conflict",
    severity="warning",
    summary="The kernel's old staging driver is in use, or is mixed with the one of gasket-dkms.",
    documentation="""\
## What it means
Kernels 4.19 to 5.12, and those of some board makers to this day, bring an early gasket and apex (version 1.0) of their
own. The driver of gasket-dkms (1.2) has the same names. Either the old one is in use, or the two modules come from
different sources and do not fit each other.

## Why it matters
The old driver looks healthy: `/dev/apex_0` is there and the driver is bound. But it has no temperature, no throttling
and no performance call, so libedgetpu warns ("Could not set performance expectation") and may fail with HIB errors.
Mixed modules do not load at all.

## How to fix
Install gasket-dkms, forbid the old modules (or remove them), make the initial RAM disk anew, and restart.

## What it cannot see
Which sources a maker's kernel was built from: where its driver shows a temperature, it is a later one and is not
reported.

## Source
Coral documentation, "Get started with the M.2 or Mini PCIe Accelerator"; google-coral/edgetpu issues 395, 498, 716;
Linux `drivers/staging/gasket` (4.19 to 5.12); gasket-driver.
""",
)

OLD_VERSION = "1.0"
"""``driver_version`` of the staging driver; the one of gasket-dkms says 1.2."""


def check(machine: Machine) -> Iterator[Finding]:
    """At most one finding: mixed modules, the old driver in use, or lines of the log."""
    cards = own_cards(machine)
    lines = said(machine, INFO.name)
    if not cards:
        if lines:
            yield _mixed(cards, lines, "likely")
        return
    origins = _origins(machine)
    if None not in origins.values() and len(set(origins.values())) > 1 and "in-tree" in origins.values():
        facts = [
            Fact(name=f"module {name}", value=origin, where=_file(machine, name)) for name, origin in origins.items()
        ]
        yield _mixed(cards, (*facts, *lines), "certain")
    elif lines:
        yield _mixed(cards, lines, "likely")
    else:
        yield from _old(machine, cards)


def _origins(machine: Machine) -> dict[str, str | None]:
    known = {name: module(machine, name) for name in ("gasket", "apex")}
    return {name: each.origin if each is not None else None for name, each in known.items()}


def _file(machine: Machine, name: str) -> str | None:
    known = module(machine, name)
    return known.file if known is not None else None


def _old(machine: Machine, cards: list[EdgeTpu]) -> Iterator[Finding]:
    """The old driver in use. A node that shows a temperature is of a later one, whatever its origin."""
    nodes = [node for node in machine.evidence.apex if node.pci_address in ids(cards)]
    old = [node for node in nodes if node.attributes.get("driver_version") == OLD_VERSION]
    apex = module(machine)
    if any("temp" in node.attributes for node in nodes):
        return
    is_old = bool(old) or (apex is not None and apex.version == OLD_VERSION)
    would_be = apex is not None and apex.origin == "in-tree"
    if not is_old and not would_be:
        return
    newer = apex is not None and apex.origin == "dkms"
    yield _in_use(cards, _old_facts(machine, old), newer=newer, sure=is_old, sources=bool(dkms(machine).source_present))


def _old_facts(machine: Machine, old: list[ApexNode]) -> tuple[Fact, ...]:
    apex = module(machine)
    facts = [
        Fact(name=f"driver_version of {node.name}", value=OLD_VERSION, where=first_seen(node.seen)) for node in old[:2]
    ]
    if apex is not None and apex.version is not None:
        facts.append(Fact(name="version of the loaded module", value=apex.version, where="/sys/module/apex/version"))
    if apex is not None and apex.origin is not None:
        facts.append(Fact(name="module apex", value=apex.origin, where=apex.file or "modules.builtin"))
    return tuple(facts)


def _in_use(cards: list[EdgeTpu], facts: tuple[Fact, ...], *, newer: bool, sure: bool, sources: bool) -> Finding:
    confidence: Confidence = "certain" if sure else "likely"
    if newer:
        title = "The kernel's old driver is loaded although the newer one is installed"
        steps: tuple[str, ...] = (
            "Make the initial RAM disk anew, it may hold the old one: sudo update-initramfs -u (or sudo dracut -f).",
            "Restart the machine.",
        )
    else:
        title = "The kernel's own old driver (staging, 1.0) serves"
        install = "Install gasket-dkms and the kernel's headers."
        steps = (
            "Build the driver of gasket-dkms for this kernel: sudo dkms autoinstall" if sources else install,
            "sudo depmod -a, then restart: what DKMS installs goes before the kernel's own module.",
            "If the old one still loads, remove /lib/modules/$(uname -r)/kernel/drivers/staging/gasket, and repeat.",
        )
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="warning",
        confidence=confidence,
        title=title if newer else f"{title} {cards_text(cards)}",
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=Remedy(summary="Use the driver of gasket-dkms.", steps=steps, commands=_COMMANDS),
    )


_COMMANDS = (
    Command(command="modinfo apex gasket", why="file and version of both modules; intree: Y is the kernel's own"),
)


def _mixed(cards: list[EdgeTpu], facts: tuple[Fact, ...], confidence: Confidence) -> Finding:
    severity: Severity = "error"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence=confidence,
        title="The modules gasket and apex are of different builds, or two drivers want the same card",
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=Remedy(
            summary="Leave one pair of modules, built together.",
            steps=(
                "Build both anew: sudo dkms remove gasket/1.0 --all; sudo dkms install gasket/1.0; sudo depmod -a",
                "Remove other copies (modinfo names the file that counts), and restart the machine.",
                "etpu-doctor setup modprobe prints what forbids the kernel's own modules.",
            ),
            commands=_COMMANDS,
        ),
    )
