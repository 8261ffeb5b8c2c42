"""How long an inference takes on a link: the call, the bytes, the computing, each with what it rests on."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.placement.profile import Profile
from etpu_doctor.placement.sites import Site
from etpu_doctor.smoke.expected import CALL_MS

Basis = Literal["computed", "published"]

_FASTER, _SLOWER = 1.25, 0.85
"""A link's true rate against the estimate: USB 2 gives 30 to 44 MB/s, USB 3 300 to 440, PCIe Gen2 x1 340 to 500."""

_LEAST_CALL_MS, _MOST_CALL_MS = 0.15, 0.6
"""Hosts differ: the call's cost is one person's measurement on one board."""

_MORE_CYCLES = {"published": 1.15, "compiler": 1.7}
_FEWER_CYCLES = {"published": 0.85, "compiler": 1.0}
"""The compiler counts 458,040 cycles for MobileNet v2, of which Coral's latency leaves room for some 770,000."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """A latency in milliseconds, and what it is made of.

    * ``ms``: what is forecast; ``None`` where the bytes or the link are not known. With ``is_at_least`` a part of it is
      not known (``unknown`` says which), and there is no ``high_ms``.
    * ``low_ms`` to ``high_ms``: where the truth should lie.
    * ``basis``: ``published`` if the computing comes from a latency that Coral published; ``computed`` from bytes and
      link, and the compiler's count of cycles where there is one. ``how`` says it in words.
    """

    ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    is_at_least: bool = False
    call_ms: float = CALL_MS
    link_ms: float | None = None
    compute_ms: float | None = None
    basis: Basis = "computed"
    how: str
    unknown: tuple[str, ...] = ()

    @property
    def rate(self) -> float | None:
        """Inferences a second, one after the other; the most where the latency is one at least."""
        return None if self.ms is None else 1000 / self.ms


def latency(profile: Profile, site: Site) -> Latency:
    """The latency of a model alone on an Edge TPU."""
    sent, rate = profile.sent_bytes, site.mb_s
    if sent is None:
        why = profile.loaded.model.traffic_unknown_because or "it does not say"
        return Latency(how=f"what it moves is not known: {why}", unknown=("traffic",))
    if rate is None:
        return Latency(how="the speed of its link is not known", unknown=("link",))
    link = sent / 1000 / rate
    compute = None if profile.cycles is None else profile.cycles / (site.mhz * 1000)
    unknown = _unknown(profile)
    low = _LEAST_CALL_MS + link / _FASTER + _scaled(compute, _FEWER_CYCLES, profile)
    high = _MOST_CALL_MS + link / _SLOWER + _scaled(compute, _MORE_CYCLES, profile) * (1 if site.clock_known else 2)
    return Latency(
        ms=CALL_MS + link + (compute or 0.0),
        low_ms=low,
        high_ms=None if unknown else high,
        is_at_least=bool(unknown),
        link_ms=link,
        compute_ms=compute,
        basis="published" if profile.compute_basis == "published" else "computed",
        how=_how(profile, site),
        unknown=unknown,
    )


def _scaled(compute: float | None, factors: dict[str, float], profile: Profile) -> float:
    return 0.0 if compute is None else compute * factors[profile.compute_basis or "compiler"]


def _unknown(profile: Profile) -> tuple[str, ...]:
    compute = () if profile.cycles is not None else ("compute",)
    return (*compute, "cpu") if profile.on_the_cpu else compute


def _how(profile: Profile, site: Site) -> str:
    model = profile.loaded.model
    sent, received = model.out_bytes_per_inference or 0, model.in_bytes_per_inference or 0
    text = f"{sent:,} bytes out and {received:,} back at about {site.mb_s:.0f} MB/s, {CALL_MS:g} ms a call"
    clock = f"{site.mhz} MHz" if site.clock_known else f"{site.mhz} MHz (250 with the standard libedgetpu)"
    if profile.compute_basis == "published":
        return f"{text}, computing as in Coral's published latency of {profile.published}, at {clock}"
    if profile.compute_basis == "compiler":
        return f"{text}, computing by the compiler's count at {clock}"
    return f"{text}; how long the chip computes is not known"


def reload_ms(profile: Profile, site: Site) -> float | None:
    """What bringing a model's parameters back to the chip takes; ``None`` where the link's speed is not known."""
    return None if site.mb_s is None else profile.once_bytes / 1000 / site.mb_s
