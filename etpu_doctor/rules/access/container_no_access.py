"""ETD602 container-no-access."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Literal

from etpu_doctor.facts.access import Access, NodeAccess
from etpu_doctor.rules.device_nodes import inside_text, is_host_matter, is_inside, rights_fact, tpu_nodes
from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo, Severity
from etpu_doctor.rules.wording import tpu_text
from etpu_doctor.topology.machine import EdgeTpu, Machine

INFO = RuleInfo(
    code="ETD602",
    name="container-no-access",
    severity="error",
    summary="This container does not have the Edge TPU's device node, or will lose it.",
    documentation="""\
## What it means
A container sees the host's `/sys`, and so every Edge TPU, but only the device nodes it was given. The node of a USB
Edge TPU changes its number when the firmware is loaded, so a container that was given the nodes of one moment
(`devices:` or `--device` without the folder bound, or one node of a Proxmox container) loses it with the first use.
In an unprivileged or rootless container, "root" is an ordinary user of the host.

## Why it matters
The program in the container finds no Edge TPU, or finds it once and never again, while the host shows a healthy one.

## How to fix
Bind the whole folder `/dev/bus/usb` and allow its devices (`c 189:*`), or map `/dev/apex_N`. `etpu-doctor setup
docker`, `compose`, `podman`, `lxc` and `proxmox` print it ready to use.

## What it cannot see
Whether the device control group of version 2 allows an open; what was meant: a container may have been given one of
several Edge TPUs on purpose, and then the others are only a note.

