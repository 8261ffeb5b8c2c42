"""What a model asks of an Edge TPU: bytes over the link, computing, memory for its parameters."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from etpu_doctor.facts.model import LoadedModel
from etpu_doctor.knowledge.published_latencies import Published, published_row, traffic_of
from etpu_doctor.smoke.expected import CALL_MS, counted_cycles
from etpu_doctor.topology.bandwidth import PCIE_EFFICIENCY, usable_mb_s

PARAMETER_MEMORY_BYTES = 8_000_000
"""On-chip memory, about; activations and instructions take their part of it (Coral's compiler page, compiler logs)."""

_PUBLISHED_PCIE_MB_S = 4000 / 8 * PCIE_EFFICIENCY
_PUBLISHED_MHZ = 500

ComputeBasis = Literal["published", "compiler"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the forecast sees it.

    * ``label``: a short name, unique in a plan. ``rate``: inferences a second that are wanted, ``None``: all it can.
    * ``cycles``: of the chip, for one inference, by ``compute_basis``; ``None`` where neither Coral published a
      latency of the model nor the compiler left its count.
    * ``group``: models of one group keep their parameters on the chip side by side (a common caching token).
    * ``on_the_cpu``: operators that the host computes, whose time is not known. ``usb_refuses``: libedgetpu wants
      the transfers of a USB Edge TPU laid down, and these are not.
    """

    label: str
    loaded: LoadedModel
    rate: float | None = None
    cycles: int | None = None
    compute_basis: ComputeBasis | None = None
    published: str | None = None
    group: str
    on_the_cpu: int = 0
    usb_refuses: bool = False

    @property
    def sent_bytes(self) -> int | None:
        """Bytes of an inference in both directions; ``None`` where not known."""
        model = self.loaded.model
        if model.out_bytes_per_inference is None or model.in_bytes_per_inference is None:
            return None
        return model.out_bytes_per_inference + model.in_bytes_per_inference

    @property
    def once_bytes(self) -> int:
        """Bytes that bring its parameters to the chip; 0 for a model that brings all with each inference."""
        return self.loaded.model.once_bytes or 0

    @property
    def cached_bytes(self) -> int:
        """Parameters that stay on the chip."""
        return self.loaded.model.cached_parameter_bytes or 0

    @property
    def streamed_bytes(self) -> int:
        """Parameters that cross the link with each inference."""
        return self.loaded.model.streamed_parameter_bytes or 0


def profile_of(loaded: LoadedModel, label: str, rate: float | None = None) -> Profile:
    """The profile of a compiled model."""
    model = loaded.model
    known = traffic_of(loaded.sha256)
    row = published_row(known.published) if known is not None else None
    cpu = sum(operator.count for operator in model.cpu_operators)
    cycles = None if row is None or cpu else _published_cycles(row, loaded)
    basis: ComputeBasis | None = "published" if cycles is not None else None
    if cycles is None and counted_cycles(model):
        cycles, basis = counted_cycles(model), "compiler"
    tokens = model.caching_tokens
    return Profile(
        label=label,
        loaded=loaded,
        rate=rate,
        cycles=cycles,
        compute_basis=basis,
        published=row.name if row is not None else None,
        group=tokens[0] if len(tokens) == 1 else loaded.sha256,
        on_the_cpu=cpu,
        usb_refuses=not all(each.fully_deterministic for each in model.executables),
    )


def _published_cycles(row: Published, loaded: LoadedModel) -> int | None:
    """What is left of Coral's two latencies without the call and the link, on the average of both, as cycles."""
    sent, received = loaded.model.out_bytes_per_inference, loaded.model.in_bytes_per_inference
    usb = usable_mb_s(5000)
    if sent is None or received is None or usb is None:
        return None
    kilobytes = (sent + received) / 1000
    left = (row.usb3_ms - kilobytes / usb + row.pcie_ms - kilobytes / _PUBLISHED_PCIE_MB_S) / 2 - CALL_MS
    return round(left * _PUBLISHED_MHZ * 1000) if left > 0 else None


def labels(paths: list[str]) -> list[str]:
    """Short names: the file's, without what every compiled model's ends with; numbered where they would be equal."""
    files = len({os.path.abspath(path) for path in paths})
    tries = ([_short(path) for path in paths], [os.path.basename(path) for path in paths])
    names = next((names for names in tries if len(set(names)) == files), list(paths))
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _short(path: str) -> str:
    name = os.path.basename(path)
    for ending in (".tflite", "_edgetpu"):
        name = name.removesuffix(ending)
    return name or path
