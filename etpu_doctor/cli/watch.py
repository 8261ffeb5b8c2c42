"""``etpu-doctor watch``: what changes on the buses, as lines, with the findings that each change opened or closed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from etpu_doctor.cli import common, exit_codes
from etpu_doctor.cli.errors import UsageError
from etpu_doctor.cli.output import text_stream, wants_ascii
from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.errors import EvidenceError
from etpu_doctor.evidence.redact import Redactor, redact
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.hotplug.changes import Change, change_text
from etpu_doctor.hotplug.engine import Engine, Marks, Update
from etpu_doctor.hotplug.sequence import CHANGES_FILE, delta, encoded, read_changes
from etpu_doctor.hotplug.wire import json_line
from etpu_doctor.hotplug.world import LiveWorld, ReplayWorld, World
from etpu_doctor.report.escape import for_terminal, to_ascii
from etpu_doctor.report.report import Report
from etpu_doctor.report.tree import delegate_text, source_text, verdict
from etpu_doctor.rules.finding import Finding
from etpu_doctor.wizard.labels import LabelError, Labels, default_path, with_labels

SCHEMA = "etpu-doctor/watch/1"
_FOREVER_SECONDS = 3600.0


def run(arguments: Sequence[str]) -> int:
    """Watch until interrupted, until ``--seconds`` are over, or until a recording ends."""
    options = _parser().parse_args(list(arguments))
    if options.record and options.sources:
        raise UsageError("--record is for the live machine; what is replayed is recorded already")
    engine = Engine(_world(options), common.request_of(options), marks=_marks(options))
    try:
        _watch(engine, options)
    finally:
        engine.close()
    return exit_codes.OK


def _parser() -> common.Parser:
    parsing = common.parser(
        "watch", "Print what changes on the buses, and the findings that each change opens or closes."
    )
    common.add_source(parsing)
    common.add_judgment(parsing)
    parsing.add_argument("--seconds", type=common.seconds, metavar="N", help="stop after so many seconds")
    parsing.add_argument(
        "--record", metavar="DIR", help="also write what happens into this new folder; --from DIR replays it"
    )
    parsing.add_argument("--only", action="append", metavar="RULE", help="only these rules (code or name; repeatable)")
    parsing.add_argument("--skip", action="append", metavar="RULE", help="not these rules")
    parsing.add_argument("--encoding", choices=("auto", "ascii", "utf-8"), default="auto")
    parsing.add_argument("--json", action="store_true", help="one JSON object a line")
    return parsing


def _world(options: argparse.Namespace) -> World:
    if not options.sources:
        if not os.path.isdir(options.root):
            raise EvidenceError(options.root, "no such directory")
        # The library is not asked while one watches: each answer costs a child process that loads it.
        return LiveWorld(options.root, HostRequest(probe=False))
    from etpu_doctor.evidence.sources import read_sources  # noqa: PLC0415 - only for a replay

    changes = read_changes(options.sources[0]) if len(options.sources) == 1 else ()
    return ReplayWorld(read_sources(options.sources), changes)


def _marks(options: argparse.Namespace) -> Marks:
    if not options.sources or options.sources[0] == "-":
        return Marks()
    return Marks(name=os.path.basename(os.path.abspath(options.sources[0])))


def _watch(engine: Engine, options: argparse.Namespace) -> None:
    face = _Json() if options.json else _Text(ascii_only=wants_ascii(options.encoding), labels=_labels(options))
    end = None if options.seconds is None else time.monotonic() + options.seconds
    recorder: _Recorder | None = None
    try:
        while True:
            left = _FOREVER_SECONDS if end is None else max(end - time.monotonic(), 0.0)
            update = engine.step(left)
            if update is not None:
                _put(face, update)
                recorder = _record(recorder, engine, update, options)
                if update.is_over:
                    return
            elif end is not None and time.monotonic() >= end:
                return
    finally:
        if recorder is not None:
            recorder.close()


def _record(
    recorder: _Recorder | None, engine: Engine, update: Update, options: argparse.Namespace
) -> _Recorder | None:
    evidence = engine.evidence()
    if options.record is None or update.stage == "buses" or evidence is None:
        return recorder
    if recorder is None:
        return _Recorder(options.record, evidence, update.seconds, keeps_names=options.no_redact, root=options.root)
    recorder.add(evidence, update.seconds)
    return recorder


def _labels(options: argparse.Namespace) -> Labels:
    if options.sources or options.root != "/":
        return Labels()
    try:
        return Labels(default_path())
    except LabelError as error:
        print(f"etpu-doctor: {error}", file=sys.stderr)
        return Labels()


def _put(face: _Text | _Json, update: Update) -> None:
    """Write what is new, at once: whoever reads it may be waiting."""
    text = "".join(f"{line}\n" for line in face.lines(update))
    if text:
        stream = text_stream("auto")
        stream.write(text)
        stream.flush()


class _Text:
    """Lines for a person: time of day, what happened, what it opened or closed."""

    def __init__(self, *, ascii_only: bool, labels: Labels) -> None:
        self._ascii_only = ascii_only
        self._labels = labels
        self._last: Report | None = None

    def lines(self, update: Update) -> Iterator[str]:
        names = self._labels.names(update.report, update.halves)
        for text in self._texts(update):
            shown = for_terminal(with_labels(text, names))
            yield to_ascii(shown) if self._ascii_only else shown

    def _texts(self, update: Update) -> Iterator[str]:
        if update.stage == "buses":
            return
        now = time.strftime("%H:%M:%S")
        first, self._last = self._last is None, update.report
        if first:
            yield from self._start(update)
            return
        for change in update.changes:
            yield f"{now}  {change_text(change)}"
        for finding in update.closed:
            yield f"{now}  closed  {finding.severity.upper()} {finding.code} {finding.rule}: {finding.title}"
        for finding in update.opened:
            yield f"{now}  opened  {finding.severity.upper()} {finding.code} {finding.rule}: {finding.title}"
        if update.settled and (update.opened or update.closed):
            yield f"{now}  now     {': '.join(verdict(update.report))}"
        if update.is_over:
            yield f"{now}  the recording ends here"

    def _start(self, update: Update) -> Iterator[str]:
        report = update.report
        yield source_text(report)
        yield ": ".join(verdict(report))
        for tpu in report.edge_tpus:
            yield f"  {delegate_text(tpu)}  {tpu.id}  {tpu.state or 'state unknown'}"
        how = {
            "udev": "events",
            "polling": "no events to be had here: looking ten times a second",
            "replay": "a replay",
        }
        yield f"Watching ({how[update.trigger]}). Ctrl-C ends it."


class _Json:
    """One JSON object a line; ``event`` says which: ``start``, a kind of change, ``closed``, ``opened``, ``end``."""

    def lines(self, update: Update) -> Iterator[str]:
        for fields in self._objects(update):
            head = {"schema": SCHEMA, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            yield json_line({**head, "seconds": update.seconds, **fields}).decode().rstrip("\n")

    def __init__(self) -> None:
        self._started = False

    def _objects(self, update: Update) -> Iterator[dict[str, Any]]:
        if update.stage == "buses":
            return
        if not self._started:
            self._started = True
            yield self._start(update)
            return
        yield from (_change_fields(change) for change in update.changes)
        yield from ({"event": "closed", "finding": _brief(finding)} for finding in update.closed)
        yield from ({"event": "opened", "finding": _brief(finding)} for finding in update.opened)
        if update.is_over:
            yield {"event": "end"}

    def _start(self, update: Update) -> dict[str, Any]:
        report = update.report
        return {
            "event": "start",
            "source": report.source.kind,
            "trigger": update.trigger,
            "cause": report.diagnosis.cause,
            "edge_tpus": [msgspec.structs.asdict(tpu) for tpu in report.edge_tpus],
            "findings": [_brief(finding) for finding in report.findings],
        }


def _change_fields(change: Change) -> dict[str, Any]:
    fields = msgspec.structs.asdict(change)
    kind = fields.pop("kind")
    return {"event": kind, **fields, "text": change_text(change)}


def _brief(finding: Finding) -> dict[str, Any]:
    names = ("code", "rule", "severity", "confidence", "subject", "concerns", "title")
    return {name: getattr(finding, name) for name in names}


class _Recorder:
    """Writes a recorded sequence: a bundle of the machine as it was, and what changed since."""

    def __init__(self, folder: str, evidence: Evidence, seconds: float, *, keeps_names: bool, root: str) -> None:
        from etpu_doctor.evidence.capture import capture_live  # noqa: PLC0415 - only with --record

        self._redactor = None if keeps_names else Redactor()
        try:
            os.makedirs(folder)
        except OSError as error:
            raise EvidenceError(folder, f"cannot be made: {error.strerror}") from None
        capture_live(os.path.join(folder, "capture.tar.gz"), root=root, redact=not keeps_names)
        self._handle: BinaryIO = open(os.path.join(folder, CHANGES_FILE), "xb")  # noqa: SIM115 - until watching ends
        self._evidence, self._start = self._clean(evidence), seconds

    def _clean(self, evidence: Evidence) -> Evidence:
        return evidence if self._redactor is None else redact(evidence, self._redactor)

    def add(self, evidence: Evidence, seconds: float) -> None:
        """Write what is different; flushed, so that a crash of the machine keeps what led to it."""
        before, self._evidence = self._evidence, self._clean(evidence)
        change = delta(before, self._evidence, seconds - self._start)
        if change is not None:
            self._handle.write(encoded(change))
            self._handle.flush()

    def close(self) -> None:
        self._handle.close()
