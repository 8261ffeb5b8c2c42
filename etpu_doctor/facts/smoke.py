"""What came of a smoke inference: whether an Edge TPU computes, and how fast."""

from __future__ import annotations

from typing import Literal

import msgspec

SmokeVerdict = Literal["pass", "slow", "wrong-output", "failed", "skipped"]
SmokeConfidence = Literal["certain", "likely", "possible"]
Via = Literal["path", "string"]


class SmokeModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model that ran.

    ``checked_by``: how its outputs were judged (``permutation``: every byte was known before; ``reference``: a run of
    its uncompiled twin on the CPU; ``repetition``: equal over runs and Edge TPUs only).
    """

    name: str
    size_bytes: int
    sha256: str
    checked_by: Literal["permutation", "reference", "repetition"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Output bytes that are not what they must be.

    ``run`` counts from 1; ``index`` is the first differing byte of the output ``output``; ``runs`` how many runs
    differed; ``repeatable``: whether the same inputs gave the same wrong bytes again, ``None`` if there was no second
    run of them.
    """

    run: int
    output: str
    index: int
    expected: int | None = None
    got: int | None = None
    differing_bytes: int = 0
    runs: int = 1
    repeatable: bool | None = None


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """The same Edge TPU while the others ran too.

    ``slowdown`` is the median beside that alone (1.0: none), ``shared`` the ids of the nodes that its way to the root
    complex shares with others that ran.
    """

    runs: int
    median_ms: float
    p95_ms: float
    slowdown: float | None = None
    shared: tuple[str, ...] = ()


class SoakPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A second or so of a soak: when it ended, the median latency, the temperature where there is a sensor."""

    seconds: float
    median_ms: float
    runs: int
    temperature_c: float | None = None


class SmokeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One Edge TPU's smoke test.

    * ``id``, ``place``: the node's id and its place in words. ``device_path`` is what it was opened by,
      ``delegate_device`` the string that meant it just before it was opened.
    * ``cause`` is a name of the closed list, ``None`` for a pass; ``confidence`` is how sure that is;
      ``reason`` says it in a sentence, ``advice`` what fits this very case (the pair of versions that works);
      ``said`` are the lines that the runtime printed about it.
    * ``phase``: how far it came (``start``, ``library``, ``open``, ``model``, ``allocate``, ``invoke``, ``close``).
    * ``firmware_load_ms``: what it took from the boot loader to the application, ``None`` for a device that had its
      firmware. ``open_ms`` is the whole of creating the delegate, firmware included.
    * ``runs`` are the inferences after the first. ``first_ms`` is the first inference, which carries the parameters
      over the bus; ``median_ms`` ... ``max_ms`` are of the others. ``median_ms`` stays ``None`` below 30 runs: too few
      to claim anything of.
    * ``expected_ms`` is what the link allows, ``expected_basis`` how that was reckoned.
    """

    id: str
    place: str | None = None
    device_path: str | None = None
    delegate_device: str | None = None
    via: Via = "path"
    verdict: SmokeVerdict
    cause: str | None = None
    confidence: SmokeConfidence = "certain"
    reason: str | None = None
    advice: str | None = None
    said: tuple[str, ...] = ()
    phase: str | None = None
    ended_by: str | None = None
    runtime: str | None = None
    python: str | None = None
    library: str | None = None
    library_version: str | None = None
    model: SmokeModel | None = None
    delegated_operators: int | None = None
    runs: int = 0
    firmware_load_ms: float | None = None
    open_ms: float | None = None
    first_ms: float | None = None
    median_ms: float | None = None
    p95_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    inferences_per_s: float | None = None
    expected_ms: float | None = None
    expected_basis: str | None = None
    difference: Difference | None = None
    together: Together | None = None
    soak: tuple[SoakPoint, ...] = ()
    clock_stepped_down: bool | None = None
    temperature_c: float | None = None
    holders: tuple[str, ...] = ()
