"""Remedies that several rules give: where else to plug an Edge TPU."""

from __future__ import annotations

from itertools import islice

from etpu_doctor.rules.wording import bus_text, hub_text, join_words, port_text
from etpu_doctor.topology.free_ports import suitable_ports
from etpu_doctor.topology.link import port_of
from etpu_doctor.topology.machine import FreePort, Machine, UsbNode
from etpu_doctor.topology.pairing import peer_hub

_SUGGESTIONS = 3


def where_to_plug(
    machine: Machine,
    start: UsbNode,
    *,
    fast: bool = True,
    not_below: str | None = None,
    failed_port: str | None = None,
) -> list[str]:
    """Steps that name free ports fit for an Edge TPU, nearest first; says so where none is known.

    ``not_below`` names a hub whose own ports, and those of hubs behind it, are of no use. ``failed_port`` is a port
    chain (``2-1.3``) of ``start`` that had trouble: neither it nor its other half is a way out.
    """
    suitable = suitable_ports(machine, start, fast=fast)
    if failed_port is not None:
        failed = _both_halves(start, failed_port)
        suitable = ([port for port in group if (port.hub, port.port) not in failed] for group in suitable)
        suitable = (group for group in suitable if group)
    if not_below is not None:
        suitable = (group for group in suitable if not _is_below(machine, group[0].hub, not_below))
    groups = list(islice(suitable, _SUGGESTIONS))
    if not groups:
        kind = "USB 3 socket" if fast else "socket"
        return [f"No free {kind} was found in the evidence: free one of the host's own, or add a powered USB 3 hub."]
    return [f"Plug it into {_name(machine, group)}." for group in groups]


def _both_halves(hub: UsbNode, chain: str) -> set[tuple[str, int]]:
    last = chain.replace("-", ".").rpartition(".")[2]
    if not last.isdecimal():
        return set()
    halves = {(hub.id, int(last))}
    record = port_of(hub, int(last))
    other = peer_hub(record.peer) if record is not None and record.peer else None
    if other is None and hub.twin is not None and not hub.is_root:
        other = (hub.twin, int(last))
    return halves if other is None else {*halves, other}


def _is_below(machine: Machine, hub: str, upper: str) -> bool:
    above = {hub, *(node.id for node in machine.usb_ancestors(hub))}
    return not above.isdisjoint({upper, machine.usb[upper].twin})


def _name(machine: Machine, group: list[FreePort]) -> str:
    hub = machine.usb[group[0].hub]
    numbers = [str(port.port) for port in group[:8]]
    if len(numbers) == 1:
        name = port_text(hub, group[0].port)
    else:
        name = f"port {join_words(numbers, 'or')} of {hub_text(hub)}"
        if hub.is_root:
            name = f"root port {join_words(numbers, 'or')} of {bus_text(hub)}"
    return name if group[0].is_socket else f"{name} (if that port leads to a socket)"
