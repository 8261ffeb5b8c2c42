"""Where models can go: the Edge TPUs of a machine, each with its link, and the links that several share."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.host import Clock
from etpu_doctor.smoke.expected import clock_mhz
from etpu_doctor.topology.bandwidth import Neighbour, hop_mb_s, shared_uplinks, usable_mb_s
from etpu_doctor.topology.free_ports import is_on_secondary_port
from etpu_doctor.topology.machine import EdgeTpu, Machine, Transport

LaneId = tuple[str, str]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A link on the way of an Edge TPU: between which two nodes, what it carries, who else uses it.

    ``mb_s``: of bulk transfers, an estimate; ``None`` where its rate is not known. ``neighbours`` are other devices
    that can load it; what they take is not known.
    """

    lower: str
    upper: str
    bus: Transport
    mb_s: float | None = None
    tpus: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU that can take models.

    ``mb_s``: what the narrowest link on its way carries; ``None`` where no rate on it is known. ``clock_known`` is
    false for a USB one where the evidence does not say which libedgetpu is used; it is then taken to be the maximum.
    ``is_doubtful``: on a port that Coral's documentation excludes; it is taken where the others are taken.
    """

    id: str
    transport: Transport
    lanes: tuple[LaneId, ...] = ()
    narrowest: LaneId | None = None
    mb_s: float | None = None
    mhz: int
    clock_known: bool
    is_doubtful: bool = False
    tpu: EdgeTpu


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """An Edge TPU that gets no model, and why."""

    id: str
    why: str


class Sites(msgspec.Struct, frozen=True, kw_only=True):
    """All places for models, those that libedgetpu itself prefers first, doubtful ones last; and all their links."""

    sites: tuple[Site, ...]
    left_out: tuple[LeftOut, ...]
    lanes: dict[LaneId, Lane]

    @property
    def shared(self) -> tuple[Lane, ...]:
        """Links that more than one Edge TPU uses."""
        return tuple(lane for lane in self.lanes.values() if len(lane.tpus) > 1)


def sites_of(machine: Machine) -> Sites:
    """The places of a machine. PCIe comes before USB, as for libedgetpu, then by its own numbers."""
    clock = machine.options.clock or machine.evidence.host.libedgetpu_clock
    usable, left_out = [], []
    for tpu in machine.edge_tpus:
        why = _why_not(machine, tpu)
        if why is None:
            usable.append(tpu)
        else:
            left_out.append(LeftOut(id=tpu.id, why=why))
    doubtful = {tpu.id for tpu in usable if is_on_secondary_port(machine, tpu)}
    usable.sort(key=lambda tpu: (tpu.id in doubtful, *_preference(tpu)))
    lanes = _lanes(machine, usable)
    sites = (msgspec.structs.replace(_site(tpu, lanes, clock), is_doubtful=tpu.id in doubtful) for tpu in usable)
    return Sites(sites=tuple(sites), left_out=tuple(left_out), lanes=lanes)


def _why_not(machine: Machine, tpu: EdgeTpu) -> str | None:
    if tpu.state == "possible":
        return "whether it is an Edge TPU is not known"
    if tpu.transport == "pci" and (tpu.state == "unconfigured" or (tpu.device_node is None and machine.covers("apex"))):
        return "no driver serves it (see etpu-doctor check)"
    if tpu.state == "unconfigured":
        return "the kernel gave it no configuration, so that no program can open it (see etpu-doctor check)"
    return None


def _preference(tpu: EdgeTpu) -> tuple[bool, int]:
    string = tpu.delegate_device_after_firmware or tpu.delegate_device or ""
    number = string.rpartition(":")[2]
    return tpu.transport != "pci", int(number) if number.isdecimal() else 1 << 20


def _lanes(machine: Machine, tpus: list[EdgeTpu]) -> dict[LaneId, Lane]:
    lanes: dict[LaneId, Lane] = {}
    users: dict[LaneId, list[str]] = {}
    for tpu in tpus:
        for hop in tpu.hops:
            key = (hop.lower, hop.upper)
            lanes[key] = Lane(lower=hop.lower, upper=hop.upper, bus=hop.bus, mb_s=hop_mb_s(hop))
            users.setdefault(key, []).append(tpu.id)
    known = {tpu.id for tpu in tpus}
    for uplink in shared_uplinks(machine):
        key = (uplink.lower, uplink.upper)
        below = tuple(name for name in uplink.load.tpus if name in known)
        if not below:
            continue
        users[key] = list(below)
        lanes[key] = Lane(
            lower=uplink.lower,
            upper=uplink.upper,
            bus="pci" if uplink.pci else "usb",
            mb_s=uplink.usable_mb_s,
            neighbours=uplink.load.neighbours,
        )
    return {key: msgspec.structs.replace(lane, tpus=tuple(users[key])) for key, lane in lanes.items()}


def _site(tpu: EdgeTpu, lanes: dict[LaneId, Lane], clock: Clock | None) -> Site:
    own = tuple(key for key, lane in lanes.items() if tpu.id in lane.tpus)
    rates = [(rate, key) for key in own if (rate := lanes[key].mb_s) is not None]
    rate, narrowest = min(rates, key=lambda pair: pair[0]) if rates else (None, None)
    if rate is None and tpu.transport == "usb":
        rate = usable_mb_s(tpu.speed_mbps)
    return Site(
        id=tpu.id,
        transport=tpu.transport,
        lanes=own,
        narrowest=narrowest,
        mb_s=rate,
        mhz=clock_mhz(tpu.transport, clock),
        clock_known=tpu.transport == "pci" or clock is not None,
        tpu=tpu,
    )
