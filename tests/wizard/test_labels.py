"""Names that a user gives to ports."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.hotplug.sockets import other_halves
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report
from etpu_doctor.topology.build import build
from etpu_doctor.wizard.labels import LONGEST_LABEL, LabelError, Labels, clean_label, default_path, with_labels
from tests.support import builder

SHIFTED = """
    pci 0000:00:14.0 xhci
      root usb2=6 usb3=4 shift=2 connect=hotplug bus={bus}
        1: tpu at={speed}
"""


def looked(speed: int = 5000, bus: int = 1) -> tuple[Report, dict[str, str]]:
    """A report of an Edge TPU in a socket whose halves have other numbers, and its halves."""
    evidence = builder.machine(SHIFTED.format(speed=speed, bus=bus)).evidence()
    return examine(evidence), other_halves(build(evidence))


def test_a_label_is_kept_in_a_file(tmp_path: Path) -> None:
    """The next session knows it."""
    report, halves = looked()
    path = str(tmp_path / "new" / "labels.json")
    Labels(path).put(report, halves, "2-1", "left rear blue")
    assert "left rear blue" == Labels(path).names(report, halves)["2-1"]


def test_both_halves_of_a_socket_have_its_label() -> None:
    """The socket that one named came up at USB 2: it is still the same socket."""
    labels = Labels()
    labels.put(*looked(), "2-1", "left rear blue")
    names = labels.names(*looked(speed=480))
    assert ("left rear blue", "left rear blue") == (names["2-1"], names["1-3"])


def test_a_label_stays_with_its_controller_when_buses_are_numbered_otherwise() -> None:
    """The kernel may find another controller first at the next boot."""
    labels = Labels()
    labels.put(*looked(), "2-1", "left rear blue")
    assert "left rear blue" == labels.names(*looked(bus=3))["4-1"]


def test_an_empty_label_takes_the_name_away(tmp_path: Path) -> None:
    """From both halves, and from the file."""
    report, halves = looked()
    path = tmp_path / "labels.json"
    labels = Labels(str(path))
    labels.put(report, halves, "2-1", "left")
    labels.put(report, halves, "1-3", "  ")
    assert {} == labels.names(report, halves)
    assert {"labels": {}} == json.loads(path.read_text(encoding="utf-8"))


def test_without_a_file_labels_live_as_long_as_the_session() -> None:
    """A replay is not this machine."""
    report, halves = looked()
    labels = Labels()
    labels.put(report, halves, "2-1", "left")
    assert "left" == labels.names(report, halves)["2-1"]
    assert {} == Labels().names(report, halves)


@pytest.mark.parametrize("content", ["{", "[]", '{"labels": 3}', '{"labels": {"a": 1}}', "[" * 100_000])
def test_a_damaged_file_is_told_and_not_overwritten(tmp_path: Path, content: str) -> None:
    """Somebody edited it by hand; their other labels are not to be lost."""
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LabelError, match="not a file of labels"):
        Labels(str(path))
    assert content == path.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_told_and_the_label_not_taken(tmp_path: Path) -> None:
    """What is said to be kept is kept."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    report, halves = looked()
    labels = Labels(None)
    labels._path = str(tmp_path / "file" / "labels.json")
    with pytest.raises(LabelError):
        labels.put(report, halves, "2-1", "left")
    assert {} == labels.names(report, halves)


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    """It is written in one step."""
    report, halves = looked()
    Labels(str(tmp_path / "labels.json")).put(report, halves, "2-1", "left")
    assert ["labels.json"] == os.listdir(tmp_path)


def test_the_file_is_in_the_users_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the system keeps such things."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert str(tmp_path / "etpu-doctor" / "labels.json") == default_path()


@given(st.text())
def test_a_label_is_one_short_line_of_printable_text(text: str) -> None:
    """Whatever somebody pastes."""
    label = clean_label(text)
    assert label.isprintable()
    assert len(label) <= LONGEST_LABEL
    assert '"' not in label
    assert label == clean_label(label)


NAMES = {"2-1": "left", "2-1.4": "third", "2-2.4.3": "inner", "1-3": "front"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plug it into port 4 of hub 2-1 (2109:0817).", 'Plug it into port 4 "third" of hub 2-1 (2109:0817).'),
        ("Plug it into root port 1 of bus 2.", 'Plug it into root port 1 "left" of bus 2.'),
        ("port 3 of sub-hub 2-2.4", 'port 3 "inner" of sub-hub 2-2.4'),
        ("port 2, 3 or 4 of hub 2-1", 'port 2, 3 or 4 "third" of hub 2-1'),
        ("port 1 or 3 of bus 1", 'port 1 or 3 "front" of bus 1'),
        ("Edge TPU 2-1.4 is slow", 'Edge TPU 2-1.4 "third" is slow'),
        ("Edge TPU 2-1.4: port 4 of hub 2-1", 'Edge TPU 2-1.4: port 4 "third" of hub 2-1'),
        ("Edge TPU 2-1.41 is slow", "Edge TPU 2-1.41 is slow"),
        ("port 4 of hub 2-11", "port 4 of hub 2-11"),
        ("port 1 of hub 2-1.5", "port 1 of hub 2-1.5"),
    ],
)
def test_messages_name_the_label_after_the_port(text: str, expected: str) -> None:
    """In every form in which messages name ports, and nowhere else."""
    assert expected == with_labels(text, NAMES)


@given(st.text(alphabet="port of hubsEdgTPU0123456789.-,()andr ", max_size=80))
def test_without_labels_a_message_stays_as_it_is(text: str) -> None:
    """And with them, only labels are added."""
    assert text == with_labels(text, {})
    shown = with_labels(text, NAMES)
    for label in NAMES.values():
        shown = shown.replace(f' "{label}"', "")
    assert text == shown
