"""The parts of the workers' file, by themselves; as processes they are tested with the crew."""

from __future__ import annotations

import ast
import ctypes
import hashlib
import json
import os
import statistics
import struct
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from etpu_doctor.evidence import elf
from etpu_doctor.smoke import worker
from etpu_doctor.smoke.jobs import RUNTIMES
from etpu_doctor.smoke.worker import (
    Bench,
    Caught,
    Expected,
    HostWork,
    InputsUnknownError,
    Judge,
    Kept,
    OutputsFile,
    ReferenceMismatchError,
    Rota,
    Seat,
    Span,
    elf_of,
    figures,
    input_bytes,
    make_input,
    outside,
    path_of,
    permuted,
    processor_ms,
    string_of,
    write_outputs,
)

SOURCE = Path(worker.__file__)
LISTED = [("usb", "/sys/2-2"), ("pci", "/dev/apex_0"), ("usb", "/sys/2-1"), ("pci", "/dev/apex_1")]
ONE_OUTPUT = [{"name": "o", "dtype": "uint8", "shape": [2]}]


# The file


def test_it_is_python_3_8() -> None:
    """An application's environment may be as old as that."""
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_it_stands_alone() -> None:
    """Only the standard library is imported by name: neither this package nor what it depends on need be there."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {name for name in imported if name.partition(".")[0] in sys.stdlib_module_names}


def test_its_folder_hides_no_module() -> None:
    """Python puts the folder of a program first where it looks for modules."""
    assert set() == {path.stem for path in SOURCE.parent.iterdir()} & set(sys.stdlib_module_names)


def test_it_knows_the_processors_that_the_evidence_knows() -> None:
    """Both call them alike."""
    assert elf._MACHINES == worker._ELF_MACHINES


# Failures


def test_what_was_caught_is_described() -> None:
    """Class, text and the line of the file in which it came up."""
    with Caught() as caught:
        make_input(np, {"name": "x", "dtype": "S3", "shape": [1]}, 0)
    assert ("InputsUnknownError", "input x is of type |S3") == (caught.kind, caught.text)
    assert caught.line is not None
    assert "raise InputsUnknownError" in SOURCE.read_text(encoding="utf-8").splitlines()[caught.line - 1]


def test_the_cause_is_told_too() -> None:
    """The runtimes hide NumPy's reason in the cause of a useless message."""
    with Caught() as caught:
        raise SystemError("returned a result with an exception set") from ImportError("numpy.core failed")
    assert "returned a result with an exception set\nImportError: numpy.core failed" == caught.text


def test_nothing_was_caught() -> None:
    """A block that ends well leaves nothing, and no line."""
    with Caught() as caught:
        pass
    assert (None, None) == (caught.error, caught.line)


def test_even_an_exit_is_caught() -> None:
    """A runtime that leaves the program is a result as well."""
    with Caught() as caught:
        sys.exit("enough")
    assert ("SystemExit", "enough") == (caught.kind, caught.text)


def test_a_text_is_bounded() -> None:
    """An exception may print a whole model."""
    with Caught() as caught:
        raise ValueError("x" * 100_000)
    assert worker.TEXT_CHARACTERS == len(caught.text)


# What is printed


def kept(*chunks: bytes) -> tuple[list[str], int]:
    """What is kept of these chunks, and how many lines are not."""
    store = Kept()
    for chunk in chunks:
        store.add(chunk)
    return store.lines(), store.dropped


def test_few_lines_are_kept_whole() -> None:
    """Also an unfinished last one, a broken character, and a line that came in pieces."""
    assert (["one", "two", "", "thr\ufffdee"], 0) == kept(b"on", b"e\ntw", b"o\r\n\nthr\xffee")


def test_first_and_last_lines_are_kept() -> None:
    """Of an endless text the middle is left out, and counted."""
    lines, dropped = kept(*(b"line %d\n" % number for number in range(1000)))
    assert [f"line {number}" for number in (*range(200), *range(800, 1000))] == lines
    assert 600 == dropped


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    """It is cut."""
    store = Kept()
    for _ in range(1000):
        store.add(b"x" * 65536)
    assert ["x" * worker.LINE_BYTES] == store.lines()


@given(st.lists(st.binary(max_size=3000), max_size=30))
def test_what_is_kept_is_bounded(chunks: list[bytes]) -> None:
    """Whatever is printed, so many lines and bytes are kept and no line is lost uncounted."""
    lines, dropped = kept(*chunks)
    whole = b"".join(chunks)
    assert len(lines) + dropped == whole.count(b"\n") + (not whole.endswith(b"\n") and bool(whole))
    assert len(lines) <= 2 * worker.KEPT_LINES
    assert all(len(line) <= worker.LINE_BYTES for line in lines)


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_pieces_make_no_difference(text: bytes, size: int) -> None:
    """How a text arrives does not matter."""
    assert kept(text) == kept(*(text[start : start + size] for start in range(0, len(text), size)))


# Messages


@given(st.text(st.characters(categories=["L", "Cs"]), max_size=20))
def test_a_message_is_always_json(text: str) -> None:
    """Also one that holds the name of a file that is no text."""
    reader, writer = os.pipe()
    worker.send(writer, "greeting", text=text)
    os.close(writer)
    with open(reader, "rb") as pipe:
        message = json.loads(pipe.read().decode("utf-8"))
    assert "greeting" == message["kind"]
    assert len(text) == len(message["text"])