## Source
Frigate documentation, hardware and installation; google-coral/pycoral issue 94; Docker reference of `docker run`;
lxc.container.conf(5); Linux `Documentation/admin-guide/devices.txt` (majors 189 and, in gasket-driver, 120).
""",
)

Trouble = Literal["no-bus", "no-node", "no-device", "control-group", "unmapped", "copied"]

_TARGETS = {
    "docker": ("docker", "compose"),
    "podman": ("podman",),
    "lxc": ("lxc", "proxmox"),
}


def check(machine: Machine) -> Iterator[Finding]:
    """One finding for each Edge TPU that the container sees in ``/sys`` and cannot use, or will not be able to."""
    access = machine.evidence.access
    if access is None or not is_inside(access):
        return
    found = [(tpu, node, _trouble(access, tpu, node)) for tpu, node in tpu_nodes(machine, access)]
    some_work = any(trouble in (None, "copied") for _, _, trouble in found)
    for tpu, node, trouble in found:
        if trouble is not None:
            yield _finding(access, tpu, node, trouble, some_work=some_work)
    if not machine.edge_tpus and not machine.covers("usb") and access.usb_bus_mapped is False:
        yield _blind(access)


def _trouble(access: Access, tpu: EdgeTpu, node: NodeAccess) -> Trouble | None:
    if node.exists is False:
        return "no-bus" if tpu.transport == "usb" and access.usb_bus_mapped is False else "no-node"
    if node.is_character_device is False:
        return "no-device"
    if node.cgroup_denies:
        return "control-group"
    if node.readable_writable is False and is_host_matter(access):
        return "unmapped"
    if tpu.transport == "usb" and node.exists and access.usb_bus_live is False:
        return "copied"
    return None


def _finding(access: Access, tpu: EdgeTpu, node: NodeAccess, trouble: Trouble, *, some_work: bool) -> Finding:
    severity: Severity = "error"
    if trouble == "copied":
        severity = "warning" if tpu.state == "dfu" else "info"
    elif some_work:
        severity = "info"  # perhaps this container was meant to have the other one
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity=severity,
        confidence="likely" if trouble == "copied" else "certain",
        title=f"{tpu_text(tpu)}: {_what(access, tpu, node, trouble)}",
        subject=tpu.id,
        concerns=(tpu.id,),
        facts=tuple(_facts(access, node)),
        remedy=_remedy(access, tpu, node, trouble),
    )


def _what(access: Access, tpu: EdgeTpu, node: NodeAccess, trouble: Trouble) -> str:
    inside = inside_text(access)
    loses = "the first use renumbers it" if tpu.state == "dfu" else "it loses it when the stick is plugged in again"
    return {
        "no-bus": f"this {inside} has no /dev/bus/usb",
        "no-node": f"this {inside} does not have {node.path}",
        "no-device": f"in this {inside}, {node.path} is no device but an empty file or folder",
        "control-group": f"the device control group of this {inside} refuses {node.path}",
        "unmapped": f"this {inside} has {node.path}, but may not open it",
        "copied": f"this {inside} has only the nodes of the moment it started; {loses}",
    }[trouble]


def _facts(access: Access, node: NodeAccess) -> Iterator[Fact]:
    yield Fact(name="runs in", value=inside_text(access))
    if node.exists:
        yield rights_fact(node)
    else:
        yield Fact(name="device node", value="missing", where=node.path)
    if access.user_namespace is not None:
        yield Fact(name="user numbers are mapped", value=access.user_namespace, where="/proc/self/uid_map")
    if access.usb_bus_live is not None:
        yield Fact(name="/dev/bus/usb is the host's folder", value=access.usb_bus_live, where="/proc/self/mountinfo")
    if node.cgroup_denies is not None:
        yield Fact(name="device control group refuses", value=node.cgroup_denies, where="devices.list")


def _setups(access: Access) -> tuple[Command, ...]:
    targets = _TARGETS.get(access.container or "", ("docker", "lxc"))
    return tuple(
        Command(command=f"etpu-doctor setup {target}", why="on the host: prints the configuration")
        for target in targets
    )


def _remedy(access: Access, tpu: EdgeTpu, node: NodeAccess, trouble: Trouble) -> Remedy:
    look = Command(command=f"ls -l {shlex.quote(node.path)}", why="here and on the host: shows the node and its rights")
    if trouble == "unmapped":
        udev = Command(command="etpu-doctor setup udev", why="on the host: prints the rules")
        return Remedy(
            summary="On the host, give the node to a user or group that this container is mapped to.",
            steps=(
                (
                    'On the host, install the udev rules that etpu-doctor setup udev prints, with MODE="0666" for '
                    "containers whose groups are not mapped, and plug the Edge TPU in again."
                ),
                "Or run the container privileged, so that its root is the host's.",
                "Restart the container.",
            ),
            commands=(udev, look),
        )
    if access.container == "kubernetes":
        return Remedy(summary="Give the pod the device.", steps=_kubernetes(tpu, node), commands=(look,))
    if tpu.transport == "pci":
        first = f"On the host, map {node.path} into the container; the driver has to be loaded on the host before."
    else:
        first = "On the host, bind the whole folder /dev/bus/usb into the container and allow its devices (c 189:*)."
    steps = [first, "Create the container anew with that: a restart alone keeps its configuration."]
    if access.usb_bus_live is False and tpu.transport == "usb":
        steps.append("Until then a restart brings it the node of today, until the number changes again.")
    return Remedy(
        summary="Give the container the device, as etpu-doctor setup prints it, and start it anew.",
        steps=tuple(steps),
        commands=(*_setups(access), look),
    )


def _kubernetes(tpu: EdgeTpu, node: NodeAccess) -> tuple[str, ...]:
    path = node.path if tpu.transport == "pci" else "/dev/bus/usb"
    return (
        f"Mount {path} as a hostPath volume at the same path.",
        (
            "Set securityContext.privileged: true for the container, or use a device plugin: without either, the "
            "device control group refuses the open."
        ),
        "Pin the pod to the node that has the Edge TPU (nodeSelector).",
    )


def _blind(access: Access) -> Finding:
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="unknown",
        title=f"This {inside_text(access)} shows no USB at all: whether the host has an Edge TPU cannot be told",
        subject="machine",
        facts=(
            Fact(name="runs in", value=inside_text(access)),
            Fact(name="device nodes", value="missing", where="/dev/bus/usb"),
        ),
        remedy=Remedy(
            summary="Look on the host; then give the container the device.",
            steps=("Run etpu-doctor check on the host.", "If it finds an Edge TPU there, use etpu-doctor setup there."),
            commands=_setups(access),
        ),
    )
