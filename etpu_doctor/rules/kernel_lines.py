"""Ties lines of the kernel's log to nodes of the tree, and to the Edge TPUs that they concern."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.rules.finding import Command, Fact
from etpu_doctor.topology.identity import DFU_ID, READY_ID, id_text, is_pci_edge_tpu
from etpu_doctor.topology.link import port_of
from etpu_doctor.topology.machine import Machine, UsbNode
from etpu_doctor.topology.pairing import peer_hub

Standing = Literal["edge-tpu", "feeds", "other", "unknown"]

EDGE_TPU_IDS = frozenset({id_text(*DFU_ID), id_text(*READY_ID)})
APEX_MESSAGES = "apex-"
"""Names of messages that only the Edge TPU's driver prints begin so."""

CONTROLLER_DEATHS = frozenset({"usb-controller-dead", "usb-controller-given-up"})
"""A USB controller died, and with it all that hung on it."""

WATCH = Command(
    command="sudo dmesg --follow", why="shows the kernel's lines as they come; stop it with Ctrl+C", needs_root=True
)
_FACTS_LIMIT = 6
_TEXT_LIMIT = 160


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Lines about one place on the USB.

    ``node`` is the place's name in the kernel (``2-1.4``) or the id of the node in the tree. ``standing``: an Edge TPU
    is or was there (``edge-tpu``), a hub there feeds one (``feeds``), something else is there (``other``), or nobody
    knows (``unknown``: what does not enumerate has no name). ``present``: the tree has the node.
    """

    node: str
    standing: Standing
    concerns: tuple[str, ...] = ()
    present: bool = False
    lines: tuple[KernelMessage, ...] = ()


def log_lines(machine: Machine, names: Collection[str] | None = None) -> list[KernelMessage]:
    """The recognised lines of the log with these names, or all; none where there is no log."""
    log = machine.evidence.kernel_log
    if log is None:
        return []
    return [line for line in log.messages if names is None or line.message in names]


def usb_place(line: KernelMessage) -> str | None:
    """The node that a line is about: for a port, what is plugged into it (``2-1-port4`` is about ``2-1.4``)."""
    if line.usb_port is None:
        return line.usb_node
    hub, port = peer_hub(line.usb_port) or ("", 0)
    if not hub:
        return None
    return f"{hub[3:]}-{port}" if hub.startswith("usb") else f"{hub}.{port}"


def usb_places(machine: Machine, names: Collection[str]) -> list[Place]:
    """Lines with these names by place, in the order of the log."""
    if not any(line.message in names for line in log_lines(machine)):
        return []
    history = _History(machine)
    groups: dict[tuple[str, Standing], list[KernelMessage]] = {}
    known: dict[tuple[str, Standing], Place] = {}
    for index, line in enumerate(history.lines):
        if line.message not in names:
            continue
        place = history.place(index)
        if place is not None:
            key = (place.node, place.standing)
            known.setdefault(key, place)
            groups.setdefault(key, []).append(line)
    return [msgspec.structs.replace(place, lines=tuple(groups[key])) for key, place in known.items()]


class _History:
    """Who was at which place, as the log tells it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.lines = log_lines(machine)
        self._places = [usb_place(line) for line in self.lines]
        self._identities = _identities(self.lines, self._places)
        self._numbers = {
            place: (line.usb_bus, line.values["number"])
            for line, place in zip(self.lines, self._places, strict=True)
            if place is not None and line.message in _NUMBERED and "number" in line.values
        }
        self._tpus = {tpu.id for tpu in machine.edge_tpus if tpu.transport == "usb"}

    def place(self, index: int) -> Place | None:
        """What a line is about, and who was there."""
        name = self._places[index]
        if name is None:
            return None
        node = self._node(name)
        identity = self._identities[index]
        if identity in EDGE_TPU_IDS:
            here = node is not None and node.id in self._tpus
            found = node.id if here and node is not None else name
            return Place(node=found, standing="edge-tpu", concerns=(found,) if here else (), present=node is not None)
        if node is not None:
            return self._in_tree(node, identity)
        if identity is None and (tpu := self._other_half(name)) is not None:
            return Place(node=tpu, standing="edge-tpu", concerns=(tpu,), present=True)
        return Place(node=name, standing="unknown" if identity is None else "other")

    def _in_tree(self, node: UsbNode, identity: str | None) -> Place:
        if node.id in self._tpus:
            if identity is not None:
                return Place(node=node.id, standing="other", present=True)
            return Place(node=node.id, standing="edge-tpu", concerns=(node.id,), present=True)
        fed = tpus_below(self._machine, node)
        return Place(node=node.id, standing="feeds" if fed else "other", concerns=fed, present=True)

    def _node(self, name: str) -> UsbNode | None:
        """The node of the tree; where a listing shows no ports, by the device number that the log printed last."""
        node = self._machine.usb.get(name)
        if node is not None or name not in self._numbers:
            return node
        bus, number = self._numbers[name]
        return self._machine.usb.get(f"bus{bus}-dev{number}")

    def _other_half(self, name: str) -> str | None:
        """The Edge TPU on the other half of a socket: a stick whose SuperSpeed link fails appears on the USB 2 half."""
        hub, number = _above(self._machine, name)
        record = port_of(hub, number) if hub is not None else None
        other = peer_hub(record.peer) if record is not None and record.peer else None
        if other is None:
            return None
        node = other[0].removeprefix("usb")
        found = f"{node}-{other[1]}" if other[0].startswith("usb") else f"{node}.{other[1]}"
        return found if found in self._tpus else None