@pytest.mark.parametrize("line", [b"", b"x", b"{", b"[1]", b"3", b"\xff", b'"kind"', b"null"])
def test_what_is_no_message(line: bytes) -> None:
    """A library that writes where it has nothing to write says nothing."""
    assert {} == worker.parse(line)


def test_nobody_reads_any_more() -> None:
    """That the other side is gone is told, so that who writes can end."""
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        worker.send(writer, "greeting")
    os.close(writer)


# The system


def test_this_interpreter_s_processor() -> None:
    """Its own file says what it is for."""
    found = elf_of("/proc/self/exe")
    assert found is not None
    assert 8 * struct.calcsize("P") == found[1]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x7fELF\x02\x01" + bytes(12) + b"\xb7\x00", ("aarch64", 64)),
        (b"\x7fELF\x01\x01" + bytes(12) + b"\x28\x00", ("arm", 32)),
        (b"\x7fELF\x02\x02" + bytes(12) + b"\x00\x16", ("s390x", 64)),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\xff\x01", ("machine 511", 64)),
        (b"\x7fELF\x02\x01", None),
        (b"<html>" * 20, None),
        (b"", None),
    ],
)
def test_other_processors(tmp_path: Path, head: bytes, expected: tuple[str, int] | None) -> None:
    """Machine and bits, ``None`` for what is no library."""
    path = tmp_path / "lib.so"
    path.write_bytes(head)
    assert expected == elf_of(str(path))


def test_no_file_has_no_processor(tmp_path: Path) -> None:
    """Neither a missing file nor a folder is an ELF file."""
    assert (None, None) == (elf_of(str(tmp_path / "none")), elf_of(str(tmp_path)))


@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (63, "signal 63")])
def test_names_of_signals(number: int, name: str) -> None:
    """Every signal can be told."""
    assert name == worker.signal_name(number)


def test_a_usb_identity(tmp_path: Path) -> None:
    """Read from sysfs; none while the device is away or half there."""
    assert worker.usb_identity(str(tmp_path / "2-1")) is None
    (tmp_path / "idVendor").write_text("1a6e\n")
    assert worker.usb_identity(str(tmp_path)) is None
    (tmp_path / "idProduct").write_text("089a\n")
    assert worker.FRESH == worker.usb_identity(str(tmp_path))


@pytest.mark.parametrize(
    ("string", "path"),
    [
        ("usb:0", "/sys/2-2"),
        ("usb:1", "/sys/2-1"),
        ("pci:1", "/dev/apex_1"),
        (":2", "/sys/2-1"),
        ("usb:2", None),
        ("usb", None),
        ("", None),
        (None, None),
        ("usb:-1", None),
        ("usb:x", None),
        ("foo:0", None),
    ],
)
def test_which_device_a_string_means(string: str | None, path: str | None) -> None:
    """By the library's list; a string without a number leaves the choice to the library, which tells nobody."""
    assert path == path_of(LISTED, string)


def test_without_a_list_nothing_is_known() -> None:
    """A library that cannot be asked gives neither strings nor paths."""
    assert (None, None) == (path_of(None, "usb:0"), string_of(None, ("usb", "/sys/2-1")))


@given(st.lists(st.tuples(st.sampled_from(["usb", "pci"]), st.sampled_from("abcdefgh")), unique=True, max_size=8))
def test_strings_and_paths_are_one_to_one(listed: list[tuple[str, str]]) -> None:
    """Every listed device has a string of its own type, and it leads back to it."""
    for kind, path in listed:
        string = string_of(listed, (kind, path))
        assert string is not None
        assert string.startswith(f"{kind}:")
        assert path == path_of(listed, string)


# Inputs


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "int16", "int32", "int64", "uint32", "float16", "float32"])
def test_every_type_is_filled(dtype: str) -> None:
    """The type and shape are the model's, and sets differ."""
    detail = {"name": "i", "dtype": np.dtype(dtype).type, "shape": np.array([1, 5, 5])}
    one, other = make_input(np, detail, 0), make_input(np, detail, 1)
    assert (np.dtype(dtype), (1, 5, 5)) == (one.dtype, one.shape)
    assert one.tobytes() != other.tobytes()
    assert one.tobytes() == make_input(np, detail, 0).tobytes()


def test_numbers_are_within_bounds() -> None:
    """Integers are small and not negative (they may be indices), numbers with a point lie between -1 and 1."""
    whole = make_input(np, {"name": "i", "dtype": np.int64, "shape": [1000]}, 0)
    real = make_input(np, {"name": "i", "dtype": np.float32, "shape": [1000]}, 0)
    assert (0 <= whole.min(), whole.max() <= 255) == (True, True)
    assert (-1 <= real.min() < -0.9, 0.9 < real.max() <= 1, bool(np.isfinite(real).all())) == (True, True, True)


@pytest.mark.parametrize("dtype", ["S3", "O", "complex64"])
def test_types_that_cannot_be_filled(dtype: str) -> None:
    """Strings and the like are refused, not guessed."""
    with pytest.raises(InputsUnknownError, match="input i is of type"):
        make_input(np, {"name": "i", "dtype": dtype, "shape": [1]}, 0)


