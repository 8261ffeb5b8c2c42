"""The plan: each model's Edge TPU, the forecast, what limits it, and what would make it better."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from etpu_doctor.placement.assign import solve
from etpu_doctor.placement.forecast import latency
from etpu_doctor.placement.problem import Problem, SharedLink, Solution, Task
from etpu_doctor.placement.profile import PARAMETER_MEMORY_BYTES, Profile
from etpu_doctor.placement.sites import Lane, Site, Sites
from etpu_doctor.placement.swap import Swap, fit_together, groups, swaps
from etpu_doctor.placement.together import Share, SiteShare, Together, together

LimitKind = Literal["uplink", "link", "compute", "swaps", "edge-tpu", "host", "nothing", "unknown"]

_UNKNOWN_MB_S = 35.0
_SPLIT_FROM = 0.2
"""Splitting is worth a word where streamed parameters take more than this part of a latency."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """A model's place, and why it is there."""

    model: str
    tpu: str
    why: str
    share: Share


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing that limits: ``subject`` is the link or the Edge TPU. Of the ``host`` only measuring tells."""

    kind: LimitKind
    subject: str | None = None
    text: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the compiler could do: the models it is about, in the order that the command wants."""

    kind: Literal["co-compile", "split"]
    models: tuple[str, ...]
    text: str
    command: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan. ``is_optimal``: nothing is better under the cost model; ``unplaced`` are models and why."""

    sites: Sites
    profiles: tuple[Profile, ...]
    placements: tuple[Placement, ...]
    swaps: dict[str, tuple[Swap, ...]]
    together: Together
    limit: Limit
    is_optimal: bool
    unplaced: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()


def make_plan(sites: Sites, profiles: Sequence[Profile]) -> Plan:
    """The best plan for models on the Edge TPUs of a machine. Every profile is of a compiled model."""
    placeable = [profile for profile in profiles if not _refusal(profile, sites)]
    unplaced = tuple((profile.label, why) for profile in profiles if (why := _refusal(profile, sites)))
    solution = solve(problem_of(sites, placeable)) or Solution(places=(), cost=(0, 0), is_proven=True)
    on: dict[str, list[Profile]] = {site.id: [] for site in sites.sites}
    for profile, place in zip(placeable, solution.places, strict=bool(solution.places)):
        on[sites.sites[place].id].append(profile)
    whole = together(sites, on)
    placements = tuple(
        Placement(model=share.label, tpu=site.id, why=_why(on, site.id, share, sites), share=share)
        for site in whole.sites
        for share in site.shares
    )
    order = {profile.label: number for number, profile in enumerate(profiles)}
    return Plan(
        sites=sites,
        profiles=tuple(profiles),
        placements=tuple(sorted(placements, key=lambda placement: order[placement.model])),
        swaps={site.id: swaps(on[site.id], site) for site in sites.sites if swaps(on[site.id], site)},
        together=whole,
        limit=_limit(whole, sites),
        is_optimal=solution.is_proven,
        unplaced=unplaced,
        suggestions=(*_cocompile(on), *_split(placeable, sites)),
        notes=tuple(_notes(on, sites, placeable)),
    )


def _refusal(profile: Profile, sites: Sites) -> str | None:
    if not sites.sites:
        return "there is no Edge TPU for it"
    if profile.usb_refuses and all(site.transport == "usb" for site in sites.sites):
        return "a USB Edge TPU refuses it (its transfers are not laid down), and there is no other"
    return None


def problem_of(sites: Sites, profiles: Sequence[Profile]) -> Problem:
    """The plan as whole numbers.

    A model without a rate counts as one inference a second, or as often as the busiest of those with a rate. A link
    of unknown speed counts as USB 2, so that it is used last.
    """
    rates = [profile.rate for profile in profiles if profile.rate is not None]
    usual = max(rates, default=1.0)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(profile.group for profile in profiles))}
    tasks = tuple(
        Task(
            weight=max(1, round((usual if profile.rate is None else profile.rate) * 1000)),
            times=tuple(_time_ns(profile, site) for site in sites.sites),
            reloads=tuple(_ns(profile.once_bytes / 1000 / (site.mb_s or _UNKNOWN_MB_S)) for site in sites.sites),
            sent_bytes=_bytes(profile),
            reload_bytes=profile.once_bytes,
            group=numbers[profile.group],
        )
        for profile in profiles
    )
    return Problem(sites=len(sites.sites), tasks=tasks, links=tuple(_links(sites)))


def _links(sites: Sites) -> Iterator[SharedLink]:
    numbers = {site.id: number for number, site in enumerate(sites.sites)}
    for lane in sites.shared:
        if lane.mb_s is not None:
            members = tuple(sorted(numbers[name] for name in lane.tpus))
            yield SharedLink(sites=members, picoseconds_a_byte=round(1e6 / lane.mb_s))


def _time_ns(profile: Profile, site: Site) -> int | None:
    if profile.usb_refuses and site.transport == "usb":
        return None
    known = latency(profile, site).ms
    if known is None:
        known = latency(profile, site).call_ms + _bytes(profile) / 1000 / (site.mb_s or _UNKNOWN_MB_S)
    return _ns(known)


def _bytes(profile: Profile) -> int:
    """Where the transfers are not laid down, the sizes of what must cross at least."""
    if profile.sent_bytes is not None:
        return profile.sent_bytes
    programs = [each for each in profile.loaded.model.executables if each.kind != "parameter-caching"]
    return sum(
        each.instruction_bytes + each.parameter_bytes + each.input_bytes + each.output_bytes for each in programs
    )


def _ns(milliseconds: float) -> int:
    return round(milliseconds * 1e6)


def _why(on: dict[str, list[Profile]], name: str, share: Share, sites: Sites) -> str:
    """Why a model is where it is, in a sentence."""
    here = on[name]
    others = [profile for profile in here if profile.label != share.label]
    if not others:
        return _why_alone(on, name, sites)
    own = next(profile for profile in here if profile.label == share.label)
    names = _joined([profile.label for profile in others])
    if all(profile.group == own.group for profile in others):
        how = "the same model" if all(p.loaded.sha256 == own.loaded.sha256 for p in others) else "compiled together"
        return f"with {names}: {how}, so that their parameters stay on the chip side by side"
    if share.reload_ms is None:
        return f"with {names}: it has no parameters to bring back"
    return f"with {names}: there are more models than Edge TPUs, and this costs least"


def _why_alone(on: dict[str, list[Profile]], name: str, sites: Sites) -> str:
    if len(sites.sites) == 1:
        return "the only Edge TPU"
    rates = {site.id: site.mb_s for site in sites.sites}
    taken = [rates[each] or 0.0 for each, profiles in on.items() if profiles and each != name]
    own = rates[name]
    if own is not None and taken and own > max(taken):
        return "an Edge TPU of its own, on the fastest link: it gains most there"
    shared = [lane for lane in sites.shared if name in lane.tpus]
    if any(not on[other] for lane in shared for other in lane.tpus if other != name):
        return "an Edge TPU of its own; its neighbour on the shared link stays free"
    return "an Edge TPU of its own"


def _limit(whole: Together, sites: Sites) -> Limit:
    """The shared link that is full; else what the busiest Edge TPU does most of its time."""
    full = [each for each in whole.lanes if each.wanted is not None and each.wanted > 1.0 and len(each.lane.tpus) > 1]
    if full:
        worst = max(full, key=lambda each: each.wanted or 0.0)
        text = (
            f"{lane_name(worst.lane)} is full: {len(worst.lane.tpus)} Edge TPUs behind it want "
            f"{(worst.wanted or 0.0):.0%} of its {worst.lane.mb_s:.0f} MB/s"
        )
        return Limit(kind="uplink", subject=worst.lane.lower, text=text)
    used = [site for site in whole.sites if site.shares]
    if not used:
        return Limit(kind="nothing", text="no model was placed")
    if any(site.wanted is None for site in used):
        unknown = next(site for site in used if site.wanted is None)
        return Limit(kind="unknown", subject=unknown.id, text=f"{unknown.id}: {_first_unknown(unknown)}")
    worst_site = max(used, key=lambda site: (site.wanted or 0.0, _round_ms(site)))
    return _site_limit(worst_site, sites)


def _first_unknown(site: SiteShare) -> str:
    return next(share.alone.how for share in site.shares if share.alone.ms is None)


def _round_ms(site: SiteShare) -> float:
    return sum(share.ms or 0.0 for share in site.shares)


def _site_limit(site: SiteShare, sites: Sites) -> Limit:
    if (site.wanted or 0.0) < 0.5:
        return Limit(
            kind="nothing", subject=site.id, text=f"nothing: the busiest, {site.id}, is busy {site.wanted:.0%}"
        )
    parts = {"link": 0.0, "compute": 0.0, "swaps": 0.0, "call": 0.0}
    for share in site.shares:
        rate = share.rate or 0.0
        parts["link"] += rate * (share.alone.link_ms or 0.0)
        parts["compute"] += rate * (share.alone.compute_ms or 0.0)
        parts["swaps"] += rate * share.reload_share * (share.reload_ms or 0.0)
        parts["call"] += rate * share.alone.call_ms
    name = max(parts, key=lambda key: parts[key])
    part = parts[name] / (sum(parts.values()) or 1.0)
    unsure = any(share.alone.unknown for share in site.shares)
    rest = f", as far as is known ({_unknown_words(site)})" if unsure else ""
    place = next(each for each in sites.sites if each.id == site.id)
    too_much = f"; {site.wanted:.0%} of its time is wanted" if (site.wanted or 0.0) > 1.0 else ""
    texts: dict[str, tuple[LimitKind, str]] = {
        "link": ("link", f"the link of {site.id} ({place.mb_s or 0.0:.0f} MB/s)"),
        "compute": ("compute", f"the computing of the Edge TPU {site.id}"),
        "swaps": ("swaps", f"the swaps of parameters on {site.id}"),
        "call": ("edge-tpu", f"the calls' own cost on {site.id}"),
    }
    kind, text = texts[name]
    return Limit(kind=kind, subject=site.id, text=f"{text}: {part:.0%} of the time{rest}{too_much}")


def _unknown_words(site: SiteShare) -> str:
    unknown = dict.fromkeys(name for share in site.shares for name in share.alone.unknown)
    words = {"compute": "how long the chip computes is not", "cpu": "what the host's CPU takes is not"}
    return " and ".join(words[name] for name in unknown if name in words)


def lane_name(lane: Lane) -> str:
    """A link in words."""
    return f"the {'PCIe' if lane.bus == 'pci' else 'USB'} link of {lane.lower} to {lane.upper}"


def _cocompile(on: dict[str, list[Profile]]) -> Iterator[Suggestion]:
    """For models that share an Edge TPU and push each other off: most costly first, as the compiler gives memory."""
    for name, profiles in on.items():
        parts = groups(profiles)
        if len(parts) < 2:
            continue
        distinct = list({profile.loaded.sha256: profile for profile in profiles}.values())
        ordered = sorted(distinct, key=lambda profile: -(profile.rate or 1.0) * profile.once_bytes)
        total = sum(each.cached_bytes + each.streamed_bytes for each in ordered)
        about = f"{total:,} bytes of parameters, of about {PARAMETER_MEMORY_BYTES:,} on the chip"
        fits = "they should fit together" if fit_together(ordered) else "what does not fit is sent with each inference"
        text = (
            f"Compile {_joined([each.label for each in ordered])} together for {name}: {about}; {fits}, and no switch "
            "costs a reload. The first gets its memory first."
        )
        names = tuple(each.label for each in ordered)
        yield Suggestion(kind="co-compile", models=names, text=text, command=_command([], ordered))


def _split(profiles: Sequence[Profile], sites: Sites) -> Iterator[Suggestion]:
    """For models that send parameters with each inference while Edge TPUs are free."""
    free = len(sites.sites) - len(profiles)
    best = max((site.mb_s or 0.0 for site in sites.sites), default=0.0)
    for profile in profiles:
        segments = math.ceil((profile.cached_bytes + profile.streamed_bytes) / (0.8 * PARAMETER_MEMORY_BYTES))
        sent = profile.sent_bytes
        if not profile.streamed_bytes or sent is None or best == 0.0 or segments < 2:
            continue
        saved = profile.streamed_bytes / 1000 / best
        whole = sent / 1000 / best + (profile.cycles or 0) / 500_000
        if saved < _SPLIT_FROM * whole:
            continue
        enough = free >= segments - 1
        where = f"over {segments} of the Edge TPUs" if enough else f"over {segments} Edge TPUs, more than are left here"
        text = (
            f"Split {profile.label} {where} (a pipeline): {profile.streamed_bytes:,} bytes of its parameters do not "
            f"fit and cross the link with each inference, {saved:.1f} ms at {best:.0f} MB/s."
        )
        command = _command(["--num_segments", str(segments)], [profile])
        yield Suggestion(kind="split", models=(profile.label,), text=text, command=command)


def _command(options: Sequence[str], profiles: Sequence[Profile]) -> str:
    """The compiler takes the models that these were made of; their names are guessed from those of the files."""
    names = [_shown(profile.loaded.path.rpartition("/")[2]) for profile in profiles]
    safe = [f"./{name}" if name.startswith("-") else name for name in names]
    return shlex.join(["edgetpu_compiler", *options, *safe])


def _shown(name: str) -> str:
    """The name of the model before it was compiled; what is no UTF-8 in it (lone surrogates) prints nowhere."""
    return name.replace("_edgetpu.tflite", ".tflite").encode("utf-8", "replace").decode()


def _notes(on: dict[str, list[Profile]], sites: Sites, profiles: Sequence[Profile]) -> Iterator[str]:
    free = [name for name, here in on.items() if not here]
    if free and profiles:
        what = "is left: it" if len(free) == 1 else "are left: they"
        yield f"{_joined(free)} {what} could run one of the models again (name it twice), or stay free."
    if any(not site.clock_known for site in sites.sites if on[site.id]):
        yield "Which libedgetpu is used is not known: taken as the maximum clock (--clock standard for the other)."
    if any(profile.rate is None for profile in profiles) and any(profile.rate is not None for profile in profiles):
        yield "Models without --rate get the time that is left over."
    for site in sites.sites:
        if on[site.id] and site.mb_s is None:
            yield f"The speed of {site.id}'s link is not known, so that nothing can be said of it."


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
