"""The knowledge of programs' messages is sound data, and recognising is exact, fast and linear."""

from __future__ import annotations

import re
import time
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.knowledge import load, messages
from etpu_doctor.knowledge.messages import (
    LINE_LIMIT,
    ProgramMessage,
    compiled,
    program_messages,
    recognise,
    recognise_all,
)
from etpu_doctor.report.report import Cause

ENTRIES = program_messages()
NAMES = [entry.name for entry in ENTRIES]
DERIVED = ("usb-only", "well", "apex-node")
"""Signs that follow from others."""

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)

SIGNS_LIMIT_SECONDS = 1.0


def names_in(line: str) -> list[str]:
    """The names of all messages in a line."""
    return [found.message for found in recognise_all(line)]


def test_there_are_at_least_120_messages_and_no_name_comes_twice() -> None:
    """The list is as long as it has to be, and a name means one thing."""
    assert len(NAMES) >= 120
    assert len(NAMES) == len(set(NAMES))


def test_keys_are_closed() -> None:
    """An entry with a key that does not exist is refused."""
    entry = dict(load("messages.toml")["message"][0], color="red")
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(entry, ProgramMessage)


@each_entry
def test_every_example_is_recognised_first_as_its_own_message(entry: ProgramMessage) -> None:
    """What an entry gives as an example is recognised as that entry, before any other."""
    for example in entry.matches:
        assert [entry.name] == names_in(example)[:1], example


@each_entry
def test_no_counterexample_is_recognised_as_the_message(entry: ProgramMessage) -> None:
    """A line that looks alike is not taken for it."""
    assert entry.not_matches
    for example in entry.not_matches:
        assert entry.name not in names_in(example), example


@each_entry
def test_causes_are_of_the_closed_list_and_agree_with_the_kind(entry: ProgramMessage) -> None:
    """A benign line speaks for nothing, and a fault for something."""
    assert set(get_args(Cause)).issuperset(entry.causes)
    if entry.kind == "benign":
        assert () == entry.causes
    if entry.kind == "fault":
        assert entry.causes
    assert len(entry.causes) == len(set(entry.causes))


@each_entry
def test_source_is_named(entry: ProgramMessage) -> None:
    """Each entry says where its fact is from."""
    assert len(entry.source) > 3


@each_entry
def test_examples_hold_a_word_and_the_needle(entry: ProgramMessage) -> None:
    """What keeps the pattern away from most lines is in every line that it is for."""
    for example in entry.matches:
        assert entry.needle in example
        tokens = set(re.findall(r"\w{1,40}", example))
        assert not entry.words or tokens.intersection(entry.words), example
    assert entry.words or not entry.needle.isascii()


@each_entry
def test_references_to_other_messages_exist(entry: ProgramMessage) -> None:
    """What it is confused with, and what else must be there, are messages of the list."""
    for name in (*entry.confused_with, *(need.lstrip("!") for need in entry.needs)):
        assert name in NAMES or name in DERIVED


@each_entry
def test_pattern_has_fixed_words_and_no_unbounded_repeat(entry: ProgramMessage) -> None:
    """A pattern is anchored on words that programs print, and every repeat in it has a limit."""
    pattern = re.sub(r"\\.", "", re.sub(r"%\{[\w-]+\}", "wording", entry.pattern))
    outside = re.sub(r"\[(?:\^)?\]?[^\]]*\]", "", pattern)
    assert not re.search(r"[)\w.\]][*+]", outside.replace(":+", "")), pattern
    letters = re.sub(r"\{[\d,]+\}|\?P<\w+>|[^\w]", "", outside, flags=re.UNICODE)
    assert len(letters) >= 2, pattern