def test_inputs_are_the_same_everywhere() -> None:
    """They are defined by a hash and not by a library's generator: a reference may come from another environment."""
    expected = hashlib.shake_256(b"etpu-doctor 2 input").digest(64)
    assert expected == input_bytes("input", 2, 64)
    detail = {"name": "input", "dtype": np.uint8, "shape": [4, 16]}
    assert expected == make_input(np, detail, 2).tobytes()


def test_a_number_alone_is_filled() -> None:
    """A tensor without dimensions holds one value."""
    assert () == make_input(np, {"name": "i", "dtype": np.float32, "shape": []}, 0).shape


# Outputs to expect

CHANNELS: dict[str, Any] = {"inputs": [["a", 2], ["b", 1]], "outputs": [["x", [2]], ["y", [0, 1]], ["z", [1, 2, 0]]]}
OUTPUTS = [
    {"name": name, "dtype": "uint8", "shape": [1, 2, 2, depth]} for name, depth in (("z", 3), ("x", 1), ("y", 2))
]
A = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
B = np.arange(100, 104, dtype=np.uint8).reshape(1, 2, 2, 1)


def test_channels_are_moved() -> None:
    """Each output, in the model's order, is its channels of all inputs joined."""
    z, x, y = permuted(np, CHANNELS, {"b": B, "a": A}, OUTPUTS)
    assert bytes([100, 101, 102, 103]) == x
    assert bytes(range(8)) == y
    assert bytes([1, 100, 0, 3, 101, 2, 5, 102, 4, 7, 103, 6]) == z


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({"a": A}, OUTPUTS, "KeyError"),
        ({"a": B, "b": A}, OUTPUTS, "other numbers of channels"),
        ({"a": A, "b": B}, [{"name": "w", "dtype": "uint8", "shape": [1]}], "KeyError"),
        ({"a": A, "b": B}, [{"name": "x", "dtype": "uint8", "shape": [1, 3, 3, 1]}], "reshape"),
        ({"a": A, "b": B[:, :1]}, OUTPUTS, "ValueError"),
    ],
)
def test_another_model_than_expected(inputs: dict[str, Any], outputs: list[dict[str, Any]], words: str) -> None:
    """Names, shapes and numbers of channels must be those of the model that moves channels."""
    with pytest.raises(ReferenceMismatchError, match=words):
        permuted(np, CHANNELS, inputs, outputs)


def test_a_channel_that_no_input_has() -> None:
    """A permutation that does not fit its own inputs is refused."""
    reference = {"inputs": [["a", 2]], "outputs": [["x", [2]]]}
    with pytest.raises(ReferenceMismatchError, match="IndexError"):
        permuted(np, reference, {"a": A}, [OUTPUTS[1]])


INPUTS = [{"name": "i", "dtype": "uint8", "shape": [1]}]


def outputs_file(path: Path, sets: list[list[bytes]], outputs: list[dict[str, Any]] | None = None) -> OutputsFile:
    """Outputs that were written and read back."""
    inputs = [{**INPUTS[0], "sha256": [f"s{number}" for number in range(len(sets))]}]
    described = outputs or [{"name": str(n), "dtype": "uint8", "shape": [1]} for n in range(len(sets[0]))]
    write_outputs(str(path), {"model_sha256": "m", "inputs": inputs, "outputs": described}, sets)
    return OutputsFile(str(path))


@given(
    count=st.integers(0, 3),
    sets=st.lists(st.lists(st.binary(max_size=50), min_size=3, max_size=3), min_size=1, max_size=4),
)
def test_outputs_come_back(tmp_path_factory: pytest.TempPathFactory, count: int, sets: list[list[bytes]]) -> None:
    """Whatever was written is read, byte by byte."""
    sets = [outputs[:count] for outputs in sets]
    assert sets == outputs_file(tmp_path_factory.getbasetemp() / "outputs", sets).sets


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    """The file appears whole, and nothing beside it."""
    outputs_file(tmp_path / "outputs", [[b"ab"]])
    assert ["outputs"] == [path.name for path in tmp_path.iterdir()]


def test_the_same_inputs_and_outputs(tmp_path: Path) -> None:
    """A file that holds more sets of inputs than are asked for will do."""
    found = outputs_file(tmp_path / "outputs", [[b"ab"], [b"cd"]])
    found.check([{"name": "i", "sha256": ["s0"]}], [{"name": "0", "dtype": "uint8"}])


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([{"name": "i", "sha256": ["other"]}], [{"name": "0", "dtype": "uint8"}], "other inputs than i"),
        ([{"name": "j", "sha256": ["s0"]}], [{"name": "0", "dtype": "uint8"}], "other inputs than j"),
        ([{"name": "i", "sha256": ["s0", "s1", "s2"]}], [{"name": "0", "dtype": "uint8"}], "other inputs"),
        ([{"name": "i", "sha256": ["s0"]}], [{"name": "0", "dtype": "int8"}], "the model's are"),
        ([{"name": "i", "sha256": ["s0"]}], [{"name": "1", "dtype": "uint8"}], "the model's are"),
    ],
)
def test_outputs_of_something_else(
    tmp_path: Path, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], words: str
) -> None:
    """Outputs of other inputs, or of another model, are no measure."""
    with pytest.raises(ReferenceMismatchError, match=words):
        outputs_file(tmp_path / "outputs", [[b"ab"], [b"cd"]]).check(inputs, outputs)


