"""Everything that a thread shows, by name: messages, words, and what the machine built from it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.facts.thread import Sign
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.rules.driver_state import DRIVER, GIVEN_AWAY
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.thread_derived import derived_signs
from etpu_doctor.rules.thread_log import signs_of_log
from etpu_doctor.topology.identity import usb_state
from etpu_doctor.topology.machine import EdgeTpu, Machine

_ATTEMPTS = (
    "delegate-not-created",
    "frigate-no-edge-tpu",
    "no-device-for-delegate",
    "edge-tpu-not-ready",
    "delegate-node-failed",
    "usb-open-permission",
    "apex-open-permission",
    "node-refused",
    "python-node-refused",
)
_SUCCESSES = ("frigate-tpu-found",)
_CRASHES = (
    "segfault",
    "segfault-cjk",
    "segfault-kana",
    "segfault-hangul",
    "illegal-instruction",
    "fatal-python-segfault",
    "fatal-python-illegal-instruction",
)
_CONTAINER = (
    "compose-devices",
    "compose-image-frigate",
    "docker-run",
    "engine-maps-whole-bus",
    "engine-maps-one-node",
    "engine-maps-apex",
    "mapping-commented-out",
    "lxc-mounts-usb",
    "lxc-cgroup-allows-usb",
    "lxc-unprivileged",
    "lxc-mounts-one-node",
    "lxc-cgroup-allows-apex",
    "container-mentioned",
    "container-fails",
)
_VM = (
    "vm-machine",
    "vm-usb-by-one-id",
    "vm-usb-by-port",
    "libvirt-one-id",
    "vm-fails",
    "vm-mentioned",
    "qemu-gone-guest",
)
_COMPLAINTS = ("said-to-fail", "slow", "drops-off", "goes-off", "not-listed", "led-dark", "container-fails", "vm-fails")
_OF_NODES = frozenset({"node-of-root-group", "node-of-group", "node-world"})


def thread_signs(machine: Machine, findings: Sequence[Finding]) -> dict[str, list[Sign]]:
    """The signs of a thread by name, in the order of the lines."""
    thread = machine.evidence.thread
    signs: dict[str, list[Sign]] = {}
    said = thread.signs if thread is not None else ()
    for sign in (*_about_sticks(machine, _of_messages(machine)), *said, *_of_machine(machine), *_of_findings(findings)):
        signs.setdefault(sign.name, []).append(sign)
    for sign in tuple(derived_signs(machine, signs)):
        signs.setdefault(sign.name, []).append(sign)
    _add_groups(signs)
    return signs


def _of_messages(machine: Machine) -> Iterator[Sign]:
    application = machine.evidence.application
    for one in application.messages if application is not None else ():
        yield Sign(name=one.message, kind="message", text=one.text, where=one.where, values=one.values)


def _about_sticks(machine: Machine, signs: Iterable[Sign]) -> Iterator[Sign]:
    """Without what is said of the nodes of hubs and other devices: ``ls`` of a folder prints them all."""
    for sign in signs:
        match = _usb_minor().search(sign.text) if sign.name in _OF_NODES else None
        if match is not None:
            # Linux drivers/usb/core/devio.c: the minor is (bus - 1) * 128 + (device - 1).
            bus, number = int(match[1]) // 128 + 1, int(match[1]) % 128 + 1
            node = next((one for one in machine.usb.values() if _is_at(one.device, bus, number)), None)
            if number == 1 or (node is not None and usb_state(node.device) is None):
                continue
        yield sign


def _is_at(device: UsbDevice, bus: int, number: int) -> bool:
    return device.busnum == bus and device.devnum == number


@cache
def _usb_minor() -> re.Pattern[str]:
    return re.compile(r"\b189, {0,4}(\d{1,5})\b")


def _of_findings(findings: Iterable[Finding]) -> Iterator[Sign]:
    for finding in findings:
        if finding.severity in ("error", "warning"):
            yield Sign(name=f"rule:{finding.rule}", kind="listing", text=finding.title)


def _of_machine(machine: Machine) -> Iterator[Sign]:
    for tpu in machine.edge_tpus:
        text, where = f"Edge TPU {tpu.id}", _where(machine, tpu)
        yield from (Sign(name=name, kind="listing", text=text, where=where) for name in _tpu_names(machine, tpu))
    cards = [tpu for tpu in machine.edge_tpus if tpu.transport == "pci"]
    names = {
        "two-tpus": len(machine.edge_tpus) > 1,
        "one-pci-tpu": len(cards) == 1,
        "usb-listing": machine.covers("usb"),
        "pci-listing": machine.covers("pci"),
        "nothing-listed": not machine.edge_tpus and (machine.covers("usb") or machine.covers("pci")),
        "kernel-log": machine.covers("kernel-log"),
        "both-identities": _both_identities(machine),
    }
    yield from (Sign(name=name, kind="listing") for name, holds in names.items() if holds)
    thread = machine.evidence.thread
    named = thread.identities if thread is not None else ()
    # Who writes the bare id beside a listing without it says that it is not there.
    is_card = "1ac1:089a" in named or ("1ac1:089a?" in named and not machine.covers("pci"))
    if is_card and not cards:
        yield from (Sign(name=name, kind="listing") for name in ("pci-tpu", "tpu"))
    yield from signs_of_log(machine)
    yield from _of_configuration(machine)


def _where(machine: Machine, tpu: EdgeTpu) -> str | None:
    seen = machine.usb[tpu.id].device.seen if tpu.transport == "usb" else machine.pci[tpu.id].function.seen
    return first_seen(seen)


def _of_configuration(machine: Machine) -> Iterator[Sign]:
    application = machine.evidence.application
    for detector in application.detectors if application is not None else ():
        if detector.type not in (None, "edgetpu"):
            text = f"detector {detector.name}: type {detector.type}"
            yield Sign(name="detector-other", kind="reading", text=text, where=detector.where)
            continue
        text = f"detector {detector.name}: device {detector.device}, model {detector.model_path}"
        names = ["detector-edgetpu"]
        bus = (detector.device or "").partition(":")[0]
        if bus in ("usb", "pci"):
            names.append(f"detector-{bus}")
        path = (detector.model_path or "").lower()
        if path.endswith(".tflite") and not path.startswith(("/edgetpu", "plus:")) and "edgetpu" not in path:
            names.append("plain-model")
        yield from (Sign(name=name, kind="reading", text=text, where=detector.where) for name in names)


def _both_identities(machine: Machine) -> bool:
    """Whether the thread shows a stick before and after its firmware was loaded."""
    thread = machine.evidence.thread
    return thread is not None and {"1a6e:089a", "18d1:9302"}.issubset(thread.identities)


def _tpu_names(machine: Machine, tpu: EdgeTpu) -> Iterator[str]:
    yield "tpu"
    if tpu.transport == "usb":
        yield "usb-tpu"
        yield from {"dfu": ["dfu"], "ready": ["ready"]}.get(tpu.state or "", [])
        if tpu.in_use:
            yield "in-use"
        if tpu.speed_mbps == 480:
            yield "speed-480"
        elif tpu.speed_mbps is not None and tpu.speed_mbps >= 5000:
            yield "speed-5000"
        return
    yield "pci-tpu"
    function = machine.pci[tpu.id].function
    if function.aspm:
        yield "aspm-link"
    if function.driver == DRIVER:
        yield "apex-bound"
    elif function.driver in GIVEN_AWAY:
        yield "vfio-bound"
    elif function.driver_known and function.driver is None:
        yield "pci-unbound"


def _failed_attempts(signs: dict[str, list[Sign]]) -> tuple[str, ...]:
    """What tells of a failed attempt: libedgetpu names the kind of device that it did not find, also where it works.

    A failure before a success is over: the first start of a container may come too early for the stick.
    """
    if "fast" in signs and _last_line(signs, _SUCCESSES) > _last_line(signs, _ATTEMPTS) > 0:
        return ()
    return _ATTEMPTS if "classify-results" not in signs else _ATTEMPTS[:2]


def _last_line(signs: dict[str, list[Sign]], names: Iterable[str]) -> int:
    """The last line of the thread with one of these signs, 0 if there is none."""
    lines = ((sign.where or "").rpartition(":")[2] for name in names for sign in signs.get(name, ()))
    return max((int(line) for line in lines if line.isdecimal()), default=0)


def _add_groups(signs: dict[str, list[Sign]]) -> None:
    """Names that stand for any of several signs."""
    groups = {
        "attempt-failed": _failed_attempts(signs),
        "crashed": _CRASHES,
        "in-container": _CONTAINER,
        "in-vm": _VM,
        "complaint": (*_COMPLAINTS, *_failed_attempts(signs), *_CRASHES, "frigate-detection-stuck"),
    }
    for name, members in groups.items():
        found = [sign for member in members for sign in signs.get(member, ())]
        if found:
            signs[name] = found
    if ("frigate-tpu-found" in signs or "fast" in signs) and not _is_unwell(signs):
        signs["well"] = [*signs.get("frigate-tpu-found", ()), *signs.get("fast", ())]


def _is_unwell(signs: dict[str, list[Sign]]) -> bool:
    return any(
        name in signs
        for name in (
            "attempt-failed",
            "crashed",
            "frigate-detection-stuck",
            "slow-inference",
            "drops-off",
            "led-blinks",
            "k:usb-not-enumerated",
            "quoted-port-not-enabled",
            "quoted-descriptor-unreadable",
        )
    )
