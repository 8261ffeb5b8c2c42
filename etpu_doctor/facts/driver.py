"""The PCIe driver (gasket and apex) and what decides whether it can load."""

from __future__ import annotations

from typing import Literal

import msgspec

ModuleOrigin = Literal["dkms", "in-tree", "other"]


class KernelModule(msgspec.Struct, frozen=True, kw_only=True):
    """``gasket`` or ``apex``. ``loaded`` from ``/sys/module``; ``file`` what modprobe would load for this kernel.

    ``in_modules_dep`` tells whether ``modules.dep`` of the running kernel lists it.
    """

    name: str
    loaded: bool | None = None
    version: str | None = None
    in_modules_dep: bool | None = None
    file: str | None = None
    origin: ModuleOrigin | None = None


class DkmsState(msgspec.Struct, frozen=True, kw_only=True):
    """DKMS and the gasket package.

    ``status`` per kernel (``built``, ``installed``); ``build_error`` the line of make.log that tells why it failed,
    ``build_error_where`` its place, and ``build_kernel`` the kernel that log is about.
    """

    package_version: str | None = None
    source_present: bool | None = None
    status: dict[str, str] = {}
    build_error: str | None = None
    build_error_where: str | None = None
    build_kernel: str | None = None


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """Everything around the driver; ``None`` where it could not be read.

    ``lockdown``: ``none``, ``integrity`` or ``confidentiality``. ``signatures_enforced``: the kernel takes signed
    modules only (``module.sig_enforce``). ``command_line``: the kernel's, split into words; values that do
    not bear on devices are left out (``root=…``). ``blacklisted_in``: the places (``/etc/modprobe.d/x.conf:3``) that
    keep the driver from being loaded.
    """

    modules: tuple[KernelModule, ...] = ()
    dkms: DkmsState | None = None
    headers_present: bool | None = None
    secure_boot: bool | None = None
    lockdown: str | None = None
    signatures_enforced: bool | None = None
    command_line: tuple[str, ...] | None = None
    blacklisted_in: tuple[str, ...] = ()
