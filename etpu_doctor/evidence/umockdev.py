"""sysfs as one reviewable text: the device description format of umockdev.

The format (umockdev's ``README``): a block a device, lines ``P: /devices/...``, ``E: KEY=value``,
``A: attribute=value`` with line ends and backslashes escaped, ``L: link=target``, ``H: attribute=hex``, ``N:`` and
``S:`` for device nodes. A capture uses it because it is small text, holds links without being links, and can be
replayed to any program with ``umockdev-run -d FILE -- PROGRAM``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache

from etpu_doctor.evidence.sysfs import MemoryTree, RecordingTree, folder_of, resolve

_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

_CLASSES = frozenset({"apex", "dmi", "hwmon", "net", "tty", "block"})
"""Subsystems that sysfs lists below ``/class``; all others are buses."""


def looks_like_description(first_lines: Iterable[str]) -> bool:
    """Whether a text is a umockdev device description, judged by its first lines.

    ``udevadm info --export-db`` begins alike but has no attributes.
    """
    starts = [line[:3] for line in first_lines if line.strip()]
    return starts[:1] == ["P: "] and ("A: " in starts or "H: " in starts)


def read_description(lines: Iterable[str]) -> MemoryTree:
    """A tree from a device description; lines that are none of the format's are passed over."""
    tree = MemoryTree()
    devpath: str | None = None
    for line in lines:
        key, _, value = line.rstrip("\r\n").partition(": ")
        if key == "P":
            devpath = resolve("/", value.lstrip("/"))
            if devpath is not None:
                tree.add_folder(devpath)
        elif devpath is not None:
            name, _, content = value.partition("=")
            if key == "A":
                tree.add_attribute(devpath, name, _unescape(content))
            elif key == "H":
                tree.add_attribute(devpath, name, _unhex(content))
            else:
                _read_link(tree, devpath, key, name, content)
    return tree


def _read_link(tree: MemoryTree, devpath: str, key: str, name: str, content: str) -> None:
    if key == "L":
        path = f"{devpath}/{name}"
        target = resolve(path.rpartition("/")[0], content)
        if target is not None:
            tree.add_link(path, target)
    elif key == "E" and name == "SUBSYSTEM":
        folder = folder_of(("class/" if content in _CLASSES else "bus/") + content)
        tree.add_link(f"{folder}/{devpath.rpartition('/')[2]}", devpath)


def _unescape(value: str) -> bytes:
    """Undo C's escapes, octal ones too: ``umockdev-record`` writes bytes beyond ASCII so (glib's ``g_strescape``)."""
    if value.endswith("\\n") and value.find("\\") == len(value) - 2:
        return value[:-2].encode("utf-8", "replace") + b"\n"  # Nearly every attribute: one line.
    if "\\" not in value:
        return value.encode("utf-8", "replace")
    return _escapes().sub(_byte_of, value.encode("utf-8", "replace"))


@cache
def _escapes() -> re.Pattern[bytes]:
    return re.compile(rb"\\([0-7]{1,3}|.)")


def _byte_of(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[0] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)


def _unhex(value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        return b""


def write_description(record: RecordingTree) -> Iterator[str]:
    """The lines of a device description of everything that was read through ``record``.

    Devices stand in the kernel's listing order, because libedgetpu counts PCIe chips in the order of
    ``/sys/class/apex``. Attributes of folders that are no devices (hub ports) are written below the nearest device.
    """
    owners: dict[str, str] = {}
    for subsystem, devices in record.subsystems.items():
        for _, devpath in devices:
            owners.setdefault(devpath, subsystem.rpartition("/")[2])
    for path in (*record.files, *record.links):
        # Outside of /devices there are none (/class/dmi/id is a link to one), and umockdev takes no other path.
        if path.startswith("/devices/") and _owner(owners, path) is None:
            owners[path] = ""
    blocks: dict[str, list[str]] = {devpath: [] for devpath in owners}
    for path, files in record.files.items():
        if (owner := _owner(owners, path)) is not None:
            blocks[owner] += _file_lines(path[len(owner) + 1 :], files)
    for path, links in record.links.items():
        if (owner := _owner(owners, path)) is not None:
            blocks[owner] += _link_lines(owner, path[len(owner) + 1 :], links)
    for devpath, body in blocks.items():
        # A device of no known subsystem (a platform controller) still needs one for umockdev.
        yield f"P: {devpath}"
        yield f"E: SUBSYSTEM={owners[devpath] or 'platform'}"
        yield from body
        yield ""


def _owner(owners: dict[str, str], path: str) -> str | None:
    while path:
        if path in owners:
            return path
        path = path.rpartition("/")[0]
    return None


def _file_lines(prefix: str, files: dict[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        yield _attribute_line(f"{prefix}/{name}" if prefix else name, content)


def _attribute_line(name: str, content: bytes) -> str:
    try:
        value = content.decode("ascii")
    except UnicodeDecodeError:
        return f"H: {name}={content.hex().upper()}"
    if not value.replace("\n", "").isprintable():
        return f"H: {name}={content.hex().upper()}"
    return f"A: {name}=" + value.replace("\\", "\\\\").replace("\n", "\\n")


def _link_lines(devpath: str, prefix: str, links: dict[str, str]) -> Iterator[str]:
    for name, target in links.items():
        full = f"{prefix}/{name}" if prefix else name
        yield f"L: {full}={os.path.relpath(target, os.path.dirname(f'{devpath}/{full}'))}"
