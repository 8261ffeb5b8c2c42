"""What it costs to switch models on one Edge TPU.

A chip keeps the parameters of one caching token. A program with another token, or with none, makes libedgetpu drop
them, and they are sent again before the next inference of the model that they belong to (libedgetpu
``driver/driver.cc``). Models that were compiled together share a token, and do not push each other off.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from etpu_doctor.placement.forecast import reload_ms
from etpu_doctor.placement.profile import PARAMETER_MEMORY_BYTES, Profile
from etpu_doctor.placement.sites import Site


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """What a model pays when another one used the chip: ``ms`` is ``None`` where the link's speed is not known."""

    model: str
    bytes: int
    ms: float | None


def groups(profiles: Sequence[Profile]) -> dict[str, list[Profile]]:
    """Profiles by what they can stay on a chip with."""
    found: dict[str, list[Profile]] = {}
    for profile in profiles:
        found.setdefault(profile.group, []).append(profile)
    return found


def swaps(profiles: Sequence[Profile], site: Site) -> tuple[Swap, ...]:
    """The swaps of models that share an Edge TPU; none where all can stay on it."""
    if len(groups(profiles)) < 2:
        return ()
    return tuple(
        Swap(model=profile.label, bytes=profile.once_bytes, ms=reload_ms(profile, site))
        for profile in profiles
        if profile.once_bytes
    )


def fit_together(profiles: Sequence[Profile]) -> bool:
    """Whether their parameters, all of them, are likely to fit on one chip side by side."""
    distinct = {profile.loaded.sha256: profile for profile in profiles}.values()
    return sum(each.cached_bytes + each.streamed_bytes for each in distinct) <= PARAMETER_MEMORY_BYTES
