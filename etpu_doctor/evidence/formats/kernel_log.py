"""Lines of a kernel log in a text: ``dmesg``, ``journalctl -k``, syslog, or messages alone."""

from __future__ import annotations

from etpu_doctor.evidence.formats.base import Line, Sink
from etpu_doctor.evidence.kernel_log import find_head, log_prefix, match_line, may_be_known

_UNMISTAKABLE = frozenset({"usb", "hub", "host", "apex", "hwmon", "pcie-host"})
"""Speakers whose name and device tell a line of the log without a time stamp."""


class KernelLogText:
    """Recognises each line by itself: a log may be cut anywhere, and other output may stand between its lines."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._last = ("", False)

    def starts(self, text: str) -> bool:
        """Whether this is a line of a kernel log."""
        if text != self._last[0]:
            self._last = (text, _is_of_log(text))
        return self._last[1]

    def feed(self, line: Line) -> bool:
        """Take a line of a log; those that say nothing of interest are understood too."""
        if not self.starts(line.text):
            return False
        self._sink.kernel_lines(1)
        message = match_line(line.text, f"{line.file}:{line.number}")
        if message is not None:
            self._sink.kernel(message)
        return True

    def close(self) -> None:
        """Nothing is pending: every line stands for itself."""


def _is_of_log(text: str) -> bool:
    if log_prefix(text) is not None:
        return True
    if not may_be_known(text):
        return False
    head = find_head(text)
    if head is not None and head.speaker in _UNMISTAKABLE:
        return True
    return match_line(text) is not None
