"""What applications ask for, as several rules name it."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.applications import (
    confidence,
    configuration,
    detector_fact,
    detectors,
    printed,
    string_steps,
)
from etpu_doctor.topology.device_string import strings_in_frigate, strings_on_host
from tests.support.facts import machine, root, tpu
from tests.support.frigate import CARD, STICKS, asking, detector, message


def test_detectors_by_type() -> None:
    """Those of Edge TPUs, of another type, or all."""
    built = asking(detector("a"), detector("b", type="cpu"), detector("c"))
    assert [["a", "c"], ["b"], ["a", "b", "c"]] == [
        [each.name for each in detectors(built, *kind)] for kind in ((), ("cpu",), (None,))
    ]
    assert [] == detectors(machine(*STICKS))


def test_facts_of_a_detector() -> None:
    """A value stands with its own line, a missing one with that of the detector."""
    known = detector(device="usb", model_path="/x", value_where={"device": "config.yml:4"})
    assert ("detector coral: device", "usb", "config.yml:4") == _parts(detector_fact(known, "device"))
    assert ("detector coral: model", "/x", "config.yml:2") == _parts(detector_fact(known, "model"))
    assert ("detector coral: device", "(none)", "config.yml:2") == _parts(detector_fact(detector(), "device"))


def _parts(fact: object) -> tuple[object, ...]:
    return tuple(getattr(fact, name) for name in ("name", "value", "where"))


def test_what_was_printed() -> None:
    """Each kind of line once, shortened, and only faults of the cause."""
    lines = [message("thermal", "a", "x" * 500), message("thermal", "a"), message("aspm", "b")]
    (fact,) = printed(asking(*lines, message("thermal", "c", kind="benign")), "thermal")
    assert ("message", "log:1", 160) == (fact.name, fact.where, len(str(fact.value)))
    assert () == printed(machine(*STICKS), "thermal")


@pytest.mark.parametrize(("kind", "expected"), [("live", "certain"), ("capture", "likely"), ("text", "likely")])
def test_how_sure_it_is(kind: str, expected: str) -> None:
    """Only on the live host is the configuration known to be this machine's."""
    assert expected == confidence(asking(kind=kind))


def test_the_file() -> None:
    """A configuration is known by its file."""
    assert "config.yml" == configuration(detector())
    assert "" == configuration(detector(where=None))


def test_strings_of_cards_and_sticks() -> None:
    """A card has its node, a stick its port."""
    built = machine(*CARD, root(2), tpu("2-1"))
    assert [
        "pci:0 is Edge TPU 0000:01:00.0 (/dev/apex_0).",
        "usb:0 is Edge TPU 2-1, on root port 1 of bus 2.",
    ] == string_steps(built, strings_on_host(built))


def test_whose_numbers() -> None:
    """Frigate's numbers are marked as such only where they differ from the host's."""
    three = machine(root(2), tpu("2-1"), tpu("2-2"), tpu("2-3"))
    one = machine(root(2), tpu("2-1"))
    assert all(
        step.startswith("In Frigate's container usb:") for step in string_steps(three, strings_in_frigate(three))
    )
    assert string_steps(one, strings_on_host(one)) == string_steps(one, strings_in_frigate(one))
