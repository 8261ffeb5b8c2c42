"""What a link lets one expect of an inference, and when a measured one is slow.

Everything here is an estimate and is said to be one: usable rates are about 70 % of the line rate of USB and 80 % of
PCIe, and a call costs something of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from etpu_doctor.facts.host import Clock
from etpu_doctor.facts.model import CompiledModel
from etpu_doctor.topology.bandwidth import hop_mb_s, usable_mb_s
from etpu_doctor.topology.link import EDGE_TPU_USB_MBPS
from etpu_doctor.topology.machine import EdgeTpu, Transport

CALL_MS = 0.3
"""A call's own cost (a user's measurement on a Jetson Nano, USB 3)."""

_CLOCK_MHZ = {"standard": 250, "maximum": 500}
"""What libedgetpu sets a USB stick to; a PCIe card runs at 500 MHz (gasket-driver ``apex_driver.c``)."""

_SLACK = 3.0
_SLACK_MS = 30.0
"""How far beyond the estimate a latency may lie before it is called slow: hosts differ more than links."""

_LINK_FACTOR = 1.5
"""A slow link is to blame for a latency that lies so far above what the device's best link would allow."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What to expect on this link, on the best link that the device can have, and how both were reckoned."""

    link_ms: float
    best_ms: float
    basis: str


def expect(tpu: EdgeTpu, model: CompiledModel, clock: Clock | None, others: Sequence[EdgeTpu] = ()) -> Expected | None:
    """The expectation for a model on an Edge TPU while ``others`` run as well.

    ``None`` where the link's speed is not known, or the model does not say what it moves.
    """
    rate, sharers = _rate_mb_s(tpu, others)
    sent, received = model.out_bytes_per_inference, model.in_bytes_per_inference
    if rate is None or sent is None or received is None:
        return None
    compute = _compute_ms(tpu, model, clock)
    best = rate * sharers if tpu.transport == "pci" else max(rate, usable_mb_s(EDGE_TPU_USB_MBPS) or rate)
    kilobytes = (sent + received) / 1000
    shared = f" shared by {sharers}" if sharers > 1 else ""
    computing = f", {compute:.1f} ms of computing by the compiler's count" if compute else ""
    return Expected(
        link_ms=CALL_MS + compute + kilobytes / rate,
        best_ms=CALL_MS + compute + kilobytes / best,
        basis=f"estimate: {sent:,} bytes out and {received:,} in at {rate * sharers:.0f} MB/s usable{shared}, "
        f"{CALL_MS:g} ms a call{computing}",
    )


def is_slow(median_ms: float, expected: Expected) -> bool:
    """Whether a latency is beyond what the link explains."""
    return median_ms > max(_SLACK * expected.link_ms, expected.link_ms + _SLACK_MS)


def is_link_bound(median_ms: float, expected: Expected) -> bool:
    """Whether a link below the device's best one costs time that shows."""
    return expected.link_ms > _LINK_FACTOR * expected.best_ms and median_ms > _LINK_FACTOR * expected.best_ms


def shared_hops(tpu: EdgeTpu, others: Iterable[EdgeTpu]) -> dict[tuple[str, str], int]:
    """The links on an Edge TPU's way to the root complex, and how many Edge TPUs use each, itself counted."""
    ways = [{(hop.lower, hop.upper) for hop in other.hops} for other in others if other.id != tpu.id]
    own = ((hop.lower, hop.upper) for hop in tpu.hops)
    return {link: 1 + sum(link in way for way in ways) for link in own}


def _rate_mb_s(tpu: EdgeTpu, others: Sequence[EdgeTpu]) -> tuple[float | None, int]:
    """This Edge TPU's share of the narrowest link on its way, in MB/s, and among how many that link is shared."""
    users = shared_hops(tpu, others)
    shares = [
        (rate / users[hop.lower, hop.upper], users[hop.lower, hop.upper])
        for hop in tpu.hops
        if (rate := hop_mb_s(hop)) is not None
    ]
    if not shares and tpu.transport == "usb":
        return usable_mb_s(tpu.speed_mbps), 1
    return min(shares, default=(None, 1))


def clock_mhz(transport: Transport, clock: Clock | None) -> int:
    """What an Edge TPU is clocked at; without a word about the clock the most that it can be."""
    return 500 if transport == "pci" else _CLOCK_MHZ.get(clock or "maximum", 500)


def counted_cycles(model: CompiledModel) -> int:
    """The compiler's own count of an inference's cycles; 0 where it made none, as newer ones do."""
    return sum(each.estimated_cycles or 0 for each in model.executables if each.kind != "parameter-caching")


def _compute_ms(tpu: EdgeTpu, model: CompiledModel, clock: Clock | None) -> float:
    return counted_cycles(model) / (clock_mhz(tpu.transport, clock) * 1000)
