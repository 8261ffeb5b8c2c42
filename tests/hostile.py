"""Feeds arbitrary bytes to every reader, from evidence to the report as JSON."""

from __future__ import annotations

import contextlib
import io

import msgspec

from etpu_doctor.evidence.archive import read_archive
from etpu_doctor.evidence.descriptors import parse_bos, parse_descriptors
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.evidence.ticket import Ticket
from etpu_doctor.report.examine import examine
from etpu_doctor.report.report import Report
from etpu_doctor.report.ticket import triage


def feed(data: bytes) -> Report | None:
    """The report of some bytes given as standard input; ``None`` where the answer is an error that names the file."""
    parse_descriptors(data)
    parse_bos(data)
    with contextlib.suppress(EvidenceError):
        read_archive("-", io.BytesIO(data))
    ticket = Ticket()
    ticket.read("-", data)
    triage(ticket.evidence())
    try:
        report = examine(read_sources(["-"], stdin=io.BytesIO(data)))
    except EvidenceError:
        return None
    msgspec.json.decode(msgspec.json.encode(report), type=Report)
    return report