HEADER = {"format": "etpu-doctor outputs 1", "inputs": [], "outputs": [], "sizes": []}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff\xfe\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        json.dumps({**HEADER, "format": "etpu-doctor outputs 2"}).encode(),
        json.dumps({**HEADER, "inputs": [{}]}).encode(),
        json.dumps({**HEADER, "sizes": [["x"]]}).encode(),
        json.dumps({**HEADER, "sizes": [[3]]}).encode() + b"\nabc",
        json.dumps(HEADER).encode() + b"\nmore",
        json.dumps({**HEADER, "sizes": 7}).encode(),
        json.dumps({**HEADER, "inputs": [{"name": "i", "sha256": ["s0", "s1"]}], "sizes": [[]]}).encode() + b"\n",
    ],
)
def test_no_file_of_outputs(tmp_path: Path, content: bytes) -> None:
    """Anything else is refused with the file's name."""
    path = tmp_path / "outputs"
    path.write_bytes(content)
    with pytest.raises(ReferenceMismatchError, match="outputs"):
        OutputsFile(str(path))


@given(st.binary(max_size=300))
def test_any_file_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content leads to another exception."""
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    with pytest.raises(ReferenceMismatchError):
        OutputsFile(str(path))


# Comparing


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_bytes_that_differ(one: bytes, other: bytes) -> None:
    """All of them are found, and the bytes that only one of the two has."""
    longest = max(len(one), len(other))
    expected = [n >= min(len(one), len(other)) or one[n] != other[n] for n in range(longest)]
    assert expected == outside(np, one, other, ("uint8", 0)).tolist()


@pytest.mark.parametrize(
    ("dtype", "one", "other", "tolerance", "expected"),
    [
        ("uint8", [10, 20, 30], [11, 18, 30], 1, [1]),
        ("uint8", [0, 255], [255, 0], 1, [0, 1]),
        ("int8", [-128, 1], [127, 2], 2, [0]),
        ("int16", [256, 1000], [255, 1000], 1, []),
        ("int16", [256, 1000], [254, 1000], 1, [0, 1]),
        ("float32", [0.5, 1.0], [0.50001, 2.0], 0.001, [6, 7]),
        ("float32", [float("nan")], [float("nan")], 0.001, []),
        ("float32", [float("nan"), 1.0], [1.0, 1.0], 0.001, [0, 1, 2, 3]),
        ("float32", [float("inf")], [float("inf")], 0.001, []),
    ],
)
def test_values_within_a_tolerance(
    dtype: str, one: list[float], other: list[float], tolerance: float, expected: list[int]
) -> None:
    """Bytes that differ count only in values that lie further apart; the same bits are always right."""
    left, right = (np.array(each, dtype).tobytes() for each in (one, other))
    found = np.flatnonzero(outside(np, left, right, (dtype, tolerance))).tolist()
    assert set(found) <= set(expected)
    assert bool(expected) == bool(found)


@given(arrays.arrays(np.float32, 8), arrays.arrays(np.float32, 8), st.floats(0.001, 10))
def test_any_values_can_be_compared(one: Any, other: Any, tolerance: float) -> None:
    """A value is outside exactly if it has other bits and is no number or further away than the tolerance."""
    with np.errstate(all="ignore"):
        mask = outside(np, one.tobytes(), other.tobytes(), ("float32", tolerance))
        far = ~(np.abs(one.astype(np.float64) - other.astype(np.float64)) <= tolerance)
    bits = one.view(np.uint32) != other.view(np.uint32)
    assert (far & bits).tolist() == mask.reshape(8, 4).any(axis=1).tolist()


def judge(expected: Expected | None = None, sets: int = 2) -> Judge:
    """Of one output of two bytes."""
    return Judge(np, ONE_OUTPUT, sets, expected)


def judged(runs: list[bytes], expected: Expected | None = None, sets: int = 2) -> Judge:
    """After these outputs, the sets of inputs in turns; as the loop does, nothing is asked of what is known."""
    made = judge(expected, sets)
    for index, output in enumerate(runs):
        if [output] != made.known[index % sets]:
            made.note(index + 1, index % sets, [output])
    return made


def difference(runs: list[bytes], expected: Expected | None = None) -> tuple[str | None, dict[str, Any] | None]:
    """What differs, and from what."""
    made = judged(runs, expected)
    return made.basis, made.difference(len(runs))


EXACT = Expected("permutation", [[b"ab"], [b"cd"]])
NEAR = Expected("reference", [[b"ab"], [b"cd"]], 1)


@pytest.mark.parametrize("expected", [None, EXACT, NEAR])
def test_all_right(expected: Expected | None) -> None:
    """No difference, whatever the measure."""
    assert (None, None) == difference([b"ab", b"cd"] * 3, expected)


def test_without_a_reference_the_first_run_is_the_measure() -> None:
    """A later run of the same inputs that differs is wrong, and the same inputs were right again."""
    expected = {
        "run": 4,
        "output": "o",
        "index": 1,
        "expected": ord("d"),
        "got": ord("x"),
        "differing_bytes": 1,
        "runs": 1,
        "repeatable": False,
    }
    assert ("repetition", expected) == difference([b"ab", b"cd", b"ab", b"cx", b"ab", b"cd"])


def test_without_a_reference_what_is_always_wrong_is_not_seen() -> None:
    """That is what the other Edge TPUs' digests are for."""
    assert (None, None) == difference([b"xx", b"yy"] * 3)


