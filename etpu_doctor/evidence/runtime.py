"""User space around the Edge TPUs: libedgetpu, the TFLite packages of interpreters, what the CPU can do."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import msgspec

from etpu_doctor.evidence.elf import HEADER_BYTES, Elf, read_elf
from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.libedgetpu import build_in, clock_in
from etpu_doctor.evidence.library_package import Package, installed_packages, owner
from etpu_doctor.evidence.loader import Loader, Place
from etpu_doctor.evidence.python_packages import SCRIPT, UNKNOWN_VERSION, own_packages, packages_of
from etpu_doctor.facts.evidence import Missing
from etpu_doctor.facts.runtime import Library, PythonPackages, Runtime

SONAME = "libedgetpu.so.1"
OTHER_NAMES = ("libedgetpu.so.1.0", "libedgetpu.so")
LIBUSB = "libusb-1.0.so.0"
CPU_INFO = "/proc/cpuinfo"

_LIBRARY_LIMIT_BYTES = 32 << 20
# The first CPU's block. On a machine with many, the kernel needs long for the whole file.
_CPU_LIMIT_BYTES = 8192


def read_runtime(files: Files, pythons: Sequence[str]) -> tuple[Runtime, list[Missing]]:
    """Everything but the probe, and what could not be read. ``pythons`` are the interpreters that a person named.

    The running interpreter is one of the list only on the live system: below another root it is not at home.
    """
    loader = Loader(files, os.environ.get("LD_LIBRARY_PATH"))
    user_space = read_elf(files.read("/proc/self/exe", HEADER_BYTES) or b"")
    places = loader.find(SONAME, *OTHER_NAMES)
    packages = installed_packages(files, search=bool(places))
    libraries = [_library(files, place, packages) for place in places]
    interpreters = [] if files.root else [own_packages(files)]
    interpreters += [packages_of(files, path) for path in dict.fromkeys(pythons)]
    flags = _cpu_flags(files)
    runtime = Runtime(
        libraries=tuple(_mark_first(libraries, user_space, files.refused)),
        conflicting_packages=tuple(sorted(package.name for package in packages)) if len(packages) > 1 else (),
        pythons=tuple(interpreters),
        cpu_flags=flags,
        libusb_present=bool(loader.find(LIBUSB)),
        machine=user_space.machine if user_space else None,
        bits=user_space.bits if user_space else None,
    )
    return runtime, [*_refused(files, libraries), *_unread(interpreters), *_no_flags(flags)]


def probe_target(runtime: Runtime) -> str | None:
    """The library that is worth asking: the one that the loader takes."""
    return next((library.path for library in runtime.libraries if library.first), None)


def library_at(files: Files, path: str) -> Library:
    """The library that a person named, whatever the loader would take."""
    library = _library(files, Place(path, loader_finds=False), installed_packages(files, search=True))
    return msgspec.structs.replace(library, first=True)


def _library(files: Files, place: Place, packages: list[Package]) -> Library:
    content = files.read(place.path, _LIBRARY_LIMIT_BYTES) or b""
    header = read_elf(content)
    package = owner(files, place.path, packages)
    return Library(
        path=place.path,
        machine=header.machine if header else None,
        bits=header.bits if header else None,
        package=package.name if package else None,
        package_version=package.version if package else None,
        clock=clock_in(content),
        google_build=build_in(content),
        loader_finds=place.loader_finds,
    )


def _mark_first(libraries: list[Library], user_space: Elf | None, refused: Collection[str]) -> list[Library]:
    """The loader passes over files that it may not open and files for another processor, as if they were not there.

    At a file that is no library it gives up (glibc ``elf/dl-load.c``: "invalid ELF header", "file too short").
    """
    for index, library in enumerate(libraries):
        if not library.loader_finds or library.path in refused:
            continue
        if library.machine is None:
            break
        if user_space is None or (library.machine, library.bits) == (user_space.machine, user_space.bits):
            libraries[index] = msgspec.structs.replace(library, first=True)
            break
    return libraries


def _cpu_flags(files: Files) -> tuple[str, ...] | None:
    """``flags`` on x86, ``Features`` on ARM, of the first CPU that has them."""
    for line in (files.text(CPU_INFO, _CPU_LIMIT_BYTES) or "").splitlines():
        name, mark, value = line.partition(":")
        if mark and name.strip() in ("flags", "Features"):
            return tuple(value.split())
    return None


def _refused(files: Files, libraries: list[Library]) -> list[Missing]:
    return [
        Missing(what=library.path, why=files.refused[library.path], how=f"sudo file -L {_quoted(library.path)}")
        for library in libraries
        if library.path in files.refused
    ]


def _unread(interpreters: list[PythonPackages]) -> list[Missing]:
    return [
        Missing(
            what=f"the packages of {each.executable}",
            why=each.failure,
            # What is no interpreter could not be asked.
            how=f"{_quoted(each.executable)} -m pip list" if each.failure in (SCRIPT, UNKNOWN_VERSION) else None,
        )
        for each in interpreters
        if each.failure is not None
    ]


def _no_flags(flags: tuple[str, ...] | None) -> list[Missing]:
    if flags is not None:
        return []
    return [Missing(what="what the CPU can do", why=f"{CPU_INFO} does not say", how="lscpu")]


def _quoted(text: str) -> str:
    import shlex  # noqa: PLC0415 - only for what could not be read

    return shlex.quote(text)
