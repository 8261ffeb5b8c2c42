"""Latencies on a link, against what Coral published and people reported."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.host import Clock
from etpu_doctor.knowledge.published_latencies import KnownTraffic, latencies, published_row
from etpu_doctor.placement.forecast import latency, reload_ms
from etpu_doctor.placement.profile import profile_of
from tests.support.plans import entry_of, known_model, places, profile

WITHIN = 0.25
SPEC = {"usb2": "usb2", "usb3": "usb3", "pcie": "pci"}

V1 = "mobilenet_v1_1.0_224_quant_embedding_extractor_edgetpu.tflite"
V2 = "mobilenet_v2_1.0_224_quant_edgetpu.tflite"


class Point(NamedTuple):
    """A latency that is known, of a model whose traffic is known."""

    entry: KnownTraffic
    link: str
    clock: Clock
    ms: float
    source: str


def points() -> list[Point]:
    """All known latencies of models whose traffic and parts are known."""
    found = []
    for entry in latencies().traffic:
        row = published_row(entry.published)
        if row is None or entry.instruction_bytes is None:
            continue
        found.append(Point(entry, "usb3", "maximum", row.usb3_ms, "Coral"))
        found.append(Point(entry, "pcie", "maximum", row.pcie_ms, "Coral"))
        found += [
            Point(entry, each.link, each.clock, each.ms, each.source)
            for each in latencies().reported
            if each.published == entry.published
        ]
    return found


def forecast(point: Point) -> float:
    """What is forecast for a point."""
    (site,) = places(SPEC[point.link], point.clock).sites
    found = latency(profile_of(known_model(point.entry), "m"), site)
    assert found.ms is not None
    assert not found.is_at_least
    return found.ms


def test_every_known_latency_is_forecast_within_a_quarter() -> None:
    """Coral's table and the reported figures, wherever the model's traffic is known."""
    differences = [forecast(point) / point.ms - 1 for point in points()]
    assert 8 == len(differences)
    assert [] == [each for each in differences if abs(each) > WITHIN]


def test_the_differences_are_these() -> None:
    """All of them. The computing is Coral's USB 3 and PCIe rows together, so the others are what tests the forecast."""
    found = [
        (point.entry.file, point.link, point.clock, point.ms, f"{forecast(point) / point.ms - 1:+.0%}")
        for point in points()
    ]
    assert [
        (V1, "usb3", "maximum", 2.4, "+2%"),
        (V1, "pcie", "maximum", 2.4, "-2%"),
        (V1, "usb2", "maximum", 9.5, "-10%"),
        (V1, "usb2", "maximum", 9.0, "-5%"),
        (V1, "usb3", "standard", 3.9, "+0%"),
        (V2, "usb3", "maximum", 2.6, "+2%"),
        (V2, "pcie", "maximum", 2.6, "-2%"),
        (V2, "usb2", "maximum", 12.0, "-18%"),
    ] == found


def test_the_basis_is_named() -> None:
    """A model of Coral's table says so, one with the compiler's count says that, another that nothing is known."""
    (site,) = places("usb3").sites
    known = latency(profile_of(known_model(entry_of(V1)), "m"), site)
    counted = latency(profile("b", cycles=500_000), site)
    unknown = latency(profile("c"), site)
    assert ("published", "computed", "computed") == (known.basis, counted.basis, unknown.basis)
    assert "Coral's published latency of MobileNet v1" in known.how
    assert "compiler's count at 500 MHz" in counted.how
    assert "not known" in unknown.how
    assert (1.0, None, ("compute",)) == (counted.compute_ms, unknown.compute_ms, unknown.unknown)


def test_what_is_not_known_stays_unknown() -> None:
    """Without a count of cycles, and with operators on the CPU, a latency is one at least and has no upper end."""
    (site,) = places("usb3").sites
    for unsure in (profile("a"), profile("b", cycles=1000, cpu=1)):
        found = latency(unsure, site)
        assert found.is_at_least
        assert found.high_ms is None
        assert found.ms is not None
    assert ("cpu",) == latency(profile("b", cycles=1000, cpu=1), site).unknown


def test_open_transfers_give_no_latency() -> None:
    """A model whose transfers are not laid down has no forecast, and says why."""
    (site,) = places("pci").sites
    found = latency(profile("a", lax=1), site)
    assert (None, None, ("traffic",)) == (found.ms, found.rate, found.unknown)


def test_an_unknown_clock_widens_the_range() -> None:
    """Where the library is not known, the range reaches to the standard clock's computing time."""
    model = profile("a", cycles=5_000_000)
    (known,), (unknown,) = places("usb3").sites, places("usb3", None).sites
    narrow, wide = latency(model, known), latency(model, unknown)
    assert narrow.ms == wide.ms
    assert (narrow.high_ms or 0) + 10 < (wide.high_ms or 0)


def test_a_reload_moves_the_parameters_once() -> None:
    """Bringing 3.5 MB back takes 10 ms on USB 3 and 100 ms on USB 2."""
    model = profile("a", cached=3_499_992, loading=8)
    fast, slow = places("usb3").sites[0], places("usb2").sites[0]
    assert (10.0, 100.0) == (reload_ms(model, fast), reload_ms(model, slow))


@given(st.integers(1, 2_000_000), st.integers(1, 200_000), st.integers(1, 10_000_000))
def test_more_never_takes_less(inputs: int, outputs: int, cycles: int) -> None:
    """The forecast lies in its own range, and a slower link or clock never gives a shorter one."""
    model = profile("a", input=inputs, output=outputs, cycles=cycles)
    links: tuple[tuple[str, Clock], ...] = (("usb3", "maximum"), ("usb3", "standard"), ("usb2", "standard"))
    found = [latency(model, places(spec, clock).sites[0]) for spec, clock in links]
    values = [each.ms or 0 for each in found]
    assert sorted(values) == values
    assert all((each.low_ms or 0) <= (each.ms or 0) <= (each.high_ms or 0) for each in found)
