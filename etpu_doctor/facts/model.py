"""What a ``.tflite`` file is: compiled for the Edge TPU or not, what it needs, and what it sends over the bus."""

from __future__ import annotations

from typing import Literal

import msgspec

Compiled = Literal["full", "partly", "no"]
"""``full``: every operator runs on the Edge TPU; ``partly``: others are left to the CPU; ``no``: none is compiled."""

ExecutableKind = Literal["stand-alone", "parameter-caching", "execution-only"]
"""``parameter-caching`` loads parameters into the chip, ``execution-only`` runs with them, ``stand-alone`` is both."""


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or an output.

    ``type`` is TFLite's name in small letters (``uint8``), ``type 99`` for one that is not known; a length of -1 in
    ``shape`` is left open, and then ``size_bytes`` is ``None``.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    size_bytes: int | None = None


class Executable(msgspec.Struct, frozen=True, kw_only=True):
    """One program for the chip, and what it moves.

    * ``caching_token``: programs with the same one can keep their parameters on the chip side by side (models that
      were compiled together); ``None`` for none. Hexadecimal text, because JSON's numbers end at 53 bits.
    * ``input_bytes`` and ``output_bytes`` are those of the layers with their padding, as they go over the bus.
    * ``to_device_bytes`` and ``from_device_bytes`` are all that one run moves, without USB's header of 8 bytes a
      transfer; ``None`` where the compiler did not lay the transfers down (``fully_deterministic`` is false).
    * ``estimated_cycles`` is ``None`` where the compiler gave no estimate, which is usual.
    """

    kind: ExecutableKind
    caching_token: str | None = None
    instruction_bytes: int
    parameter_bytes: int
    input_bytes: int
    output_bytes: int
    scratch_bytes: int
    batch_size: int
    narrow_memory_bytes_per_tile: int
    estimated_cycles: int | None = None
    chip: str | None = None
    fully_deterministic: bool
    to_device_bytes: int | None = None
    from_device_bytes: int | None = None


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What one ``edgetpu-custom-op`` holds.

    ``min_runtime`` is the runtime version that libedgetpu must have at least; ``compiler_version`` is whatever the
    compiler wrote of itself.
    """

    min_runtime: int
    compiler_version: str | None = None
    signature_bytes: int = 0
    executables: tuple[Executable, ...]


class CpuOperator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator that the CPU computes, and how often it occurs; ``builtin operator 999`` for one without a name."""

    name: str
    count: int


class CompiledModel(msgspec.Struct, frozen=True, kw_only=True):
    """A sound ``.tflite``.

    * ``operators`` counts all, compiled parts too; ``cpu_operators`` are those that are not compiled, in the order in
      which they first occur. ``float_operators`` of them compute in floating point, which the compiler does not take.
    * ``min_runtime`` is the highest that any package asks for.
    * ``once_bytes`` goes to the device before the first inference after each open (and after another model used the
      chip), ``out_bytes_per_inference`` with every one, ``in_bytes_per_inference`` comes back from every one. Exact,
      without USB's headers; ``None`` for a model that is not compiled, or with the reason in
      ``traffic_unknown_because``.
    * ``cached_parameter_bytes`` stay on the chip, ``streamed_parameter_bytes`` go over the bus with every inference.
    """

    size_bytes: int
    compiled: Compiled
    description: str | None = None
    operators: int
    cpu_operators: tuple[CpuOperator, ...] = ()
    float_operators: int = 0
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    packages: tuple[Package, ...] = ()
    min_runtime: int | None = None
    cached_parameter_bytes: int | None = None
    streamed_parameter_bytes: int | None = None
    once_bytes: int | None = None
    out_bytes_per_inference: int | None = None
    in_bytes_per_inference: int | None = None
    traffic_unknown_because: str | None = None

    @property
    def executables(self) -> tuple[Executable, ...]:
        """The programs of all packages, in order."""
        return tuple(executable for package in self.packages for executable in package.executables)

    @property
    def caching_tokens(self) -> tuple[str, ...]:
        """The different tokens of its programs; two models with a common one can stay on the chip together."""
        tokens = (executable.caching_token for executable in self.executables)
        return tuple(dict.fromkeys(token for token in tokens if token is not None))


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model and the file it was read from."""

    path: str
    sha256: str
    model: CompiledModel
