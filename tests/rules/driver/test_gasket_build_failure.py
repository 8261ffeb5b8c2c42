"""ETD502: DKMS could not build the driver."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.driver.gasket_build_failure import check
from tests.support.driver import ADDRESS, RELEASE, dkms, driver, idle, installed, judged, program
from tests.support.facts import TEXT, card, root, steps, strings, tpu, values

NO_LLSEEK = "gasket_core.c:1376:19: error: 'no_llseek' undeclared here (not in a function)"


def test_a_known_reason() -> None:
    """An error for certain, with the line, its place, the kernels concerned and what helps."""
    (found,) = judged(check, idle(), driver=driver(dkms=dkms(NO_LLSEEK, package_version="1.0-18")))
    assert ("error", "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert found.title.endswith(f"for kernel {RELEASE}: the kernel no longer has no_llseek")
    assert {
        "make.log": NO_LLSEEK,
        "gasket-dkms": "1.0-18",
        "kernels that have this change": "6.12 and later",
    } == values(found)
    assert "/var/lib/dkms/gasket/1.0/build/make.log:12" == found.facts[0].where
    assert "feranick/gasket-driver" in strings(found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("error: too many arguments to function 'class_create'", "github.com/google/gasket-driver"),
        ("make: *** No rule to make target 'scripts/module.lds', needed by x", "headers of the running kernel"),
        ('ERROR: modpost: "dma_buf_put" [gasket.ko] undefined!', "Boot another kernel"),
    ],
)
def test_what_helps(line: str, words: str) -> None:
    """Each reason has its own remedy."""
    (found,) = judged(check, idle(), driver=driver(dkms=dkms(line)))
    assert words in steps(found)[1]


def test_an_unknown_reason() -> None:
    """The first error of the log is given as it stands, and where to read on."""
    (found,) = judged(check, idle(), driver=driver(dkms=dkms("a.c:1: error: strange")))
    assert "likely" == found.confidence
    assert "the reason is in make.log" in found.title
    assert found.remedy is not None
    assert "cat /var/lib/dkms/gasket/1.0/build/make.log" in [command.command for command in found.remedy.commands]


def test_a_path_that_a_shell_would_not_take_as_it_is() -> None:
    """No command is made of a path with anything unusual in it."""
    state = dkms("error: x", build_error_where="/var/lib/dkms/gasket/$(reboot)/build/make.log:3")
    (found,) = judged(check, idle(), driver=driver(dkms=state))
    assert found.remedy is not None
    assert ["dkms status"] == [command.command for command in found.remedy.commands]


def test_another_kernel() -> None:
    """A failure for a kernel that does not run yet is a warning, while the driver works and while it does not."""
    state = driver(installed("gasket"), installed(loaded=True), dkms=dkms(NO_LLSEEK, kernel="6.12.41"))
    for each in (card(ADDRESS), idle()):
        (found,) = judged(check, each, driver=state)
        assert "warning" == found.severity
        assert "kernel 6.12.41, which will run after a restart" in found.title


def test_the_driver_works_all_the_same() -> None:
    """A failure for the running kernel whose driver is in use (built before) is a warning."""
    (found,) = judged(check, card(ADDRESS), driver=driver(dkms=dkms(NO_LLSEEK)))
    assert "warning" == found.severity


def test_a_failure_that_is_over() -> None:
    """What was installed since is no failure, whichever kernel it was."""
    for kernel in (RELEASE, "6.12.41"):
        state = dkms(NO_LLSEEK, kernel=kernel, status={kernel: "installed"})
        assert [] == judged(check, idle(), driver=driver(dkms=state))


def test_silence() -> None:
    """No failure, no card, a card of a virtual machine, or no facts of the driver."""
    failed = driver(dkms=dkms(NO_LLSEEK))
    assert [] == judged(check, idle(), driver=driver(dkms=dkms()))
    assert [] == judged(check, root(2), tpu("2-1"), driver=failed)
    assert [] == judged(check, card(ADDRESS, driver="vfio-pci"), driver=failed)
    assert [] == judged(check, idle())


def test_a_program_says_so() -> None:
    """A line of make.log, or of DKMS, that somebody pasted."""
    (found,) = judged(check, covers=TEXT, application=program("x", "gasket-build-failure", NO_LLSEEK))
    assert ("error", "likely", "machine") == (found.severity, found.confidence, found.subject)
    assert "no_llseek" in found.title
    (other,) = judged(check, idle(), application=program("x", "gasket-build-failure", "Error! Bad return status"))
    assert ("likely", "DKMS could not build the driver: make.log says why") == (other.confidence, other.title)