def test_wrong_from_the_first_run_on() -> None:
    """With known outputs the very first run can be wrong, and it is so each time."""
    basis, found = difference([b"xb", b"cd"] * 3, EXACT)
    assert found is not None
    assert ("permutation", 1, 0, 3, True) == (basis, found["run"], found["index"], found["runs"], found["repeatable"])


def test_wrong_in_another_way_each_time() -> None:
    """Then it is not repeatable."""
    found = difference([b"xb", b"cd", b"yb", b"cd"], EXACT)[1]
    assert found is not None
    assert (2, False) == (found["runs"], found["repeatable"])


def test_wrong_once_and_no_second_run() -> None:
    """Then nobody knows whether it is repeatable."""
    found = difference([b"ab", b"cx"], EXACT)[1]
    assert found is not None
    assert found["repeatable"] is None


def test_right_within_the_tolerance_must_stay_so_to_the_bit() -> None:
    """An Edge TPU computes no noise: another value, though near enough, is a difference from its own first one."""
    assert (None, None) == difference([b"bb", b"cd"] * 3, NEAR)
    basis, found = difference([b"bb", b"cd", b"ab", b"cd"], NEAR)
    assert found is not None
    assert ("repetition", 3, ord("b"), ord("a")) == (basis, found["run"], found["expected"], found["got"])


def test_outside_the_tolerance() -> None:
    """The reference is what it differs from."""
    basis, found = difference([b"zb", b"cd"], NEAR)
    assert found is not None
    assert ("reference", 1, ord("a"), ord("z")) == (basis, found["run"], found["expected"], found["got"])


def test_an_output_of_another_size() -> None:
    """What is missing has no byte to show."""
    found = difference([b"a", b"cd"], EXACT)[1]
    assert found is not None
    assert (1, ord("b"), None, 1) == (found["index"], found["expected"], found["got"], found["differing_bytes"])


def test_runs_that_had_nothing_to_be_compared_with() -> None:
    """Without a reference these are the first of each set; with one there are none."""
    assert (2, 0) == (judged([b"ab", b"cd"] * 3).uncompared_runs, judged([b"ab", b"cd"] * 3, EXACT).uncompared_runs)


def test_another_round_counts_anew() -> None:
    """What was seen stays the measure."""
    made = judged([b"ab", b"cd", b"xx", b"cd"])
    made.begin()
    assert (0, None, None) == (made.wrong_runs, made.basis, made.difference(4))
    made.note(5, 0, [b"xx"])
    assert (1, "repetition") == (made.wrong_runs, made.basis)


def test_digests_are_of_what_was_seen_first() -> None:
    """Right or wrong, so that Edge TPUs can be compared; a set that never ran has none."""
    found = judged([b"xx"], EXACT).digests()
    assert [{"name": "o", "sha256": [hashlib.sha256(b"xx").hexdigest(), None]}] == found


@given(st.lists(st.sampled_from([b"ab", b"cd", b"xy"]), min_size=1, max_size=24), st.integers(1, 4))
def test_every_wrong_run_is_counted(runs: list[bytes], sets: int) -> None:
    """Against known outputs: as many as differ, the first of them is told, and repeatable is what it says."""
    expected = Expected("permutation", [[b"ab"]] * sets)
    wrong = [number for number, output in enumerate(runs, 1) if output != b"ab"]
    found = judged(runs, expected, sets).difference(len(runs))
    assert bool(wrong) == (found is not None)
    if found is None:
        return
    first = wrong[0]
    later = runs[first - 1 + sets :: sets]
    assert (first, len(wrong)) == (found["run"], found["runs"])
    assert (None if not later else all(each == runs[first - 1] for each in later)) == found["repeatable"]


# A round's length


@pytest.mark.parametrize(
    ("job", "order", "expected"),
    [
        ({"runs": 30, "seconds": None}, {}, (30, None)),
        ({"runs": 30, "seconds": 2.5}, {}, (None, 2.5)),
        ({"runs": 30, "seconds": 2.5}, {"runs": 7, "seconds": None}, (7, None)),
        ({"runs": 30, "seconds": None}, {"runs": None, "seconds": 1}, (None, 1)),
        ({"runs": 30, "seconds": None}, {"runs": None, "seconds": None}, (30, None)),
    ],
)
def test_how_long_a_round_is(
    job: dict[str, Any], order: dict[str, Any], expected: tuple[int | None, float | None]
) -> None:
    """A time goes before a number of runs, and the order to go before the job."""
    span = Span({**job, "write_outputs": None, "progress_seconds": 1.0}, order, 4)
    runs, seconds = expected
    assert (runs or sys.maxsize, int(seconds * 1e9) if seconds else sys.maxsize) == (span.runs, span.time_ns)


