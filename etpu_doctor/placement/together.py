"""What becomes of the rates when all models run at once: turns on an Edge TPU, and shares of a link.

Models on one Edge TPU take turns. What the Edge TPUs then ask of their links is granted in equal parts of what each
asks, until a link is full; those behind it stay there, the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from etpu_doctor.placement.forecast import Latency, latency, reload_ms
from etpu_doctor.placement.profile import Profile
from etpu_doctor.placement.sites import Lane, LaneId, Site, Sites
from etpu_doctor.placement.swap import groups

_FULL = 1.0 - 1e-9


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A model on an Edge TPU while everything runs.

    * ``rate``: inferences a second, ``None`` where not known; ``ms``: one inference, reload and waiting for the link
      included.
    * ``reload_share``: which part of its inferences must bring parameters back; ``reload_ms`` what that takes.
    * ``full_lane``: the link that holds it back.
    """

    label: str
    alone: Latency
    rate: float | None = None
    ms: float | None = None
    reload_share: float = 0.0
    reload_ms: float | None = None
    full_lane: LaneId | None = None


class SiteShare(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU while everything runs; ``busy`` and ``wanted`` are parts of its time (1 is all), ``None`` unknown."""

    id: str
    shares: tuple[Share, ...]
    busy: float | None
    wanted: float | None


class LaneShare(msgspec.Struct, frozen=True, kw_only=True):
    """A link while everything runs: the part of what it carries that is used, and that would be if it could."""

    lane: Lane
    used: float | None
    wanted: float | None


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at once."""

    sites: tuple[SiteShare, ...]
    lanes: tuple[LaneShare, ...]


class _Turn(msgspec.Struct, kw_only=True):
    """A model's turn: how long it takes with its reloads, how many bytes it moves, how often it is wanted."""

    profile: Profile
    alone: Latency
    reload_share: float
    reload_ms: float | None
    ms: float | None
    moved_bytes: float
    rate: float | None = None


def together(places: Sites, models: Mapping[str, Sequence[Profile]]) -> Together:
    """The forecast for models on Edge TPUs, by the Edge TPUs' ids."""
    turns = {site.id: _turns(models.get(site.id, ()), site) for site in places.sites}
    wanted = {name: _wanted(each) for name, each in turns.items()}
    demand = {key: _demand(lane, turns) for key, lane in places.lanes.items()}
    scales, full = _grant(places.lanes, demand, turns)
    sites = tuple(
        SiteShare(
            id=site.id,
            shares=tuple(_share(turn, scales[site.id], full.get(site.id)) for turn in turns[site.id]),
            busy=None if wanted[site.id] is None else min(1.0, wanted[site.id] or 0.0) if turns[site.id] else 0.0,
            wanted=wanted[site.id],
        )
        for site in places.sites
    )
    return Together(sites=sites, lanes=tuple(_lane_share(places.lanes[key], demand[key], scales) for key in demand))


def _turns(profiles: Sequence[Profile], site: Site) -> list[_Turn]:
    turns = []
    several = len(groups(profiles)) > 1
    for profile in profiles:
        alone, back = latency(profile, site), reload_ms(profile, site)
        share = _reload_share(profile, profiles) if several and profile.once_bytes else 0.0
        ms = None if alone.ms is None else alone.ms + share * (back or 0.0)
        moved = (profile.sent_bytes or 0) + share * profile.once_bytes
        turns.append(_Turn(profile=profile, alone=alone, reload_share=share, reload_ms=back, ms=ms, moved_bytes=moved))
    _set_rates(turns)
    return turns


def _reload_share(profile: Profile, profiles: Sequence[Profile]) -> float:
    """At most as often as models of other groups run in between; always, where it is not said how often they do."""
    others = [each.rate for each in profiles if each.group != profile.group]
    known = [rate for rate in others if rate is not None]
    if profile.rate is None or len(known) < len(others):
        return 1.0
    return min(1.0, sum(known) / profile.rate)


def _set_rates(turns: Sequence[_Turn]) -> None:
    """Wanted rates, scaled down if their turns do not fit into the time; the rest of it goes to those without one."""
    asked = [turn for turn in turns if turn.profile.rate is not None]
    free = [turn for turn in turns if turn.profile.rate is None]
    if any(turn.ms is None for turn in turns):
        return
    busy = sum((turn.profile.rate or 0.0) * (turn.ms or 0.0) / 1000 for turn in asked)
    for turn in asked:
        turn.rate = (turn.profile.rate or 0.0) / max(1.0, busy)
    one_round = sum(turn.ms or 0.0 for turn in free) / 1000
    for turn in free:
        turn.rate = max(0.0, 1.0 - busy) / one_round


def _wanted(turns: Sequence[_Turn]) -> float | None:
    """The part of an Edge TPU's time that is wanted: more than 1 where asked rates do not fit."""
    if any(turn.ms is None for turn in turns):
        return None
    asked = sum((turn.profile.rate or 0.0) * (turn.ms or 0.0) / 1000 for turn in turns)
    return max(asked, 1.0) if any(turn.profile.rate is None for turn in turns) else asked


def _demand(lane: Lane, turns: Mapping[str, Sequence[_Turn]]) -> dict[str, float]:
    """Which part of a link each Edge TPU asks for; those of which nothing is known are left out."""
    if lane.mb_s is None:
        return {}
    return {
        name: sum((turn.rate or 0.0) * turn.moved_bytes for turn in turns[name]) / (lane.mb_s * 1e6)
        for name in lane.tpus
        if turns[name]
    }


def _grant(
    lanes: Mapping[LaneId, Lane], demand: Mapping[LaneId, Mapping[str, float]], names: Iterable[str]
) -> tuple[dict[str, float], dict[str, LaneId]]:
    """By how much each Edge TPU comes down, and the link that does it: all grow alike until one is full."""
    scales = dict.fromkeys(names, 1.0)
    full: dict[str, LaneId] = {}
    while True:
        tight: list[tuple[float, LaneId]] = []
        for key in lanes:
            fixed = sum(part * scales[name] for name, part in demand[key].items() if name in full)
            growing = sum(part for name, part in demand[key].items() if name not in full)
            if growing > 0 and fixed + growing > 1.0:
                tight.append((max(0.0, 1.0 - fixed) / growing, key))
        if not tight:
            return scales, full
        scale, key = min(tight)
        for name in demand[key]:
            if name not in full:
                scales[name], full[name] = scale, key


def _share(turn: _Turn, scale: float, full: LaneId | None) -> Share:
    return Share(
        label=turn.profile.label,
        alone=turn.alone,
        rate=None if turn.rate is None else turn.rate * scale,
        ms=None if turn.ms is None or scale <= 0 else turn.ms / scale,
        reload_share=turn.reload_share,
        reload_ms=turn.reload_ms if turn.reload_share else None,
        full_lane=full if scale < _FULL else None,
    )


def _lane_share(lane: Lane, demand: Mapping[str, float], scales: Mapping[str, float]) -> LaneShare:
    if lane.mb_s is None:
        return LaneShare(lane=lane, used=None, wanted=None)
    used = sum(part * scales[name] for name, part in demand.items())
    return LaneShare(lane=lane, used=used, wanted=sum(demand.values()))
