"""Whether the PCIe driver matters, and what is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.driver import DkmsState, KernelModule
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import PciBar
from etpu_doctor.rules.driver_state import (
    build_failed,
    cards_text,
    dkms,
    idle_cards,
    ids,
    is_absent,
    is_installed,
    matters,
    module,
    own_cards,
    said,
    subject,
    works,
)
from tests.support.driver import ADDRESS, RELEASE, absent, driver, idle, installed, log, machine, program
from tests.support.driver import dkms as dkms_state
from tests.support.facts import TEXT, card, root, tpu

OTHER = "0000:04:00.0"


def test_own_and_idle_cards() -> None:
    """A card of a virtual machine is not this host's; one with the driver is not idle."""
    built = machine(idle(), card(OTHER), card("0000:05:00.0", driver="vfio-pci"))
    assert (ADDRESS, OTHER) == ids(own_cards(built))
    assert (ADDRESS,) == ids(idle_cards(built))
    assert works(built)


@pytest.mark.parametrize(
    "broken",
    [
        {"config_all_ones": True},
        {"bars": (PciBar(index=0, assigned=True), PciBar(index=2, assigned=False))},
        {"driver_known": False},
    ],
)
def test_cards_with_a_worse_fault(broken: dict[str, Any]) -> None:
    """A card that is off the bus or has no memory lacks no driver; nor does one of which nothing is known."""
    assert [] == idle_cards(machine(idle(**broken)))


@pytest.mark.parametrize("covers", [TEXT, ("kernel-log",), ()])
def test_where_nothing_tells_what_is_there(covers: tuple[str, ...]) -> None:
    """Without a listing of PCI and without any Edge TPU, lines about the driver are of interest."""
    assert matters(machine(covers=covers))
    assert not matters(machine(root(2), tpu("2-1"), covers=covers))


def test_where_it_does_not_matter() -> None:
    """A PCI listing without a card, a machine with sticks only, and a card of a virtual machine need no driver."""
    assert not matters(machine())
    assert not matters(machine(root(2), tpu("2-1")))
    assert not matters(machine(card(ADDRESS, driver="vfio-pci")))
    assert matters(machine(idle()))


def test_modules() -> None:
    """A module is found by its name, where there are facts of the driver at all."""
    built = machine(idle(), driver=driver(absent("gasket"), installed()))
    assert (absent("gasket"), installed()) == (module(built, "gasket"), module(built))
    assert (None, None) == (module(machine(idle())), module(machine(driver=driver(absent("gasket")))))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (absent(), (False, True)),
        (installed(), (True, False)),
        (KernelModule(name="apex", loaded=True), (True, False)),
        (KernelModule(name="apex", in_modules_dep=False, origin="in-tree"), (True, False)),
        (KernelModule(name="apex", in_modules_dep=False, file="/lib/modules/x/apex.ko"), (True, False)),
        (KernelModule(name="apex", loaded=False), (False, False)),
    ],
)
def test_installed_and_absent(known: KernelModule, expected: tuple[bool, bool]) -> None:
    """Absent is only what was looked for and not found; where the list could not be read it is neither."""
    assert expected == (is_installed(known), is_absent(known))


def test_dkms() -> None:
    """Where nothing is known of DKMS its state is empty."""
    assert DkmsState() == dkms(machine()) == dkms(machine(driver=driver()))
    assert "x" == dkms(machine(driver=driver(dkms=dkms_state("x")))).build_error


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (dkms_state(), False),
        (dkms_state("error"), True),
        (dkms_state("error", kernel=None), True),
        (dkms_state("error", kernel="6.12.0"), False),
        (dkms_state("error", status={RELEASE: "installed"}), False),
        (dkms_state("error", status={RELEASE: "built"}), True),
    ],
)
def test_failed_builds(state: DkmsState, expected: bool) -> None:
    """A failure counts if it is of this kernel, or does not say of which, and if nothing was installed since."""
    assert expected is build_failed(machine(driver=driver(dkms=state)))


def test_a_failed_build_of_a_kernel_without_a_name() -> None:
    """Where the running kernel is not known, any failure counts."""
    assert build_failed(machine(Host(), driver=driver(dkms=dkms_state("error", kernel="6.12.0"))))


def test_what_was_said() -> None:
    """Lines of the log and of programs that speak for a cause, each kind once, with their places."""
    built = machine(
        idle(),
        kernel_log=log(("one", "aspm"), ("two", "thermal"), ("one", "aspm")),
        application=program("three", "aspm", "x" * 1000),
    )
    facts = said(built, "aspm")
    assert ["dmesg:1", "paste:1"] == [fact.where for fact in facts]
    assert 160 == len(str(facts[1].value))
    assert () == said(built, "device-busy")


def test_what_is_over_was_not_said() -> None:
    """Once the driver has a card, and where it does not matter, the lines are of no interest."""
    lines = log(("one", "aspm"))
    assert () == said(machine(card(ADDRESS), kernel_log=lines), "aspm")
    assert () == said(machine(root(2), tpu("2-1"), kernel_log=lines), "aspm")
    assert () == said(machine(idle()), "aspm")


def test_wording() -> None:
    """One card is named, several are counted, none is called one that may be there."""
    one, two = own_cards(machine(idle())), own_cards(machine(idle(), idle(OTHER)))
    assert (f"Edge TPU {ADDRESS}", ADDRESS) == (cards_text(one), subject(one))
    assert ("2 PCIe Edge TPUs", "machine") == (cards_text(two), subject(two))
    assert ("a PCIe Edge TPU", "machine") == (cards_text([]), subject([]))
