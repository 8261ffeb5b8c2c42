"""The detectors of a Frigate configuration, as a file and as people paste it."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.formats.base import NOT_READ
from etpu_doctor.evidence.formats.frigate_config import FrigateConfig, parse_entry, parse_flow, scalar
from etpu_doctor.evidence.text import read_lines
from etpu_doctor.facts.application import DetectorConfig

WHOLE = """\
mqtt:
  host: 192.168.7.20
  password: not-for-anybody

# what finds things
detectors:   # two of them
  coral1:
    type: edgetpu
    device: usb:0      # at the back
  coral2: {type: edgetpu, device: "usb:1"}
  cpu1:
    type: cpu
    num_threads: 3

model:
  path: "/config/model.tflite"
  labelmap:
    0: person

cameras:
  front:
    ffmpeg:
      inputs:
        - path: >-
            rtsp://admin:not-for-anybody@192.168.7.31:554/live?a=1
          roles:
            - detect
"""


def read(text: str, file: str = "config.yml") -> Collector:
    """The sink after a text was read like any other."""
    sink = Collector()
    read_lines(file, text.splitlines(), sink)
    return sink


def detectors(text: str) -> tuple[DetectorConfig, ...]:
    """The detectors in a text."""
    application = read(text).application()
    return application.detectors if application is not None else ()


def only(text: str) -> DetectorConfig:
    """The one detector in a text."""
    (found,) = detectors(text)
    return found


def test_a_whole_configuration() -> None:
    """Names, types, devices and the common model are found, each with its line."""
    first, second, third = detectors(WHOLE)
    assert ("coral1", "edgetpu", "usb:0", "config.yml:7") == (first.name, first.type, first.device, first.where)
    assert {"type": "config.yml:8", "device": "config.yml:9", "model": "config.yml:16"} == first.value_where
    assert ("coral2", "edgetpu", "usb:1") == (second.name, second.type, second.device)
    assert ("cpu1", "cpu", None) == (third.name, third.type, third.device)
    assert ["/config/model.tflite"] * 3 == [each.model_path for each in (first, second, third)]
    assert [()] * 3 == [each.faults for each in (first, second, third)]


def test_it_is_what_a_yaml_reader_reads() -> None:
    """Of a sound file a YAML library reads the same."""
    expected = {name: (each["type"], each.get("device")) for name, each in yaml.safe_load(WHOLE)["detectors"].items()}
    assert expected == {each.name: (each.type, each.device) for each in detectors(WHOLE)}


def test_secrets_are_taken_and_forgotten() -> None:
    """No line with a password is kept, not even among those that were not understood."""
    sink = read(WHOLE)
    assert ([], 0) == (sink.ignored, sink.ignored_count)
    assert "not-for-anybody" not in repr(vars(sink))


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("device: usb", "usb"),
        ("device: 'usb:1'", "usb:1"),
        ('device: "usb:1"   # left', "usb:1"),
        ('device: ""', ""),
        ("device: ''", ""),
        ("device: :0", ":0"),
        ("device: /dev/apex_0", "/dev/apex_0"),
        ("device: usb#1", "usb#1"),
        ('"device": pci', "pci"),
        ("device:   pci:0", "pci:0"),
        ("device : pci", "pci"),
        ('device: " usb:0"', " usb:0"),
    ],
)
def test_what_a_device_may_be(line: str, device: str) -> None:
    """Quotes, comments and blanks are no part of the string, what is in quotes is."""
    found = only(f"detectors:\n  coral:\n    type: edgetpu\n    {line}\n")
    assert (device, ()) == (found.device, found.faults)


@pytest.mark.parametrize("line", ["device:", "device: null", "device: ~", "device: # usb"])
def test_a_device_without_a_value(line: str) -> None:
    """YAML reads nothing there, which is not the same as no line."""
    found = only(f"detectors:\n  coral:\n    type: edgetpu\n    {line}\n")
    assert (None, ("empty-device",)) == (found.device, found.faults)


def test_no_device_at_all() -> None:
    """A detector without the line takes the first Edge TPU: no fault."""
    found = only("detectors:\n  coral:\n    type: edgetpu\n")
    assert (None, ()) == (found.device, found.faults)


def test_a_colon_and_a_blank() -> None:
    """``usb: 0`` without quotes is no string in YAML."""
    assert ("colon",) == only("detectors:\n  coral:\n    type: edgetpu\n    device: usb: 0\n").faults


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("detectors:\n  coral:\n  type: edgetpu\n  device: usb\n", ("indentation",)),
        ("detectors:\n  coral:\n      type: edgetpu\n    device: usb\n", ("indentation",)),
        ("detectors:\n  type: edgetpu\n  device: usb\n", ("indentation",)),
        ("detectors:\ncoral:\ntype: edgetpu\ndevice: usb\n", ("flat",)),
        ("    detectors:\n    coral:\n    type: edgetpu\n    device: usb\n", ("flat",)),
        ("detectors:\n\tcoral:\n\t\ttype: edgetpu\n\t\tdevice: usb\n", ("tab",)),
    ],
)
def test_broken_indentation(text: str, faults: tuple[str, ...]) -> None:
    """The detector is understood as it is meant, and the fault is said."""
    found = only(text)
    assert ("edgetpu", "usb", faults) == (found.type, found.device, found.faults)


def test_one_name_deeper_than_the_other() -> None:
    """The second detector does not vanish inside the first."""
    text = "detectors:\n  a:\n    type: edgetpu\n   b:\n     type: edgetpu\n"
    assert [("a", ()), ("b", ("indentation",))] == [(each.name, each.faults) for each in detectors(text)]


def test_the_detectors_own_model() -> None:
    """A detector's model counts more than the common one, whichever stands first."""
    text = """\
model:
  path: /common.tflite
detectors:
  a:
    type: edgetpu
    model:
      path: /own.tflite
      labelmap_path: /labels.txt
    device: usb:0
  b:
    type: edgetpu
    model: {path: '/flow.tflite'}
  c:
    type: edgetpu
"""
    assert [("/own.tflite", True), ("/flow.tflite", True), ("/common.tflite", False)] == [
        (each.model_path, each.model_is_own) for each in detectors(text)
    ]
    assert "usb:0" == detectors(text)[0].device


