"""What a parser of a text format is given, and what it has to offer."""

from __future__ import annotations

from typing import Protocol

import msgspec

from etpu_doctor.facts.application import DetectorConfig, RuntimeMessage
from etpu_doctor.facts.driver import DkmsState
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice

NOT_UNDERSTOOD = "not understood"
SUPERSEDED = "superseded by a later listing of the same bus"
NOT_READ = "part of a configuration, in a form that is not read here"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One cleaned line of a text: no line end, no quote marks, no colour codes; indentation kept."""

    file: str
    number: int
    text: str


class Sink(Protocol):
    """Where parsers put what they read. Records are partial: a field that the format lacks stays ``None``."""

    def usb(self, device: UsbDevice) -> None:
        """Add what one block says of a USB device."""

    def pci(self, function: PciFunction) -> None:
        """Add what one block says of a PCI function."""

    def kernel(self, message: KernelMessage) -> None:
        """Add a recognised line of a kernel log."""

    def kernel_lines(self, count: int) -> None:
        """Say that so many more lines of a kernel log were read, recognised or not."""

    def detectors(self, file: str, configs: tuple[DetectorConfig, ...]) -> None:
        """Give all detectors of a configuration; what was given of the same file before is out of date."""

    def program(self, message: RuntimeMessage) -> None:
        """Add a recognised line that a program printed."""

    def dkms(self, state: DkmsState) -> None:
        """Add what DKMS says of the PCIe driver; a later state of the same kernel replaces an earlier one."""

    def cover(self, *names: str) -> None:
        """Say what this text would have shown (the names of ``Evidence.covers``)."""

    def ignore(self, line: Line, why: str) -> None:
        """Set a line aside, visibly."""


class Format(Protocol):
    """A parser of one format, fed line by line; it keeps no more than the block it is in.

    The reader asks every format whether a line ``starts`` a block; if one says yes, the block before is closed and
    the line is fed to it. Other lines are offered to the format that is open; what it does not take is ignored.
    """

    def starts(self, text: str) -> bool:
        """Whether this line begins (or, in a listing, continues) a block of this format. Must be cheap."""

    def feed(self, line: Line) -> bool:
        """Take a line; false if it is not part of this format."""

    def close(self) -> None:
        """The block ended: hand over what is pending."""
