"""ETD505: the kernel refuses the unsigned driver."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.driver.secure_boot_module_signing import check, enforcement
from tests.support.driver import ADDRESS, driver, idle, installed, judged, log
from tests.support.facts import card, root, steps, tpu, values

LINES = log(("module-rejected", "secure-boot-module-signing"))
LOCKED = {"secure_boot": True, "lockdown": "integrity"}


def test_the_log_says_so() -> None:
    """A line about the signature decides: an error, for certain where the card is there."""
    state = driver(installed("gasket"), installed(), **LOCKED)
    (found,) = judged(check, idle(), driver=state, kernel_log=LINES)
    assert ("error", "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert {"kernel log": "the line module-rejected", "kernel lockdown": "integrity", "Secure Boot": "on"} == values(
        found
    )
    assert "mokutil --import /var/lib/dkms/mok.pub" in steps(found)[0]


def test_a_log_alone() -> None:
    """Without a listing the line still counts, as likely."""
    (found,) = judged(check, kernel_log=LINES, covers=("kernel-log",))
    assert ("error", "likely", "machine") == (found.severity, found.confidence, found.subject)


def test_a_suspicion() -> None:
    """Locked kernel and driver not loaded: possible, and what decides comes first."""
    (found,) = judged(check, idle(), driver=driver(installed("gasket"), installed(), **LOCKED))
    assert ("warning", "possible") == (found.severity, found.confidence)
    assert "sudo modprobe apex" in steps(found)[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"secure_boot": True}, ["Secure Boot"]),
        ({"secure_boot": True, "lockdown": "none"}, []),
        ({"secure_boot": False, "lockdown": "integrity"}, ["kernel lockdown"]),
        ({"secure_boot": True, "lockdown": "confidentiality"}, ["kernel lockdown", "Secure Boot"]),
        ({"signatures_enforced": True, "lockdown": "none"}, ["signed modules only"]),
        (
            {"signatures_enforced": True, "lockdown": "none", "secure_boot": True},
            ["signed modules only", "Secure Boot"],
        ),
        ({"signatures_enforced": False}, []),
        ({}, []),
    ],
)
def test_enforcement(fields: dict[str, object], expected: list[str]) -> None:
    """Secure Boot alone locks nothing; where the lockdown state is known, it decides."""
    assert expected == [fact.name for fact in enforcement(driver(**fields))]


@pytest.mark.parametrize(
    "state",
    [
        driver(installed("gasket"), installed(loaded=True), **LOCKED),
        driver(installed("gasket"), installed(), secure_boot=False, lockdown="none"),
        driver(installed("gasket"), installed(origin="in-tree"), **LOCKED),
        driver(installed("gasket"), installed(), blacklisted_in=("/etc/modprobe.d/a.conf:1",), **LOCKED),
        driver(**LOCKED),
    ],
    ids=["loaded", "not locked", "the kernel's own", "forbidden", "not installed"],
)
def test_no_suspicion(state: object) -> None:
    """Loaded, not locked, signed by the maker of the kernel, never tried, or not there."""
    assert [] == judged(check, idle(), driver=state)


def test_silence() -> None:
    """A card at work, sticks only, and no facts of the driver."""
    state = driver(installed("gasket"), installed(), **LOCKED)
    assert [] == judged(check, card(ADDRESS), driver=state, kernel_log=LINES)
    assert [] == judged(check, root(2), tpu("2-1"), driver=state, kernel_log=LINES)
    assert [] == judged(check, idle())
