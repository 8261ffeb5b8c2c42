"""Signs of a thread that follow from others: from their values, or from what is not beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from etpu_doctor.facts.thread import Sign
from etpu_doctor.topology.machine import Machine

_VM_IDENTITIES = ("vm-usb-by-one-id", "libvirt-one-id")
_CARD_SIGNS = frozenset({"pci-tpu", "apex-node", "wants-pci", "detector-pci"})
_FAST_MS, _SLOW_MS = 15, 19
_UNDERVOLTAGE_BITS = 0x10001
_NEWEST_WITH_WHEELS = 11


def derived_signs(machine: Machine, signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """What follows from the signs of a thread."""
    yield from _moved_nodes(machine, signs)
    yield from _too_few_nodes(signs)
    for name, rename in _RENAMES.items():
        for sign in signs.get(name, ()):
            new = rename(sign.values)
            if new is not None:
                yield _renamed(sign, new)
    for name, line in _QUOTED.items():
        yield from (_renamed(sign, line) for sign in signs.get(name, ()))
    yield from _of_filters(signs)
    yield from _of_wrong_bus(signs)
    yield from _not_in_group(signs)
    yield from _of_other_kernel(signs)
    if "usb-tpu" in signs and _CARD_SIGNS.isdisjoint(signs):
        yield _renamed(signs["usb-tpu"][0], "usb-only")
    for name, (key, several) in _SEVERAL.items():
        named = {sign.values.get(key): sign for sign in signs.get(name, ())}
        if len(named) > 1:
            yield _renamed(next(iter(named.values())), several)
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


_SEVERAL = {
    "option-device": ("device", "two-device-strings"),
    "edge-tpu-runtime-package": ("release", "two-releases-named"),
    "device-string-named": ("device", "two-strings-named"),
}
"""A value that says something of its own where a thread has more than one of it."""

_QUOTED = {
    "quoted-descriptor-unreadable": "k:usb-descriptor-unreadable",
    "quoted-port-not-enabled": "k:usb-port-not-enabled",
    "quoted-not-enumerated": "k:usb-not-enumerated",
}
"""Messages of the kernel that a sentence quotes say what the line of its log would."""


def _of_filters(signs: dict[str, list[Sign]]) -> Iterator[Sign]:
    """USB filters of VirtualBox that let only one of the two identities through."""
    found = signs.get("virtualbox-filter", ())
    named = {value for sign in found for value in sign.values.values()}
    if found and not named.issuperset(("1a6e", "18d1")) and not named.issuperset(("089a", "9302")):
        yield _renamed(found[0], "vm-usb-by-one-id")


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
