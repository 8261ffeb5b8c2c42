"""ETD707 wrong-device-string: the library counts otherwise than the tree."""

from __future__ import annotations

from collections.abc import Iterator

from etpu_doctor.rules.finding import Command, Fact, Finding, Remedy, RuleInfo
from etpu_doctor.rules.wording import join_words
from etpu_doctor.topology.machine import EdgeTpu, Machine, Transport

INFO = RuleInfo(
    code="ETD707",
    name="wrong-device-string",
    severity="unknown",
    summary="libedgetpu lists other Edge TPUs, or in another order, than the tree has them.",
    documentation="""\
## What it means
The device strings in this report (usb:0, pci:1) follow from the order in which libedgetpu counts. The library itself
was asked, and its list is another one.

## Why it matters
usb:0 may mean another stick than the report says. What the library answered is what a program on this host gets.

## How to fix
Use the library's order. Where each stick matters, open it by its path (edgetpu_create_delegate of the C API).

## What it cannot see
Why they differ: a stick was plugged, lost or given its firmware between the two looks; libusb was built without udev
(as in Frigate's container), which counts in another order; a container shows the library fewer nodes than sysfs.

## Source
libedgetpu `tflite/public/edgetpu_c.h`, `driver/beagle/beagle_usb_driver_provider.cc`; libusb `core.c`.
""",
)

_LOOK = Command(
    command="etpu-doctor check", why="looks again: a stick that has just got its firmware counts behind others"
)
_KINDS: tuple[Transport, ...] = ("pci", "usb")


def check(machine: Machine) -> Iterator[Finding]:
    """At most one finding; silent where the tree's order, or the library's, is not known."""
    runtime = machine.evidence.runtime
    probe = runtime.probe if runtime is not None else None
    if probe is None or probe.devices is None or runtime is None:
        return
    listed = {kind: [path for each, path in probe.devices if each == kind] for kind in _KINDS}
    expected = {kind: _expected(machine, kind) for kind in _KINDS}
    differing = [kind for kind in _KINDS if expected[kind] is not None and expected[kind] != listed[kind]]
    if differing:
        where = next((library.path for library in runtime.libraries if library.first), None)
        yield _finding(machine, differing, listed, where)


def _served(machine: Machine, kind: Transport) -> list[EdgeTpu]:
    """What the library could see: not a card without a driver, nor what only may be an Edge TPU."""
    return [
        tpu
        for tpu in machine.edge_tpus
        if tpu.transport == kind and not (kind == "pci" and tpu.state == "unconfigured")
    ]


def _expected(machine: Machine, kind: Transport) -> list[str] | None:
    """Paths in the order of the delegate strings; ``None`` where an order or a path is not known."""
    if not machine.covers("usb" if kind == "usb" else "apex"):
        return None
    tpus = _served(machine, kind)
    known = {tpu.delegate_device: tpu.device_path for tpu in tpus if tpu.delegate_device is not None}
    paths = [known.get(f"{kind}:{index}") for index in range(len(tpus))]
    return None if None in paths else [path for path in paths if path is not None]


def _without_udev(machine: Machine) -> list[str]:
    known = {tpu.delegate_device_without_udev: tpu.device_path or "" for tpu in _served(machine, "usb")}
    return [known.get(f"usb:{index}", "") for index in range(len(known))]


def _finding(
    machine: Machine, differing: list[Transport], listed: dict[Transport, list[str]], where: str | None
) -> Finding:
    tpus = [tpu for tpu in machine.edge_tpus if tpu.transport in differing]
    kinds = join_words([kind.upper() for kind in differing])
    same = all(sorted(_expected(machine, kind) or ()) == sorted(listed[kind]) for kind in differing)
    facts = []
    for kind in differing:
        facts.append(
            Fact(name=f"{kind}: in the tree", value=_order(kind, _expected(machine, kind) or []), where="sysfs")
        )
        facts.append(Fact(name=f"{kind}: by the library", value=_order(kind, listed[kind]), where=where))
    if "usb" in differing and listed["usb"] and listed["usb"] == _without_udev(machine):
        facts.append(Fact(name="the library's order is that of", value="a libusb built without udev", where=where))
    what = "in another order" if same else "others"
    return Finding(
        code=INFO.code,
        rule=INFO.name,
        severity="unknown",
        confidence="possible",
        title=f"libedgetpu lists the {kinds} Edge TPUs {what} than the tree: the device strings are not certain",
        subject="machine",
        concerns=tuple(tpu.id for tpu in tpus),
        facts=tuple(facts),
        remedy=Remedy(
            summary="Look again; if they still differ, go by the library's order.",
            steps=(
                "Let no program open or release an Edge TPU meanwhile, and run the command below again.",
                "In a container compare with the same command inside it: its own libusb counts there.",
            ),
            commands=(_LOOK,),
        ),
    )


def _order(kind: Transport, paths: list[str]) -> str:
    return ", ".join(f"{kind}:{index} = {path}" for index, path in enumerate(paths)) or "none"