def hostile_lines(entry: ProgramMessage) -> list[str]:
    """Lines of a megabyte that begin like the message again and again, and never end like it."""
    example = entry.matches[0]
    half = example[: max(1, len(example) // 2)]
    needle = entry.needle or (entry.words[0] if entry.words else "x")
    return [
        (half + " ") * (1_000_000 // (len(half) + 1)),
        (needle + " ") * (1_000_000 // (len(needle) + 1)),
        example[:-1] + "a" * 1_000_000,
        " " * 1_000_000 + example,
    ]


@each_entry
def test_a_line_of_a_megabyte_costs_no_time(entry: ProgramMessage) -> None:
    """No line makes a pattern go back over it: the time has a limit, whatever the line."""
    started = time.process_time()
    for line in hostile_lines(entry):
        list(recognise_all(line))
    assert time.process_time() - started < SIGNS_LIMIT_SECONDS


@each_entry
def test_many_short_hostile_lines_stay_linear(entry: ProgramMessage) -> None:
    """Lines as long as the limit, full of the needle, cost a bounded time each."""
    needle = entry.needle or (entry.words[0] if entry.words else "x")
    line = (needle + " ")[:200] * (LINE_LIMIT // (len(needle) + 1))
    started = time.process_time()
    for _ in range(20):
        list(recognise_all(line))
    assert time.process_time() - started < SIGNS_LIMIT_SECONDS


def test_every_wording_of_a_translation_is_used_by_a_pattern() -> None:
    """No list of wordings is left without a message."""
    text = "".join(entry.pattern for entry in ENTRIES)
    for name in load("messages.toml")["translations"]:
        if name != "command-not-found":
            assert f"%{{{name}}}" in text


@pytest.mark.parametrize("wording", load("messages.toml")["translations"]["no-such-file"])
def test_missing_node_is_seen_in_every_language(wording: str) -> None:
    """What ls says in any of the languages means the same."""
    assert "dev-apex-missing" in names_in(f"ls: '/dev/apex_0': {wording}")


@pytest.mark.parametrize("wording", load("messages.toml")["translations"]["permission-denied"])
def test_refused_node_is_seen_in_every_language(wording: str) -> None:
    """What a shell says in any of the languages means the same."""
    assert "node-refused" in names_in(f"bash: /dev/bus/usb/002/003: {wording}")


@pytest.mark.parametrize("wording", load("messages.toml")["translations"]["segfault"])
def test_crash_is_seen_in_every_language(wording: str) -> None:
    """Signal 11 in any of the languages means the same."""
    assert any(name.startswith("segfault") for name in names_in(f"{wording} (core dumped)"))


@pytest.mark.parametrize("wording", load("messages.toml")["translations"]["illegal-instruction"])
def test_illegal_instruction_is_seen_in_every_language(wording: str) -> None:
    """Signal 4 in any of the languages means the same."""
    assert any(name.startswith("illegal-instruction") for name in names_in(f" {wording}"))


OPEN = "Failed to open device [Apex (USB)] at [/sys/bus/usb/devices/2-1]: "
ABORT = "F /x/usb_driver.cc:1148] "

MEASURED = [
    (OPEN + "Permission denied: USB error -3 [OpenDevice]", "permissions-udev"),
    (OPEN + "Not found: OpenDevice", "autosuspend-or-reset"),
    (OPEN + "Not found: USB error -5 [ClaimInterface]", "hub-power-budget"),
    (OPEN + "Deadline exceeded: USB error -6 [ClaimInterface]", "device-busy"),
    (OPEN + "Not found: FindDfuInterfaces", "device-busy"),
    (OPEN + "Unknown: USB error -9 [ReadRegister32]", "hardware-defective"),
    (OPEN + "Data loss: Firmware downloading failed", "cable-or-port-signal"),
    (OPEN + "Deadline exceeded: USB error -7 [ReadRegister32]", "hardware-defective"),
    (OPEN + "Unknown: USB error -1 [GetDeviceDescriptor]", "cable-or-port-signal"),
    (ABORT + "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [x]", "autosuspend-or-reset"),
    (ABORT + "HandleQueuedBulkIn transfer in failed. Invalid argument: USB transfer error 4 [x]", "hardware-defective"),
    (ABORT + "HandleQueuedBulkIn transfer in failed. Unknown: USB transfer error 1 [x]", "cable-or-port-signal"),
    (
        ABORT + "[1-1] bulk out for header failed. Abort. Invalid argument: USB transfer error 4 [x]",
        "hardware-defective",
    ),
    (
        ABORT + "[1-1] bulk out for header failed. Abort. Deadline exceeded: USB transfer error 2 [x]",
        "hub-power-budget",
    ),
    ("OSError: libedgetpu.so.1: cannot open shared object file: No such file or directory", "runtime-missing"),
    ("OSError: libedgetpu.so.1: file too short", "runtime-missing"),
    ("AttributeError: libedgetpu.so.1: undefined symbol: tflite_plugin_create_delegate", "runtime-mismatch"),
    ("RuntimeError: Encountered unresolved custom op: edgetpu-custom-op.", "frigate-config"),
    ("ValueError: The model is not a valid Flatbuffer buffer", "model-not-compiled"),
    ("ImportError: numpy.core.multiarray failed to import", "runtime-mismatch"),
    ("Device open failed : -1 (Permission denied)", "permissions-udev"),
    ("Internal: Could not mmap: Invalid argument", "page-size-16k"),
]


@pytest.mark.parametrize(("line", "cause"), MEASURED)
def test_lines_measured_with_the_real_library_have_their_cause(line: str, cause: str) -> None:
    """Each line that the real library prints is recognised with the cause that was measured for it."""
    found = recognise(line)
    assert found is not None
    assert cause == found.cause


@pytest.mark.parametrize(
    "line",
    [
        "I x.cc:105] e-fuse programming revision: 0",
        "ConvertLibUsbTransferStatus: USB transfer error 3 [LibUsbDataInCallback]",
        "ConvertLibUsbError: USB error -5 [Close]",
        "ConvertLibUsbError: USB error -4 [Close]",
        "AttributeError: 'Delegate' object has no attribute '_library'",
        "Failed to open /sys/class/apex: No such file or directory",
    ],
)
def test_noise_of_a_good_run_is_benign(line: str) -> None:
    """What a run without fault prints at verbosity 1 speaks for nothing."""
    found = recognise(line)
    assert found is not None
    assert ("benign", None) == (found.entry.kind, found.cause)


def test_the_empty_error_of_the_delegate_names_no_single_cause() -> None:
    """One text for a dozen reasons decides nothing."""
    found = recognise("ValueError: Failed to load delegate from libedgetpu.so.1")
    assert found is not None
    assert found.cause is None
    assert {"no-device-visible", "permissions-udev", "device-busy"} <= set(found.causes)
    assert {"library": "libedgetpu.so.1"} == found.values


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(line: str) -> None:
    """Whatever a line holds, recognising answers."""
    assert all(name in NAMES for name in names_in(line))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ENTRIES), st.text(alphabet=" >|#-\t", max_size=8))
def test_a_message_is_found_wherever_it_stands(entry: ProgramMessage, lead: str) -> None:
    """Marks of quotes and lists before a message do not hide it, unless the message has to begin the line."""
    if "^" in entry.pattern or entry.pattern.startswith("\\b"):
        return
    for example in entry.matches:
        assert entry.name in names_in(f"{lead} {example}")


def test_patterns_are_compiled_once() -> None:
    """The same pattern gives the same object."""
    assert compiled(ENTRIES[0].pattern) is compiled(ENTRIES[0].pattern)


@given(st.text(st.characters(max_codepoint=127), max_size=120) | st.integers(1, 90).map(lambda count: "x usb_" * count))
def test_the_quick_way_finds_the_words_that_the_pattern_finds(text: str) -> None:
    """Words of plain ASCII are found by splitting; runs longer than a word are cut as the pattern cuts them."""
    assert messages._tokens().findall(text) == messages._words_of(text)
    glued = text.replace(" ", "_")
    assert messages._tokens().findall(glued) == messages._words_of(glued)