def test_every_set_is_run_for_a_reference() -> None:
    """Outputs of a set that never ran could not be written."""
    job = {"runs": 1, "seconds": None, "write_outputs": "/x", "progress_seconds": 1.0}
    assert 3 == Span(job, {}, 4).runs


# The interpreter


class FakeInterpreter:
    """Gives its input back; as the real ones do, it refuses to run while somebody holds its memory."""

    def __init__(self) -> None:
        self.memory = np.zeros((1, 2), np.uint8)

    def get_input_details(self) -> list[dict[str, Any]]:
        """One input."""
        return [{"name": "i", "index": 0, "dtype": np.uint8, "shape": np.array([1, 2])}]

    def get_output_details(self) -> list[dict[str, Any]]:
        """One output."""
        return [{"name": "o", "index": 1, "dtype": np.uint8, "shape": np.array([1, 2])}]

    def set_tensor(self, index: int, value: Any) -> None:
        """Takes the input."""
        assert 0 == index
        self.memory[:] = value

    def tensor(self, index: int) -> Any:
        """What gives the output's memory."""
        assert 1 == index
        return lambda: self.memory

    def _get_ops_details(self) -> list[dict[str, str]]:
        return [{"op_name": name} for name in ("edgetpu-custom-op", "DELEGATE", "SOFTMAX", "DELEGATE")]


def test_a_bench_feeds_and_reads() -> None:
    """Every set has inputs of its own, and what is read is a copy."""
    bench = Bench(FakeInterpreter(), np, 3)
    read = []
    for number in range(3):
        bench.feed(number)
        read.append(bench.read())
    assert [[input_bytes("i", number, 2)] for number in range(3)] == read
    assert [hashlib.sha256(input_bytes("i", number, 2)).hexdigest() for number in range(3)] == bench.inputs[0]["sha256"]
    assert [{"name": "o", "dtype": "uint8", "shape": [1, 2]}] == bench.outputs


def test_a_closed_bench_holds_nothing() -> None:
    """The interpreter must be gone before its delegate is."""
    interpreter = FakeInterpreter()
    before = sys.getrefcount(interpreter)
    bench = Bench(interpreter, np, 1)
    bench.close()
    assert before == sys.getrefcount(interpreter)


def test_operators_of_a_delegate_are_counted() -> None:
    """A runtime that does not tell is not asked twice."""
    assert (2, None) == (worker.delegated_operators(FakeInterpreter()), worker.delegated_operators(object()))


def test_the_empty_model_is_a_model() -> None:
    """Its bytes are those of a version 3 file of TFLite."""
    import base64

    model = base64.b64decode(worker._EMPTY_MODEL)
    assert (b"TFL3", 120) == (model[4:8], len(model))


def test_the_runtimes_are_tried_in_a_known_order() -> None:
    """The one that is still maintained comes first."""
    assert ("ai_edge_litert", "tflite_runtime") == RUNTIMES


def test_the_device_structure_is_that_of_the_header() -> None:
    """``edgetpu_c.h``: an enum, then a pointer, aligned as C aligns them."""
    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert (2 * pointer, pointer) == (ctypes.sizeof(worker.Device), worker.Device.path.offset)


# Turns


class FakeBench:
    """A model whose inference does nothing; ``sets`` of inputs."""

    def __init__(self, sets: int = 2) -> None:
        self.sets: list[list[Any]] = [[] for _ in range(sets)]
        self.fed: list[int] = []
        self.interpreter = self
        self.answer = b"ab"

    def feed(self, number: int) -> None:
        """Take the inputs of a set."""
        self.fed.append(number)

    def invoke(self) -> None:
        """Nothing."""

    def read(self) -> list[bytes]:
        """Always the same."""
        return [self.answer]


def seat(name: str = "m", rate: float | None = None, group: str | None = None, start_ns: int = 0) -> Seat:
    """A model at the table."""
    found = Seat({"model": name, "rate": rate, "group": group}, FakeBench(), judge())  # type: ignore[arg-type] # enough
    found.begin(start_ns, 0)
    return found


MS = 1_000_000


def test_a_model_without_a_rate_is_always_due() -> None:
    """It is never late, and misses nothing."""
    free = seat()
    free.attend(5 * MS)
    free.run(is_switch=False)
    free.end(100 * MS)
    told = free.turn()
    assert (0, 1, 0, 0) == (free.due_ns, told["runs"], told["late_runs"], told["missed_runs"])


@pytest.mark.parametrize(
    ("moments_ms", "late", "missed", "most_late_ms"),
    [
        ([0, 10, 20], 0, 0, 0.0),
        ([0.9, 10.5, 20], 0, 0, 0.9),
        ([1, 10, 20], 1, 0, 1.0),
        ([0, 19, 20], 1, 0, 9.0),
        ([0, 20, 30], 0, 1, 0.0),
        ([0, 45, 50], 1, 3, 5.0),
    ],
)
def test_late_and_missed(moments_ms: list[float], late: int, missed: int, most_late_ms: float) -> None:
    """Due every 10 ms: one that begins a millisecond or more after that is late, due times before it are missed."""
    paced = seat(rate=100)
    for moment_ms in moments_ms:
        paced.attend(int(moment_ms * MS))
    assert (late, missed, most_late_ms) == tuple(
        paced.turn()[name] for name in ("late_runs", "missed_runs", "most_late_ms")
    )


