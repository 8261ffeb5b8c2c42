"""Small threads with what an expert concludes from them (``tests/data/tickets``), and how to get their reports."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from etpu_doctor.evidence.ticket import Ticket
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.thread import Sign
from etpu_doctor.report.report import Report
from etpu_doctor.report.ticket import triage
from etpu_doctor.rules.thread_signs import thread_signs
from etpu_doctor.topology.build import build
from etpu_doctor.topology.machine import EdgeTpu

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TICKETS = Path(__file__).resolve().parent.parent / "data" / "tickets"


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thread; any of ``accept`` is right as the first cause. ``usb_tpus``: where its sticks are, if it shows them.

    Of a stick bus, ports, state and Mb/s; 0 or an empty text for what the thread does not fix.
    """

    name: str
    accept: tuple[str, ...]
    text: str
    usb_tpus: tuple[tuple[int, str, str, float], ...] | None = None


def cases() -> list[Case]:
    """Every thread of the files: small ones, then longer ones."""
    texts = (TICKETS.joinpath(name).read_text(encoding="utf-8") for name in ("tickets.toml", "threads.toml"))
    return [case for text in texts for case in msgspec.convert(tomllib.loads(text)["ticket"], list[Case])]


def evidence_of(text: str | bytes, name: str = "ticket.txt") -> Evidence:
    """What a thread shows."""
    ticket = Ticket()
    ticket.read(name, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    return ticket.evidence()


def report_of(text: str | bytes) -> Report:
    """The report of a thread."""
    return triage(evidence_of(text))


def signs_of(text: str) -> dict[str, list[Sign]]:
    """The signs of a thread, without those of findings."""
    return thread_signs(build(evidence_of(text)), ())


def sticks_of(text: str) -> list[tuple[int | None, str | None, str | None, float | None]]:
    """Bus, port chain, state and speed of the USB Edge TPUs of a thread."""
    tpus: list[EdgeTpu] = build(evidence_of(text)).edge_tpus
    return [(tpu.busnum, tpu.port_chain, tpu.state, tpu.speed_mbps) for tpu in tpus if tpu.transport == "usb"]