def test_a_common_model_on_one_line() -> None:
    """The section may be a mapping on one line."""
    assert "/x.tflite" == only("model: {path: /x.tflite}\ndetectors: {a: {type: edgetpu}}\n").model_path


def test_a_label_map_is_no_detector() -> None:
    """Blocks inside a detector of which nothing is wanted are passed over with all that they hold."""
    text = "detectors:\n  a:\n    type: edgetpu\n    labels:\n      device: x\n      type: y\n    device: usb\n"
    found = only(text)
    assert ("edgetpu", "usb") == (found.type, found.device)


@pytest.mark.parametrize(
    "line", ["    <<: *defaults", "    device: *coral", "    - type: edgetpu", "    device: |", "  b: {type: edgetpu,"]
)
def test_other_forms_of_yaml(line: str) -> None:
    """Anchors, lists and the like among the detectors are set aside visibly."""
    sink = read(f"detectors:\n  a:\n    type: edgetpu\n{line}\n")
    assert [(4, NOT_READ)] == [(run.line, run.why) for run in sink.ignored]


def test_between_other_lines() -> None:
    """Words of a person and messages of programs around it are no part of the configuration."""
    text = """\
Hi, this is my config:

> detectors:
>   coral:
>     type: edgetpu
>     device: usb
ValueError: no such thing
bash: foo: command not found here
Thanks: Bob
"""
    sink = read(text)
    assert "usb" == only(text).device
    assert [1, 7] == [run.line for run in sink.ignored]
    assert 9 == sink.ignored[-1].last_line


def test_a_later_state_replaces_the_earlier() -> None:
    """Who posts the changed configuration below the old one means the new one."""
    text = "detectors:\n  a:\n    type: edgetpu\n  b:\n    type: edgetpu\n\nNow:\n\ndetectors:\n  a:\n    type: cpu\n"
    assert [("a", "cpu")] == [(each.name, each.type) for each in detectors(text)]


def test_two_files() -> None:
    """Configurations in two files are two."""
    sink = Collector()
    for file in ("a.yml", "b.yml"):
        read_lines(file, ["detectors:", "  coral:", "    type: edgetpu"], sink)
    application = sink.application()
    assert application is not None
    assert ["a.yml:2", "b.yml:2"] == [each.where for each in application.detectors]


