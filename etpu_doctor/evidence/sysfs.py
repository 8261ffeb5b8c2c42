"""Reading sysfs: one reader over a directory (``/sys`` or a copy of it), one over a tree in memory.

Attributes vanish while they are read, answer with errors, or hold bytes that are no text; none of that raises here.
"""

from __future__ import annotations

import os
import stat
from typing import Protocol, TypeVar

from etpu_doctor.evidence.patience import LIMIT_SECONDS, LOCK_TAKING, within

ATTRIBUTE_LIMIT_BYTES = 65536
_PAGE_BYTES = 4096
"""The kernel hands out a binary attribute (``descriptors``) by the page, whatever length is asked for (fs/kernfs)."""

_NUMBER_LIMIT = 1 << 63
_PATH_LIMIT, _DEPTH_LIMIT = 4096, 64
_NAME_LIMIT, _NAME_DEPTH_LIMIT = 255, 4
_FORBIDDEN = frozenset({"disable"})
"""Never read: a hub port's ``disable`` file takes the hub's lock and can block for a minute on a dying device."""


_T = TypeVar("_T", bytes, str)


class SysfsTree(Protocol):
    """Read access to what sysfs shows. Paths are absolute below the sysfs root (``/devices/pci0000:00/...``)."""

    unreadable: dict[str, str]
    """Attributes that exist but gave an error: path -> the error's text."""

    def devices(self, subsystem: str) -> list[tuple[str, str]]:
        """Names and device paths of a subsystem (``bus/usb``, ``class/apex``), in the kernel's listing order."""

    def has(self, subsystem: str) -> bool:
        """Whether the subsystem's folder exists and could be listed."""

    def read(self, devpath: str, attribute: str) -> bytes | None:
        """Content of an attribute, at most 64 KiB; ``None`` if it is missing or unreadable."""

    def link(self, devpath: str, name: str) -> str | None:
        """Absolute path a link points to, or ``None``."""

    def entries(self, devpath: str) -> list[str]:
        """Names below a path, unsorted; empty if it cannot be listed."""


def text(raw: bytes | None) -> str | None:
    """An attribute as text without surrounding blanks; ``None`` if it is missing or empty."""
    if raw is None:
        return None
    return raw.decode("utf-8", "replace").strip(" \t\r\n\0") or None


def integer(value: str | None, base: int = 10) -> int | None:
    """A number as sysfs prints them (``1``, `` 1``, ``0x1ac1``); ``None`` if it is none, or has more than 64 bits."""
    if value is None or not value.isascii() or "_" in value:
        return None
    try:
        parsed = int(value, base)
    except ValueError:
        return None
    return parsed if -_NUMBER_LIMIT <= parsed < 2 * _NUMBER_LIMIT else None


def folder_of(subsystem: str) -> str:
    """Folder in which sysfs lists a subsystem's devices."""
    return f"/{subsystem}/devices" if subsystem.startswith("bus/") else f"/{subsystem}"


def resolve(base: str, target: str) -> str | None:
    """Absolute path of a link target seen from the folder ``base``; ``None`` if it leaves the tree."""
    if target.startswith("/"):
        return None
    parts = [part for part in base.split("/") if part]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def is_sound(path: str) -> bool:
    """Whether a path is one that the kernel could have made.

    Bytes that are no text, line ends, and thousands of folders in each other only stand in a copy made to do harm.
    """
    return len(path) <= _PATH_LIMIT and path.count("/") <= _DEPTH_LIMIT and path.isprintable()


class DirectoryTree:
    """sysfs in a directory.

    With ``contained`` (anything but the live ``/sys``) no link is followed out of the directory: device folders
    are checked after resolution, and attributes are opened without following links.
    """

    def __init__(self, root: str = "/sys", *, contained: bool = False) -> None:
        self.root = root.rstrip("/") or "/"
        self.unreadable: dict[str, str] = {}
        self._real_root = os.path.realpath(self.root) if contained else None
        self._flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if contained else 0)
        self._inside: dict[str, bool] = {}
        self._busy: set[str] = set()

    def has(self, subsystem: str) -> bool:
        folder = folder_of(subsystem)
        path = self.root + folder
        return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK) and self._contains(folder)

    def devices(self, subsystem: str) -> list[tuple[str, str]]:
        folder = folder_of(subsystem)
        return [(name, self.link(folder, name) or f"{folder}/{name}") for name in self.entries(folder)]

    def entries(self, devpath: str) -> list[str]:
        try:
            names = os.listdir(self.root + devpath) if self._contains(devpath) else []
        except OSError as error:
            self._note(devpath, error)
            return []
        return [name for name in names if is_sound(name)]

    def link(self, devpath: str, name: str) -> str | None:
        if not self._contains(devpath):
            return None
        try:
            target = resolve(devpath, os.readlink(f"{self.root}{devpath}/{name}"))
        except OSError:
            return None
        return target if target is not None and is_sound(target) else None

    def read(self, devpath: str, attribute: str) -> bytes | None:
        folder, _, name = f"{devpath}/{attribute}".rpartition("/")
        if name in _FORBIDDEN or not self._contains(folder):
            return None
        path = f"{self.root}{folder}/{name}"
        try:
            # A copy of sysfs may hold anything; to open a device node, or a named pipe, can already act on something.
            if self._real_root is not None and not stat.S_ISREG(os.lstat(path).st_mode):
                return None
            handle = os.open(path, self._flags)
        except OSError as error:
            self._note(f"{folder}/{name}", error)
            return None
        try:
            return self._read_patiently(devpath, name, handle)
        except OSError as error:
            self._note(f"{folder}/{name}", error)
            return None
        finally:
            os.close(handle)

    def _read_patiently(self, devpath: str, name: str, handle: int) -> bytes | None:
        """Wait only so long for the lock of a live device, and not again for one that kept us waiting."""
        if self._real_root is not None or name not in LOCK_TAKING:
            return _read_all(handle)
        if devpath in self._busy:
            return None
        try:
            return within(LIMIT_SECONDS, lambda: _read_all(handle))
        except TimeoutError:
            self._busy.add(devpath)
            raise

    def _contains(self, devpath: str) -> bool:
        if self._real_root is None:
            return True
        known = self._inside.get(devpath)
        if known is None:
            known = self._inside[devpath] = self._is_inside(devpath, self._real_root)
        return known

    def _is_inside(self, devpath: str, real_root: str) -> bool:
        if devpath in ("", "/"):
            return True
        path = self.root + devpath
        if not os.path.islink(path):
            return self._contains(devpath.rpartition("/")[0])
        real = os.path.realpath(path)
        return real == real_root or real.startswith(real_root.rstrip("/") + "/")

    def _note(self, path: str, error: OSError) -> None:
        # A missing attribute is ordinary (older kernel, no such capability); one that is refused is worth saying.
        if not isinstance(error, FileNotFoundError):
            self.unreadable[path] = error.strerror or str(error)


