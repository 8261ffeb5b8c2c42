"""Published and reported latencies, and the traffic of known models."""

from __future__ import annotations

import re

import msgspec
import pytest

from etpu_doctor.knowledge.published_latencies import (
    KnownTraffic,
    Latencies,
    Published,
    latencies,
    published_row,
    traffic_of,
)
from tests.support.plans import known_model

WHOLE = [entry for entry in latencies().traffic if entry.instruction_bytes is not None]


@pytest.mark.parametrize("row", latencies().published, ids=lambda row: row.key)
class TestPublished:
    """What holds for each row of Coral's table."""

    def test_it_is_found_by_its_key(self, row: Published) -> None:
        """The key leads to the row, and is made of the name."""
        assert row is published_row(row.key)
        assert re.fullmatch(r"[a-z0-9-]+", row.key)

    def test_its_numbers_are_latencies(self, row: Published) -> None:
        """Every latency is above 0, and an Edge TPU is faster than the CPU beside it."""
        assert 0 < row.usb3_ms < row.desktop_ms
        assert 0 < row.pcie_ms < row.embedded_ms


def test_the_table_has_its_rows_once() -> None:
    """All rows of the page that are known in full are there, each once."""
    keys = [row.key for row in latencies().published]
    assert 18 == len(keys) == len(set(keys))
    row = published_row("mobilenet-v1")
    assert row is not None
    assert (53, 2.4, 164, 2.4) == (row.desktop_ms, row.usb3_ms, row.embedded_ms, row.pcie_ms)


def test_reported_latencies_belong_to_a_row() -> None:
    """Whatever somebody reported is of a model in the table, and says who and where."""
    for each in latencies().reported:
        assert published_row(each.published) is not None
        assert each.ms > 0
        assert each.host
        assert each.source


@pytest.mark.parametrize("entry", latencies().traffic, ids=lambda entry: entry.file)
class TestTraffic:
    """What holds for each known model."""

    def test_it_is_found_by_its_hash(self, entry: KnownTraffic) -> None:
        """The hash, or what is known of its beginning, leads to the entry."""
        assert re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{64}", entry.sha256)
        assert entry is traffic_of(entry.sha256.ljust(64, "0"))

    def test_its_row_exists(self, entry: KnownTraffic) -> None:
        """Who names a row of the table names one that is there."""
        assert entry.published is None or published_row(entry.published) is not None

    def test_it_moves_something(self, entry: KnownTraffic) -> None:
        """Bytes are counts, and the source is named."""
        assert entry.once_bytes > 0
        assert entry.out_bytes > 0
        assert entry.in_bytes is None or entry.in_bytes > 0
        assert entry.source

    def test_it_is_a_compiled_file(self, entry: KnownTraffic) -> None:
        """Its name leads to no other folder, and is that of a model."""
        assert re.fullmatch(r"[\w.-]+\.tflite", entry.file)

    def test_its_parts_make_its_whole(self, entry: KnownTraffic) -> None:
        """Instructions, input and streamed parameters are all that goes out; the output all that comes back."""
        parts = (entry.instruction_bytes, entry.input_bytes, entry.streamed_bytes)
        if None not in parts:
            assert entry.out_bytes == sum(part or 0 for part in parts)
            assert entry.in_bytes == entry.output_bytes
            assert (entry.cached_bytes or 0) <= entry.once_bytes


@pytest.mark.parametrize("entry", WHOLE, ids=lambda entry: entry.file)
def test_the_reader_finds_the_traffic_to_the_byte(entry: KnownTraffic) -> None:
    """A file with the parts of a known model is read as moving exactly what that moves."""
    model = known_model(entry).model
    expected = (entry.once_bytes, entry.out_bytes, entry.in_bytes, entry.cached_bytes, entry.streamed_bytes)
    assert expected == (
        model.once_bytes,
        model.out_bytes_per_inference,
        model.in_bytes_per_inference,
        model.cached_parameter_bytes,
        model.streamed_parameter_bytes,
    )


def test_no_two_models_are_one() -> None:
    """Hashes are unique, and none is the beginning of another."""
    hashes = [entry.sha256 for entry in latencies().traffic]
    assert [] == [one for one in hashes for other in hashes if one is not other and other.startswith(one)]


def test_other_hashes_are_unknown() -> None:
    """The hash of another file, and what is none, lead nowhere."""
    assert [None, None, None] == [traffic_of("0" * 64), traffic_of(""), published_row("alexnet")]
    assert published_row(None) is None


def test_unknown_keys_are_refused() -> None:
    """The list of keys is closed on every level, and none may be missing."""
    known = msgspec.to_builtins(latencies())
    assert latencies() == msgspec.convert(known, Latencies)
    for broken in ({**known, "colour": "red"}, {**known, "published": [{"key": "x"}]}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(broken, Latencies)