@pytest.mark.parametrize(
    "text", ["", "detectors:", "Model: x", "version: 3", "# detectors:", "detectors: none", "cameras:\n  a:\n    b: c"]
)
def test_no_detectors(text: str) -> None:
    """Other text, and a configuration without detectors, give none."""
    assert () == detectors(text)


def test_too_many() -> None:
    """The number of detectors is bounded."""
    text = "detectors:\n" + "".join(f"  d{number}:\n    type: edgetpu\n" for number in range(200))
    assert 64 == len(detectors(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {}),
        ("{a: b}", {"a": "b"}),
        ("{a: b, }", {"a": "b"}),
        ("{a: 'x, y', b: usb:0}  # c", {"a": "x, y", "b": "usb:0"}),
        ("{a: {b: {c: d}}}", {"a": {"b": {"c": "d"}}}),
        ("{a: b", None),
        ("{a b}", None),
        ("{a: }", None),
        ("a: b", None),
        ("{a: b} c", None),
        ("{a: {b: {c: {d: {e: f}}}}}", None),
        ("{" + "a: b, " * 500 + "}", None),
    ],
)
def test_mappings_on_one_line(text: str, expected: object) -> None:
    """Mappings in mappings, bounded; anything else is none."""
    assert expected == parse_flow(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a: b", (2, "a", "b")),
        ("a:", (0, "a", "")),
        ("'my coral': x", (0, "my coral", "x")),
        ("a: # b", (0, "a", "")),
        ("my coral: x", None),
        ("rtsp://host", None),
        ("- a: b", None),
        ("", None),
    ],
)
def test_entries(text: str, expected: tuple[int, str, str] | None) -> None:
    """A key, a colon, and a blank or the end of the line."""
    entry = parse_entry(text)
    assert expected == (None if entry is None else (entry.indent, entry.key, entry.value))


@given(st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="'\"#:{}[],&*!|>%@`-?~"), min_size=1))
def test_a_plain_word_is_itself(word: str) -> None:
    """A word without a mark of YAML's, and none of its nulls, is what it is, in quotes or not."""
    if word.lower() == "null":
        return
    assert [(word, None)] * 3 == [scalar(word), scalar(f"'{word}'"), scalar(f'"{word}" # x')]


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z").filter(lambda name: name not in {"type", "device", "model", "null"}),
        st.sampled_from(["usb", "usb:0", "pci:12", ":1", "", "apex:0", " usb", "a # b", "usb: 0"]),
        min_size=1,
        max_size=8,
    )
)
def test_what_a_yaml_library_writes_is_read(devices: dict[str, str]) -> None:
    """Whatever PyYAML writes of detectors is read back, names and devices."""
    content = {"detectors": {name: {"type": "edgetpu", "device": device} for name, device in devices.items()}}
    assert devices == {each.name: each.device for each in detectors(yaml.safe_dump(content, sort_keys=False))}


@given(st.lists(st.sampled_from([*WHOLE.splitlines(), "a: b", "\t- x", "{", "detectors: {a: b", "path: {x}", "  ]"])))
def test_any_order_of_lines(lines: list[str]) -> None:
    """Whatever stands in whatever order is read without an error, and every detector has a name and a place."""
    sink = Collector()
    read_lines("x", lines, sink)
    application = sink.application()
    for each in application.detectors if application is not None else ():
        assert each.name
        assert (each.where or "").startswith("x:")


@given(st.text())
def test_any_text(text: str) -> None:
    """Nothing makes the parsers fail, and a mapping is one or is none."""
    reader = FrigateConfig(Collector())
    assert reader.starts(text) in (True, False)
    assert parse_flow(text) is None or text.lstrip().startswith("{")
    parse_entry(text)
    scalar(text)


@pytest.mark.parametrize("text", ["{" * 50_000, "a:" * 50_000, "{a: " * 200, " " * 100_000 + "x", "'" * 50_000])
def test_long_lines_take_no_time(text: str) -> None:
    """A hostile line costs time in proportion to its length."""
    started = time.process_time()
    read(f"detectors:\n  a:\n    type: edgetpu\n    device: {text}\n{text}\n")
    assert time.process_time() - started < 2
