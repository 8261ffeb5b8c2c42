"""Which Debian package a libedgetpu comes from, by dpkg's own files (``dpkg(1)``, ``deb-control(5)``)."""

from __future__ import annotations

import os

import msgspec

from etpu_doctor.evidence.files import Files

INFO = "/var/lib/dpkg/info"
STATUS = "/var/lib/dpkg/status"

_NAMES = ("libedgetpu1-std", "libedgetpu1-max", "libedgetpu1-legacy-std", "libedgetpu1-legacy-max")
_ARCHITECTURES = ("", ":amd64", ":arm64", ":armhf")
_STATUS_LIMIT_BYTES = 64 << 20


class Package(msgspec.Struct, frozen=True, gc=False):
    """An installed package: ``name`` with its architecture where dpkg keeps several, and the library files in it."""

    name: str
    version: str | None
    paths: tuple[str, ...]


def installed_packages(files: Files, *, search: bool = False) -> list[Package]:
    """The packages of libedgetpu. With ``search`` also those of other names: that lists a large folder."""
    lists = _known_lists(files)
    if search and not lists:
        lists = [name for name in files.names(INFO) or () if "edgetpu" in name and name.endswith(".list")]
    found = []
    status: bytes | None = None
    for name in lists:
        paths = [line for line in (files.text(f"{INFO}/{name}") or "").splitlines() if "/libedgetpu.so" in line]
        if not paths:
            continue
        if status is None:
            status = files.read(STATUS, _STATUS_LIMIT_BYTES) or b""
        package = name.removesuffix(".list")
        block = status_block(status, package)
        # A package that was removed may leave its list behind.
        if block is None or b"\nStatus: install ok" in block:
            found.append(Package(package, field(block or b"", "Version"), tuple(paths)))
    return found


def owner(files: Files, path: str, packages: list[Package]) -> Package | None:
    """The package that a file belongs to; two paths are one file on a system where ``/lib`` leads to ``/usr/lib``."""
    status = files.stat(path)
    for package in packages:
        for own in package.paths:
            other = files.stat(own) if os.path.basename(own).startswith("libedgetpu.so.1") else None
            if status is not None and other is not None and os.path.samestat(status, other):
                return package
    return None


def status_block(status: bytes, package: str) -> bytes | None:
    """What ``/var/lib/dpkg/status`` says of a package (``libedgetpu1-std:amd64``), beginning with a line end."""
    name, _, architecture = package.partition(":")
    head = f"\nPackage: {name}\n".encode()
    content = b"\n" + status if status.startswith(b"Package:") else status
    start = content.find(head)
    while start >= 0:
        end = content.find(b"\n\n", start + 1)
        block = content[start : end if end >= 0 else len(content)] + b"\n"
        if not architecture or field(block, "Architecture") in (None, architecture):
            return block
        start = content.find(head, start + 1)
    return None


def field(block: bytes, name: str) -> str | None:
    """A field of one package's block."""
    _, mark, rest = block.partition(f"\n{name}: ".encode())
    return (rest.partition(b"\n")[0].decode("utf-8", "replace").strip() or None) if mark else None


def _known_lists(files: Files) -> list[str]:
    names = [f"{name}{architecture}.list" for name in _NAMES for architecture in _ARCHITECTURES]
    return [name for name in names if files.exists(f"{INFO}/{name}")]
