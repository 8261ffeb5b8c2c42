"""Models whose outputs are known beforehand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from etpu_doctor.knowledge.smoke_models import SmokeModelEntry, smoke_model_of, smoke_models
from tests.support.mk_compiled import INT32, Graph, Operator, Tensor, tflite

CONCATENATION, SPLIT = 2, 49

# Runs a model on the CPU with random inputs; prints for each output which channels of all inputs it repeats.
ON_THE_CPU = """\
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
given = []
for detail in interpreter.get_input_details():
    data = numpy.random.default_rng(len(given)).integers(0, 256, detail["shape"]).astype(numpy.uint8)
    interpreter.set_tensor(detail["index"], data)
    given.append(data)
interpreter.invoke()
channels = numpy.concatenate(given, axis=-1)
for detail in interpreter.get_output_details():
    output = interpreter.get_tensor(detail["index"])
    found = [
        [index for index in range(channels.shape[-1]) if (channels[..., index] == output[..., place]).all()]
        for place in range(output.shape[-1])
    ]
    print(detail["name"], *(each[0] if len(each) == 1 else "?" for each in found))
"""


@pytest.mark.parametrize("entry", smoke_models(), ids=lambda entry: entry.name)
class TestEntry:
    """What holds for each model."""

    def test_hashes(self, entry: SmokeModelEntry) -> None:
        """Hashes are SHA-256 in small letters, and sizes are of files."""
        for digest in filter(None, (entry.sha256, entry.twin_sha256)):
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert entry.size_bytes > 0
        assert entry.twin_size_bytes is None or entry.twin_size_bytes > 0

    def test_addresses(self, entry: SmokeModelEntry) -> None:
        """A model comes from a raw file of one commit, whose name it keeps."""
        for address in filter(None, (entry.url, entry.twin_url)):
            parts = urlsplit(address)
            assert ("https", "raw.githubusercontent.com") == (parts.scheme, parts.netloc)
            assert re.search(r"/[0-9a-f]{40}/", parts.path)
        assert entry.url.endswith(f"/{entry.file}")

    def test_it_is_named_as_a_file(self, entry: SmokeModelEntry) -> None:
        """Its name leads to no other folder."""
        for name in filter(None, (entry.file, entry.twin)):
            assert re.fullmatch(r"[\w.-]+\.tflite", name)

    def test_a_twin_is_whole(self, entry: SmokeModelEntry) -> None:
        """Who names a twin gives its size and hash."""
        assert 1 == len({value is None for value in (entry.twin, entry.twin_size_bytes, entry.twin_sha256)})

    def test_the_permutation_covers_every_channel_once(self, entry: SmokeModelEntry) -> None:
        """Each channel of the inputs comes out in one place, and nothing else does."""
        channels = sum(count for _, count in entry.inputs)
        assert list(range(channels)) == sorted(channel for _, channels in entry.outputs for channel in channels)

    def test_names_are_unique(self, entry: SmokeModelEntry) -> None:
        """No two inputs, and no two outputs, have one name."""
        for ends in (entry.inputs, entry.outputs):
            assert len(ends) == len({name for name, _ in ends})
        assert all(count > 0 for _, count in entry.inputs)
        assert all(channels for _, channels in entry.outputs)

    def test_it_is_found_by_its_hash(self, entry: SmokeModelEntry) -> None:
        """The hash leads to the entry."""
        assert entry is smoke_model_of(entry.sha256)

    def test_it_says_where_it_is_from(self, entry: SmokeModelEntry) -> None:
        """Source and licence are named."""
        assert "Apache-2.0" in entry.source


def test_no_two_models_are_one() -> None:
    """Names, files and hashes are unique."""
    for key in ("name", "file", "sha256"):
        values = [getattr(entry, key) for entry in smoke_models()]
        assert len(values) == len(set(values))


def test_other_hashes_are_unknown() -> None:
    """The hash of another file, and what is none, lead nowhere."""
    assert [None, None] == [smoke_model_of("0" * 64), smoke_model_of("")]


def test_unknown_keys_are_refused() -> None:
    """The list of keys is closed, and none may be missing."""
    known = msgspec.to_builtins(smoke_models()[0])
    assert smoke_models()[0] == msgspec.convert(known, SmokeModelEntry)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**known, "colour": "red"}, SmokeModelEntry)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({key: value for key, value in known.items() if key != "outputs"}, SmokeModelEntry)


def likeness() -> bytes:
    """A model with the operators of split_concat's uncompiled twin: joined, split into channels, two joined again."""
    channels = {"input1": 3, "inputs/rnn1": 1, "inputs/rnn2": 2, "concat": 6}
    singles = ("concat/split0", "outputs/rnn1", "concat/split2", "concat/split3", "concat/split4", "concat/split5")
    tensors = [Tensor(name, (1, 8, 8, count)) for name, count in channels.items()]
    tensors += [Tensor(name, (1, 8, 8, 1)) for name in singles]
    tensors += [Tensor("outputs/rnn2", (1, 8, 8, 2)), Tensor("axis", (), INT32, content=bytes([3, 0, 0, 0]))]
    operators = (
        Operator(CONCATENATION, (0, 1, 2), (3,), options=(10, 0, 3)),
        Operator(SPLIT, (11, 3), (4, 5, 6, 7, 8, 9), options=(35, 0, 6)),
        Operator(CONCATENATION, (7, 9), (10,), options=(10, 0, 3)),
    )
    return tflite(Graph(tuple(tensors), operators, (0, 1, 2), (4, 6, 8, 5, 10)))


def test_the_permutation_of_split_concat(tmp_path: Path) -> None:
    """A model with the same operators, run on the CPU, moves its inputs as the entry says."""
    (entry,) = [entry for entry in smoke_models() if entry.name == "split_concat"]
    path = tmp_path / "twin.tflite"
    path.write_bytes(likeness())
    command = [sys.executable, "-c", ON_THE_CPU, str(path)]
    result = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = {name: tuple(map(int, channels)) for name, *channels in map(str.split, result.stdout.splitlines())}
    assert dict(entry.outputs) == found
