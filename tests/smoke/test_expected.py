"""What a link lets one expect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.host import Clock
from etpu_doctor.facts.model import CompiledModel, Executable, Package
from etpu_doctor.smoke.expected import CALL_MS, Expected, expect, is_link_bound, is_slow, shared_hops
from etpu_doctor.topology.machine import EdgeTpu, Machine
from tests.support.facts import apex, bridge, card, hub, machine, root, tpu

SENT, RECEIVED = 219_184, 1_008


def model(cycles: int | None = None, sent: int | None = SENT, received: int | None = RECEIVED) -> CompiledModel:
    """A compiled model that moves as much as the small MobileNet v1."""
    program = Executable(
        kind="execution-only",
        instruction_bytes=0,
        parameter_bytes=0,
        input_bytes=0,
        output_bytes=0,
        scratch_bytes=0,
        batch_size=1,
        narrow_memory_bytes_per_tile=0,
        estimated_cycles=cycles,
        fully_deterministic=True,
    )
    return CompiledModel(
        size_bytes=1,
        compiled="full",
        operators=1,
        packages=(Package(min_runtime=12, executables=(program,)),),
        out_bytes_per_inference=sent,
        in_bytes_per_inference=received,
    )


def only(built: Machine) -> EdgeTpu:
    """The one Edge TPU of a machine."""
    (found,) = built.edge_tpus
    return found


@pytest.mark.parametrize(("speed", "rate_mb_s"), [(5000, 350), (480, 35)])
def test_bytes_over_the_usable_rate(speed: float, rate_mb_s: float) -> None:
    """A stick alone: its bytes at what the link carries, and the call's own cost."""
    found = expect(only(machine(root(2, speed), tpu("2-1", speed))), model(), None)
    assert found is not None
    assert CALL_MS + (SENT + RECEIVED) / 1000 / rate_mb_s == pytest.approx(found.link_ms)
    assert CALL_MS + (SENT + RECEIVED) / 1000 / 350 == pytest.approx(found.best_ms)


@pytest.mark.parametrize(("clock", "mhz"), [("standard", 250), ("maximum", 500), (None, 500)])
def test_computing_counts_where_the_compiler_counted(clock: Clock | None, mhz: int) -> None:
    """The compiler's cycles at the clock that the library sets."""
    stick = only(machine(root(2), tpu("2-1")))
    with_cycles, without = expect(stick, model(cycles=1_000_000), clock), expect(stick, model(), clock)
    assert with_cycles is not None
    assert without is not None
    assert 1000 / mhz == pytest.approx(with_cycles.link_ms - without.link_ms)
    assert "by the compiler's count" in with_cycles.basis


def test_a_shared_uplink_is_divided() -> None:
    """Two sticks behind one hub get half of its uplink each; the basis says so."""
    first, second = machine(root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2")).edge_tpus
    alone, shared = expect(first, model(), None), expect(first, model(), None, [second])
    assert alone is not None
    assert shared is not None
    assert 2 * (alone.link_ms - CALL_MS) == pytest.approx(shared.link_ms - CALL_MS)
    assert "shared by 2" in shared.basis


def test_a_card_is_reckoned_by_its_lanes() -> None:
    """PCIe generation 2, one lane: 4000 Mb/s after coding, of which 80 % are usable."""
    built = machine(
        bridge("0000:00:1c.0", 1, current_link_speed_gts=5, current_link_width=1),
        card("0000:01:00.0", parent="0000:00:1c.0", current_link_speed_gts=5, current_link_width=1),
        apex(0, "0000:01:00.0"),
    )
    found = expect(only(built), model(), None)
    assert found is not None
    assert "at 400 MB/s usable" in found.basis


@pytest.mark.parametrize("unknown", [model(sent=None), model(received=None)], ids=["no bytes out", "no bytes in"])
def test_a_model_that_does_not_say_gives_no_expectation(unknown: CompiledModel) -> None:
    """What is not known is not guessed."""
    assert expect(only(machine(root(2), tpu("2-1"))), unknown, None) is None


def test_an_unknown_speed_gives_no_expectation() -> None:
    """Nor is a link whose speed the evidence does not have."""
    assert expect(EdgeTpu(id="2-1", transport="usb"), model(), None) is None


def test_links_are_counted_with_their_users() -> None:
    """The hub's uplink has two users, a stick's own link one."""
    first, second, third = machine(root(2), hub("2-1"), tpu("2-1.1"), tpu("2-1.2"), tpu("2-2")).edge_tpus
    assert {1, 2} == set(shared_hops(first, [second, third]).values())
    assert 2 == shared_hops(first, [second])["2-1", "usb2"]


@given(st.floats(0.3, 100), st.floats(0, 1000))
def test_slow_is_far_beyond_the_estimate(link_ms: float, median_ms: float) -> None:
    """Nothing within three times the estimate, or within 30 ms of it, is called slow."""
    found = Expected(link_ms=link_ms, best_ms=link_ms, basis="")
    assert is_slow(median_ms, found) == (median_ms > 3 * link_ms and median_ms > link_ms + 30)
    assert not is_link_bound(median_ms, found)


def test_a_slow_link_must_show_in_the_latency() -> None:
    """At 480 Mb/s the small MobileNet takes some 6.6 ms where 5 Gb/s would allow 0.9."""
    found = Expected(link_ms=6.6, best_ms=0.93, basis="")
    assert is_link_bound(6.7, found)
    assert not is_link_bound(1.2, found)
