"""The kernel's log: its lines, and what of them is known.

Sources: Linux ``Documentation/ABI/testing/dev-kmsg``; ``dev_printk`` puts driver and device before a message.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.live import is_pci_address
from etpu_doctor.facts.evidence import Missing
from etpu_doctor.facts.kernel_log import KernelLog, KernelMessage

if TYPE_CHECKING:
    from etpu_doctor.knowledge.kernel_messages import KnownMessage, Speaker

KMSG = "/dev/kmsg"
LOG_FILES = ("/var/log/kern.log", "/var/log/dmesg")
RECORDS_LIMIT = 20_000
BYTES_LIMIT = 1 << 20
MESSAGES_LIMIT = 2000
TEXT_LIMIT = 300

_RECORD_BYTES = 8192
_KMSG_DEVICE = (1, 11)
_HEAD_LIMIT = 240
_HEADS_LIMIT = 7
_STAMP_WITHIN = 100
_CHAIN_LIMIT = 7
_NUMBER_DIGITS = 4
_INTERFACE_CHARACTERS = 5

_HOSTS = frozenset(
    {"xhci_hcd", "xhci-hcd", "ehci-pci", "ehci_hcd", "ehci-platform", "ohci-pci", "ohci_hcd", "uhci_hcd"}
)
ALONE: dict[str, Speaker] = {"usbfs": "usbfs", "apex": "module", "gasket": "module", "Lockdown": "lockdown"}
"""Speakers that name no device."""
_BARE_WORDS = ("oltage ", " is rejected", "cannot register ", "driver already", "trip points", "registered devices")
"""Words of the messages that name no driver."""


_HINTS = (
    *("usb ", "usbfs", "hub ", "hcd", "hci-", "apex", "gasket", "hwmon", "ockdown", "BAR", "PCIe", "from D3", "Slot("),
    *("-pcie ", "AER: ", "giving up"),
    *_BARE_WORDS,
)
"""Every line with a known message holds one of these; most of a log hold none, and need not be taken apart."""


class Head(NamedTuple):
    """Who says a line: the kind of speaker, its driver and device, and where the message begins."""

    speaker: Speaker
    driver: str
    device: str
    start: int


def read_kernel_log(files: Files) -> tuple[KernelLog | None, list[Missing]]:
    """The log of the running kernel, from ``/dev/kmsg`` or a file; ``None`` and why where neither may be read."""
    records = _read_kmsg(files)
    if not isinstance(records, str):
        return _from_records(records)
    for path in LOG_FILES:
        tail = _tail(files, path)
        if tail is not None:
            content, whole = tail
            return _from_file(path, content, whole=whole), []
    where = "sudo dmesg" if files.exists(KMSG) else "on the host: sudo dmesg"
    return None, [Missing(what="the kernel's log", why=records, how=where)]


def _from_records(records: list[bytes]) -> tuple[KernelLog, list[Missing]]:
    found: deque[KernelMessage] = deque(maxlen=MESSAGES_LIMIT)
    count = 0
    for record in records:
        header, _, message = record.partition(b";")
        fields = header.split(b",")
        # The facility stands above three bits of severity; what programs write into the log is not the kernel's.
        if len(fields) < 3 or not fields[0].isdigit() or int(fields[0]) >> 3:
            continue
        count += 1
        text = message.partition(b"\n")[0].decode("utf-8", "replace")
        known = match_line(text, f"{KMSG}:{fields[1].decode('ascii', 'replace')}", _seconds_of(fields[2]))
        if known is not None:
            found.append(known)
    missing = []
    if len(records) >= RECORDS_LIMIT or sum(map(len, records)) >= BYTES_LIMIT:
        why = f"it is longer than {len(records)} lines; what came after them was not read"
        missing.append(Missing(what="the end of the kernel's log", why=why, how="sudo dmesg"))
    return KernelLog(origin=KMSG, line_count=count, messages=tuple(found)), missing


def _seconds_of(microseconds: bytes) -> float | None:
    return int(microseconds) / 1e6 if microseconds.isdigit() and len(microseconds) < 20 else None


def _from_file(path: str, content: str, *, whole: bool) -> KernelLog:
    lines = content.splitlines()
    # The file goes on over restarts; only what the running kernel wrote is about this machine as it is now.
    start = max((number for number, line in enumerate(lines) if "Linux version " in line), default=0)
    found: deque[KernelMessage] = deque(maxlen=MESSAGES_LIMIT)
    for number, line in enumerate(lines[start:], start=start + 1):
        known = match_line(line, f"{path}:{number}" if whole else path)
        if known is not None:
            found.append(known)
    return KernelLog(origin=path, line_count=len(lines) - start, messages=tuple(found))


def _read_kmsg(files: Files) -> list[bytes] | str:
    """Records of ``/dev/kmsg``, one each, or why there are none. Never waits.

    The one device that is opened: reading it takes nothing away from others. A container may have anything under that
    name, so it is looked at first.
    """
    path = files.path(KMSG)
    try:
        state = os.stat(path)
        if stat.S_ISREG(state.st_mode):
            return _lines_of(files.read(KMSG, BYTES_LIMIT) or b"")
        if not stat.S_ISCHR(state.st_mode) or (os.major(state.st_rdev), os.minor(state.st_rdev)) != _KMSG_DEVICE:
            return f"{KMSG} is not the kernel's log (a container without it)"
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"{KMSG} is missing (a container without it), and no log file may be read"
    except OSError as error:
        return f"{KMSG}: {error.strerror or error} (kernel.dmesg_restrict lets only root read it)"
    try:
        return list(_records(handle))
    finally:
        os.close(handle)


def _lines_of(content: bytes) -> list[bytes]:
    """Records of a recorded log: lines that begin with a blank go on with the one before."""
    return [line for line in content.split(b"\n") if line and not line.startswith(b" ")][:RECORDS_LIMIT]


def _records(handle: int) -> Iterator[bytes]:
    size = 0
    for _ in range(RECORDS_LIMIT):
        try:
            record = os.read(handle, _RECORD_BYTES)
        except BrokenPipeError:
            # The oldest records were overwritten meanwhile; the next read goes on with what is left.
            continue
        except OSError:
            # EAGAIN at the end; anything else ends it as well, with what there is.
            return
        if not record:
            return
        size += len(record)
        yield record
        if size >= BYTES_LIMIT:
            return


def _tail(files: Files, path: str) -> tuple[str, bool] | None:
    """The end of a log file, and whether that is all of it; ``None`` if it is missing, refused, empty or no file."""
    try:
        handle = os.open(files.path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or not state.st_size:
            return None
        skipped = max(0, state.st_size - BYTES_LIMIT)
        text = os.pread(handle, BYTES_LIMIT, skipped).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(handle)
    return (text.partition("\n")[2], False) if skipped else (text, True)


def match_line(text: str, where: str | None = None, seconds: float | None = None) -> KernelMessage | None:
    """What a line of a log says, or ``None`` if it says nothing that is known.

    Whatever stands before the driver's name is taken off (time stamps, ``host kernel:``, quote marks). A message that
    names no driver must begin the line, or follow such a prefix.
    """
    return match_known(text, where, seconds) if may_be_known(text) else None


def match_known(text: str, where: str | None = None, seconds: float | None = None) -> KernelMessage | None:
    """``match_line`` for a line of which ``may_be_known`` is already true."""
    head = find_head(text)
    if head is None:
        if not has_bare_word(text):
            return None
        head = Head("none", "", "", log_prefix(text) or 0)
    compiled, by_speaker = _knowledge()
    body = text[head.start : head.start + TEXT_LIMIT].lstrip()
    for entry in by_speaker.get(head.speaker, ()):
        if entry.needle in body:
            match = compiled(entry.pattern).match(body)
            if match is not None:
                values = {name: value for name, value in match.groupdict().items() if value is not None}
                cause = entry.causes[0] if entry.causes else None
                when = seconds if seconds is not None else _seconds_before(text, head.start)
                said = f"{head.driver} {head.device}".strip()
                full = f"{said}: {body}" if said else body
                message = KernelMessage(
                    message=entry.name, cause=cause, text=full.rstrip(), seconds=when, values=values, where=where
                )
                return _placed(message, head)
    return None


@cache
def _knowledge() -> tuple[Callable[[str], re.Pattern[str]], Mapping[Speaker, Sequence[KnownMessage]]]:
    """Looked up once: an import of what is there already costs as much as the search of a line."""
    from etpu_doctor.knowledge.kernel_messages import compiled, known_messages  # noqa: PLC0415 - reads a TOML file

    return compiled, known_messages()


def holds_any(text: str, words: Sequence[str]) -> bool:
    """Whether a line holds any of these words."""
    for word in words:  # noqa: SIM110 - any() over a generator takes three times as long, and this meets every line
        if word in text:
            return True
    return False


def has_bare_word(text: str) -> bool:
    """Whether a line holds words of a message that names no driver."""
    return holds_any(text, _BARE_WORDS)


def may_be_known(text: str) -> bool:
    """Whether a line holds words of a known message at all."""
    return holds_any(text, _HINTS)


def says_nothing(text: str, needles: Sequence[str]) -> bool:
    """Whether a line begins with the time stamp of a log, and holds neither a known message nor one of ``needles``."""
    return not holds_any(text, needles) and not may_be_known(text) and _stamps().match(text) is not None


def _placed(message: KernelMessage, head: Head) -> KernelMessage:
    """The message with the node that it names."""
    if head.speaker in ("usb", "hub"):
        node, port, bus = _usb_place(head.device) or (None, None, None)
        number = message.values.get("port")
        if number is not None and node is not None:
            node, port = None, f"{node}-port{number}"
        return replace(message, usb_node=node, usb_port=port, usb_bus=bus)
    # A port that reports the error of a device below names it; the device is what is meant.
    address = message.values.get("address") or (head.device if is_pci_address(head.device) else None)
    return replace(message, pci_address=address) if address is not None else message


def find_head(text: str) -> Head | None:
    """The driver and device that a line of the log begins with, whatever stands before them."""
    start = 0
    for _ in range(_HEADS_LIMIT):
        end = text.find(": ", start, _HEAD_LIMIT)
        if end < 0:
            return None
        words = text[start:end].rsplit(None, 2)[-2:]
        if words:
            alone = ALONE.get(words[-1])
            if alone is not None:
                return Head(alone, words[-1], "", end + 2)
            speaker = _speaker(words[0], words[-1]) if len(words) == 2 else None
            if speaker is not None:
                return Head(speaker, words[0], words[-1], end + 2)
        start = end + 2
    return None


def _speaker(driver: str, device: str) -> Speaker | None:
    if driver in ("usb", "hub"):
        is_place = _usb_place(device) is not None and (":" in device) == (driver == "hub")
        return driver if is_place else None  # type: ignore[return-value] # one of the two words
    if driver in _HOSTS:
        return "host"
    if device[-2:-1] == "." and is_pci_address(device):
        return "apex" if driver in ("apex", "gasket") else "pci"
    if driver == "hwmon" and device.startswith("hwmon"):
        return "hwmon"
    return "pcie-host" if driver.endswith("-pcie") and device.endswith(".pcie") else None


def _usb_place(device: str) -> tuple[str | None, str | None, int] | None:
    """Node, port and bus of ``2-1.4``, ``usb2``, ``2-1-port3``, ``usb2-port1``, or a hub's interface ``2-1:1.0``."""
    name, is_port, port = device.partition("-port")
    if is_port and not _is_number(port):
        return None
    name, is_interface, interface = name.partition(":")
    if is_interface and (is_port or not _is_number(interface[:1]) or len(interface) > _INTERFACE_CHARACTERS):
        return None
    bus, dash, chain = (name[3:], "", "") if name.startswith("usb") else name.partition("-")
    ports = chain.split(".") if dash else []
    if not _is_number(bus) or len(ports) > _CHAIN_LIMIT or not all(map(_is_number, ports)):
        return None
    if not dash and not name.startswith("usb"):
        return None
    # The interface of root hub usb2 is called 2-0:1.0.
    node = f"usb{bus}" if chain == "0" and is_interface else name
    return (None, device, int(bus)) if is_port else (node, None, int(bus))