@pytest.mark.parametrize(("end_ms", "missed"), [(5, 0), (10, 0), (19, 0), (20, 1), (45, 3)])
def test_what_was_due_at_the_end_is_missed_but_for_the_last(end_ms: int, missed: int) -> None:
    """For one that has just become due there may have been no time."""
    paced = seat(rate=100)
    paced.attend(0)
    paced.end(end_ms * MS)
    assert missed == paced.turn()["missed_runs"]


@given(st.floats(0.5, 2000), st.lists(st.integers(0, 50 * MS), min_size=1, max_size=60))
def test_every_due_time_is_served_or_missed(rate: float, gaps_ns: list[int]) -> None:
    """Whatever the moments at which it had its turn, none before it was due."""
    paced = seat(rate=rate)
    assert paced.period_ns is not None
    now = served = 0
    for gap in gaps_ns:
        now = max(now + gap, paced.due_ns)
        paced.attend(now)
        served += 1
        assert paced.due_ns > now
    assert now // paced.period_ns + 1 == served + paced.turn()["missed_runs"]


def test_a_turn_tells_switches_apart() -> None:
    """Latencies after another group and others, and all together."""
    one = seat()
    for is_switch in (True, False, False):
        one.run(is_switch=is_switch)
    one._latencies_ns[:] = array("q", [30 * MS, 4 * MS, 6 * MS])
    told = one.turn()
    assert ({"median_ms": 6.0, "p95_ms": 30.0}, 1) == (told["latency"], told["switched_runs"])
    assert {"median_ms": 30.0, "p95_ms": 30.0} == told["switched"]
    assert {"median_ms": 5.0, "p95_ms": 6.0} == told["kept"]


def test_a_seat_uses_its_sets_in_turns_and_compares() -> None:
    """From one round to the next too, and each wrong answer is counted."""
    one = seat()
    for _ in range(3):
        one.run(is_switch=False)
    one.bench.answer = b"xy"  # type: ignore[attr-defined] # it is the fake
    one.run(is_switch=False)
    assert 1 == one.turn()["wrong_runs"]
    one.begin(0, 0)
    one.run(is_switch=False)
    assert [0, 1, 0, 1, 0] == one.bench.fed  # type: ignore[attr-defined] # as above
    assert (1, 5) == (one.turn()["runs"], one.ran)


