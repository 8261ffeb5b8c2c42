"""Names that a user gives to ports ("left rear blue"): kept in a file, and used wherever a message names the port.

The kernel may number buses otherwise at the next boot, so a label is kept by the controller, the bus's kind and the
chain of ports below it. Both halves of a socket carry it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import msgspec

from etpu_doctor.report.report import Report, UsbTreeNode

LONGEST_LABEL = 40
_FILE_LIMIT_BYTES = 1 << 20
_LABELS_LIMIT = 2000

_PORT_PHRASE = re.compile(
    r"\bport (?P<numbers>\d{1,3}(?:(?:, | or | and )\d{1,3})*)"
    r"(?P<rest> of (?:(?:the )?bus (?P<bus>\d{1,4})|(?:sub-)?hub (?P<hub>\d{1,4}-[\d.]{1,40}\d|\d{1,4}-\d)))"
)
_NODE_PHRASE = re.compile(r"\bEdge TPU (?P<node>\d{1,4}-\d[\d.]{0,40})(?![\d.]*\d)")


class LabelError(Exception):
    """The file of labels cannot be read or written; says why."""


class _File(msgspec.Struct):
    labels: dict[str, str] = {}


def default_path() -> str:
    """Where labels are kept: the user's configuration folder."""
    from platformdirs import user_config_dir  # noqa: PLC0415 - only where labels are used

    return os.path.join(user_config_dir("etpu-doctor"), "labels.json")


class Labels:
    """The labels of one file. Without a path they live as long as the session (a replay is not this machine)."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._labels: dict[str, str] = _read(path) if path is not None else {}

    def names(self, report: Report, halves: dict[str, str]) -> dict[str, str]:
        """Port name (``2-1.4``) -> label, for every labelled port of this machine."""
        if not self._labels:
            return {}
        roots = _roots(report)
        found = {}
        for port in _ports(report):
            for each in (port, halves.get(port)):
                label = self._labels.get(_key(roots, each)) if each else None
                if label is not None:
                    found[port] = label
                    break
        return found

    def put(self, report: Report, halves: dict[str, str], port: str, label: str) -> None:
        """Name a port, or with an empty label forget its name. Raises ``LabelError`` if it cannot be written."""
        roots = _roots(report)
        text = clean_label(label)
        changed = dict(self._labels)
        for each in (port, halves.get(port)):
            if each is not None:
                changed.pop(_key(roots, each), None)
                if text:
                    changed[_key(roots, each)] = text
        if self._path is not None:
            _write(self._path, changed)
        self._labels = changed


def clean_label(label: str) -> str:
    """One line of printable text, at most 40 characters, without the quotes that stand around it in messages."""
    words = "".join(character if character.isprintable() and character != '"' else " " for character in label).split()
    return " ".join(words)[:LONGEST_LABEL].strip()


def with_labels(text: str, names: dict[str, str]) -> str:
    """A message with the label after each port that has one: ``port 4 "left rear" of hub 2-1``."""
    if not names:
        return text
    used: set[str] = set()

    def port(match: re.Match[str]) -> str:
        above = f"{match['bus']}-" if match["bus"] else f"{match['hub']}."

        def number(found: re.Match[str]) -> str:
            label = names.get(above + found[0])
            if label is None:
                return found[0]
            used.add(label)
            return f'{found[0]} "{label}"'

        return f"port {re.sub(r'[0-9]+', number, match['numbers'])}{match['rest']}"

    def node(match: re.Match[str]) -> str:
        label = names.get(match["node"])
        if label is None or label in used:
            return match[0]
        used.add(label)
        return f'{match[0]} "{label}"'

    return _NODE_PHRASE.sub(node, _PORT_PHRASE.sub(port, text))


def _roots(report: Report) -> dict[int | None, UsbTreeNode]:
    return {node.busnum: node for node in report.topology.usb if node.kind == "root-hub"}


def _key(roots: dict[int | None, UsbTreeNode], port: str) -> str:
    bus, _, chain = port.partition("-")
    root = roots.get(int(bus)) if bus.isdecimal() else None
    if root is None or root.controller is None:
        return port
    kind = 3 if (root.speed_mbps or 0) >= 5000 else 2
    return f"{root.controller}/usb{kind}/{chain}"


def _ports(report: Report) -> Iterator[str]:
    """Every port of every hub, and every port that has something in it."""
    seen: set[str] = set()
    for node in report.topology.usb:
        prefix = f"{node.busnum}-" if node.kind == "root-hub" else f"{node.id}."
        if node.kind != "device":
            seen.update(f"{prefix}{number}" for number in range(1, min(node.port_count or 0, 255) + 1))
        if node.port_chain:
            seen.add(node.id)
    yield from sorted(seen)


def _read(path: str) -> dict[str, str]:
    try:
        with open(path, "rb") as handle:
            content = handle.read(_FILE_LIMIT_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from None
    try:
        known = msgspec.json.decode(content, type=_File).labels
    except (msgspec.DecodeError, RecursionError) as error:
        raise LabelError(f"{path}: not a file of labels: {error}") from None
    # Somebody may have edited it by hand.
    cleaned = {key: clean_label(label) for key, label in known.items()}
    return {key: label for key, label in cleaned.items() if label}


def _write(path: str, labels: dict[str, str]) -> None:
    """Atomically, so that a full disk leaves the old file."""
    if len(labels) > _LABELS_LIMIT:
        raise LabelError(f"{path}: more than {_LABELS_LIMIT} labels")
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "xb") as handle:
            handle.write(msgspec.json.format(msgspec.json.encode(_File(labels=labels)), indent=2) + b"\n")
        os.replace(temporary, path)
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from None
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
