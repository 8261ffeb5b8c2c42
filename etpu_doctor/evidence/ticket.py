"""Reads a pasted thread: listings and logs by their parsers, messages of programs, and words of the reporter."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import IO

from etpu_doctor.evidence.asked import Asked
from etpu_doctor.evidence.collector import Collector
from etpu_doctor.evidence.errors import EvidenceError, shown
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.formats.frigate_config import FrigateConfig
from etpu_doctor.evidence.formats.kernel_log import KernelLogText
from etpu_doctor.evidence.formats.lsusb_list import Lsusb
from etpu_doctor.evidence.formats.program_log import ProgramLog, messages_in
from etpu_doctor.evidence.kernel_log import holds_any
from etpu_doctor.evidence.mentions import Mentions
from etpu_doctor.evidence.silent import PROMPTS, Silent
from etpu_doctor.evidence.sources import as_text, encoding_of, missing_from, with_start
from etpu_doctor.evidence.text import Watcher, lines_of, read_lines
from etpu_doctor.evidence.thread_devices import place_devices
from etpu_doctor.evidence.words import Words
from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.evidence import Evidence
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.thread import Sign, SignKind, Thread

_READINGS_LIMIT = 200
_TEXT_LIMIT = 160
_RISE = 1.7
_SHORTEST_SENTENCE = 6
_LONGEST_ENTRY = 120


_NAMES = ("9302", "089a", "089A", "apex ", "nichip", "oogle Inc", "1a6e")
"""What every line with the identity of an Edge TPU holds one of."""

_OF_PROCESSES = ("RIP: ", "denied", "DENIED", "invalid opcode")
"""Of what stands in a kernel's log, these are not known by the device that they name."""

_NEEDLES = (*_NAMES, *_OF_PROCESSES, *PROMPTS)
"""What ``Ticket`` looks for in every line, a kernel's log included."""


