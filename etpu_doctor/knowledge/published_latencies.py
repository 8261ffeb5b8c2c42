"""Latencies that Coral published or people reported, and the traffic of models that are known by their hash."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from etpu_doctor.facts.host import Clock
from etpu_doctor.knowledge import load

LinkName = Literal["usb2", "usb3", "pcie"]


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of Coral's table; the keys are explained at the top of ``published_latencies.toml``."""

    key: str
    name: str
    input_side: int | None = None
    desktop_ms: float
    usb3_ms: float
    embedded_ms: float
    pcie_ms: float


class Reported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody measured."""

    published: str
    link: LinkName
    clock: Clock
    ms: float
    host: str
    source: str


class KnownTraffic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a known model moves; ``in_bytes`` is ``None`` where its transfers are not laid down beforehand."""

    file: str
    sha256: str
    once_bytes: int
    out_bytes: int
    in_bytes: int | None = None
    published: str | None = None
    instruction_bytes: int | None = None
    input_bytes: int | None = None
    cached_bytes: int | None = None
    streamed_bytes: int | None = None
    output_bytes: int | None = None
    source: str


class Latencies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. ``publisher`` is the source of all ``published`` rows."""

    publisher: str
    published: tuple[Published, ...]
    reported: tuple[Reported, ...]
    traffic: tuple[KnownTraffic, ...]


@cache
def latencies() -> Latencies:
    """The file's content."""
    return msgspec.convert(load("published_latencies.toml"), Latencies)


def published_row(key: str | None) -> Published | None:
    """The row of Coral's table with that key."""
    return next((row for row in latencies().published if row.key == key), None)


def traffic_of(sha256: str) -> KnownTraffic | None:
    """What a model with that SHA-256 (hexadecimal, small letters) is known to move."""
    return next((each for each in latencies().traffic if sha256 and sha256.startswith(each.sha256)), None)
