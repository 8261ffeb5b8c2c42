"""Everything that a thread shows, by name: messages, words, and what the machine built from it shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from etpu_doctor.evidence.origin import first_seen
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.thread import Sign
from etpu_doctor.facts.usb import UsbDevice
from etpu_doctor.rules.driver_state import DRIVER, GIVEN_AWAY
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.kernel_lines import EDGE_TPU_IDS
from etpu_doctor.topology.identity import is_pci_edge_tpu, usb_state
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
_VM_IDENTITIES = ("vm-usb-by-one-id", "libvirt-one-id")
_COMPLAINTS = ("said-to-fail", "slow", "drops-off", "goes-off", "not-listed", "led-dark", "container-fails", "vm-fails")
_MANY_RESETS, _RESETS_WITHIN_S = 4, 120.0
"""A program resets the port once or twice as it starts; one that is started again and again does so for a reason."""
_REPEATED_RESETS = 3
_BRIDGE_CLASS = 0x06
_OF_NODES = frozenset({"node-of-root-group", "node-of-group", "node-world"})
_CARD_SIGNS = frozenset({"pci-tpu", "apex-node", "wants-pci", "detector-pci"})
_FAST_MS, _SLOW_MS = 15, 19
_UNDERVOLTAGE_BITS = 0x10001
_NEWEST_WITH_WHEELS = 11


def thread_signs(machine: Machine, findings: Sequence[Finding]) -> dict[str, list[Sign]]:
    """The signs of a thread by name, in the order of the lines."""
    thread = machine.evidence.thread
    signs: dict[str, list[Sign]] = {}
    said = thread.signs if thread is not None else ()
    for sign in (*_about_sticks(machine, _of_messages(machine)), *said, *_of_machine(machine), *_of_findings(findings)):
        signs.setdefault(sign.name, []).append(sign)
    for sign in (*_derived(signs), *_too_few_nodes(signs), *_moved_nodes(machine, signs)):
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
    yield from _of_log(machine)
    yield from _of_configuration(machine)


def _where(machine: Machine, tpu: EdgeTpu) -> str | None:
    seen = machine.usb[tpu.id].device.seen if tpu.transport == "usb" else machine.pci[tpu.id].function.seen
    return first_seen(seen)


def _of_log(machine: Machine) -> Iterator[Sign]:
    """Lines of the kernel's log that speak for a cause and may be about an Edge TPU."""
    log = machine.evidence.kernel_log
    yield from _resets(log.messages if log is not None else (), machine)
    yield from _gone_after_firmware(log.messages if log is not None else ())
    announced: set[str | None] = set()
    others: set[str | None] = set()
    for line in log.messages if log is not None else ():
        node = machine.usb.get(line.usb_node or "")
        if line.message == "usb-device-found":
            identity = f"{line.values.get('vendor')}:{line.values.get('product')}"
            (others.discard if identity in EDGE_TPU_IDS else others.add)(line.usb_node)
        about_others = (
            line.usb_node in others
            or (node is not None and usb_state(node.device) is None)
            or _is_of_another_card(machine, line)
            or _is_of_another_port(machine, line)
        )
        if line.message == "usb-firmware-changed":
            announced.add(line.usb_node)
            yield Sign(name="firmware-changed", kind="listing", text=line.text, where=line.where)
        elif line.message == "usb-disconnect" and not about_others:
            # Each stick leaves the bus once after its firmware was loaded.
            if line.usb_node in announced:
                announced.remove(line.usb_node)
                continue
            yield Sign(name="kernel-drop", kind="listing", text=line.text, where=line.where)
        elif line.cause is not None and not about_others:
            yield Sign(name=f"k:{line.message}", kind="message", text=line.text, where=line.where)


def _is_of_another_port(machine: Machine, line: KernelMessage) -> bool:
    """Whether a line names a port where no Edge TPU is, and all of them have their known places.

    The bus does not count: the two halves of a socket are on two buses.
    """
    chains = [tpu.port_chain for tpu in machine.edge_tpus if tpu.transport == "usb"]
    place = _chain_named(line)
    if place is None or not chains:
        return False
    return all(chain is not None and chain != place and not chain.startswith(f"{place}.") for chain in chains)


def _chain_named(line: KernelMessage) -> str | None:
    """The port chain that a line of the log speaks of: of ``2-1.4``, ``2-1-port4`` or ``usb2-port1``."""
    if line.usb_port is not None:
        hub, _, port = line.usb_port.partition("-port")
        above = hub.partition("-")[2]
        return f"{above}.{port}" if above else port
    return (line.usb_node or "").partition("-")[2] or None


