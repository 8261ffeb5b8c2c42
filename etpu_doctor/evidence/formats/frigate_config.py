"""The detectors of a Frigate configuration: a file of its own, or pasted between other lines, indentation lost or not.

Read is what decides which Edge TPU is opened with which model: ``detectors`` and ``model``. All other sections are
taken and forgotten, for they hold the passwords of cameras. No YAML reader: blocks of ``key: value``, one-line
``{key: value}`` and quotes; anything else among the detectors is set aside, visibly.

Source of the keys: Frigate ``frigate/config/config.py``, ``frigate/detectors/detector_config.py``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from etpu_doctor.evidence.formats.base import NOT_READ
from etpu_doctor.facts.application import DetectorConfig, DetectorFault

if TYPE_CHECKING:
    from etpu_doctor.evidence.formats.base import Line, Sink

NO_NAME = "(no name)"
DETECTORS_LIMIT = 64

_SECTION_NAMES = (
    "audio audio_transcription auth birdseye camera_groups cameras classification clips database detect detectors "
    "environment_vars face_recognition ffmpeg genai go2rtc live logger lpr model motion mqtt networking notifications "
    "objects proxy record review rtmp semantic_search snapshots telemetry timestamp_style tls ui version"
)
_STARTING_NAMES = "birdseye camera_groups cameras detect detectors ffmpeg go2rtc model mqtt objects record snapshots"
_SECTIONS = frozenset(_SECTION_NAMES.split())
_READ = ("detectors", "model")

_STARTS = frozenset(_STARTING_NAMES.split())
"""Sections whose name alone on a line tells the configuration."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FIELDS = frozenset({"type", "device", "model"})
_FORMS = ("&", "*", "|", ">", "[", "!", "%", "@", "`")
"""What a value that is more than a word begins with."""

_FLOW_LIMIT_CHARACTERS = 1000
_FLOW_DEPTH = 4

