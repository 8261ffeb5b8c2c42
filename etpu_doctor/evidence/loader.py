"""Where the dynamic loader looks for a library, in its order, without asking it.

glibc: ``LD_LIBRARY_PATH``, then ``/etc/ld.so.cache``, then the default folders (``ld.so(8)``, glibc ``dl-cache.h``).
musl: ``LD_LIBRARY_PATH``, then ``/etc/ld-musl-ARCH.path`` or its default folders. Not seen: an RPATH of the program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal, NamedTuple

from etpu_doctor.evidence.files import Files

CACHE = "/etc/ld.so.cache"
CONFIGURATION = "/etc/ld.so.conf"

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER_BYTES, _ENTRY_BYTES, _COUNT_AT, _ORDER_AT = 48, 24, 20, 28
_CACHE_LIMIT_BYTES = 16 << 20
_PATH_LIMIT_BYTES = 4096
_TRIPLETS = ("x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "i386-linux-gnu")
_CONFIGURATION_FILES = 64


class Place(NamedTuple):
    """One file, and whether the loader finds it by its SONAME."""

    path: str
    loader_finds: bool


class Loader:
    """The loader's search for libraries below a root; ``library_path`` is ``LD_LIBRARY_PATH``."""

    def __init__(self, files: Files, library_path: str | None = None) -> None:
        self._files = files
        self._cache = files.read(CACHE, _CACHE_LIMIT_BYTES) or b""
        self._library_path = [folder for folder in (library_path or "").split(":") if folder.startswith("/")]

    def find(self, soname: str, *others: str) -> list[Place]:
        """Files of a library, each once, those that the loader finds first; ``others`` are names it never asks for."""
        found: dict[tuple[int, int], Place] = {}
        for place in self._candidates(soname, others):
            status = self._files.stat(place.path)
            if status is not None:
                found.setdefault((status.st_dev, status.st_ino), place)
        return list(found.values())

    def _candidates(self, soname: str, others: tuple[str, ...]) -> Iterator[Place]:
        for folder in self._library_path:
            yield Place(f"{folder.rstrip('/')}/{soname}", loader_finds=True)
        for path in cached_paths(self._cache, soname):
            yield Place(path, loader_finds=True)
        defaults = default_folders(self._files)
        for folder in defaults:
            yield Place(f"{folder}/{soname}", loader_finds=True)
        for folder in (*defaults, "/usr/local/lib", *configured_folders(self._files)):
            for name in (soname, *others):
                yield Place(f"{folder}/{name}", loader_finds=False)


def cached_paths(cache: bytes, soname: str) -> list[str]:
    """Paths that ``/etc/ld.so.cache`` gives for a name, in its order; none if it is of an unknown format."""
    start = cache.find(_MAGIC)
    key = soname.encode() + b"\0"
    # Most caches do not name the library at all: a search of the bytes is quicker than a walk over the entries.
    if start < 0 or key not in cache:
        return []
    table = memoryview(cache)[start:]
    # The flags at 28 tell the byte order since glibc 2.33 (2 little, 3 big); 0 is what older ones wrote.
    order: Literal["little", "big"] = "big" if len(table) > _ORDER_AT and table[_ORDER_AT] == 3 else "little"
    count = int.from_bytes(table[_COUNT_AT : _COUNT_AT + 4], order)
    last = min(_HEADER_BYTES + count * _ENTRY_BYTES, len(table) - _ENTRY_BYTES + 1)
    found = []
    for entry in range(_HEADER_BYTES, last, _ENTRY_BYTES):
        name = int.from_bytes(table[entry + 4 : entry + 8], order)
        if table[name : name + len(key)] == key:
            value = int.from_bytes(table[entry + 8 : entry + 12], order)
            path = bytes(table[value : value + _PATH_LIMIT_BYTES]).partition(b"\0")[0]
            found.append(path.decode("utf-8", "replace"))
    return [path for path in found if path.startswith("/")]


def default_folders(files: Files) -> list[str]:
    """The folders that the loader searches without being told."""
    musl = next((name for name in files.names("/lib") or () if name.startswith("ld-musl-")), None)
    if musl is not None:
        architecture = musl.removeprefix("ld-musl-").partition(".")[0]
        listed = files.text(f"/etc/ld-musl-{architecture}.path")
        return (listed or "/lib:/usr/local/lib:/usr/lib").replace("\n", ":").strip(":").split(":")
    multiarch = [f"{base}/{triplet}" for triplet in _TRIPLETS for base in ("/lib", "/usr/lib")]
    return [*multiarch, "/lib", "/usr/lib", "/lib64", "/usr/lib64"]


def configured_folders(files: Files) -> list[str]:
    """The folders of ``/etc/ld.so.conf`` and of what it includes, from which ``ldconfig`` makes the cache."""
    folders: list[str] = []
    waiting = [CONFIGURATION]
    seen: set[str] = set()
    while waiting and len(seen) < _CONFIGURATION_FILES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        for line in (files.text(path) or "").splitlines():
            word, _, rest = line.partition("#")[0].strip().partition(" ")
            if word == "include":
                waiting += _included(files, path, rest.strip())
            elif word.startswith("/"):
                folders.append(word.partition("=")[0].rstrip("/") or "/")
    return folders


def _included(files: Files, by: str, pattern: str) -> list[str]:
    import fnmatch  # noqa: PLC0415 - only where the configuration includes others

    folder, _, names = os.path.join(os.path.dirname(by), pattern).rpartition("/")
    return [f"{folder}/{name}" for name in files.names(folder) or () if fnmatch.fnmatchcase(name, names)]
