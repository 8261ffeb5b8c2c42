"""ETD801: heat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.facts.seen import Seen
from etpu_doctor.rules.thermal.throttled import as_set, check, heat_of, is_alive, reading
from tests.support.driver import ADDRESS, judged, log
from tests.support.facts import card, root, steps, tpu, values

LIMITS = {
    "trip_point0_temp": "84800",
    "trip_point1_temp": "89800",
    "trip_point2_temp": "94800",
    "hw_temp_warn2": "99800",
    "hw_temp_warn2_en": "1",
    "temp_poll_interval": "5000",
}


def node(temp: str | None = "41800", **attributes: str) -> ApexNode:
    """The kernel's node of the card with Coral's limits as they read back."""
    known = {**LIMITS, **attributes}
    if temp is not None:
        known["temp"] = temp
    place = (Seen("sysfs", "/devices/x/apex/apex_0"),)
    return ApexNode(name="apex_0", pci_address=ADDRESS, attributes=known, seen=place)


@pytest.mark.parametrize(
    ("temp", "severity", "clock"),
    [
        ("84800", "warning", 250),
        ("89799", "warning", 250),
        ("89800", "warning", 125),
        ("94800", "warning", 62.5),
        ("99800", "error", 62.5),
        ("105000", "error", 62.5),
    ],
)
def test_hot(temp: str, severity: str, clock: float) -> None:
    """Each limit has its clock; at the alarm the board may switch the chip off."""
    (found,) = judged(check, card(ADDRESS), node(temp))
    assert (severity, "certain", ADDRESS, (ADDRESS,)) == (
        found.severity,
        found.confidence,
        found.subject,
        found.concerns,
    )
    assert clock == values(found)["clock at this temperature"]


def test_facts_and_remedy() -> None:
    """Temperature, limits as they were set, margin, and where each was read."""
    (found,) = judged(check, card(ADDRESS), node("86300"))
    assert f"Edge TPU {ADDRESS} is at 86.3 °C: the driver slowed it to 250 MHz of 500" == found.title
    assert {
        "temperature": 86.3,
        "slowed down from": "85, 90, 95",
        "margin to the first limit": -1.3,
        "clock at this temperature": 250,
        "alarm at": 100,
    } == values(found)
    assert "/sys/devices/x/apex/apex_0/temp" == found.facts[0].where
    assert "heat sink" in steps(found)[0]


def test_near() -> None:
    """Less than five degrees below the first limit is a note with the margin."""
    (found,) = judged(check, card(ADDRESS), node("82000"))
    assert "info" == found.severity
    assert "3 °C below the point where it is slowed down" in found.title


def test_cool() -> None:
    """Limits that read back a little low are as they should be."""
    assert [] == judged(check, card(ADDRESS), node())
    assert [] == judged(check, card(ADDRESS), node("80000"))


def test_limits_that_were_raised() -> None:
    """A first limit above Coral's is noted, a lower one is not."""
    (found,) = judged(check, card(ADDRESS), node(trip_point0_temp="92800"))
    assert ("info", True) == (found.severity, "slowed down only at 93 °C, not at 85 °C" in found.title)
    assert [] == judged(check, card(ADDRESS), node(trip_point0_temp="69800"))


def test_the_driver_does_not_look() -> None:
    """With the polling switched off a hot chip is not slowed down, and that is said."""
    (found,) = judged(check, card(ADDRESS), node("90000", temp_poll_interval="0"))
    assert "temp_poll_interval is 0" in found.title
    assert "warning" == found.severity


def test_the_alarm_is_switched_off() -> None:
    """Without the alarm nothing switches the chip off; it is far too hot all the same."""
    (found,) = judged(check, card(ADDRESS), node("101000", hw_temp_warn2_en="0"))
    assert ("error", True) == (found.severity, found.title.endswith("far too hot"))


