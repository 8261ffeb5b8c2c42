"""ETD501 gasket-not-installed."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.driver_state import (
    build_failed,
    cards_text,
    dkms,
    idle_cards,
    ids,
    is_absent,
    module,
    own_cards,
    said,
    subject,
)
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD501",
    name="gasket-not-installed",
    severity="error",
    summary="There is no driver for PCIe Edge TPUs for the running kernel.",
    documentation="""\
## What it means
A PCIe Edge TPU is on the bus, and the running kernel has no module `apex`: it was never installed, or it was built for
another kernel and not for this one. After a kernel upgrade that is the usual case: DKMS builds it anew only if the
headers of the new kernel are installed.

## Why it matters
Without the driver there is no `/dev/apex_0`, and every program says no more than "Failed to load delegate".

## How to fix
Install the kernel's headers, then the package `gasket-dkms`; where it is installed, `sudo dkms autoinstall`. On kernels
from 6.4 on Google's package does not build: rule ETD502 names what does.

## What it cannot see
The kernel's modules from inside a container: it has a `/lib` of its own. USB Edge TPUs need no kernel driver, so this
rule is silent where only such are found.

## Source
Coral documentation, "Get started with the M.2 or Mini PCIe Accelerator"; dkms(8); gasket-driver.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for a machine with a card and no module; by the log or a listing where nothing else tells."""
    cards, apex = idle_cards(machine), module(machine)
    if cards and apex is not None and is_absent(apex):
        if not build_failed(machine):
            yield _finding(machine, cards, _facts(machine), "certain")
        return
    lines = said(machine, INFO.name)
    if lines and not (apex is not None and apex.in_modules_dep):
        yield _finding(machine, own_cards(machine), lines, "likely")
    elif cards and apex is None:
        unnamed = [card for card in cards if not machine.pci[card.id].function.modules]
        # A listing that names modules for other functions would name one for the card.
        if unnamed and any(node.function.modules for node in machine.pci.values()):
            yield _finding(machine, unnamed, (Fact(name="kernel modules for it", value="none listed"),), "likely")


def _facts(machine: Machine) -> tuple[Fact, ...]:
    release = machine.evidence.host.kernel_release
    state = dkms(machine)
    facts = [Fact(name="module apex", value="not there", where=f"/lib/modules/{release or '?'}/modules.dep")]
    if state.package_version is not None:
        facts.append(Fact(name="gasket-dkms", value=state.package_version, where="/var/lib/dpkg/status"))
    if state.source_present is not None:
        built = ", ".join(sorted(state.status)) or "no kernel"
        value = f"built for {built}" if state.source_present else "no sources of gasket"
        facts.append(Fact(name="DKMS", value=value, where="/var/lib/dkms/gasket"))
    headers = machine.evidence.driver.headers_present if machine.evidence.driver is not None else None
    if headers is not None:
        where = f"/lib/modules/{release or '?'}/build"
        facts.append(Fact(name="kernel headers", value="present" if headers else "missing", where=where))
    return tuple(facts)


def _finding(machine: Machine, cards: list[EdgeTpu], facts: tuple[Fact, ...], confidence: Confidence) -> Finding:
    release = machine.evidence.host.kernel_release
    kernel = f"the running kernel ({release})" if release else "the running kernel"
    elsewhere = bool(dkms(machine).status)
    why = "its driver was built for other kernels, not for" if elsewhere else "there is no driver (apex) for"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence=confidence,
        title=f"{_capital(cards_text(cards))}: {why} {kernel}",
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=_remedy(machine),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _remedy(machine: Machine) -> Remedy:
    state, driver = dkms(machine), machine.evidence.driver
    steps = []
    if driver is None or driver.headers_present is not True:
        steps.append(
            "Install the headers of the running kernel (Debian, Ubuntu: sudo apt install linux-headers-$(uname -r); "
            "Raspberry Pi OS: linux-headers-rpi-v8 or linux-headers-rpi-2712; Proxmox VE: "
            "proxmox-headers-$(uname -r); Fedora: sudo dnf install kernel-devel-$(uname -r))."
        )
    if state.source_present:
        steps.append("Build it for this kernel: sudo dkms autoinstall")
    else:
        steps.append(
            "Add Coral's package source (coral.ai, 'Get started with the M.2 or Mini PCIe Accelerator'), then install "
            "the driver: sudo apt install gasket-dkms. From kernel 6.4 on, build the package from "
            "github.com/google/gasket-driver; from 6.12 on, from github.com/feranick/gasket-driver."
        )
    steps.append("Load it: sudo modprobe apex. Then /dev/apex_0 is there.")
    return Remedy(
        summary="Build the driver for the running kernel." if state.source_present else "Install the driver.",
        steps=tuple(steps),
        commands=(
            Command(command="dkms status", why="lists the kernels that the driver was built for"),
            Command(command="modinfo apex", why="shows the module that would be loaded, or that there is none"),
        ),
    )
