"""Detectors of Frigate."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given

from etpu_doctor.remedies import frigate
from etpu_doctor.remedies.devices import is_delegate_string
from etpu_doctor.report.report import Report
from etpu_doctor.topology.machine import EdgeTpu
from tests.remedies import reports
from tests.remedies.reports import HOSTILE_REPORTS


def strings(report: Report) -> list[str]:
    """The device strings of the detectors, in order, after a look at the rest of the file."""
    found = []
    for file in frigate.build(report).files:
        value = yaml.safe_load(file.content)
        assert ["detectors"] == list(value)
        for number, (name, detector) in enumerate(value["detectors"].items(), start=1):
            assert f"edge_tpu_{number}" == name
            assert {"type": "edgetpu", "device": detector["device"]} == detector
            found.append(detector["device"])
    return found


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reports.one_stick(), ["usb:0"]),
        (reports.one_stick(dfu=True), ["usb:0"]),
        (reports.cards(3), ["pci:0", "pci:1", "pci:2"]),
        (reports.mixed(), ["pci:0", "usb:0", "usb:1"]),
        (reports.sticks("2-1", "2-2", fresh=("2-1",)), ["usb:0", "usb:1"]),
        (reports.nothing(), ["usb:0"]),
        (reports.card_without_driver(), []),
    ],
)
def test_one_detector_for_each(report: Report, expected: list[str]) -> None:
    """Each Edge TPU that libedgetpu sees has a detector with a string of its own."""
    assert expected == strings(report)


def test_the_numbers_are_those_of_the_container() -> None:
    """With three or more sticks the container counts in another order than the host."""
    report = reports.sticks("2-1", "2-2", "2-3")
    (file,) = frigate.build(report).files
    lines = [line.strip() for line in file.content.split("\n") if "device" in line]
    assert ['device: "usb:0"  # 2-2', 'device: "usb:1"  # 2-1', 'device: "usb:2"  # 2-3'] == lines
    assert {"2-3": "usb:0", "2-2": "usb:1", "2-1": "usb:2"} == {tpu.id: tpu.delegate_device for tpu in report.edge_tpus}


def test_fresh_sticks_are_told() -> None:
    """With several sticks the notes say what a cold start does, and which are without firmware now."""
    notes = " ".join(frigate.build(reports.sticks("2-1", "2-2", fresh=("2-2",))).text)
    assert "cold start" in notes
    assert "Now without firmware: 2-2." in notes
    assert "edge_tpu_by_path.py" in notes


def test_ready_sticks_are_warned_of_the_next_cold_start() -> None:
    """Sticks lose their firmware with their power, so the note stands; none is named."""
    notes = " ".join(frigate.build(reports.sticks("2-1", "2-2")).text)
    assert "cold start" in notes
    assert "Now without firmware" not in notes


@pytest.mark.parametrize("report", [reports.one_stick(dfu=True), reports.cards(2)])
def test_others_need_no_such_note(report: Report) -> None:
    """One stick cannot be mistaken, and cards have no firmware to load."""
    assert "cold start" not in " ".join(frigate.build(report).text)


def test_what_cannot_be_numbered_is_told() -> None:
    """An Edge TPU without a number gets no detector, and the reason is given."""
    tpu = EdgeTpu(id="2-1", transport="usb", delegate_unknown_because="the evidence shows no ids\x07")
    setup = frigate.build(reports.by_hand(tpu))
    assert () == setup.files
    assert "2-1 got no detector: the evidence shows no ids\\x07." in setup.text


@given(HOSTILE_REPORTS)
def test_the_file_always_parses(report: Report) -> None:
    """Whatever the names, the file is YAML with strings that libedgetpu understands, none given twice."""
    found = strings(report)
    assert all(map(is_delegate_string, found))
