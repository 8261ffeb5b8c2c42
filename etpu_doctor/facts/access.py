"""Who may open the device nodes, and whether they are there at all."""

from __future__ import annotations

from typing import Literal

import msgspec

ContainerKind = Literal["docker", "podman", "lxc", "kubernetes", "systemd-nspawn", "other"]


class NodeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One device node (``/dev/bus/usb/002/003``, ``/dev/apex_0``) as this process sees it.

    ``readable_writable`` is what ``access(2)`` answers to this user; ``acl_user`` whether an ACL grants it (logind's
    ``uaccess``). ``edge_tpu`` is the id of the Edge TPU in the tree. Whether the device cgroup refuses cannot be known
    without opening; ``cgroup_denies`` is only set from the device list of cgroup v1.
    """

    path: str
    edge_tpu: str | None = None
    exists: bool | None = None
    is_character_device: bool | None = None
    owner: str | None = None
    group: str | None = None
    mode: int | None = None
    readable_writable: bool | None = None
    acl_user: bool | None = None
    cgroup_denies: bool | None = None


class UdevRule(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a udev rules file that names an Edge TPU: which identity, and what it grants."""

    identity: Literal["1a6e:089a", "18d1:9302", "apex"]
    file: str
    line: int
    group: str | None = None
    mode: int | None = None
    uaccess: bool = False
    group_exists: bool | None = None


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that has a node open.

    ``alive`` is set for what the driver itself names as the owner: false where ``/proc`` has no such process,
    ``None`` where it does not show all of them (a container, ``hidepid``).
    """

    path: str
    pid: int
    name: str | None = None
    alive: bool | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who this process is, and what stands between it and the device nodes.

    ``session_groups`` are those of this process, ``account_groups`` those of the group database: a group that is only
    in the latter needs a new login. ``holders_hidden`` counts processes whose open files could not be read, ``None``
    where not even all processes are seen. ``usb_bus_mapped``: whether ``/dev/bus/usb`` is there at all;
    ``usb_bus_live``: whether it is the kernel's own folder, so that nodes which come later appear in it. ``vm``:
    ``kvm``, ``vmware``, ``microsoft`` (WSL and Hyper-V) ...
    """

    user: str | None = None
    is_root: bool | None = None
    session_groups: tuple[str, ...] = ()
    account_groups: tuple[str, ...] = ()
    nodes: tuple[NodeAccess, ...] = ()
    udev_rules: tuple[UdevRule, ...] = ()
    udev_rules_read: bool = False
    usb_bus_mapped: bool | None = None
    usb_bus_live: bool | None = None
    user_namespace: bool | None = None
    container: ContainerKind | None = None
    vm: str | None = None
    is_wsl: bool | None = None
    holders: tuple[Holder, ...] = ()
    holders_hidden: int | None = None
