"""ETD603: a virtual machine that was given one identity."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.access import Access
from etpu_doctor.rules.access.vm_passthrough_id_change import check
from etpu_doctor.rules.finding import Finding
from tests.support.access import BOOT, READY, access, commands, found, gone, judged_with, line, reset
from tests.support.facts import XHCI, pci, root, steps, strings, tpu, values, xhci

QEMU = pci(XHCI, "1b36:000d", class_code=0x0C03)
KVM = access(vm="kvm")
WSL = access(vm="microsoft", is_wsl=True)
USBIP = root(2, root_driver="vhci_hcd", controller="vhci_hcd.0")
CHANGED = (found("2-1", BOOT), reset("2-1"), gone("2-1"))


def judged(about: Access | None, *facts: Any, **more: Any) -> list[Finding]:
    """What the rule says."""
    return judged_with(check, about, *facts, **more)


def test_a_fresh_stick_in_a_virtual_machine() -> None:
    """Its first use will change the identity: a note, since only the host knows what is passed."""
    (note,) = judged(KVM, QEMU, root(2), tpu("2-1", dfu=True))
    assert ("info", "possible", "2-1", ("2-1",)) == (note.severity, note.confidence, note.subject, note.concerns)
    assert "was passed to this virtual machine (KVM); its first use changes its identity" in note.title
    assert {"runs in": "virtual machine (KVM)", "identity": BOOT} == values(note)
    assert {"etpu-doctor setup libvirt", "etpu-doctor setup proxmox"} <= set(commands(note))


def test_a_used_stick_in_a_virtual_machine() -> None:
    """After a power cut it is the other device."""
    (note,) = judged(KVM, QEMU, root(2), tpu("2-1"))
    assert "another device after a power cut" in note.title


@pytest.mark.parametrize(
    ("vm", "controller"),
    [
        ("kvm", QEMU),
        ("kvm", pci(XHCI, "1033:0194", subsystem_vendor_id=0x1AF4)),
        ("kvm", pci(XHCI, "8086:293a", subsystem_vendor_id=0x1AF4)),
        ("vmware", pci(XHCI, "15ad:0779")),
        ("oracle", pci(XHCI, "8086:1e31")),
        ("other", QEMU),
    ],
)
def test_controllers_of_virtual_machines(vm: str, controller: Any) -> None:
    """A stick on a controller that only exists in the virtual machine was passed by itself."""
    assert ["info"] == [each.severity for each in judged(access(vm=vm), controller, root(2), tpu("2-1"))]


@pytest.mark.parametrize(
    ("vm", "controller"),
    [("kvm", xhci()), ("kvm", pci(XHCI, "1b73:1100")), ("oracle", pci(XHCI, "1b73:1100")), ("kvm", None)],
)
def test_a_controller_that_was_passed(vm: str, controller: Any) -> None:
    """With a real controller both identities come along; where it is not known, nothing is said."""
    facts = [controller] if controller is not None else []
    assert [] == judged(access(vm=vm), *facts, root(2), tpu("2-1", dfu=True))


def test_wsl() -> None:
    """WSL has its own remedy: bind twice."""
    (note,) = judged(WSL, USBIP, tpu("2-1", dfu=True))
    assert "passed to this WSL" in note.title
    assert "Bind the stick twice" in strings(note)
    assert 2 == sum("usbipd bind --busid" in step for step in steps(note))
    assert "etpu-doctor setup wsl" in commands(note)


def test_wsl_with_a_bus_that_is_not_known() -> None:
    """There is no other way into WSL."""
    assert 1 == len(judged(WSL, root(2, controller=None), tpu("2-1")))


def test_usb_over_ip_on_a_host() -> None:
    """The same happens without a virtual machine to a stick that comes over the network."""
    (note,) = judged(access(), USBIP, tpu("2-1"))
    assert "passed to this USB/IP" in note.title


def test_it_left_and_did_not_come_back() -> None:
    """The log shows the open and the end: a warning, likely, with the lines."""
    (lost,) = judged(KVM, QEMU, root(2), log=CHANGED)
    assert ("warning", "likely", "machine") == (lost.severity, lost.confidence, lost.subject)
    assert "left this virtual machine (KVM) as 1a6e:089a after a program opened it" in lost.title
    assert "2-1" == values(lost)["was at"]
    assert ["/dev/kmsg"] * 4 == [fact.where for fact in lost.facts if fact.where]


def test_it_may_have_been_pulled_out() -> None:
    """Without a sign of an open it is only possible."""
    (lost,) = judged(WSL, USBIP, log=(found("2-1", BOOT), gone("2-1")))
    assert ("warning", "possible") == (lost.severity, lost.confidence)
    assert "or by hand" in lost.title


def test_a_changed_firmware_is_an_open_too() -> None:
    """The kernel may have seen the change itself."""
    log = (found("2-1", BOOT), line("usb-firmware-changed", usb_node="2-1"), gone("2-1"))
    (lost,) = judged(KVM, QEMU, root(2), log=log)
    assert "likely" == lost.confidence


@pytest.mark.parametrize(
    "after",
    [
        (found("2-1", READY),),
        (found("2-2", READY),),
        (found("1-1", BOOT),),
        (found("2-1", "0951:1666"), gone("2-1"), found("2-3", READY)),
    ],
)
def test_it_came_back(after: tuple[Any, ...]) -> None:
    """In either identity, at any port of the virtual hub."""
    assert [] == judged(KVM, QEMU, root(2), log=(*CHANGED, *after))


def test_one_of_two_came_back() -> None:
    """Each that comes back stands for one that left, at its own port first."""
    log = (found("2-1", BOOT), found("2-2", BOOT), gone("2-1"), gone("2-2"), found("2-2", READY))
    (lost,) = judged(KVM, QEMU, root(2), log=log)
    assert "2-1" == values(lost)["was at"]


def test_it_is_there_again() -> None:
    """What the tree shows is there, whatever the log lacks; then the note remains."""
    (note,) = judged(KVM, QEMU, root(2), tpu("2-1"), log=CHANGED)
    assert "info" == note.severity


@pytest.mark.parametrize(
    "log",
    [
        (),
        (gone("2-1"),),
        (found("2-1", READY), gone("2-1")),
        (found("2-1", "0951:1666"), gone("2-1")),
        (found("2-1", BOOT),),
        (found("2-1", BOOT), line("usb-disconnect")),
    ],
)
def test_other_ends(log: tuple[Any, ...]) -> None:
    """Other devices, a stick with firmware and lines without a place say nothing of identities."""
    assert [] == judged(KVM, QEMU, root(2), log=log)


@pytest.mark.parametrize("about", [None, Access(), access(), access(is_wsl=False)])
def test_silent_outside(about: Access | None) -> None:
    """Silent on a real machine, even if a stick left there, and without access facts."""
    assert [] == judged(about, xhci(), root(2), log=CHANGED)
    assert [] == judged(about, xhci(), root(2), tpu("2-1", dfu=True))


@pytest.mark.parametrize(("vm", "name"), [("vmware", "virtual machine (VMware)"), ("other", "virtual machine")])
def test_names(vm: str, name: str) -> None:
    """A kind without a name is just a virtual machine."""
    (note,) = judged(access(vm=vm), QEMU, root(2), tpu("2-1"))
    assert name == values(note)["runs in"]
