"""From the names that a person types to the Edge TPUs they mean."""

from __future__ import annotations

from collections.abc import Sequence

from etpu_doctor.topology.machine import EdgeTpu


class TargetError(Exception):
    """A name that means no Edge TPU, or more than one. The text is for a person."""


def select(tpus: Sequence[EdgeTpu], names: Sequence[str]) -> list[EdgeTpu]:
    """The Edge TPUs that the names mean, each once, in the order of the names; all of them without names.

    A name is anything the program prints: ``usb:0``, ``pci:1``, a port path (``2-3.1``), a PCI address with or without
    its domain, ``/dev/apex_0``, a device node, or a path below ``/sys``. Raises ``TargetError``.
    """
    if not names:
        return list(tpus)
    found = {tpu.id: tpu for tpu in (_one(tpus, name) for name in names)}
    return list(found.values())


def _one(tpus: Sequence[EdgeTpu], name: str) -> EdgeTpu:
    wanted = name.strip()
    meant = [tpu for tpu in tpus if wanted in _names(tpu)]
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(_short(tpu) for tpu in tpus) or "none"
    if meant:
        raise TargetError(f"{name} means more than one Edge TPU: {', '.join(tpu.id for tpu in meant)}")
    raise TargetError(f"no Edge TPU is called {name} here (there are: {known})")


def _names(tpu: EdgeTpu) -> frozenset[str | None]:
    names = {tpu.id, tpu.delegate_device, tpu.delegate_device_any, tpu.device_path, tpu.device_node}
    if tpu.pci_address is not None:
        names |= {tpu.pci_address.removeprefix("0000:"), f"/sys/bus/pci/devices/{tpu.pci_address}"}
    return frozenset(names - {None, ""})


def _short(tpu: EdgeTpu) -> str:
    return f"{tpu.delegate_device} = {tpu.id}" if tpu.delegate_device is not None else tpu.id