def test_without_limits() -> None:
    """Where the limits are not shown, the driver's own are taken."""
    bare = ApexNode(name="apex_0", pci_address=ADDRESS, attributes={"temp": "86000"})
    (found,) = judged(check, card(ADDRESS), bare)
    assert "85, 90, 95" == values(found)["slowed down from"]
    assert None is found.facts[0].where


@pytest.mark.parametrize("temp", [None, "", "hot", "-89700", "-40001", "130001"])
def test_no_temperature(temp: str | None) -> None:
    """Without a reading, or with one that cannot be, nothing is said of heat."""
    assert [] == judged(check, card(ADDRESS), node(temp))


def test_sticks_have_no_sensor() -> None:
    """A machine with sticks only has nothing to be judged, and no word is lost about it."""
    assert [] == judged(check, root(2), tpu("2-1"))


def test_the_log() -> None:
    """It was hot since the start and is not now: a warning with the lines."""
    lines = log(
        ("apex-throttled", "thermal"), ("apex-throttled", "thermal"), ("apex-not-throttled", None), address=ADDRESS
    )
    for nodes in ((node(),), ()):
        (found,) = judged(check, card(ADDRESS), *nodes, kernel_log=lines)
        assert ("warning", "certain", ADDRESS) == (found.severity, found.confidence, found.subject)
        assert f"Edge TPU {ADDRESS} was slowed down by heat twice" == found.title
        assert "dmesg:1" == found.facts[0].where


def test_the_log_of_a_card_that_is_hot_now() -> None:
    """One finding, with the lines as facts."""
    (found,) = judged(
        check, card(ADDRESS), node("86000"), kernel_log=log(("apex-throttled", "thermal"), address=ADDRESS)
    )
    assert "kernel log" in values(found)


def test_a_log_without_an_address() -> None:
    """A line that names no card is of the machine."""
    (found,) = judged(check, kernel_log=log(("apex-throttled", "thermal")), covers=())
    assert ("machine", "likely", "Edge TPU was slowed down by heat once") == (
        found.subject,
        found.confidence,
        found.title,
    )


def test_limits_that_were_refused() -> None:
    """The driver's own limits are in force: a note, and what to correct."""
    (found,) = judged(check, card(ADDRESS), node(), kernel_log=log(("apex-bad-trip-points", "thermal")))
    assert ("info", (ADDRESS,)) == (found.severity, found.concerns)
    assert "modprobe.d" in steps(found)[0]


@given(st.integers(min_value=-40, max_value=130))
def test_whole_degrees_read_back(degrees: int) -> None:
    """What was set in whole degrees is found again behind the driver's rounding."""
    adc = 662 - -(-(degrees * 1000 - 550) // 250) + 1
    read_back = (662 - adc) * 250 + 550
    assert degrees * 1000 - 200 == read_back
    assert degrees * 1000 == as_set(read_back)


@pytest.mark.parametrize(("value", "expected"), [(84800, 85000), (85050, 85050), (99800, 100000), (84550, 84550)])
def test_limits_as_set(value: int, expected: int) -> None:
    """Only what can come of whole degrees is taken for them."""
    assert expected == as_set(value)


@given(st.dictionaries(st.sampled_from([*LIMITS, "temp"]), st.text() | st.integers().map(str)))
def test_any_attributes_are_answered(attributes: dict[str, str]) -> None:
    """No content of the files makes the judgment fail."""
    built = ApexNode(name="apex_0", pci_address=ADDRESS, attributes=attributes)
    heat = heat_of(built)
    now = reading(built)
    assert (heat is not None) == (now is not None and is_alive(now))
    judged(check, card(ADDRESS), built)


@given(st.integers(min_value=-40_000, max_value=130_000))
def test_the_clock_never_rises_with_the_heat(temperature: int) -> None:
    """A degree more never means more clock."""
    one, two = heat_of(node(str(temperature))), heat_of(node(str(min(temperature + 1000, 130_000))))
    assert one is not None
    assert two is not None
    assert one.clock_mhz >= two.clock_mhz
