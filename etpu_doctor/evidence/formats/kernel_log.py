"""Lines of a kernel log in a text: ``dmesg``, ``journalctl -k``, syslog, or messages alone."""

from __future__ import annotations

from etpu_doctor.evidence.collector import MESSAGES_LIMIT
from etpu_doctor.evidence.formats.base import Line, Sink
from etpu_doctor.evidence.kernel_log import (
    find_head,
    has_bare_word,
    log_prefix,
    match_known,
    may_be_known,
    says_nothing,
)

_UNMISTAKABLE = frozenset({"usb", "hub", "host", "apex", "hwmon", "pcie-host"})
"""Speakers whose name and device tell a line of the log without a time stamp."""


class KernelLogText:
    """Recognises each line by itself: a log may be cut anywhere, and other output may stand between its lines."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._last = ""
        self._is_of_log = False
        self.is_stamped = False
        # What comes after so many would not be kept.
        self._handed_over = 0

    def starts(self, text: str) -> bool:
        """Whether this is a line of a kernel log; ``is_stamped`` then tells whether a prefix of a log says so."""
        if text is not self._last:
            # Every line is asked about twice or more, as the very same object.
            self._last = text
            self.is_stamped = log_prefix(text) is not None
            self._is_of_log = self.is_stamped or _is_message(text)
        return self._is_of_log

    def passes(self, text: str, needles: tuple[str, ...]) -> bool:
        """Take a line that says nothing and holds none of ``needles``, as ``feed`` would; false if it is another one.

        No other format begins with a time stamp, so that none needs to be asked.
        """
        if not says_nothing(text, needles):
            return False
        self._sink.kernel_lines(1)
        return True

    def feed(self, line: Line) -> bool:
        """Take a line of a log; those that say nothing of interest are understood too."""
        if not self.starts(line.text):
            return False
        self._sink.kernel_lines(1)
        if self._handed_over < MESSAGES_LIMIT and may_be_known(line.text):
            message = match_known(line.text, f"{line.file}:{line.number}")
            if message is not None:
                self._handed_over += 1
                self._sink.kernel(message)
        return True

    def close(self) -> None:
        """Nothing is pending: every line stands for itself."""


def _is_message(text: str) -> bool:
    """Whether a line without a prefix is a message that nothing but the kernel prints."""
    if (": " not in text and not has_bare_word(text)) or not may_be_known(text):
        return False
    head = find_head(text)
    if head is not None and head.speaker in _UNMISTAKABLE:
        return True
    return match_known(text) is not None
