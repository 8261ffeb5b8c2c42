"""What DKMS prints about gasket, in a text: ``make.log`` of a failed build, and ``dkms status``.

Source of the shapes: dkms 2.2 to 3.1 (``dkms.in``: "DKMS make.log for", ``show_status``).
"""

from __future__ import annotations

import re
from functools import cache

from etpu_doctor.evidence.dkms import CANDIDATES_LIMIT, log_kernel, may_explain, shortened, telling_line
from etpu_doctor.evidence.formats.base import Line, Sink
from etpu_doctor.evidence.formats.program_log import messages_in
from etpu_doctor.facts.driver import DkmsState

_HEAD = "DKMS make.log for "
_MODULES = ("gasket-", "gasket/", "gasket,")
_SOURCES = ("/gasket", "/apex_driver", "gasket_", "apex_driver")
_OF_A_BUILD = (
    *(
        "make[",
        "make:",
        "  CC [M]",
        "  LD [M]",
        "  CC ",
        "  LD ",
        "  MODPOST",
        "  AR ",
        "In file included from",
        "cc1:",
    ),
    *(
        "Building module",
        "Cleaning build area",
        "scripts/Makefile",
        "warning: the compiler differs",
        "  You are using:",
    ),
    *("  The kernel was built by:", "  BTF ", "Skipping BTF", "/bin/sh:", "/usr/src/"),
)
"""How lines of a build begin that hold neither an error nor the path of a source."""


class Dkms:
    """Takes a log from its head, or lines about gasket alone, and hands over the line that explains a failure."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._forget()

    def _forget(self) -> None:
        self._kernel: str | None = None
        self._candidates: list[tuple[int, str]] = []
        self._file = ""
        self._in_log = False
        self._after_head = False

    def starts(self, text: str) -> bool:
        """Whether this is the head of a log of gasket, a compiler's error in its sources, or a line of its status."""
        if "gasket" not in text and "apex_driver" not in text:
            return False
        return text.startswith(_HEAD) or _is_compiler_error(text) or _status_pattern().match(text.strip()) is not None

    def feed(self, line: Line) -> bool:
        """Take a line of a log or of a status."""
        text = line.text.strip()
        status = _status_pattern().match(text)
        if status is None and not self._feed_log(line, text):
            return False
        if status is not None:
            self._status(status)
        # What such a line says as a message of a program counts as well.
        for message in messages_in(line):
            self._sink.program(message)
        return True

    def _status(self, match: re.Match[str]) -> None:
        kernel, state = match["kernel"], match["state"]
        known = {kernel: state} if kernel is not None and state != "added" else {}
        self._sink.dkms(DkmsState(source_present=True, status=known))

    def _feed_log(self, line: Line, text: str) -> bool:
        if text.startswith(_HEAD):
            self.close()
            self._in_log = self._after_head = any(text.startswith(_HEAD + name) for name in _MODULES)
            self._kernel, self._file = log_kernel(text), line.file
            return self._in_log
        is_error = _is_compiler_error(text)
        if not is_error and not (self._in_log and (self._after_head or _is_of_a_build(line.text))):
            return False
        # The second line is the date, in whatever language.
        self._after_head = False
        self._file = self._file or line.file
        if may_explain(text) and len(self._candidates) < CANDIDATES_LIMIT:
            self._candidates.append((line.number, text))
        return True

    def close(self) -> None:
        """The log ended: hand over why the build failed, if it says so."""
        found = telling_line(self._candidates)
        if found is not None:
            number, text = found
            where = f"{self._file}:{number}"
            self._sink.dkms(DkmsState(build_error=shortened(text), build_error_where=where, build_kernel=self._kernel))
        self._forget()


@cache
def _status_pattern() -> re.Pattern[str]:
    return re.compile(
        r"gasket(?:-dkms)?(?:/|, ?)[\w.+~-]{1,40}"
        r"(?:, (?P<kernel>[\w.+~-]{1,80})(?:, \w{1,16}|/\w{1,16})?)?: (?P<state>added|built|installed)\b"
    )


def _is_compiler_error(text: str) -> bool:
    return ("error:" in text or "ERROR: modpost" in text) and any(source in text for source in _SOURCES)


def _is_of_a_build(text: str) -> bool:
    """Whether a line below a log's head is more of it. Compilers quote the source with `` 123 | ``."""
    if text.startswith(_OF_A_BUILD) or may_explain(text):
        return True
    stripped = text.strip()
    if any(mark in stripped for mark in (": note:", ": warning:", ": In function", "/dkms/")):
        return True
    return stripped[:1] == "|" or stripped.partition(" |")[0].isdecimal()