Flow: TypeAlias = "dict[str, str | Flow]"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A line ``key: value``: its indentation in columns, whether a tab is in it, and the value with its comment."""

    indent: int
    has_tab: bool
    key: str
    value: str


class _Draft:
    """A detector while its lines are read."""

    def __init__(self, name: str, indent: int, where: str) -> None:
        self.name, self.indent, self.where = name, indent, where
        self.values: dict[str, str | None] = {}
        self.value_where: dict[str, str] = {}
        self.faults: dict[DetectorFault, None] = {}
        self.field_indent: int | None = None

    def finish(self, common_model: str | None, common_where: str | None) -> DetectorConfig:
        own = self.values.get("model")
        where = dict(self.value_where)
        if own is None and common_model is not None and common_where is not None:
            where["model"] = common_where
        return DetectorConfig(
            name=self.name,
            type=self.values.get("type"),
            device=self.values.get("device"),
            model_path=own or common_model,
            model_is_own=own is not None,
            faults=tuple(self.faults),
            where=self.where,
            value_where=where,
        )


class FrigateConfig:
    """Takes every line of a configuration from a section's name on, and hands over the detectors at its end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._file = ""
        self._forget()

    def _forget(self) -> None:
        self._drafts: list[_Draft] = []
        self._model: str | None = None
        self._model_where: str | None = None
        self._section: str | None = None
        self._section_indent = 0
        self._is_flat: bool | None = None
        self._skipped_indent: int | None = None
        self._goes_on = False

    def starts(self, text: str) -> bool:
        """Whether this line is the name of a section that tells a configuration of Frigate."""
        head = text.lstrip(" \t")
        if not head[:1].islower():
            return False
        key, colon, rest = head.partition(":")
        if not colon or key not in _STARTS:
            return False
        rest = rest.strip()
        return not rest or rest.startswith("#") or (key in _READ and rest.startswith("{"))

    def feed(self, line: Line) -> bool:
        """Take a line of the configuration, of whatever section."""
        if line.file != self._file:
            self._forget()
            self._file = line.file
        entry = parse_entry(line.text)
        if not (self._is_more_of_it(line.text) if entry is None else self._is_entry_of_it(entry)):
            self._goes_on = False
            return False
        if entry is not None:
            self._entry(entry, line)
        elif self._section == "detectors" and not line.text.lstrip().startswith(("#", "---")):
            self._sink.ignore(line, NOT_READ)
        return True

    def close(self) -> None:
        """Hand over the detectors as far as they are known; a section that follows may still add the model."""
        if self._drafts:
            configs = (draft.finish(self._model, self._model_where) for draft in self._drafts)
            self._sink.detectors(self._file, tuple(configs))

    def _is_entry_of_it(self, entry: Entry) -> bool:
        """Whether a line ``key: value`` is of the configuration: messages of programs often look like one."""
        if entry.key in _SECTIONS:
            return True
        if self._section is None:
            return False
        if entry.indent > self._section_indent:
            self._is_flat = bool(self._is_flat)
            return True
        # At the margin stand sections alone, but for a paste that lost its indentation.
        could_be = entry.key in _FIELDS or (entry.key.islower() and " " not in (scalar(entry.value)[0] or ""))
        self._is_flat = could_be if self._is_flat is None else self._is_flat
        if not self._is_flat:
            self._section = None
        return self._is_flat and could_be

    def _is_more_of_it(self, text: str) -> bool:
        """Whether a line without a key is of the configuration: a list, a comment, the rest of a long value."""
        stripped = text.strip()
        if not stripped or stripped.startswith(("```", "~~~")):
            return False
        if stripped.startswith(("#", "- ", "---")) or stripped == "-":
            return True
        return self._goes_on and (_indent(text) > self._section_indent or "://" in stripped)

    def _entry(self, entry: Entry, line: Line) -> None:
        inside = self._section is not None and self._goes_on and entry.indent > self._section_indent
        self._goes_on = self._goes_on or entry.key in _SECTIONS
        if entry.key in _SECTIONS and not inside:
            self._open(entry, line)
        elif self._section == "detectors":
            self._in_detectors(entry, line)
        elif self._section == "model" and entry.key == "path":
            self._model, self._model_where = scalar(entry.value)[0] or None, _place(line)

    def _open(self, entry: Entry, line: Line) -> None:
        # Without indentation, "model: small" of another section stands where a section does.
        if entry.key == "model" and not _is_block(entry.value):
            return
        self._section, self._section_indent = entry.key, entry.indent
        self._is_flat = self._skipped_indent = None
        if entry.key == "detectors":
            # A second one in the same text is a later state of the first.
            self._drafts = []
        if entry.value.startswith("{"):
            self._open_flow(entry, line)

    def _open_flow(self, entry: Entry, line: Line) -> None:
        flow = parse_flow(entry.value)
        if entry.key == "detectors" and flow is not None:
            for name, fields in flow.items():
                self._add_flow(name, fields, line, entry.indent)
        elif entry.key == "detectors":
            self._sink.ignore(line, NOT_READ)
        elif entry.key == "model" and flow is not None and isinstance(path := flow.get("path"), str):
            self._model, self._model_where = path, _place(line)

    def _add_flow(self, name: str, fields: str | Flow, line: Line, indent: int) -> None:
        draft = self._add(name, indent, line)
        if draft is None or isinstance(fields, str):
            self._sink.ignore(line, NOT_READ)
            return
        for key in (key for key in fields if key in _FIELDS):
            value = fields[key]
            if isinstance(value, dict):
                value = value.get("path", "") if key == "model" else ""
            if isinstance(value, str):
                _set(draft, key, value if key == "device" else value or None, line)

    def _add(self, name: str, indent: int, line: Line) -> _Draft | None:
        if len(self._drafts) >= DETECTORS_LIMIT:
            return None
        self._drafts.append(_Draft(name, indent, _place(line)))
        return self._drafts[-1]

    def _in_detectors(self, entry: Entry, line: Line) -> None:
        if self._is_skipped(entry):
            return
        draft = self._drafts[-1] if self._drafts else None
        if entry.key in _FIELDS and (draft is not None or not _is_block(entry.value)):
            self._field(draft or self._add(NO_NAME, entry.indent, line), entry, line)
        elif entry.key == "path" and draft is not None and "model" in draft.value_where:
            _set(draft, "model", scalar(entry.value)[0] or None, line)
        elif _is_block(entry.value) and (draft is None or self._is_flat or _is_beside(draft, entry)):
            self._name(entry, line)
        elif _is_block(entry.value):
            self._skipped_indent = entry.indent
        elif draft is None or entry.value.startswith(_FORMS):
            self._sink.ignore(line, NOT_READ)

    def _is_skipped(self, entry: Entry) -> bool:
        """Whether a line is of a block of which nothing is wanted (a label map)."""
        if self._skipped_indent is not None and entry.indent <= self._skipped_indent:
            self._skipped_indent = None
        return self._skipped_indent is not None and not self._is_flat

    def _name(self, entry: Entry, line: Line) -> None:
        if not entry.value.startswith("{"):
            before = self._drafts[-1] if self._drafts else None
            draft = self._add(entry.key, entry.indent, line)
            if draft is not None and entry.has_tab:
                draft.faults["tab"] = None
            if draft is not None and self._is_flat:
                draft.faults["flat"] = None
            elif draft is not None and before is not None and before.indent != entry.indent:
                draft.faults["indentation"] = None
            return
        flow = parse_flow(entry.value)
        if flow is None:
            self._sink.ignore(line, NOT_READ)
        else:
            self._add_flow(entry.key, flow, line, entry.indent)

    def _field(self, draft: _Draft | None, entry: Entry, line: Line) -> None:
        if draft is None:
            return
        if entry.value.startswith(_FORMS):
            self._sink.ignore(line, NOT_READ)
            return
        if entry.has_tab:
            draft.faults["tab"] = None
        if draft.field_indent is None:
            draft.field_indent = entry.indent
        is_off = entry.indent != draft.field_indent or entry.indent <= draft.indent
        if is_off and "flat" not in draft.faults:
            draft.faults["indentation"] = None
        if entry.key == "model":
            flow = parse_flow(entry.value) if entry.value.startswith("{") else {}
            path = (flow or {}).get("path")
            _set(draft, "model", path if isinstance(path, str) else None, line)
            return
        value, fault = scalar(entry.value)
        if fault is not None:
            draft.faults[fault] = None
        elif value is None and entry.key == "device":
            draft.faults["empty-device"] = None
        _set(draft, entry.key, value, line)