class Ticket:
    """One thread, read file by file."""

    def __init__(self) -> None:
        self._collector = Collector()
        self._mentions = Mentions()
        self._words = Words()
        self._lines = 0
        self._identities: dict[str, None] = {}
        self._readings: list[Sign] = []
        self._asked = Asked()
        self._silent = Silent()

    def read(self, name: str, content: bytes) -> None:
        """Read a file: any bytes, in any of the usual encodings."""
        self._read(name, io.StringIO(content.decode(encoding_of(content), "replace"), newline=None))

    def read_stream(self, name: str, handle: IO[bytes]) -> None:
        """Read an open file, line by line: a thread may be longer than what fits into the memory."""
        buffered, start = with_start(handle)
        text = as_text(buffered, start)
        self._read(name, text)
        # The stream is whoever's that opened it.
        text.detach()

    def _read(self, name: str, text: IO[str]) -> None:
        read_lines(name, lines_of(text), self._collector, Watcher(self._watch, _NEEDLES, self._pass))
        self._words.flush()

    def _watch(self, line: Line, taken_by: object | None) -> None:
        text = line.text
        if taken_by is None and (not text or text.isspace()):
            self._words.flush()
            self._silent.pause()
            return
        self._lines += 1
        for silent in self._silent.feed(line):
            self._take_messages(silent)
        if holds_any(text, _NAMES):
            self._note_identity(text)
        if taken_by is None or isinstance(taken_by, ProgramLog):
            self._take_free_text(line, is_message=taken_by is not None)
        elif isinstance(taken_by, KernelLogText):
            if not taken_by.is_stamped:
                # A message of the kernel that somebody quotes in a sentence.
                self._words.feed(line, is_message=True)
                self._take_messages(line)
            elif holds_any(text, _OF_PROCESSES):
                self._take_messages(line)
        elif isinstance(taken_by, Lsusb):
            self._take_around_entry(line)
        elif isinstance(taken_by, FrigateConfig):
            # A compose file or a sentence may follow a configuration without a gap.
            self._take_messages(line)

    def _pass(self, count: int) -> None:
        self._lines += count

    def _take_free_text(self, line: Line, *, is_message: bool) -> None:
        self._mentions.feed(line)
        self._take_sentence(line, is_message=is_message)

    def _take_sentence(self, line: Line, *, is_message: bool) -> None:
        text = line.text
        self._words.feed(line, is_message=is_message)
        if ("ms" in text or "inference_speed" in text or not text.isascii()) and self._note_times(line):
            self._note_rise(line)
        if "480" in text or "12M" in text or "12 M" in text:
            self._note_speed(line)
        if "usb:" in text or "pci:" in text:
            self._note_strings(line)
        self._take_value(line)

    def _take_around_entry(self, line: Line) -> None:
        """``Now it works. Bus 002 Device 004: ID ...`` is a sentence and an entry."""
        before = line.text.partition("Bus ")[0]
        if len(before) > _SHORTEST_SENTENCE:
            # A speed may stand behind the entry.
            self._mentions.feed(line)
            self._take_sentence(Line(line.file, line.number, before), is_message=False)
        if before.strip() or len(line.text) > _LONGEST_ENTRY:
            self._take_messages(line)

    def _take_messages(self, line: Line) -> None:
        for message in messages_in(line):
            self._collector.program(message)

    def _take_value(self, line: Line) -> None:
        """A bare value below the command that asked for it belongs to that command's file."""
        joined = self._asked.feed(line)
        if joined is None:
            return
        if (
            "/speed:" in joined.text or joined.text.startswith(("speed:", " speed:"))
        ) and not self._mentions.take_attribute(joined):
            self._note_speed(joined)
        elif "/id" in joined.text or "/bMaxPower" in joined.text:
            self._mentions.take_attribute(joined)
        self._take_messages(joined)

    def _note_speed(self, line: Line) -> None:
        """A speed that only words or a bare value give."""
        match = _high_speed().search(line.text[:2000])
        about_hubs = "hub" in line.text.lower() or "1d6b" in line.text
        if match is not None and not about_hubs:
            self._note("speed-480-said", line)
        elif not about_hubs and _full_speed().search(line.text[:2000]) is not None:
            self._note("speed-12-said", line)

    def _note_rise(self, line: Line) -> None:
        for match in _rise().finditer(line.text[:2000]):
            low, high = float(match[1].replace(",", ".")), float(match[2].replace(",", "."))
            if low > 2 and high > _RISE * low:
                self._note("latency-rises", line, kind="words")

    def _note_strings(self, line: Line) -> None:
        """Device strings that sentences name."""
        for match in _device_strings().finditer(line.text[:2000]):
            self._note("device-string-named", line, values={"device": match[1]})

    def _note(self, name: str, line: Line, *, kind: SignKind = "reading", values: dict[str, str] | None = None) -> None:
        if len(self._readings) < _READINGS_LIMIT:
            where, text = f"{line.file}:{line.number}", line.text.strip()[:_TEXT_LIMIT]
            self._readings.append(Sign(name=name, kind=kind, text=text, where=where, values=values or {}))

    def _note_identity(self, text: str) -> None:
        lowered = text.lower()
        if "enumeratedevices" in lowered:
            # What libedgetpu looks for, not what it found.
            return
        if _card().search(lowered) is not None:
            self._identities["1ac1:089a"] = None
        elif _bare_card().search(lowered) is not None:
            self._identities["1ac1:089a?"] = None
        elif "global unichip" in lowered:
            self._identities["unichip"] = None
        if "1a6e" in lowered:
            self._identities["1a6e:089a"] = None
        if "9302" in lowered and "18d1" in lowered:
            self._identities["18d1:9302"] = None
        elif "google inc" in lowered and _expected().search(lowered) is None:
            self._identities["google"] = None

    def _identities_named(self) -> tuple[str, ...]:
        """The identities; usb.ids calls the stick after its maker first, and after Google once it has its firmware."""
        found = self._identities.keys() - {"unichip", "google"}
        if {"unichip", "google"} <= self._identities.keys():
            found |= {"1a6e:089a", "18d1:9302"}
        return tuple(sorted(found))

    def _note_times(self, line: Line) -> bool:
        """Times of inference; whether there were any."""
        pattern = _reported_milliseconds() if "inference_speed" in line.text else _milliseconds()
        found = list(pattern.finditer(line.text[:2000]))
        for match in found:
            self._note("inference-ms", line, values={"ms": match[1].replace(",", ".")})
        return bool(found)

    def _is_about_a_stick(self) -> bool:
        """Whether words or programs speak of an Edge TPU, and nothing of a card."""
        application = self._collector.application()
        said = {sign.name for sign in self._words.signs}
        said |= {message.message for message in application.messages} if application is not None else set()
        about_a_card = self._mentions.apex_numbers or any(name.startswith("1ac1") for name in self._identities)
        return not about_a_card and not said.isdisjoint(("coral-mentioned", "frigate-loads", "frigate-detection-stuck"))

    def evidence(self) -> Evidence:
        """Everything that the thread shows."""
        collector = self._collector
        messages = collector.kernel_messages
        usb = place_devices(
            collector.usb_devices(), messages, self._mentions.found, about_a_stick=self._is_about_a_stick()
        )
        apex = tuple(
            Sign(name="apex-node", kind="reading", text=f"apex_{number}", where=where)
            for number, where in sorted(self._mentions.apex_numbers.items())
        )
        thread = Thread(
            signs=(*self._words.signs, *apex, *self._readings),
            identities=self._identities_named(),
            line_count=self._lines,
        )
        covers = tuple(sorted(collector.covers))
        return Evidence(
            kind="text",
            usb=tuple(usb),
            pci=tuple(collector.pci_functions()),
            host=Host(),
            kernel_log=collector.kernel_log(),
            driver=Driver(dkms=collector.dkms_state) if collector.dkms_state is not None else None,
            application=collector.application(),
            thread=thread,
            covers=covers,
            missing=tuple(missing_from(set(covers))),
            ignored=tuple(collector.ignored),
            ignored_count=collector.ignored_count,
        )