def _is_number(text: str) -> bool:
    return 0 < len(text) <= _NUMBER_DIGITS and text.isascii() and text.isdigit()


def log_prefix(text: str) -> int | None:
    """How much of a line stands before the message, ``None`` if it does not look like a line of a log.

    Known are ``dmesg`` (all its time formats, ``-x`` too), ``journalctl`` and syslog, with quote marks before them.
    """
    if text.startswith("["):
        # By far the most usual: dmesg.
        stamp = _stamps().match(text)
        if stamp is not None:
            return _after_source(text, stamp.end())
    start = _syslog_prefix(text)
    bracket = text.find("[", start or 0, (start or 0) + _STAMP_WITHIN)
    if bracket >= 0 and _may_precede(text[start or 0 : bracket]):
        stamp = _stamps().match(text, bracket)
        if stamp is not None:
            return _after_source(text, stamp.end())
    if start is None and text[10:11] == "T" and text[19:20] == ",":
        stamp = _iso_stamps().match(text)
        return stamp.end() if stamp is not None else None
    return start


def _after_source(text: str, end: int) -> int:
    """The host and ``kernel:`` follow the stamp in ``journalctl -o short-monotonic``."""
    source = text.find(" kernel: ", end - 1, end + _STAMP_WITHIN)
    return source + len(" kernel: ") if source >= 0 else end