def test_of_a_long_round_the_latest_latencies_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bounded memory, while the counts are of all."""
    monkeypatch.setattr(worker, "KEPT_RUNS", 10)
    one = seat()
    for number in range(105):
        one.run(is_switch=number < 50)
    assert (105, 50) == (one.turn()["runs"], one.turn()["switched_runs"])
    assert 10 <= len(one._latencies_ns) == len(one._switched) < 20
    assert one.turn()["switched"] is None


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_figures_are_of_what_there_is(latencies_ns: list[int]) -> None:
    """The median as everybody reckons it, the percentile one of the values, and nothing of nothing."""
    found = figures(latencies_ns)
    if not latencies_ns:
        assert found is None
        return
    assert found is not None
    assert statistics.median(latencies_ns) / 1e6 == pytest.approx(found["median_ms"])
    assert found["p95_ms"] * 1e6 == pytest.approx(sorted(latencies_ns)[-(-len(latencies_ns) * 95 // 100) - 1])


def served(rota: Rota, moments: list[int]) -> list[str]:
    """Who has its turn at these moments; ``.`` where somebody is still to come."""
    found = []
    for now in moments:
        chosen = rota.next(now)
        found.append(chosen.name if chosen.due_ns <= now else ".")
        if chosen.due_ns <= now:
            rota.run(chosen, now)
    return found


def test_those_without_a_rate_take_turns() -> None:
    """One after the other."""
    rota = Rota([seat("a"), seat("b"), seat("c")])
    rota.begin(0, 100 * MS)
    assert list("abcabca") == served(rota, [number * MS for number in range(7)])


def test_who_is_due_goes_first() -> None:
    """The one without a rate has what is left; due times are spread over the period."""
    rota = Rota([seat("a", rate=100), seat("b"), seat("c", rate=100)])
    rota.begin(0, 100 * MS)
    assert list("abcbacb") == served(rota, [MS * each for each in (0, 2, 5, 6, 10, 16, 17)])


def test_who_waits_longest_goes_first() -> None:
    """By what was due first, so that a fast one cannot keep a slow one out."""
    rota = Rota([seat("fast", rate=1000), seat("slow", rate=10)])
    rota.begin(0, 1000 * MS)
    assert ["fast", "slow", "fast"] == served(rota, [50 * MS, 120 * MS, 121 * MS])


def test_a_slow_one_is_due_within_the_time() -> None:
    """Once in a thousand seconds, and the run lasts one: it has its inference all the same."""
    rota = Rota([seat("a", rate=0.001), seat("b", rate=0.001)])
    rota.begin(0, 1000 * MS)
    assert ["a", ".", "b", "."] == served(rota, [0, 499 * MS, 500 * MS, 999 * MS])


def test_the_first_after_another_group_is_a_switch() -> None:
    """Before the round the last of them ran: its parameters are on the chip."""
    a, b, c = seat("a", group="x"), seat("b", group="y"), seat("c", group="y")
    rota = Rota([a, b, c])
    rota.begin(0, MS)
    served(rota, list(range(6)))
    assert [2, 2, 0] == [each["switched_runs"] for each in rota.end(6)]


# The work around an inference


class PictureModel:
    """An interpreter of one input and some outputs."""

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.uint8, outputs: tuple[Any, ...] = ()) -> None:
        self.shape, self.dtype, self.outputs = shape, dtype, outputs
        self.given: Any = None
        self.inputs = 1

    def get_input_details(self) -> list[dict[str, Any]]:
        """The same as often as it is asked for."""
        return [{"name": "i", "index": 0, "dtype": self.dtype, "shape": np.array(self.shape)}] * self.inputs

    def get_output_details(self) -> list[dict[str, Any]]:
        """Quantised, if they are whole numbers."""
        return [{"name": "o", "index": number, "quantization": (0.5, 10)} for number, _ in enumerate(self.outputs)]

    def set_tensor(self, index: int, value: Any) -> None:
        """Takes what fits alone, as the real ones do."""
        assert (0, self.shape, np.dtype(self.dtype)) == (index, value.shape, value.dtype)
        self.given = value

    def get_tensor(self, index: int) -> Any:
        """A copy."""
        return self.outputs[index].copy()


PICTURE = np.arange(720 * 1280 * 3, dtype=np.uint32).astype(np.uint8).reshape(720, 1280, 3)


def test_a_picture_is_scaled_to_the_nearest_pixel() -> None:
    """Every pixel of the input is one of the picture, from its place."""
    model = PictureModel((1, 90, 160, 3))
    HostWork(np, model).take(PICTURE)
    assert np.array_equal(PICTURE[::8, ::8], model.given[0])


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [(np.uint8, 0, 255), (np.int8, -128, 127), (np.float32, -1.0, 1.0)]
)
def test_a_picture_is_made_what_the_input_wants(dtype: Any, least: float, most: float) -> None:
    """Black and white are the ends of its range."""
    model = PictureModel((1, 2, 2, 3), dtype)
    for value, expected in ((0, least), (255, most)):
        HostWork(np, model).take(np.full((720, 1280, 3), value, np.uint8))
        assert np.array_equal(np.full((1, 2, 2, 3), expected, dtype), model.given)


def test_a_grey_input_gets_a_grey_picture() -> None:
    """The mean of the colours."""
    model = PictureModel((1, 4, 4, 1))
    HostWork(np, model).take(np.tile(np.array([10, 20, 60], np.uint8), (720, 1280, 1)))
    assert np.array_equal(np.full((1, 4, 4, 1), 30, np.uint8), model.given)


@pytest.mark.parametrize(
    ("shape", "dtype", "inputs", "why"),
    [
        ((1, 224, 224, 3), np.uint8, 2, "it has 2 inputs"),
        ((1, 224, 224, 4), np.uint8, 1, "1x224x224x4 is no picture"),
        ((2, 224, 224, 3), np.uint8, 1, "2x224x224x3 is no picture"),
        ((1, 100), np.uint8, 1, "1x100 is no picture"),
        ((1, 224, 224, 3), np.int32, 1, "of type int32"),
    ],
)
def test_what_is_no_picture(shape: tuple[int, ...], dtype: Any, inputs: int, why: str) -> None:
    """There is no figure, and the reason; the outputs are timed all the same."""
    model = PictureModel(shape, dtype)
    model.inputs = inputs
    found = HostWork(np, model).measure()
    assert found["scaling_ms"] is None
    assert why in found["no_scaling_because"]
    assert found["outputs_ms"] >= 0


def test_a_picture_is_timed() -> None:
    """Both kinds of work have figures above 0."""
    found = HostWork(np, PictureModel((1, 96, 96, 3), outputs=(np.zeros((1, 1000), np.uint8),))).measure()
    assert found["no_scaling_because"] is None
    assert 0 < found["scaling_ms"] < 1000
    assert 0 < found["outputs_ms"] < 1000


@given(arrays.arrays(np.uint8, st.integers(0, 40)))
def test_the_best_are_found(values: Any) -> None:
    """The five largest, the best first; of fewer values all."""
    (found,) = HostWork(np, PictureModel((1,), outputs=(values.reshape(1, -1),))).best()
    assert min(5, values.size) == len(set(found))
    assert sorted(values.tolist(), reverse=True)[:5] == [int(values[each]) for each in found]


def test_time_on_a_processor_is_not_time_asleep() -> None:
    """What others do meanwhile does not count, and a first slow time neither."""
    calls: list[int] = []

    def act() -> None:
        calls.append(sum(range(20_000)))
        time.sleep(0.02 if len(calls) > 1 else 0.2)

    found = processor_ms(act)
    assert 0 < found < 15
    assert worker.FEWEST_HOST_RUNS < len(calls) <= worker.HOST_RUNS + 1
