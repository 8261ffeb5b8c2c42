"""ETD503: the driver is there and is not in use."""

from __future__ import annotations

import pytest

from etpu_doctor.facts.driver import KernelModule
from etpu_doctor.rules.driver.apex_module_not_loaded import check
from tests.support.driver import ADDRESS, FOLDER, absent, driver, idle, installed, judged, program
from tests.support.facts import TEXT, card, root, steps, tpu, values


def test_not_loaded() -> None:
    """Installed and not loaded: an error for certain, and modprobe is the remedy."""
    (found,) = judged(check, idle(), driver=driver(installed("gasket"), installed()))
    assert ("error", "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert f"Edge TPU {ADDRESS}: its driver is installed but not loaded" == found.title
    assert {"module apex": "not loaded", "its file": f"{FOLDER}/updates/dkms/apex.ko"} == values(found)
    assert "sudo modprobe apex" in steps(found)[0]


def test_forbidden() -> None:
    """What forbids it is named by file and line; a virtual machine may be the reason."""
    places = ("/etc/modprobe.d/vfio.conf:2", "/proc/cmdline")
    (found,) = judged(check, idle(), driver=driver(installed("gasket"), installed(), blacklisted_in=places))
    assert found.title.endswith("its driver is forbidden in /etc/modprobe.d/vfio.conf:2")
    assert "Take away line 2 of /etc/modprobe.d/vfio.conf" in steps(found)[0]
    assert "kernel's command line" in steps(found)[1]
    assert "virtual machine" in steps(found)[2]


def test_the_list_does_not_know_it() -> None:
    """A file that modules.dep lacks needs depmod."""
    (found,) = judged(check, idle(), driver=driver(absent("gasket"), installed(in_modules_dep=False)))
    assert "the list of modules does not know" in found.title
    assert ("sudo depmod -a", "sudo modprobe apex") == steps(found)


def test_installed_or_not_is_not_seen() -> None:
    """In a container the modules are not seen, but that none is loaded is."""
    unseen = KernelModule(name="apex", loaded=False)
    (found,) = judged(check, idle(), driver=driver(KernelModule(name="gasket"), unseen))
    assert "whether it is installed cannot be seen from here" in found.title
    assert "host" in steps(found)[0]


def test_loaded_but_not_bound() -> None:
    """A loaded driver that has not taken the card: the log says why."""
    (found,) = judged(check, idle(), driver=driver(installed("gasket", loaded=True), installed(loaded=True)))
    assert "its driver is loaded, but has not taken the card" in found.title
    assert "none" == values(found)[f"driver of {ADDRESS}"]
    assert f"/sys/bus/pci/devices/{ADDRESS}/driver" == found.facts[1].where


def test_absent() -> None:
    """What is not installed is another rule's."""
    assert [] == judged(check, idle(), driver=driver())


def test_not_known_whether_loaded() -> None:
    """Without /sys/module nothing is said."""
    assert [] == judged(check, idle(), driver=driver(absent("gasket"), KernelModule(name="apex", in_modules_dep=True)))


@pytest.mark.parametrize(
    ("name", "severity", "words"),
    [
        ("vfio-pci", "info", "given to a virtual machine"),
        ("xen-pciback", "info", "given to a virtual machine"),
        ("something", "warning", "not the driver of Edge TPUs"),
    ],
)
def test_held_by_another_driver(name: str, severity: str, words: str) -> None:
    """A card of a virtual machine is a note, one that a stranger holds a warning."""
    (found,) = judged(check, card(ADDRESS, driver=name), driver=driver())
    assert (severity, ADDRESS, name) == (found.severity, found.subject, values(found)["driver"])
    assert words in found.title


def test_one_here_and_one_in_a_virtual_machine() -> None:
    """Each card is judged for itself."""
    state = driver(installed("gasket"), installed())
    found = judged(check, idle(), card("0000:04:00.0", driver="vfio-pci"), driver=state)
    assert [("info", ("0000:04:00.0",)), ("error", (ADDRESS,))] == [(each.severity, each.concerns) for each in found]


def test_a_listing() -> None:
    """``lspci -k`` names the module and no driver in use."""
    (found,) = judged(check, idle(modules=("apex",)))
    assert ("certain", "apex") == (found.confidence, values(found)["kernel modules for it"])
    assert [] == judged(check, idle())
    assert [] == judged(check, idle(modules=("other",)))


def test_a_program_says_so() -> None:
    """A message that somebody pasted."""
    (found,) = judged(check, covers=TEXT, application=program("x", "apex-module-not-loaded"))
    assert ("likely", "machine") == (found.confidence, found.subject)


def test_silence() -> None:
    """A card at work, sticks only, and a card that fell off the bus."""
    state = driver(installed("gasket"), installed())
    assert [] == judged(check, card(ADDRESS), driver=state)
    assert [] == judged(check, root(2), tpu("2-1"), driver=state)
    assert [] == judged(check, idle(config_all_ones=True), driver=state)
