"""What a model asks of an Edge TPU."""

from __future__ import annotations

import pytest

from etpu_doctor.placement.profile import profile_of
from tests.support.plans import entry_of, known_model, loaded, profile

V1 = "mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite"
V2 = "mobilenet_v2_1.0_224_quant_edgetpu.tflite"


@pytest.mark.parametrize(("file", "name", "ms"), [(V1, "MobileNet v1", 1.45), (V2, "MobileNet v2", 1.55)])
def test_the_computing_of_a_published_model(file: str, name: str, ms: float) -> None:
    """Coral's latency less the call and the link is what the chip computes."""
    found = profile_of(known_model(entry_of(file)), "m")
    assert (name, "published") == (found.published, found.compute_basis)
    assert ms == pytest.approx((found.cycles or 0) / 500_000, abs=0.02)


def test_the_compilers_count_comes_second() -> None:
    """For a model that Coral did not publish it is what there is."""
    found = profile("a", cycles=1234)
    assert (1234, "compiler", None) == (found.cycles, found.compute_basis, found.published)


def test_without_either_the_computing_is_unknown() -> None:
    """A count of 0 is no count."""
    found = profile("a", cycles=0)
    assert (None, None) == (found.cycles, found.compute_basis)


def test_a_common_token_is_a_common_group() -> None:
    """Two models with one token; without a token each file is its own group, and given twice it is one."""
    same, other = profile("a", token=3), profile("b", token=3, input=5)
    assert same.group == other.group
    alone, twice, different = profile("c", token=0), profile("d", token=0), profile("e", token=0, input=5)
    assert alone.group == twice.group != different.group


def test_bytes_are_those_of_the_file() -> None:
    """Traffic, parameters and what a reload moves."""
    found = profile("a", instructions=10, input=20, output=3, cached=40, streamed=50, loading=6)
    assert (83, 46, 40, 50) == (found.sent_bytes, found.once_bytes, found.cached_bytes, found.streamed_bytes)


def test_what_stands_in_the_way() -> None:
    """Operators on the CPU are counted; open transfers are known to be refused by USB, and have no traffic."""
    assert (1, False) == (profile("a", cpu=1).on_the_cpu, profile("a", cpu=1).usb_refuses)
    lax = profile("a", lax=1)
    assert (True, None) == (lax.usb_refuses, lax.sent_bytes)


def test_the_name_of_a_file_proves_nothing() -> None:
    """A model is known by its hash: another one under a known name is computed from what it holds."""
    found = profile_of(loaded(V1), "m")
    assert (None, None) == (found.published, found.cycles)