def _is_of_another_card(machine: Machine, line: KernelMessage) -> bool:
    """Whether a line of the log names a PCI device that is neither an Edge TPU nor a bridge."""
    node = machine.pci.get(line.pci_address or "")
    if node is None:
        return False
    is_bridge = node.function.class_code is not None and node.function.class_code >> 8 == _BRIDGE_CLASS
    return not is_bridge and not is_pci_edge_tpu(node.function)


def _resets(messages: Sequence[KernelMessage], machine: Machine) -> Iterator[Sign]:
    """A port that is reset again and again, where the log does not show that somebody else is on it."""
    places: dict[str, list[KernelMessage]] = {}
    for line in messages:
        if line.message == "usb-reset" and line.usb_node is not None:
            places.setdefault(line.usb_node, []).append(line)
    for place, lines in places.items():
        node = machine.usb.get(place)
        seconds = [line.seconds for line in lines if line.seconds is not None]
        span = max(seconds) - min(seconds) if seconds else 0.0
        if node is not None and usb_state(node.device) is None and node.device.vendor_id is not None:
            continue
        if len(lines) >= _MANY_RESETS and span < _RESETS_WITHIN_S * len(lines):
            yield Sign(name="many-resets", kind="listing", text=lines[-1].text, where=lines[-1].where)
        if len(lines) >= _REPEATED_RESETS:
            yield Sign(name="repeated-resets", kind="listing", text=lines[-1].text, where=lines[-1].where)


def _gone_after_firmware(messages: Sequence[KernelMessage]) -> Iterator[Sign]:
    """A stick that got its firmware, left the bus, and did not come back to it in the log."""
    left: dict[str, KernelMessage] = {}
    loaded: set[str] = set()
    for line in messages:
        if line.message == "usb-firmware-changed" and line.usb_node is not None:
            loaded.add(line.usb_node)
        elif line.message == "usb-disconnect" and line.usb_node in loaded:
            left[line.usb_node] = line
        elif line.message in ("usb-new-device", "usb-device-found"):
            left.clear()
    for line in left.values():
        yield Sign(name="gone-after-firmware", kind="listing", text=line.text, where=line.where)


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


