"""ETD503 apex-module-not-loaded."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.evidence.origin import pci_origin
from etpu_doctor.facts.driver import KernelModule
from etpu_doctor.rules.driver_state import (
    DRIVER,
    GIVEN_AWAY,
    bound_driver,
    cards_text,
    idle_cards,
    ids,
    is_absent,
    is_installed,
    module,
    own_cards,
    said,
    subject,
)
from etpu_doctor.rules.finding import Command, Confidence, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD503",
    name="apex-module-not-loaded",
    severity="error",
    summary="The driver is installed but not loaded, or it has not taken the card.",
    documentation="""\
## What it means
One of four: the module `apex` exists and nobody loaded it, or a file in modprobe.d forbids it; the list of modules
(modules.dep) does not know its file; it is loaded but refused the card; or the card belongs to another driver. A card
that `vfio-pci` holds was given to a virtual machine: that is only noted.

## Why it matters
Without the driver bound to the card there is no `/dev/apex_0`.

## How to fix
`sudo modprobe apex`, and take away what forbids it. If it is loaded and has not taken the card, the kernel's log says
why.

## What it cannot see
Why nobody loaded it: udev does that at the start of the machine, so a module that was built later waits for the next
start. The kernel may have refused it: rule ETD505 (Secure Boot).

## Source
gasket-driver; modprobe.d(5); depmod(8); Linux `drivers/base/dd.c`, kernel-parameters.txt.
""",
)


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for all idle cards, and a note for each that another driver holds."""
    yield from _held(machine)
    cards, apex = idle_cards(machine), module(machine)
    if cards and apex is not None:
        if apex.loaded:
            yield _refused(machine, cards)
        elif apex.loaded is False and not is_absent(apex):
            yield _not_loaded(machine, cards, apex)
        return
    named = [card for card in cards if DRIVER in machine.pci[card.id].function.modules]
    if named:
        yield _listed(machine, named)
        return
    lines = said(machine, INFO.name)
    if lines:
        yield _finding(own_cards(machine), "the driver is not loaded", lines, _LOAD, "likely")


_LOAD = Remedy(
    summary="Load the driver.",
    steps=(
        "Load it: sudo modprobe apex. If that fails, its message and the kernel's log say why.",
        "It is loaded by itself at the next start; if not: echo apex | sudo tee /etc/modules-load.d/apex.conf",
    ),
    commands=(
        Command(command="sudo modprobe apex", why="loads the driver until the next start", needs_root=True),
        Command(command="sudo dmesg", why="what the kernel says when it is loaded", needs_root=True),
    ),
)


def _held(machine: Machine) -> Iterator[Finding]:
    for chip in machine.edge_tpus:
        if chip.transport != "pci" or chip.id not in machine.pci:
            continue
        driver = bound_driver(machine, chip)
        if driver in (None, DRIVER):
            continue
        away = driver in GIVEN_AWAY
        who = "it is given to a virtual machine" if away else "it is not the driver of Edge TPUs"
        yield Finding(
            code=INFO.code,
            rule=INFO.name,
            severity="info" if away else "warning",
            title=f"Edge TPU {chip.id} is held by {driver}: {who}",
            subject=chip.id,
            concerns=(chip.id,),
            facts=(Fact(name="driver", value=driver, where=pci_origin(machine.pci[chip.id].function, "driver")),),
            remedy=_give_back(str(driver)),
        )


def _give_back(driver: str) -> Remedy:
    return Remedy(
        summary="Run etpu-doctor in the virtual machine; to use the card on this host, take it back.",
        steps=(
            f"Remove 1ac1:089a from the options of {driver} in /etc/modprobe.d and on the kernel's command line.",
            "Remove the card from the virtual machine's configuration.",
            "Restart the machine, so that apex can take the card.",
        ),
        commands=(Command(command="lspci -nnk -d 1ac1:089a", why="shows which driver has the card"),),
    )


