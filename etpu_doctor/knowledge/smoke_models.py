"""Models whose outputs are known beforehand, because they only move bytes from their inputs."""

from __future__ import annotations

from functools import cache

import msgspec

from etpu_doctor.knowledge import load


class SmokeModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model; the keys are explained at the top of ``smoke_models.toml``."""

    name: str
    file: str
    url: str
    size_bytes: int
    sha256: str
    min_runtime: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    twin: str | None = None
    twin_url: str | None = None
    twin_size_bytes: int | None = None
    twin_sha256: str | None = None
    source: str


@cache
def smoke_models() -> tuple[SmokeModelEntry, ...]:
    """All models, the one to fetch first."""
    return msgspec.convert(load("smoke_models.toml")["model"], tuple[SmokeModelEntry, ...])


def smoke_model_of(sha256: str) -> SmokeModelEntry | None:
    """The model of that SHA-256 (hexadecimal, small letters)."""
    return next((entry for entry in smoke_models() if entry.sha256 == sha256), None)
