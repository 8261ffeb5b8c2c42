"""Opens bundles (.tar.gz) without unpacking them: nothing is written, no link is followed, sizes are bounded."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from typing import IO

import msgspec

from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.sysfs import ATTRIBUTE_LIMIT_BYTES, MemoryTree, resolve

MEMBERS_LIMIT = 400_000
TOTAL_LIMIT_BYTES = 256 << 20
TEXT_LIMIT_BYTES = 64 << 20

_EXTENSION_LIMIT_BYTES = 5120
"""Longer than any path of Linux (4096) with what stands around it."""

_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Headers that hold the long name of the next member."""

_SYSFS_FOLDERS = ("bus", "class", "devices")
_SYSFS_PREFIXES = ("/sys/", "/sysfs/")


class Archive(msgspec.Struct):
    """What a bundle holds: texts by name, a sysfs tree if one is inside, and what was refused with the reason."""

    texts: dict[str, bytes]
    tree: MemoryTree | None
    refused: list[tuple[str, str]]


class _Member(tarfile.TarInfo):
    """A member whose long name is bounded before tarfile reads it.

    Before Python 3.11.10 and 3.12.6 tarfile takes quadratic time over it (CVE-2024-6232), and reads it whole anywhere.
    """

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a file with holes, which no capture has")
        if self.type in _EXTENSIONS and self.size > _EXTENSION_LIMIT_BYTES:
            raise tarfile.ReadError("a name that is too long")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc] # the types leave this hook out
        return member


def read_archive(name: str, handle: IO[bytes]) -> Archive:
    """Read a tar archive, compressed or not.

    Raises ``EvidenceError`` if it is no archive, is cut short, or is larger than the limits.
    """
    archive = Archive(texts={}, tree=None, refused=[])
    total = 0
    try:
        # Not tarfile's own decompression, which fails on a cut gzip header with an error of another kind.
        with tarfile.open(fileobj=_Bounded(_unpacked(handle)), mode="r|", tarinfo=_Member) as tar:
            for count, member in enumerate(tar):
                total += member.size
                if count >= MEMBERS_LIMIT or total > TOTAL_LIMIT_BYTES:
                    limits = f"{TOTAL_LIMIT_BYTES >> 20} MiB or {MEMBERS_LIMIT} files"
                    raise EvidenceError(name, f"the bundle is larger than {limits}")
                _add_member(archive, tar, member)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RecursionError) as error:
        raise EvidenceError(name, f"not a readable bundle: {error}") from None
    return archive


def _unpacked(handle: IO[bytes]) -> IO[bytes]:
    buffered = handle if isinstance(handle, io.BufferedReader) else io.BufferedReader(handle)  # type: ignore[type-var]
    packed = buffered.peek(2)[:2] == b"\x1f\x8b"
    return gzip.GzipFile(fileobj=buffered, mode="rb") if packed else buffered  # type: ignore[return-value]


class _Bounded(io.RawIOBase):
    """Ends with an error where a bundle unpacks to more than the limit, whatever its headers claim."""

    def __init__(self, handle: IO[bytes]) -> None:
        super().__init__()
        self._handle = handle
        self._left = TOTAL_LIMIT_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._handle.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {TOTAL_LIMIT_BYTES >> 20} MiB")
        return data


def _add_member(archive: Archive, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = resolve("/", member.name)
    if path is None:
        archive.refused.append((member.name, "its path leaves the bundle"))
        return
    inside = _sysfs_path(path)
    if member.issym() and inside is not None:
        _add_link(archive, inside, member)
    elif member.isfile():
        content = tar.extractfile(member)
        _add_file(archive, path, inside, content if content is not None else io.BytesIO())
    elif not member.isdir():
        archive.refused.append((member.name, "links and special files are not opened"))
    elif inside is not None:
        _tree_of(archive).add_folder(inside)


def _tree_of(archive: Archive) -> MemoryTree:
    if archive.tree is None:
        archive.tree = MemoryTree()
    return archive.tree


def _sysfs_path(path: str) -> str | None:
    """The part of a member's path below sysfs, if it lies in a folder called ``sys`` or ``sysfs``."""
    parts = path.split("/")
    for index, part in enumerate(parts[:-1]):
        if part in ("sys", "sysfs") and parts[index + 1] in _SYSFS_FOLDERS:
            return "/" + "/".join(parts[index + 1 :])
    return None


def _add_link(archive: Archive, inside: str, member: tarfile.TarInfo) -> None:
    # A link of sysfs is data here: its target is only ever looked up in the same tree.
    target = resolve(inside.rpartition("/")[0], member.linkname)
    if target is None:
        archive.refused.append((member.name, "its link leaves the bundle"))
    else:
        _tree_of(archive).add_link(inside, target)


def _add_file(archive: Archive, path: str, inside: str | None, content: IO[bytes]) -> None:
    if inside is not None:
        _tree_of(archive).add_file(inside, content.read(ATTRIBUTE_LIMIT_BYTES))
        return
    if path.startswith(_SYSFS_PREFIXES):
        return  # A part of sysfs that is no device (modules, kernel): not used.
    data = content.read(TEXT_LIMIT_BYTES + 1)
    if len(data) > TEXT_LIMIT_BYTES:
        archive.refused.append((path[1:], f"larger than {TEXT_LIMIT_BYTES >> 20} MiB"))
    else:
        archive.texts[path[1:]] = data
