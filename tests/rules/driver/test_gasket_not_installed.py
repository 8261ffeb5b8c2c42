"""ETD501: no driver for the running kernel."""

from __future__ import annotations

from etpu_doctor.facts.driver import KernelModule
from etpu_doctor.rules.driver.gasket_not_installed import check
from tests.support.driver import ADDRESS, RELEASE, absent, dkms, driver, idle, installed, judged, log, program
from tests.support.facts import TEXT, card, root, steps, tpu, values, xhci


def test_nothing_installed() -> None:
    """A card, no module and no sources: an error for certain, with what was looked at."""
    (found,) = judged(check, idle(), driver=driver(dkms=dkms(source_present=False), headers_present=False))
    assert ("error", "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert f"Edge TPU {ADDRESS}: there is no driver (apex) for the running kernel ({RELEASE})" == found.title
    assert {"module apex": "not there", "DKMS": "no sources of gasket", "kernel headers": "missing"} == values(found)
    assert f"/lib/modules/{RELEASE}/modules.dep" == found.facts[0].where
    assert "linux-headers-$(uname -r)" in steps(found)[0]
    assert "apt install gasket-dkms" in steps(found)[1]


def test_built_for_other_kernels() -> None:
    """After a kernel upgrade: the sources are there, and the headers are what is missing."""
    state = dkms(package_version="1.0-18", status={"6.1.0-17-amd64": "installed"})
    (found,) = judged(check, idle(), driver=driver(dkms=state, headers_present=False))
    assert "its driver was built for other kernels" in found.title
    assert ("1.0-18", "built for 6.1.0-17-amd64") == (values(found)["gasket-dkms"], values(found)["DKMS"])
    assert "Build it for this kernel: sudo dkms autoinstall" == steps(found)[1]


def test_headers_are_there() -> None:
    """What is there need not be installed."""
    (found,) = judged(check, idle(), driver=driver(dkms=dkms(), headers_present=True))
    assert "sudo dkms autoinstall" in steps(found)[0]
    assert "present" == values(found)["kernel headers"]


def test_two_cards() -> None:
    """Two cards want one driver: one finding for both."""
    (found,) = judged(check, idle(), idle("0000:04:00.0"), driver=driver())
    assert ("machine", 2) == (found.subject, len(found.concerns))
    assert found.title.startswith("2 PCIe Edge TPUs")


def test_a_failed_build_is_reported_elsewhere() -> None:
    """Where DKMS tried and failed, that is the finding."""
    assert [] == judged(check, idle(), driver=driver(dkms=dkms("error")))
    assert 1 == len(judged(check, idle(), driver=driver(dkms=dkms("error", kernel="6.12"))))


def test_installed() -> None:
    """A module that is there is not missing, loaded or not."""
    assert [] == judged(check, idle(), driver=driver(installed("gasket"), installed()))
    assert [] == judged(check, card(ADDRESS), driver=driver(installed("gasket"), installed(loaded=True)))


def test_unknown() -> None:
    """Where the modules could not be seen, and without facts of the driver, nothing is said."""
    unseen = KernelModule(name="apex", loaded=False)
    assert [] == judged(check, idle(), driver=driver(KernelModule(name="gasket"), unseen))
    assert [] == judged(check, idle())


def test_machines_that_need_no_driver() -> None:
    """Sticks, no Edge TPU at all, and a card of a virtual machine: the driver is not missed."""
    assert [] == judged(check, root(2), tpu("2-1"), driver=driver())
    assert [] == judged(check, driver=driver())
    assert [] == judged(check, card(ADDRESS, driver="vfio-pci"), driver=driver())


def test_a_listing_that_names_modules() -> None:
    """``lspci -k`` names modules for other functions and none for the card."""
    (found,) = judged(check, idle(), xhci(modules=("xhci_pci",)))
    assert ("error", "likely") == (found.severity, found.confidence)
    assert [] == judged(check, idle(modules=("apex",)), xhci(modules=("xhci_pci",)))


def test_a_program_says_so() -> None:
    """The message of modprobe, where no listing tells what is there."""
    said = program("module-not-found", "gasket-not-installed", "modprobe: FATAL: Module apex not found")
    (found,) = judged(check, covers=TEXT, application=said)
    assert ("error", "likely", "machine", ()) == (found.severity, found.confidence, found.subject, found.concerns)
    assert found.title.startswith("A PCIe Edge TPU")
    assert [] == judged(check, root(2), tpu("2-1"), covers=TEXT, application=said)


def test_the_log_says_so() -> None:
    """A module of another kernel in the log, unless the list has one by now."""
    lines = log(("module-of-another-kernel", "gasket-not-installed"))
    (found,) = judged(check, idle(), kernel_log=lines)
    assert ("likely", ADDRESS) == (found.confidence, found.subject)
    assert [] == judged(check, idle(), kernel_log=lines, driver=driver(absent("gasket"), installed()))
    assert [] == judged(check, card(ADDRESS), kernel_log=lines)
