"""A sink for tests of parsers, and how to feed a text to one."""

from __future__ import annotations

from collections.abc import Callable

from etpu_doctor.evidence.formats.base import Format, Line, Sink
from etpu_doctor.facts.application import DetectorConfig, RuntimeMessage
from etpu_doctor.facts.driver import DkmsState
from etpu_doctor.facts.kernel_log import KernelMessage
from etpu_doctor.facts.pci import PciFunction
from etpu_doctor.facts.usb import UsbDevice


class Recorder:
    """A sink that keeps what it is given; ``left`` are the lines that the parser did not take."""

    def __init__(self) -> None:
        self.devices: list[UsbDevice] = []
        self.functions: list[PciFunction] = []
        self.covers: set[str] = set()
        self.ignored: list[tuple[int, str]] = []
        self.left: list[str] = []
        self.messages: list[KernelMessage] = []
        self.kernel_line_count = 0
        self.configurations: dict[str, tuple[DetectorConfig, ...]] = {}
        self.dkms_states: list[DkmsState] = []

    def usb(self, device: UsbDevice) -> None:
        """Keep a device."""
        self.devices.append(device)

    def pci(self, function: PciFunction) -> None:
        """Keep a function."""
        self.functions.append(function)

    def kernel(self, message: KernelMessage) -> None:
        """Keep a recognised line of a kernel log."""
        self.messages.append(message)

    def kernel_lines(self, count: int) -> None:
        """Count the lines of a kernel log."""
        self.kernel_line_count += count

    def detectors(self, file: str, configs: tuple[DetectorConfig, ...]) -> None:
        """Keep the detectors of a file."""
        self.configurations[file] = configs

    def program(self, message: RuntimeMessage) -> None:
        """Fail: no parser here reads what programs print."""
        raise AssertionError(message)

    def dkms(self, state: DkmsState) -> None:
        """Keep a state of DKMS."""
        self.dkms_states.append(state)

    def cover(self, *names: str) -> None:
        """Keep what is covered."""
        self.covers.update(names)

    def ignore(self, line: Line, why: str) -> None:
        """Keep the number of a line set aside, and the reason."""
        self.ignored.append((line.number, why))

    @property
    def only(self) -> PciFunction:
        """The one function that was read."""
        assert 1 == len(self.functions), self.functions
        return self.functions[0]


def fed(parser: Callable[[Sink], Format], text: str) -> Recorder:
    """Feed a text, line by line, to a parser of its own."""
    sink = Recorder()
    made = parser(sink)
    for number, line in enumerate(text.split("\n"), 1):
        if not made.feed(Line("paste.txt", number, line)):
            sink.left.append(line)
    made.close()
    return sink