_NUMBERED = ("usb-new-device", "usb-reset")


def _identities(lines: list[KernelMessage], places: list[str | None]) -> list[str | None]:
    """For each line the device at its place at that moment: the one found next without an unplugging, else the last."""
    last: dict[str | None, str] = {}
    found: list[str | None] = []
    for line, place in zip(lines, places, strict=True):
        if line.message == "usb-device-found":
            last[place] = f"{line.values.get('vendor', '')}:{line.values.get('product', '')}"
        found.append(last.get(place))
    following: dict[str | None, str] = {}
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].message == "usb-disconnect":
            following.pop(places[index], None)
        elif lines[index].message == "usb-device-found":
            following[places[index]] = found[index] or ""
        found[index] = following.get(places[index], found[index] or "") or None
    return found


def _above(machine: Machine, name: str) -> tuple[UsbNode | None, int | None]:
    """Hub and port of a place that need not be in the tree."""
    bus, _, chain = name.partition("-")
    upper, _, port = chain.rpartition(".")
    hub = machine.usb.get(f"{bus}-{upper}" if upper else f"usb{bus}")
    return hub, int(port) if port.isdecimal() else None


def hub_above(machine: Machine, name: str) -> UsbNode | None:
    """The hub that a place is a port of, if the tree has it."""
    return _above(machine, name)[0]


def tpus_below(machine: Machine, node: UsbNode) -> tuple[str, ...]:
    """The Edge TPUs that a hub feeds, those of its other half too."""
    halves = {node.id, node.twin}
    return tuple(
        tpu.id
        for tpu in machine.edge_tpus
        if tpu.id in machine.usb and not halves.isdisjoint(each.id for each in machine.usb_ancestors(tpu.id))
    )


def may_be_missing(machine: Machine) -> bool:
    """Whether an Edge TPU may be missing: none is there, or fewer than the person expects."""
    expected = machine.options.expect_tpus
    if expected is not None:
        return len(machine.edge_tpus) < expected
    return not machine.edge_tpus


def on_controller(machine: Machine, address: str) -> tuple[str, ...]:
    """The USB Edge TPUs on a controller."""
    return tuple(tpu.id for tpu in machine.edge_tpus if tpu.transport == "usb" and tpu.controller == address)


def controller_lines(machine: Machine, names: Collection[str]) -> dict[str, list[KernelMessage]]:
    """Lines with these names that name a USB controller and no device, by its address (``machine``: none printed)."""
    groups: dict[str, list[KernelMessage]] = {}
    for line in log_lines(machine, names):
        if line.usb_bus is None:
            groups.setdefault(line.pci_address or "machine", []).append(line)
    return groups


def pci_concerns(machine: Machine, address: str | None) -> tuple[str, ...]:
    """The PCIe Edge TPUs at an address, or below the bridge there."""
    chips = [tpu.id for tpu in machine.edge_tpus if tpu.transport == "pci"]
    return tuple(chip for chip in chips if address in {chip, *(bridge.id for bridge in machine.pci_ancestors(chip))})


def edge_tpu_lines(machine: Machine, names: Collection[str]) -> list[KernelMessage]:
    """Lines with these names that speak of a PCIe Edge TPU or of the bridges that lead to it.

    Where the listing does not show an address, it counts if the Edge TPU's driver speaks in the same log.
    """
    speaks = any(_is_drivers(line) for line in log_lines(machine))
    judged: dict[str | None, bool] = {None: False}
    found = []
    for line in log_lines(machine, names):
        address = line.pci_address
        if address not in judged:
            judged[address] = _leads_to_edge_tpu(machine, address or "", speaks=speaks)
        if _is_drivers(line) or judged[address]:
            found.append(line)
    return found


def _is_drivers(line: KernelMessage) -> bool:
    return line.message.startswith(APEX_MESSAGES) or line.text.startswith("apex ")


def _leads_to_edge_tpu(machine: Machine, address: str, *, speaks: bool) -> bool:
    if address in machine.pci:
        return is_pci_edge_tpu(machine.pci[address].function) or bool(pci_concerns(machine, address))
    # In a whole tree the address would be there if an Edge TPU were behind it.
    return speaks and not machine.covers("pci-tree")


def line_facts(lines: Iterable[KernelMessage]) -> tuple[Fact, ...]:
    """Each kind of line once: the first of it, and how often it came."""
    kinds: dict[str, list[KernelMessage]] = {}
    for line in lines:
        kinds.setdefault(line.message, []).append(line)
    facts = []
    for same in list(kinds.values())[:_FACTS_LIMIT]:
        name = "kernel log" if len(same) == 1 else f"kernel log, {len(same)} times"
        text = same[0].text
        short = text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"
        facts.append(Fact(name=name, value=short, where=same[0].where))
    return tuple(facts)


def times(count: int) -> str:
    """``once``, ``twice``, ``7 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
