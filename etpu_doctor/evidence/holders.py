"""Which processes have a device node open, as far as this user may see (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from etpu_doctor.evidence.files import Files
from etpu_doctor.facts.access import Holder
from etpu_doctor.facts.pci import ApexNode

_OPEN_FILES_LIMIT = 65536
_PROCESSES_LIMIT = 32768


def find_holders(files: Files, nodes: Collection[str]) -> tuple[list[Holder], int | None]:
    """Who holds which of the nodes, and how many processes did not show their files.

    The number is ``None`` where not even all processes are seen: in a container, or with ``hidepid``.
    """
    found: list[Holder] = []
    hidden = 0
    names = files.names("/proc") or []
    for name in [name for name in names if name.isdecimal()][:_PROCESSES_LIMIT]:
        held = _held_by(files, name, nodes)
        if held is None:
            hidden += 1
            continue
        found += [Holder(path=path, pid=int(name), name=process_name(files, int(name))) for path in held]
    return found, hidden if sees_all_processes(files) else None


def _held_by(files: Files, pid: str, nodes: Collection[str]) -> list[str] | None:
    """The nodes that a process has open; ``None`` if that may not be seen."""
    folder = files.path(f"/proc/{pid}/fd")
    try:
        names = os.listdir(folder)
    except PermissionError:
        # Kernel threads have no command line, and open no device.
        return None if files.read(f"/proc/{pid}/cmdline", 1) else []
    except OSError:
        return []  # it ended meanwhile
    held = set()
    for name in names[:_OPEN_FILES_LIMIT]:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target in nodes:
            held.add(target)
    return sorted(held)


def process_name(files: Files, pid: int) -> str | None:
    """The short name of a process."""
    name = files.text(f"/proc/{pid}/comm", 256)
    return name.strip() or None if name is not None else None


def sees_all_processes(files: Files) -> bool:
    """Whether ``/proc`` shows every process: the kernel's own threads are only seen from outside of containers."""
    return process_name(files, 2) == "kthreadd"


def driver_owners(files: Files, apex: Collection[ApexNode]) -> Iterator[Holder]:
    """The owners that the PCIe driver itself names (gasket-driver ``gasket_core.c``, ``device_owner``)."""
    complete = sees_all_processes(files)
    for node in apex:
        owner = node.attributes.get("device_owner", "").strip()
        if not is_owned(node) or not owner.isdecimal() or not 0 < len(owner) <= 10 or int(owner) == 0:
            continue
        # The number is that of the first namespace: in a container it would be another process.
        name = process_name(files, int(owner)) if complete else None
        alive = files.exists(f"/proc/{owner}") if complete else None
        yield Holder(path=f"/dev/{node.name}", pid=int(owner), name=name, alive=alive)


def is_owned(node: ApexNode) -> bool:
    """Whether the PCIe driver says that somebody has a node open for writing."""
    return node.attributes.get("is_device_owned", "").strip() == "1"