def _read_all(handle: int) -> bytes:
    content = chunk = os.read(handle, ATTRIBUTE_LIMIT_BYTES)
    # Only after whole pages can there be more: nearly every attribute is shorter and costs no second call.
    while chunk and len(chunk) % _PAGE_BYTES == 0 and len(content) < ATTRIBUTE_LIMIT_BYTES:
        chunk = os.read(handle, ATTRIBUTE_LIMIT_BYTES - len(content))
        content += chunk
    return content


class MemoryTree:
    """sysfs held in memory: attributes, links (already absolute) and the order in which things were added."""

    def __init__(self) -> None:
        self.unreadable: dict[str, str] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        self._links: dict[str, dict[str, str]] = {}
        self._folders: dict[str, dict[str, None]] = {}

    def add_file(self, path: str, content: bytes) -> None:
        """Put an attribute at an absolute path."""
        folder, _, name = path.rpartition("/")
        if is_sound(path):
            self.add_folder(folder)
            self._files.setdefault(folder, {})[name] = content[:ATTRIBUTE_LIMIT_BYTES]

    def add_attribute(self, devpath: str, name: str, content: bytes) -> None:
        """Put an attribute into a folder that ``add_folder`` made; the name may go on (``power/control``)."""
        if name.isprintable() and len(name) <= _NAME_LIMIT and name.count("/") <= _NAME_DEPTH_LIMIT:
            self._files.setdefault(devpath, {})[name] = content[:ATTRIBUTE_LIMIT_BYTES]

    def add_link(self, path: str, target: str) -> None:
        """Put a link at an absolute path; ``target`` is absolute below the sysfs root."""
        folder, _, name = path.rpartition("/")
        if is_sound(path) and is_sound(target):
            self.add_folder(folder)
            self._links.setdefault(folder, {})[name] = target

    def add_folder(self, path: str) -> None:
        """Make a path and everything above it known."""
        if path in self._folders or not is_sound(path):
            return
        self._folders[path] = {}
        parent, _, name = path.rpartition("/")
        while name:
            known = parent in self._folders
            self._folders.setdefault(parent, {})[name] = None
            if known:
                return
            parent, _, name = parent.rpartition("/")

    def has(self, subsystem: str) -> bool:
        return folder_of(subsystem) in self._folders

    def devices(self, subsystem: str) -> list[tuple[str, str]]:
        folder = folder_of(subsystem)
        return [(name, self.link(folder, name) or f"{folder}/{name}") for name in self.entries(folder)]

    def entries(self, devpath: str) -> list[str]:
        names = dict(self._folders.get(devpath, ()))
        for held in (self._files, self._links):
            names.update(dict.fromkeys(name.partition("/")[0] for name in held.get(devpath, ())))
        return list(names)

    def link(self, devpath: str, name: str) -> str | None:
        return _look_up(self._links, devpath, name)

    def read(self, devpath: str, attribute: str) -> bytes | None:
        return _look_up(self._files, devpath, attribute)


def _look_up(held: dict[str, dict[str, _T]], folder: str, name: str) -> _T | None:
    """A name in a folder; either side may hold the folder between them (``2-1`` and ``power/control``)."""
    own = held.get(folder)
    if own is not None and name in own:
        return own[name]
    if "/" in name:
        between, _, last = name.rpartition("/")
        return held.get(f"{folder}/{between}", {}).get(last)
    if own is None:
        above, _, between = folder.rpartition("/")
        return held.get(above, {}).get(f"{between}/{name}")
    return None


class RecordingTree:
    """Passes reads through and remembers them, so that a capture holds exactly what a report was made from."""

    def __init__(self, tree: SysfsTree) -> None:
        self._tree = tree
        self.unreadable = tree.unreadable
        self.subsystems: dict[str, list[tuple[str, str]]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.links: dict[str, dict[str, str]] = {}

    def has(self, subsystem: str) -> bool:
        return self._tree.has(subsystem)

    def devices(self, subsystem: str) -> list[tuple[str, str]]:
        found = self.subsystems[subsystem] = self._tree.devices(subsystem)
        return found

    def entries(self, devpath: str) -> list[str]:
        return self._tree.entries(devpath)

    def link(self, devpath: str, name: str) -> str | None:
        target = self._tree.link(devpath, name)
        if target is not None:
            self.links.setdefault(devpath, {})[name] = target
        return target

    def read(self, devpath: str, attribute: str) -> bytes | None:
        content = self._tree.read(devpath, attribute)
        if content is not None:
            self.files.setdefault(devpath, {})[attribute] = content
        return content