def _not_loaded(machine: Machine, cards: list[EdgeTpu], apex: KernelModule) -> Finding:
    facts = [Fact(name="module apex", value="not loaded", where="/sys/module")]
    if apex.file is not None:
        facts.append(
            Fact(name="its file", value=apex.file, where="modules.dep" if apex.in_modules_dep else "the folder")
        )
    places = machine.evidence.driver.blacklisted_in if machine.evidence.driver is not None else ()
    facts += [Fact(name="forbidden by", value=place, where=place) for place in places]
    if places:
        why, remedy = f"its driver is forbidden in {places[0]}", _allow(places)
    elif apex.in_modules_dep is False:
        why, remedy = "the list of modules does not know its driver's file", _LIST
    elif not is_installed(apex):
        why, remedy = "its driver is not loaded; whether it is installed cannot be seen from here", _LOOK
    else:
        why, remedy = "its driver is installed but not loaded", _LOAD
    return _finding(cards, why, tuple(facts), remedy, "certain")


_LOOK = Remedy(
    summary="Look on the host, outside of any container, and load the driver there.",
    steps=("Run etpu-doctor check on the host itself.", "There: sudo modprobe apex"),
    commands=(Command(command="modinfo apex", why="on the host: shows the module, or that there is none"),),
)

_LIST = Remedy(
    summary="Make the list of modules anew, and load the driver.",
    steps=("sudo depmod -a", "sudo modprobe apex"),
    commands=(Command(command="modinfo apex", why="finds the module if the list knows it"),),
)


def _allow(places: tuple[str, ...]) -> Remedy:
    return Remedy(
        summary="Take away what forbids the driver, and load it.",
        steps=(
            *(_allow_step(place) for place in places[:4]),
            "If the card is meant for a virtual machine instead, leave it so: then vfio-pci should hold it.",
            "Load it: sudo modprobe apex (after a change of the command line: restart).",
        ),
        commands=(Command(command="modprobe --showconfig", why="shows everything that modprobe was told"),),
    )


def _allow_step(place: str) -> str:
    if place == "/proc/cmdline":
        return "Take apex (or gasket) out of module_blacklist= or modprobe.blacklist= on the kernel's command line."
    path, _, line = place.rpartition(":")
    return f"Take away line {line} of {path}, then make the initial RAM disk anew (Debian: sudo update-initramfs -u)."


def _refused(machine: Machine, cards: list[EdgeTpu]) -> Finding:
    facts = [Fact(name="module apex", value="loaded", where="/sys/module/apex")]
    facts += [
        Fact(name=f"driver of {card.id}", value="none", where=pci_origin(machine.pci[card.id].function, "driver"))
        for card in cards[:4]
    ]
    remedy = Remedy(
        summary="The kernel's log says why it refused the card.",
        steps=(
            "Look for lines of apex and gasket in the log, and have them judged: sudo dmesg | etpu-doctor check -",
            "Power the machine off fully and on again: a chip that hangs does not recover by a restart.",
        ),
        commands=(
            Command(command="sudo dmesg", why="lines that begin with apex or gasket", needs_root=True),
            Command(command="sudo lspci -vv -d 1ac1:089a", why="link and address space of the card", needs_root=True),
        ),
    )
    return _finding(cards, "its driver is loaded, but has not taken the card", tuple(facts), remedy, "certain")


def _listed(machine: Machine, cards: list[EdgeTpu]) -> Finding:
    function = machine.pci[cards[0].id].function
    facts = (
        Fact(name="driver", value="none", where=pci_origin(function, "driver")),
        Fact(name="kernel modules for it", value=", ".join(function.modules), where=pci_origin(function, "driver")),
    )
    return _finding(cards, "its driver is installed but not in use", facts, _LOAD, "certain")


def _finding(
    cards: list[EdgeTpu], why: str, facts: tuple[Fact, ...], remedy: Remedy, confidence: Confidence
) -> Finding:
    name = cards_text(cards)
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="error",
        confidence=confidence,
        title=f"{name[:1].upper()}{name[1:]}: {why}",
        subject=subject(cards),
        concerns=ids(cards),
        facts=facts,
        remedy=remedy,
    )
