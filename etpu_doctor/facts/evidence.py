"""What was gathered, from where, and what could not be."""

from __future__ import annotations

from typing import Literal

import msgspec

from etpu_doctor.facts.access import Access
from etpu_doctor.facts.application import Application
from etpu_doctor.facts.board import Board
from etpu_doctor.facts.driver import Driver
from etpu_doctor.facts.host import Host
from etpu_doctor.facts.kernel_log import KernelLog
from etpu_doctor.facts.pci import ApexNode, PciFunction
from etpu_doctor.facts.runtime import Runtime
from etpu_doctor.facts.seen import Seen
from etpu_doctor.facts.smoke import SmokeResult
from etpu_doctor.facts.thread import Thread
from etpu_doctor.facts.usb import UsbDevice

SourceKind = Literal["live", "capture", "text", "demo"]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that could not be read.

    ``what`` names it as a person would ask for it, ``why`` is the reason, ``how`` the command that would show it.
    """

    what: str
    why: str
    how: str | None = None


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A run of input lines that no parser understood, or that was understood and set aside.

    ``line`` and ``last_line`` count from 1; ``text`` is the first line of the run, shortened; ``why`` the reason.
    """

    file: str
    line: int
    last_line: int
    text: str
    why: str


class CaptureNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What a capture cannot show by what it holds: which buses were looked at, and what could not be read.

    An empty bus leaves nothing in a description of devices; without this it would look like one nobody looked at.
    """

    covers: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    kernel_log: KernelLog | None = None
    driver: Driver | None = None
    access: Access | None = None
    runtime: Runtime | None = None
    board: Board | None = None
    application: Application | None = None
    smoke: tuple[SmokeResult, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Raw facts with their origin, the same shape whatever they came from.

    ``covers`` names what the evidence would have shown had it been there: ``usb`` (device list), ``usb-tree``,
    ``usb-ids``, ``usb-power``, ``usb-ports``, ``pci``, ``pci-links``, ``pci-tree``, ``apex``, ``host``, ``kernel-log``.
    The parts around the bus (``kernel_log``, ``driver``, ``access``, ``runtime``, ``board``, ``application``) are
    ``None`` where the evidence holds nothing of them. ``smoke`` is what came of smoke tests, if any ran;
    ``thread`` what a pasted thread says besides, which only ``etpu-doctor ticket`` reads.
    ``apex`` keeps the order in which the kernel listed ``/sys/class/apex``, because libedgetpu counts in it.
    ``ignored_count`` counts lines; ``ignored`` lists runs of them and is bounded.
    """

    kind: SourceKind
    usb: tuple[UsbDevice, ...] = ()
    pci: tuple[PciFunction, ...] = ()
    apex: tuple[ApexNode, ...] = ()
    host: Host = Host()
    kernel_log: KernelLog | None = None
    driver: Driver | None = None
    access: Access | None = None
    runtime: Runtime | None = None
    board: Board | None = None
    application: Application | None = None
    smoke: tuple[SmokeResult, ...] = ()
    thread: Thread | None = None
    covers: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    ignored_count: int = 0


__all__ = ["CaptureNotes", "Evidence", "Ignored", "Missing", "Seen", "SourceKind"]