def _syslog_prefix(text: str) -> int | None:
    """``Oct 02 21:14:08 host kernel: ``: without a time before it, the word is only a word."""
    kernel = text.find(" kernel: ", 0, _STAMP_WITHIN * 2)
    if kernel < 0 or text.count(":", 0, kernel) < 2:
        return None
    colon = text.find(":", 0, kernel)
    is_time = text[colon - 2 : colon].isdigit() and text[colon + 1 : colon + 3].isdigit() and text[colon + 3] == ":"
    # Python's loggers print a time with a comma; one of them may be called "kernel".
    return kernel + len(" kernel: ") if is_time and text[colon + 6 : colon + 7] != "," else None


def _may_precede(text: str) -> bool:
    """Whether a time stamp in brackets may follow: nothing but quote marks, a level (``<6>``, ``kern  :info  : ``)."""
    rest = text.strip("> #|*-\t")
    return not rest or rest[-1] == ":" or (rest[0] == "<" and len(rest) < _NUMBER_DIGITS)


@cache
def _stamps() -> re.Pattern[str]:
    return re.compile(
        r"\[(?: {0,9}\+?\d{1,9}\.\d{1,9}|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\]"
        r"(?:\[ {0,9}[CT]\d{1,9}\])? ?"
    )


@cache
def _iso_stamps() -> re.Pattern[str]:
    return re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{1,9}[+-]\d\d:\d\d ")


@cache
def _seconds() -> re.Pattern[str]:
    return re.compile(r"\[ {0,9}(\d{1,9}\.\d{1,9})\]")


def _seconds_before(text: str, end: int) -> float | None:
    """The time since boot, where the line prints it."""
    found = _seconds().search(text, 0, end)
    return float(found[1]) if found is not None else None