def _derived(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """Signs that follow from the values of others."""
    for name, rename in _RENAMES.items():
        for sign in signs.get(name, ()):
            new = rename(sign.values)
            if new is not None:
                yield _renamed(sign, new)
    yield from _of_wrong_bus(signs)
    yield from _not_in_group(signs)
    yield from _of_other_kernel(signs)
    if "usb-tpu" in signs and _CARD_SIGNS.isdisjoint(signs):
        yield _renamed(signs["usb-tpu"][0], "usb-only")
    strings = {sign.values.get("device"): sign for sign in signs.get("option-device", ())}
    if len(strings) > 1:
        yield _renamed(next(iter(strings.values())), "two-device-strings")
    named = {sign.values.get("device"): sign for sign in signs.get("device-string-named", ())}
    if len(named) > 1:
        yield _renamed(next(iter(named.values())), "two-strings-named")
    parts = {value for name in _VM_IDENTITIES for sign in signs.get(name, ()) for value in sign.values.values()}
    if any("1a6e" in part for part in parts) and any("18d1" in part for part in parts):
        yield Sign(name="vm-usb-both-ids", kind="reading")
    nodes = signs.get("apex-node", ())
    if nodes:
        yield _renamed(nodes[0], "two-nodes" if len(nodes) > 1 else "one-node")
    yield from _bad_indices(signs)


def _of_bits(values: dict[str, str]) -> str | None:
    return "pi-undervoltage-bit" if int(values.get("bits", "0"), 16) & _UNDERVOLTAGE_BITS else None


def _of_python(values: dict[str, str]) -> str | None:
    return "python-too-new" if int(values["version"].partition(".")[2]) > _NEWEST_WITH_WHEELS else None


def _of_device(values: dict[str, str]) -> str | None:
    return None if _device_string().fullmatch(values.get("device", "")) else "bad-device-string"


def _of_loading(values: dict[str, str]) -> str:
    return "wants-pci" if values.get("device", "").startswith("pci") else "wants-usb"


def _of_milliseconds(values: dict[str, str]) -> str | None:
    value = float(values["ms"])
    return "fast" if value < _FAST_MS else "slow-inference" if value >= _SLOW_MS else None


_RENAMES: dict[str, Callable[[dict[str, str]], str | None]] = {
    "pi-throttled": _of_bits,
    "python-version": _of_python,
    "option-device": _of_device,
    "frigate-loads": _of_loading,
    "inference-ms": _of_milliseconds,
}
"""What the values of a sign make of it."""


def _bad_indices(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """Device strings with an index beyond the devices that a listing shows."""
    counts = {"usb": len(signs.get("usb-tpu", ())), "pci": len(signs.get("pci-tpu", ()))}
    if "usb-listing" not in signs:
        counts["usb"] = 0
    counts["pci"] = max(counts["pci"], len(signs.get("apex-node", ())))
    for sign in (*signs.get("option-device", ()), *signs.get("frigate-loads", ())):
        bus, _, index = sign.values.get("device", "").partition(":")
        if bus in counts and index.isdecimal() and 0 < counts[bus] <= int(index[:6]):
            yield _renamed(sign, "bad-device-string")


def _too_few_nodes(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """Cards that a program in a container asks for by an index beyond the nodes that the container is given."""
    if len(signs.get("apex-node", ())) <= 1 and "two-tpus" not in signs:
        return
    mapped = {number for sign in signs.get("engine-maps-apex", ()) for number in _apex_number().findall(sign.text)}
    for sign in signs.get("frigate-loads", ()):
        bus, _, index = sign.values.get("device", "").partition(":")
        if mapped and bus == "pci" and index.isdecimal() and int(index[:6]) >= len(mapped):
            yield _renamed(sign, "mapped-too-few")


@cache
def _apex_number() -> re.Pattern[str]:
    return re.compile(r"/dev/apex_(\d{1,2})\b")


def _of_wrong_bus(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """A detector for a stick where only a card is shown, or the other way round."""
    has_card, has_stick = not signs.keys().isdisjoint(("pci-tpu", "apex-node")), "usb-tpu" in signs
    if has_card and not has_stick:
        yield from (_renamed(sign, "wrong-bus") for sign in signs.get("detector-usb", ())[:1])
    elif has_stick and not has_card:
        yield from (_renamed(sign, "wrong-bus") for sign in signs.get("detector-pci", ())[:1])


def _moved_nodes(machine: Machine, signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """A node that a container is given, where the stick of that bus has another number by now."""
    numbers: dict[int | None, set[int | None]] = {}
    for tpu in machine.edge_tpus:
        if tpu.transport == "usb":
            numbers.setdefault(tpu.busnum, set()).add(machine.usb[tpu.id].device.devnum)
    for name in ("lxc-mounts-one-node", "engine-maps-one-node"):
        for sign in signs.get(name, ()):
            match = _usb_node().search(sign.text)
            here = numbers.get(int(match[1])) if match is not None else None
            if match is not None and here and None not in here and int(match[2]) not in here:
                yield _renamed(sign, "mapped-node-moved")


@cache
def _usb_node() -> re.Pattern[str]:
    return re.compile(r"/dev/bus/usb/(\d{3})/(\d{3})\b")


def _of_other_kernel(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """A driver that DKMS built, where the kernel that runs is none of those it was built for."""
    running = [value for sign in signs.get("running-kernel", ()) for value in sign.values.values()]
    built = {sign.values.get("kernel"): sign for sign in signs.get("dkms-gasket-installed", ())}
    if running and built and running[-1] not in built:
        yield _renamed(next(iter(built.values())), "driver-of-other-kernel")


def _not_in_group(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """The groups of a session, where the one that a node is for is not among them."""
    wanted = {sign.values.get("group") for sign in signs.get("node-of-group", ())}
    for sign in signs.get("groups-of-user", ()):
        if wanted and wanted.isdisjoint(sign.values.get("groups", "").split()):
            yield _renamed(sign, "user-not-in-group")


def _renamed(sign: Sign, name: str) -> Sign:
    return Sign(name=name, kind=sign.kind, text=sign.text, where=sign.where, values=sign.values)


@cache
def _device_string() -> re.Pattern[str]:
    return re.compile(r"|(?:usb|pci)?(?::\s?\+?\d+)?")


def _failed_attempts(signs: dict[str, list[Sign]]) -> tuple[str, ...]:
    """What tells of a failed attempt: libedgetpu names the kind of device that it did not find, also where it works."""
    return _ATTEMPTS if "classify-results" not in signs else _ATTEMPTS[:2]


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
        )
    )
