"""ETD708: the strings that applications ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.rules.runtime.wrong_device_string import check
from etpu_doctor.topology.device_string import parse
from tests.support.facts import card, judged, machine, maybe, root, steps, tpu, values
from tests.support.frigate import CARD, ONE_STICK, STICKS, asking, detector, found, message


def test_without_an_application() -> None:
    """Where nothing is known of an application nothing is said."""
    assert [] == judged(check, *STICKS)
    assert [] == found(check)


@pytest.mark.parametrize("device", [None, "", "usb", "usb:0", "usb:1", ":0", ":1", "usb: 1"])
def test_strings_that_mean_something(device: str | None) -> None:
    """Whatever opens one of the two sticks is fine."""
    assert [] == found(check, detector(device=device))


@pytest.mark.parametrize("device", ["apex:0", "/dev/apex_0", "coral", "USB", " usb:0", "usb:-1", "2-1", "usb:one"])
def test_refused(device: str) -> None:
    """What the library refuses is an error for certain, with the line of the configuration."""
    wish = detector(device=device, value_where={"device": "config.yml:4"})
    (finding,) = found(check, wish)
    assert ("ETD708", "wrong-device-string", "error", "certain") == (
        finding.code,
        finding.rule,
        finding.severity,
        finding.confidence,
    )
    assert f'Detector coral of Frigate asks for "{device}", which libedgetpu refuses' == finding.title
    assert ("config.yml:4", ("2-1", "2-2")) == (finding.facts[0].where, finding.concerns)
    assert ["etpu-doctor setup frigate"] == [each.command for each in finding.remedy.commands if finding.remedy]  # type: ignore[union-attr] # there is one


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("usb:2", "but there are 2 USB Edge TPUs, numbers 0 to 1"),
        (":2", "but there are 2 Edge TPUs, numbers 0 to 1"),
        ("pci:0", "but no Edge TPU is on PCIe here, only on USB"),
        ("pci", "but no Edge TPU is on PCIe here, only on USB"),
    ],
)
def test_what_is_not_there(device: str, said: str) -> None:
    """A number too high, or a bus without an Edge TPU, is named with what is there."""
    (finding,) = found(check, detector(device=device))
    assert finding.title.endswith(said)
    assert "2: 2-1 and 2-2" == values(finding)["USB Edge TPUs"]


def test_one_of_a_kind() -> None:
    """With a single stick there is number 0 alone."""
    (finding,) = found(check, detector(device="usb:1"), facts=ONE_STICK)
    assert "there is one USB Edge TPU, number 0" in finding.title


def test_the_right_string_for_each_port() -> None:
    """The steps give each stick's string and its physical port."""
    (finding,) = found(check, detector(device="usb:7"))
    assert {"usb:0", "usb:1"} == {step.split(" is ")[0].split()[-1] for step in steps(finding)}
    assert any("Edge TPU 2-1, on root port 1 of bus 2." in step for step in steps(finding))


def test_frigates_own_order() -> None:
    """Where its container counts otherwise than the host, the steps say whose number it is."""
    three = (root(2), tpu("2-1"), tpu("2-2"), tpu("2-3"))
    (finding,) = found(check, detector(device="usb:7"), facts=three)
    assert ("In Frigate's container usb:0 is Edge TPU 2-2, on root port 2 of bus 2.",) == steps(finding)[:1]


@pytest.mark.parametrize("device", ["/dev/apex_0", "apex:0"])
def test_a_node(device: str) -> None:
    """Who names the node is told its string."""
    (finding,) = found(check, detector(device=device), facts=CARD)
    assert "Write pci:0 for it: no other form means /dev/apex_0." == steps(finding)[0]


def test_a_path() -> None:
    """A path below /sys is told its string too."""
    (finding,) = found(check, detector(device="/sys/bus/usb/devices/2-1"), facts=ONE_STICK)
    assert steps(finding)[0].startswith("Write usb:0 for it")


def test_capitals_and_blanks() -> None:
    """What only has the wrong case or a blank is corrected."""
    (finding,) = found(check, detector(device=" USB:0"))
    assert "Write usb:0: in small letters, and with no blank before it." == steps(finding)[0]


def test_fresh_sticks() -> None:
    """Numbers move with the firmware, and the steps say so."""
    fresh = (root(2), tpu("2-1", dfu=True), tpu("2-2"))
    (finding,) = found(check, detector(device="usb:2"), facts=fresh)
    assert "once every stick has its firmware" in steps(finding)[-1]


@pytest.mark.parametrize("fault", ["colon", "empty-device"])
def test_what_yaml_does_not_read_as_a_string(fault: str) -> None:
    """Such a value never comes to the library; another rule reports it."""
    assert [] == found(check, detector(device="usb: 9", faults=(fault,)))


def test_other_types() -> None:
    """The device of another type's detector means something else."""
    assert [] == found(check, detector(device="GPU", type="openvino"))


@pytest.mark.parametrize(
    "facts",
    [(root(2),), (root(2), maybe("2-1"))],
)
def test_a_number_where_the_count_is_not_known(facts: tuple[object, ...]) -> None:
    """Without an Edge TPU, or with what only may be one, no number is too high; a refused string still is one."""
    assert [] == found(check, detector(device="usb:5"), facts=facts)
    assert 1 == len(found(check, detector(device="apex:0"), facts=facts))


def test_a_card_without_a_driver() -> None:
    """It is there, only not served: that is a matter of the driver."""
    assert [] == found(check, detector(device="pci:0"), facts=(card("0000:01:00.0", driver=None),))


def test_a_bus_that_was_not_looked_at() -> None:
    """From lsusb alone nothing is known of PCIe cards, but a bus with none is only said where it was looked at."""
    assert [] == found(check, detector(device="pci:0"), covers=("usb", "usb-ids", "usb-tree"))


def test_how_sure_it_is() -> None:
    """On the live host it is certain, in a text it may be another machine's configuration."""
    (live,) = found(check, detector(device="usb:5"))
    (text,) = found(check, detector(device="usb:5"), kind="text")
    assert ("certain", "likely") == (live.confidence, text.confidence)


def test_what_frigate_prints() -> None:
    """The device in Frigate's log is judged like that of its configuration, and once for both."""
    loads = message(name="frigate-loads", kind="fact", values={"device": "usb:4"})
    (finding,) = found(check, loads)
    assert 'A detector of Frigate asks for "usb:4"' in finding.title
    assert 1 == len(found(check, loads, detector(device="usb:4")))


def test_auto_is_not_a_string() -> None:
    """Frigate prints ``auto`` where its configuration names no device."""
    assert [] == found(check, message(name="frigate-loads", kind="fact", values={"device": "auto"}))


def test_a_message_of_the_cause() -> None:
    """A line that says so by itself is enough; where a string explains it there is one finding."""
    line = message("wrong-device-string", text="Invalid USB setting.")
    (finding,) = found(check, line)
    assert ("error", "likely", "Invalid USB setting.") == (finding.severity, finding.confidence, finding.facts[0].value)
    assert 1 == len(found(check, line, detector(device="apex:0")))
    assert [] == found(check, message("wrong-device-string", kind="benign"))
    assert [] == found(check, message("runtime-missing"))


@given(st.text(max_size=20))
def test_any_string(device: str) -> None:
    """Exactly what the library refuses is called refused."""
    titles = [finding.title for finding in check(asking(detector(device=device)))]
    assert (parse(device) is None) == any("refuses" in title for title in titles)


def test_nothing_is_asked_of_an_empty_machine() -> None:
    """A machine without anything is judged too."""
    assert [] == list(check(machine()))
