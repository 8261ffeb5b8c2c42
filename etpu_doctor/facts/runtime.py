"""libedgetpu and the TFLite runtimes, and whether they fit each other."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.facts.host import Clock


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """One ``libedgetpu.so*``.

    ``machine`` is its ELF architecture (``x86_64``, ``aarch64``, ``arm``), ``None`` if it is no ELF file; ``first``
    marks the one that the loader takes. ``loader_finds`` is false for a file that lies in a folder of the system but
    that the loader passes over: its cache does not list it, or it lacks the name ``libedgetpu.so.1``.
    """

    path: str
    machine: str | None = None
    bits: int | None = None
    package: str | None = None
    package_version: str | None = None
    clock: Clock | None = None
    google_build: str | None = None
    first: bool = False
    loader_finds: bool = True


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What the library answered in a child process that lists devices and opens none.

    ``devices`` are (type, path) in the library's order; ``failure`` why there is no answer (``exit 139``,
    ``no answer in 10 s``, the loader's message).
    """

    version_text: str | None = None
    runtime_version: int | None = None
    devices: tuple[tuple[str, str], ...] | None = None
    failure: str | None = None


class PythonPackages(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter and the packages that matter in it; versions are ``None`` where a package is not installed.

    ``asked_for``: the person named it; else it is the one that runs this program, whose packages need not be those of
    any application. ``libc`` is what its executable was linked against. With ``failure`` nothing else is known.
    """

    executable: str
    version: str | None = None
    implementation: str | None = None
    machine: str | None = None
    bits: int | None = None
    tflite_runtime: str | None = None
    ai_edge_litert: str | None = None
    tensorflow: str | None = None
    numpy: str | None = None
    pycoral: str | None = None
    pycoral_is_google: bool | None = None
    failure: str | None = None
    asked_for: bool = False
    libc: Literal["glibc", "musl"] | None = None


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """User space: libraries in the loader's order, interpreters, the CPU's flags.

    ``machine`` and ``bits`` are those of user space (of the process that looked): the kernel may be wider.
    """

    libraries: tuple[Library, ...] = ()
    conflicting_packages: tuple[str, ...] = ()
    probe: Probe | None = None
    pythons: tuple[PythonPackages, ...] = ()
    cpu_flags: tuple[str, ...] | None = None
    libusb_present: bool | None = None
    machine: str | None = None
    bits: int | None = None
