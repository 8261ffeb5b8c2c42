"""Facts about the machine around the buses, from its own files."""

from __future__ import annotations

import os

from etpu_doctor.evidence.sysfs import SysfsTree, text
from etpu_doctor.facts.host import Host


def read_host(tree: SysfsTree, root: str = "/") -> Host:
    """The live host, without its libedgetpu (``around``). ``root`` is where ``/proc`` and ``/etc`` are looked for."""
    system = os.uname()
    return Host(
        # A host name may be any bytes; what is no text could not be written as JSON.
        hostname=os.fsencode(system.nodename).decode("utf-8", "replace") or None,
        kernel_release=system.release or None,
        architecture=system.machine or None,
        os_name=_os_name(root),
        board_model=_board_model(tree, root),
        page_size_bytes=os.sysconf("SC_PAGE_SIZE"),
    )


def _read(path: str) -> str | None:
    try:
        # Without waiting: below another root, a named pipe may stand there.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(handle, 65536).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(handle)


def _os_name(root: str) -> str | None:
    for line in (_read(os.path.join(root, "etc/os-release")) or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip("\"'") or None
    return None


def _board_model(tree: SysfsTree, root: str) -> str | None:
    """The device tree's model (NUL-terminated), or the vendor and product that the firmware's DMI tables give."""
    model = _read(os.path.join(root, "proc/device-tree/model"))
    if model:
        return model.rstrip("\0\n ") or None
    names = [text(tree.read("/class/dmi/id", name)) for name in ("sys_vendor", "product_name")]
    return " ".join(name for name in names if name) or None
