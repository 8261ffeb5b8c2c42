"""libedgetpu and the TFLite runtimes, and whether they fit each other."""

from __future__ import annotations

import msgspec

from etpu_doctor.facts.host import Clock


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """One ``libedgetpu.so*``.

    ``machine`` is its ELF architecture (``x86_64``, ``aarch64``, ``arm``), ``None`` if it is no ELF file; ``first`` marks
    the one that the loader takes.
    """

    path: str
    machine: str | None = None
    bits: int | None = None
    package: str | None = None
    package_version: str | None = None
    clock: Clock | None = None
    google_build: str | None = None
    first: bool = False


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
    """An interpreter and the packages that matter in it; versions are ``None`` where a package is not installed."""

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


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """User space: libraries in the loader's order, interpreters, CPU flags that the runtimes need."""

    libraries: tuple[Library, ...] = ()
    conflicting_packages: tuple[str, ...] = ()
    probe: Probe | None = None
    pythons: tuple[PythonPackages, ...] = ()
    cpu_flags: tuple[str, ...] | None = None
    libusb_present: bool | None = None
