"""``--from``: captures, bundles and texts in any mix, joined into one Evidence."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any, TextIO

import msgspec

from etpu_doctor.evidence.collector import Collector, join_dkms, join_pci, join_usb
from etpu_doctor.evidence.errors import EvidenceError, shown
from etpu_doctor.evidence.formats.base import Line
from etpu_doctor.evidence.live import read_apex, read_pci, read_usb
from etpu_doctor.evidence.sysfs import DirectoryTree, SysfsTree
from etpu_doctor.evidence.umockdev import looks_like_description, read_description
from etpu_doctor.facts.application import Application
from etpu_doctor.facts.driver import DkmsState, Driver
from etpu_doctor.facts.evidence import CaptureNotes, Evidence, Missing, SourceKind
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.pci import ApexNode
from etpu_doctor.facts.usb import UsbDevice

FILES_LIMIT = 2000
_ABOUT_LIMIT_BYTES = 1 << 20

LINE_LIMIT_CHARACTERS = 1 << 20
"""A file without line ends must not fill the memory: a longer line is read in pieces."""

_ABOUT_THE_CAPTURE = frozenset({"case.toml", "changes.jsonl", "expected.json", "README", "README.md", "manifest.json"})
_SYSFS_NAMES = ("sysfs", "sys")
_GZIP = b"\x1f\x8b"
_START_BYTES = 512
_HEAD_LINES, _HEAD_CHARACTERS = 200, 1 << 20
"""How much of a text is looked at to tell what it is."""


def read_sources(paths: Sequence[str], *, stdin: IO[bytes] | None = None) -> Evidence:
    """Evidence from files, folders, bundles and ``-`` (standard input).

    Raises ``EvidenceError`` for a path that does not exist, cannot be read, or is a damaged bundle.
    """
    reader = _Reader(stdin)
    for path in paths:
        reader.read_path(path)
    return reader.evidence()


class _Reader:
    def __init__(self, stdin: IO[bytes] | None) -> None:
        self._stdin = stdin
        self._collector = Collector()
        self._trees: list[SysfsTree] = []
        self._host: Host | None = None
        self._notes: CaptureNotes | None = None
        self._kind: SourceKind = "text"

    def read_path(self, path: str) -> None:
        if path == "-":
            self._read_standard_input()
        elif os.path.isdir(path):
            self._read_folder(path)
        else:
            self._read_file(path, shown(os.path.basename(path)))

    def _read_standard_input(self) -> None:
        # Only looked at when it is asked for: a service may run with its standard input closed.
        stdin = self._stdin or (sys.stdin.buffer if sys.stdin is not None else None)
        if stdin is None:
            raise EvidenceError("-", "standard input is closed")
        try:
            self._read_stream("-", stdin)
        except OSError as error:
            raise EvidenceError("-", error.strerror or str(error)) from None

    def _read_file(self, path: str, name: str) -> None:
        try:
            with open(path, "rb") as handle:
                self._read_stream(name, handle)
        except OSError as error:
            raise EvidenceError(name, error.strerror or str(error)) from None

    def _read_stream(self, name: str, handle: IO[bytes]) -> None:
        buffered, start = with_start(handle)
        if _is_bundle(start):
            self._read_bundle(name, buffered)
        elif name in ("host.json", "evidence.json"):
            self._read_about(name, buffered.read(_ABOUT_LIMIT_BYTES))
        else:
            text = as_text(buffered, start)
            self._read_text(name, text)
            # The stream is whoever's that opened it; standard input must not be closed.
            text.detach()

    def _read_text(self, name: str, handle: TextIO) -> None:
        lines = iter(lambda: handle.readline(LINE_LIMIT_CHARACTERS), "")
        head = _head(lines)
        if looks_like_description(head):
            self._add_tree(read_description(_chain(head, lines)))
            return
        from etpu_doctor.evidence.text import read_lines  # noqa: PLC0415 - the parsers are not needed for a capture

        before = self._collector.ignored_count
        understood = read_lines(name, _chain(head, lines), self._collector)
        if not understood and self._kind == "capture":
            self._fold(name, self._collector.ignored_count - before)

    def _fold(self, name: str, count: int) -> None:
        """In a capture, a file of another kind (a kernel log) is one entry and not a thousand."""
        runs = self._collector.ignored
        last = max((run.last_line for run in runs if run.file == name), default=0)
        runs[:] = [run for run in runs if run.file != name]
        self._collector.ignored_count -= count
        if count:
            self._collector.ignore(Line(name, 1, ""), "no part of it is of a known format")
            if runs and runs[-1].file == name:
                runs[-1] = msgspec.structs.replace(runs[-1], last_line=max(last, 1))

    def _add_tree(self, tree: SysfsTree) -> None:
        self._kind = "capture"
        self._trees.append(tree)

    def _read_bundle(self, name: str, handle: IO[bytes]) -> None:
        from etpu_doctor.evidence.archive import read_archive  # noqa: PLC0415 - tarfile is slow to import

        archive = read_archive(name, handle)
        self._kind = "capture"
        for member, why in archive.refused:
            self._collector.ignore(Line(name, 1, shown(member)), f"refused: {why}")
        if archive.tree is not None:
            self._add_tree(archive.tree)
        for member in sorted(archive.texts):
            self._read_member(shown(os.path.basename(member)), archive.texts[member])

    def _read_member(self, name: str, content: bytes) -> None:
        if _is_bundle(content[:_START_BYTES]):
            # There are bundles that hold themselves.
            self._collector.ignore(Line(name, 1, name), "refused: a bundle inside a bundle is not opened")
        elif name not in _ABOUT_THE_CAPTURE:
            self._read_stream(name, io.BytesIO(content))

    def _read_folder(self, path: str) -> None:
        self._kind = "capture"
        folder = shown(os.path.basename(os.path.abspath(path)))
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            raise EvidenceError(folder, error.strerror or str(error)) from None
        if "case.toml" not in names and _ABOUT_THE_CAPTURE.issuperset(names):
            raise EvidenceError(folder, "the folder holds no evidence: neither sysfs files nor a listing")
        if {"bus", "devices"}.issubset(names):
            self._add_tree(DirectoryTree(path, contained=True))
            return
        for name in names[:FILES_LIMIT]:
            self._read_entry(os.path.join(path, name), shown(name))
        for name in map(shown, names[FILES_LIMIT:]):
            self._collector.ignore(Line(name, 1, name), f"more than {FILES_LIMIT} files in one folder")

    def _read_entry(self, path: str, name: str) -> None:
        if os.path.islink(path):
            self._collector.ignore(Line(name, 1, name), "refused: links are not followed out of a capture")
        elif name in _SYSFS_NAMES and os.path.isdir(path):
            self._add_tree(DirectoryTree(path, contained=True))
        elif not os.path.isfile(path):
            self._collector.ignore(Line(name, 1, name), "neither a file nor a sysfs folder")
        elif name not in _ABOUT_THE_CAPTURE:
            self._read_file(path, name)

    def _read_about(self, name: str, content: bytes) -> None:
        """What a capture says of itself: the host, and what was looked at."""
        try:
            if name == "host.json":
                self._host = msgspec.json.decode(content, type=Host)
            else:
                self._notes = msgspec.json.decode(content, type=CaptureNotes)
        except msgspec.DecodeError as error:
            raise EvidenceError(name, f"not what a capture holds under this name: {error}") from None

    def evidence(self) -> Evidence:
        collector = self._collector
        covers = collector.covers.union(*map(covered_by, self._trees))
        from_sysfs = join_usb(device for tree in self._trees for device in read_usb(tree))
        functions = [function for tree in self._trees for function in read_pci(tree)]
        usb = self._prefer_sysfs(from_sysfs, collector.usb_devices())
        pci = join_pci([*functions, *collector.pci_functions()])
        # A capture that was given twice has its nodes once: libedgetpu counts them.
        apex: dict[str, ApexNode] = {}
        for node in (node for tree in self._trees for node in read_apex(tree)):
            apex.setdefault(node.name, node)
        if self._host is not None:
            covers.add("host")
        notes = self._notes or CaptureNotes()
        covers.update(notes.covers)
        return Evidence(
            kind=self._kind,
            usb=tuple(usb),
            pci=tuple(pci),
            apex=tuple(apex.values()),
            host=self._host or Host(),
            kernel_log=collector.kernel_log() or notes.kernel_log,
            driver=_join_driver(collector.dkms_state, notes.driver),
            access=notes.access,
            runtime=notes.runtime,
            board=notes.board,
            application=_join_applications(collector.application(), notes.application),
            smoke=notes.smoke,
            covers=tuple(sorted(covers)),
            missing=(*(self._notes.missing if self._notes else missing_from(covers)), *_uncertain_places(usb)),
            ignored=tuple(collector.ignored),
            ignored_count=collector.ignored_count,
        )

    def _prefer_sysfs(self, from_sysfs: list[UsbDevice], from_text: list[UsbDevice]) -> list[UsbDevice]:
        """Where sysfs shows the buses, a text may add to its devices but not add devices: it is of another moment."""
        if not from_sysfs:
            return from_text
        known = {(device.busnum, device.devnum) for device in from_sysfs}
        for device in from_text:
            if (device.busnum, device.devnum) not in known:
                seen = device.seen[0]
                text = f"bus {device.busnum} device {device.devnum}"
                self._collector.ignore(Line(seen.file, seen.line or 1, text), "not on the bus when sysfs was read")
        return join_usb([*from_sysfs, *(d for d in from_text if (d.busnum, d.devnum) in known)])


def _join_driver(dkms: DkmsState | None, driver: Driver | None) -> Driver | None:
    """What texts of DKMS say, and what the capture beside them does: its own look is of the moment that counts."""
    if dkms is None:
        return driver
    if driver is None or driver.dkms is None:
        return msgspec.structs.replace(driver or Driver(), dkms=dkms)
    return msgspec.structs.replace(driver, dkms=join_dkms(driver.dkms, dkms))


def _join_applications(first: Application | None, second: Application | None) -> Application | None:
    if first is None or second is None:
        return first or second
    return Application(detectors=(*first.detectors, *second.detectors), messages=(*first.messages, *second.messages))


def with_start(handle: IO[bytes]) -> tuple[io.BufferedReader, bytes]:
    """A stream with its first bytes, which stay in it. A pipe gives them in pieces, so they are waited for."""
    start = handle.read(_START_BYTES)
    if isinstance(handle, io.BufferedReader) and handle.seekable():
        handle.seek(-len(start), os.SEEK_CUR)
        return handle, start
    # A short start is all there is; who types at a terminal shall not have to say so twice.
    rest = handle if len(start) == _START_BYTES else io.BytesIO()
    return io.BufferedReader(_Raw(start, rest)), start


def _is_bundle(start: bytes) -> bool:
    return start.startswith(_GZIP) or start[257:262] == b"ustar"


def _head(lines: Iterator[str]) -> list[str]:
    head: list[str] = []
    characters = 0
    for line in lines:
        head.append(line)
        characters += len(line)
        if len(head) >= _HEAD_LINES or characters >= _HEAD_CHARACTERS:
            break
    return head


class _Raw(io.RawIOBase):
    """Makes any stream of bytes (standard input that is no file, a member of a bundle) fit for a buffered reader."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start[: len(buffer)] or self._rest.read(len(buffer))
        self._start = self._start[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def as_text(handle: IO[bytes], start: bytes) -> io.TextIOWrapper:
    """A stream of bytes as text, whatever they are; ``start`` is how it begins."""
    return io.TextIOWrapper(handle, encoding=encoding_of(start), errors="replace", newline=None)


def encoding_of(start: bytes) -> str:
    """How a text that begins so is encoded; what is neither is read as UTF-8 all the same, faults replaced."""
    # Windows tools write UTF-16 with a byte order mark.
    return "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _chain(head: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from head
    yield from rest


def covered_by(tree: SysfsTree) -> set[str]:
    """What a sysfs tree would have shown."""
    covers = set()
    if tree.has("bus/usb"):
        covers |= {"usb", "usb-tree", "usb-ids", "usb-power", "usb-ports"}
    if tree.has("bus/pci"):
        covers |= {"pci", "pci-links", "pci-tree", "apex"}
    return covers


_MISSING = (
    ("usb", "USB devices", "the evidence holds no USB listing", "lsusb; lsusb -t"),
    ("usb-tree", "the USB tree (which device sits on which port)", "the evidence holds no lsusb -t", "lsusb -t"),
    ("usb-ids", "USB vendor and product ids", "lsusb -t alone prints none", "lsusb"),
    ("usb-power", "declared power of USB devices and hubs", "only lsusb -v and sysfs show it", "lsusb -v"),
    ("usb-ports", "over-current counters and pairing of hub ports", "only sysfs shows them", "etpu-doctor capture"),
    ("pci", "PCI devices", "the evidence holds no PCI listing", "lspci -nn"),
    ("pci-links", "PCIe link speeds", "only lspci -vv and sysfs show them", "sudo lspci -vv"),
)


def _uncertain_places(usb: list[UsbDevice]) -> list[Missing]:
    count = sum(not device.chain_certain for device in usb)
    if not count:
        return []
    why = "the listing lost its indentation, and more than one tree fits"
    return [Missing(what=f"the port of {count} USB devices for certain", why=why, how="lsusb -t, pasted as code")]


def missing_from(covers: set[str]) -> list[Missing]:
    """What the evidence could not show, each with the command that would."""
    return [Missing(what=what, why=why, how=how) for name, what, why, how in _MISSING if name not in covers]
