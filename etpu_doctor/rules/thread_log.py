"""Lines of a thread's kernel log that speak for a cause and may be about an Edge TPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.thread import Sign
from etpu_doctor.rules.kernel_lines import EDGE_TPU_IDS
from etpu_doctor.topology.identity import is_pci_edge_tpu, usb_state
from etpu_doctor.topology.machine import Machine

_MANY_RESETS, _RESETS_WITHIN_S = 4, 120.0
"""A program resets the port once or twice as it starts; one that is started again and again does so for a reason."""
_REPEATED_RESETS = 3
_BRIDGE_CLASS = 0x06


def signs_of_log(machine: Machine) -> Iterator[Sign]:
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