def _is_beside(draft: _Draft, entry: Entry) -> bool:
    """Whether a block stands beside a detector, not in it; its fields tell where its inside begins."""
    return entry.indent <= draft.indent or (draft.field_indent is not None and entry.indent < draft.field_indent)


def _set(draft: _Draft, key: str, value: str | None, line: Line) -> None:
    draft.values[key] = value
    draft.value_where[key] = _place(line)


def _place(line: Line) -> str:
    return f"{line.file}:{line.number}"


@cache
def _entry_pattern() -> re.Pattern[str]:
    return re.compile(r"([ \t]*)(?:\"([^\"]{1,64})\"|'([^']{1,64})'|([\w.-]{1,64}))[ \t]*:(?:[ \t]+(.*))?$")


def parse_entry(text: str) -> Entry | None:
    """A line ``key: value`` or ``key:``; ``None`` for any other."""
    match = _entry_pattern().match(text.rstrip()) if ":" in text else None
    if match is None:
        return None
    key = match[2] or match[3] or match[4]
    value = (match[5] or "").strip()
    return Entry(_indent(match[1]), "\t" in match[1], key, "" if value.startswith("#") else value)


def _indent(text: str) -> int:
    return len(text.expandtabs(2)) - len(text.expandtabs(2).lstrip(" "))


def _is_block(value: str) -> bool:
    return not value or value.startswith("{")


def scalar(text: str) -> tuple[str | None, DetectorFault | None]:
    """The word that a value is, without quotes and comment; ``None`` for none, and what makes it no YAML."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        # What is not closed, or goes on behind its quotes, is kept as it stands.
        return (text[1:end], None) if end > 0 else (text[1:], None)
    word = text.partition(" #")[0].strip()
    if word.startswith("#") or word in _NULLS:
        return None, None
    return word, "colon" if ": " in word or word.endswith(":") else None


def parse_flow(text: str) -> Flow | None:
    """``{a: b, c: {d: e}}`` on one line, with or without a comment behind it; ``None`` for anything else."""
    if len(text) > _FLOW_LIMIT_CHARACTERS:
        return None
    tokens = _flow_tokens().findall(text)
    if not tokens or tokens[0] != "{":
        return None
    parsed = _flow_map(tokens, 1, 1)
    if parsed is None:
        return None
    flow, end = parsed
    rest = tokens[end:]
    return flow if not rest or rest[0].startswith("#") else None


@cache
def _flow_tokens() -> re.Pattern[str]:
    return re.compile(r"\s*(\{|\}|,|\"[^\"]*\"|'[^']*'|#.*|:(?=[\s{]|$)|[^\s{},\"'#:](?:[^\s{},:]|:(?=[^\s{},]))*|\S)")


def _flow_map(tokens: list[str], at: int, depth: int) -> tuple[Flow, int] | None:
    """The mapping that begins at a token, and where it ends."""
    found: Flow = {}
    if depth > _FLOW_DEPTH:
        return None
    while at < len(tokens) and tokens[at] != "}":
        if at + 2 >= len(tokens) or tokens[at + 1] != ":":
            return None
        key, value = scalar(tokens[at])[0] or "", tokens[at + 2]
        at += 3
        if value == "{":
            nested = _flow_map(tokens, at, depth + 1)
            if nested is None:
                return None
            found[key], at = nested
        elif value in ("}", ",", ":"):
            return None
        else:
            found[key] = scalar(value)[0] or ""
        if at < len(tokens) and tokens[at] == ",":
            at += 1
        elif at < len(tokens) and tokens[at] != "}":
            return None
    return (found, at + 1) if at < len(tokens) else None
