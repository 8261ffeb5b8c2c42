"""The package inside an ``edgetpu-custom-op``: the programs for the chip, and what they send over the bus.

Sources: ``executable/executable.fbs``, ``tflite/custom_op_data.cc``, ``driver/package_registry.cc`` and
``driver/driver.cc`` of google-coral/libedgetpu.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from etpu_doctor.evidence.flatbuffer import Budget, DamagedError, Table, Verifier
from etpu_doctor.evidence.flexbuffer import read_map
from etpu_doctor.evidence.model_schema import DARWINN
from etpu_doctor.facts.model import Executable, ExecutableKind, Package

_MARK = b"DWN1"
_VERSION_RANGE = range(1 << 16)

_KINDS: dict[int, ExecutableKind] = {0: "stand-alone", 1: "parameter-caching", 2: "execution-only"}
_COMBINATIONS = (
    {"stand-alone"},
    {"parameter-caching"},
    {"execution-only"},
    {"parameter-caching", "execution-only"},
    {"stand-alone", "parameter-caching", "execution-only"},
)
"""What ``PackageRegistry::ExtractExecutables`` accepts."""

_OUTPUT, _INPUT, _PARAMETER, _SCRATCH = range(4)
_DESCRIPTOR, _INSTRUCTION = 1, 2
_OUTFEED = 1


class SeveralChipsError(Exception):
    """A package for several chips at once, which libedgetpu refuses."""


class Traffic(NamedTuple):
    """Bytes to the device and back; ``None`` where they are not known beforehand."""

    to_device: int | None = 0
    from_device: int | None = 0

    def plus(self, other: Traffic) -> Traffic:
        """Both together; what is unknown of one is unknown of the sum."""
        return Traffic(_sum(self.to_device, other.to_device), _sum(self.from_device, other.from_device))


UNKNOWN = Traffic(None, None)


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


def read_package(options: memoryview, budget: Budget) -> Package:
    """The package that an operator's options hold. Raises ``DamagedError`` and ``SeveralChipsError``."""
    values = read_map(options, budget)
    if b"7" in values and values[b"7"].length():
        raise SeveralChipsError
    if b"4" not in values:
        raise DamagedError("the compiled operator holds no package")
    data = values[b"4"].bytes()
    if bytes(data[4:8]) != _MARK:
        raise DamagedError("the compiled part lacks its mark DWN1")
    table = _verified(data, "Package", budget)
    if table.number(5) == -1 or table.count(6):
        raise SeveralChipsError
    if table.number(0) not in _VERSION_RANGE:
        raise DamagedError("the compiled part asks for a runtime version that cannot be")
    return Package(
        min_runtime=table.number(0),
        compiler_version=table.text(4) or None,
        signature_bytes=len(table.data(2) or b""),
        executables=_executables(table.data(1) or memoryview(b""), budget),
    )


def _verified(data: memoryview, name: str, budget: Budget) -> Table:
    root = Table.root(data, budget)
    Verifier(DARWINN, budget).verify(root, name)
    return root


def _executables(data: memoryview, budget: Budget) -> tuple[Executable, ...]:
    multi = _verified(data, "MultiExecutable", budget)
    executables = tuple(_executable(_verified(blob, "Executable", budget)) for blob in multi.blobs(0))
    kinds = [executable.kind for executable in executables]
    if set(kinds) not in _COMBINATIONS or len(kinds) != len(set(kinds)):
        raise DamagedError("the programs of the compiled part do not go together")
    return executables


def _executable(table: Table) -> Executable:
    kind, batch = _KINDS.get(table.number(13, "h")), table.number(3)
    if kind is None or batch < 1:
        raise DamagedError("a program of an unknown kind")
    chunks = [len(chunk.data(0) or b"") for chunk in table.tables(5)]
    traffic = _traffic(table.table(7), chunks)
    token = table.number(14, "Q")
    return Executable(
        kind=kind,
        caching_token=f"{token:#018x}" if token else None,
        instruction_bytes=sum(chunks),
        parameter_bytes=len(table.data(6) or b""),
        input_bytes=_layer_bytes(table, 8),
        output_bytes=_layer_bytes(table, 9),
        scratch_bytes=table.number(4),
        batch_size=batch,
        narrow_memory_bytes_per_tile=table.number(12),
        # The first field was the second one's place in older files.
        estimated_cycles=table.number(16, "q") or table.number(11) or None,
        chip=table.text(10) or None,
        fully_deterministic=traffic != UNKNOWN,
        to_device_bytes=traffic.to_device,
        from_device_bytes=traffic.from_device,
    )


def _layer_bytes(table: Table, field: int) -> int:
    return sum(layer.number(1) * layer.number(9, default=1) for layer in table.tables(field))


def _traffic(hints: Table | None, chunks: Sequence[int]) -> Traffic:
    """Sums of the transfers that the USB driver works through one by one."""
    if hints is None or not hints.number(1, "?"):
        return UNKNOWN
    total = Traffic()
    for hint in hints.tables(0):
        kind, value = hint.number(0, "B"), hint.table(1)
        if kind not in (_DESCRIPTOR, _INSTRUCTION):
            continue
        if value is None:
            raise DamagedError("a transfer of the compiled part is empty")
        outfeed = hint.number(2, "h") == _OUTFEED
        total = total.plus(_chunk(value, chunks) if kind == _INSTRUCTION else _descriptor(value, outfeed=outfeed))
    return total


def _chunk(value: Table, chunks: Sequence[int]) -> Traffic:
    index = value.number(0)
    if not 0 <= index < len(chunks):
        raise DamagedError("a transfer of the compiled part names instructions that are not there")
    return Traffic(to_device=chunks[index])


def _descriptor(value: Table, *, outfeed: bool) -> Traffic:
    meta, size = value.table(0), value.number(2)
    what = _OUTPUT if meta is None else meta.number(0, "h")
    if what not in (_OUTPUT, _INPUT, _PARAMETER, _SCRATCH) or size < 0:
        raise DamagedError("a transfer of the compiled part is of no known kind")
    comes_back = what == _OUTPUT or (what == _SCRATCH and outfeed)
    return Traffic(from_device=size) if comes_back else Traffic(to_device=size)


def main_executable(package: Package) -> Executable:
    """The program that an inference runs (``PackageRegistry::GetMainExecutableFromExecutableMap``)."""
    by_kind = {executable.kind: executable for executable in package.executables}
    if len(by_kind) == 1:
        return package.executables[0]
    return by_kind["execution-only" if len(by_kind) == 2 else "stand-alone"]


def caching_executable(package: Package) -> Executable | None:
    """The program that loads parameters first (``PackageRegistry::GetPCExecutableFromExecutableMap``)."""
    if len(package.executables) != 2:
        return None
    return next(executable for executable in package.executables if executable.kind == "parameter-caching")


class Chip:
    """Which parameters lie on a freshly opened chip (``Driver::SubmitInferenceRequest``)."""

    def __init__(self) -> None:
        self._token: str | None = None
        self._cached: set[int] = set()

    def infer(self, packages: Sequence[Package]) -> Traffic:
        """What one inference moves, with all packages in their order."""
        total = Traffic()
        for index, package in enumerate(packages):
            main, caching = main_executable(package), caching_executable(package)
            if main.caching_token is None or main.caching_token != self._token:
                self._token = None
                self._cached.clear()
            if caching is not None and index not in self._cached:
                self._token = caching.caching_token
                self._cached.add(index)
                total = total.plus(Traffic(caching.to_device_bytes, caching.from_device_bytes))
            total = total.plus(Traffic(main.to_device_bytes, main.from_device_bytes))
        return total
