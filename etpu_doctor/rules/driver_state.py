"""Whether the PCIe driver matters on a machine, and what is known of it."""

from __future__ import annotations

from etpu_doctor.facts.driver import DkmsState, KernelModule
from etpu_doctor.rules.finding import Fact
from etpu_doctor.topology.machine import EdgeTpu, Machine

DRIVER = "apex"

GIVEN_AWAY = frozenset({"vfio-pci", "pci-stub", "xen-pciback", "pciback", "uio_pci_generic", "igb_uio"})
"""Drivers that hand a card to a virtual machine or to a program in user space: this host's own driver is not wanted."""

_FACTS_LIMIT = 4
_TEXT_LIMIT = 160


def bound_driver(machine: Machine, chip: EdgeTpu) -> str | None:
    """The driver that has a card."""
    return machine.pci[chip.id].function.driver


def own_cards(machine: Machine) -> list[EdgeTpu]:
    """PCIe Edge TPUs that this host is to use itself; those given to a virtual machine are not among them."""
    chips = [tpu for tpu in machine.edge_tpus if tpu.transport == "pci" and tpu.id in machine.pci]
    return [chip for chip in chips if bound_driver(machine, chip) not in GIVEN_AWAY]


def idle_cards(machine: Machine) -> list[EdgeTpu]:
    """Own cards without a driver, and with nothing else known that would keep one off.

    A card that fell off the bus, or that was given no memory, has a worse fault; other rules report it.
    """
    found = []
    for chip in own_cards(machine):
        function = machine.pci[chip.id].function
        broken = function.config_all_ones or any(bar.assigned is False for bar in function.bars or ())
        if function.driver_known and function.driver is None and not broken:
            found.append(chip)
    return found


def works(machine: Machine) -> bool:
    """Whether the driver has a card now: what a log says against it is then over."""
    return any(bound_driver(machine, chip) == DRIVER for chip in own_cards(machine))


def matters(machine: Machine) -> bool:
    """Whether lines about the driver are of interest: a card is there, or nothing tells what is there."""
    return bool(own_cards(machine)) or (not machine.edge_tpus and not machine.covers("pci"))


def module(machine: Machine, name: str = DRIVER) -> KernelModule | None:
    """What is known of a module; ``None`` where the evidence holds nothing of the driver."""
    driver = machine.evidence.driver
    return next((each for each in driver.modules if each.name == name), None) if driver is not None else None


def is_installed(known: KernelModule) -> bool:
    """Whether a module is there for the running kernel: in a file, in the kernel itself, or loaded."""
    return bool(known.loaded or known.file or known.origin or known.in_modules_dep)


def is_absent(known: KernelModule) -> bool:
    """Whether it is known that there is no such module for the running kernel."""
    return known.in_modules_dep is False and not is_installed(known)


def dkms(machine: Machine) -> DkmsState:
    """What DKMS knows; an empty state where the evidence holds nothing of it."""
    driver = machine.evidence.driver
    return (driver.dkms if driver is not None else None) or DkmsState()


def build_failed(machine: Machine) -> bool:
    """Whether the last build of DKMS failed, and was for the running kernel (or does not say for which)."""
    state = dkms(machine)
    release = machine.evidence.host.kernel_release
    if state.build_error is None or state.status.get(state.build_kernel or "") == "installed":
        return False
    return state.build_kernel is None or release is None or state.build_kernel == release


def said(machine: Machine, cause: str) -> tuple[Fact, ...]:
    """Lines of the kernel's log and of programs that speak for a cause, while nothing shows that it is over."""
    if works(machine) or not matters(machine):
        return ()
    facts: dict[str, Fact] = {}
    log, application = machine.evidence.kernel_log, machine.evidence.application
    for line in log.messages if log is not None else ():
        if line.cause == cause:
            facts.setdefault(line.message, _fact("kernel log", line.text, line.where))
    for message in application.messages if application is not None else ():
        if message.cause == cause:
            facts.setdefault(message.message, _fact("message", message.text, message.where))
    return tuple(facts.values())[:_FACTS_LIMIT]


def _fact(name: str, text: str, where: str | None) -> Fact:
    return Fact(name=name, value=text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…", where=where)


def ids(chips: list[EdgeTpu]) -> tuple[str, ...]:
    """The ids of cards, as findings name whom they concern."""
    return tuple(chip.id for chip in chips)


def subject(chips: list[EdgeTpu]) -> str:
    """The one card that a finding is about, else the machine."""
    return chips[0].id if len(chips) == 1 else "machine"


def cards_text(chips: list[EdgeTpu]) -> str:
    """``Edge TPU 0000:03:00.0``, ``2 PCIe Edge TPUs``, ``a PCIe Edge TPU`` where none is in the evidence."""
    if not chips:
        return "a PCIe Edge TPU"
    return f"Edge TPU {chips[0].id}" if len(chips) == 1 else f"{len(chips)} PCIe Edge TPUs"