@cache
def _expected() -> re.Pattern[str]:
    """Who writes that it should become "Google Inc.", or never did, says that it did not."""
    never = "never|jamais|niemals|nunca|jamás|mai|nooit|nigdy|никогда|nikdy|aldrig"
    should = r"should|will|would|soll\w{0,3}|wird|devrait|va |debería|dovrebbe|deveria|zou|powin\w{2,4}|должен|должн\w"
    return re.compile(rf"\b(?:{never}|{should})\b|\u306f\u305a|\u5e94\u8be5|\u61c9\u8a72|\ud574\uc57c")


@cache
def _bare_card() -> re.Pattern[str]:
    """The bare identity of a card, unless somebody says right behind it that there is none."""
    return re.compile(
        r"1ac1[: ]089a\b(?![^.;\n]{0,24}(?:n['\u2019]t\b|\b(?:not?|nicht|keine?|pas|non|não|niet|nie|не|нет)\b))"
    )


@cache
def _device_strings() -> re.Pattern[str]:
    return re.compile(r"(?<![\w/])((?:usb|pci):\d{1,2})(?![\w.:])")


@cache
def _high_speed() -> re.Pattern[str]:
    return re.compile(r"(?<![\d.])480 ?M(?:bit|bps|b/s|B|\b)|speed\b[^\d\n]{1,60}480\b")


@cache
def _full_speed() -> re.Pattern[str]:
    return re.compile(r"(?i:coral|tpu|stick|lsusb|9302|089a)[^\n]{0,60}(?<![\d.])12 ?M(?:bit|bps|b/s|\b)")


@cache
def _rise() -> re.Pattern[str]:
    words = "to|till|->|\u2192|auf|\u00e0|a|na|naar|\u0434\u043e|\u5230|\u304b\u3089|\uc5d0\uc11c"
    return re.compile(rf"(?<![\w.,])(\d{{1,3}}(?:[.,]\d)?) ?(?:ms)? ?(?:{words}) ?(\d{{1,4}}(?:[.,]\d)?) ?ms\b")


@cache
def _card() -> re.Pattern[str]:
    """A line of the driver, or of a PCI listing that a sentence holds."""
    return re.compile(
        r"\bapex [0-9a-f]{4,5}:[0-9a-f]{2}:[0-9a-f]{2}\.\d:|"
        r"\b[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] [^\n]{0,60}global unichip corp"
    )


@cache
def _milliseconds() -> re.Pattern[str]:
    # Scripts without blanks go on right before and behind it, so the edges of words are those of Latin ones.
    units = "ms|msec|\u043c\u0441|\u043c\u0441\u0435\u043a|\u6beb\u79d2|\u30df\u30ea\u79d2|\ubc00\ub9ac\ucd08"
    number = r"(\d{1,4}(?:[.,]\d{1,3})?)"
    return re.compile(rf"(?<![A-Za-z0-9_.,]){number} ?(?:{units})(?![A-Za-z0-9_\u0430-\u044f])")


@cache
def _reported_milliseconds() -> re.Pattern[str]:
    """What Frigate reports of a detector (``/api/stats``), in milliseconds."""
    return re.compile(r"\binference_speed\W{1,4}(\d{1,4}\.\d{1,3})")


def read_ticket(paths: Sequence[str]) -> Evidence:
    """The evidence of a thread in files and ``-`` (standard input). Raises ``EvidenceError``."""
    ticket = Ticket()
    for path in paths:
        _read_path(ticket, path)
    return ticket.evidence()


def _read_path(ticket: Ticket, path: str) -> None:
    name = "-" if path == "-" else shown(os.path.basename(path))
    try:
        if path == "-":
            if sys.stdin is None:
                raise EvidenceError(name, "standard input is closed")
            ticket.read_stream(name, sys.stdin.buffer)
        else:
            with open(path, "rb") as handle:
                ticket.read_stream(name, handle)
    except IsADirectoryError:
        raise EvidenceError(name, "is a folder; of a folder of threads, --batch reads each file as one") from None
    except OSError as error:
        raise EvidenceError(name, error.strerror or str(error)) from None
