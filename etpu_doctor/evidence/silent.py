"""Commands that printed nothing: what somebody looked for and did not find.

``lsmod | grep apex`` with the next prompt below it says as much as a listing. A list of commands that somebody asks for
looks alike; it is told apart by its prompt (a user and a host stand in those of a terminal), by being quoted, and by
what follows: of bare ``$`` some command must have printed something.
"""

from __future__ import annotations

import re
from functools import cache

from etpu_doctor.evidence.formats.base import Line

_LINE_LIMIT = 300
_PENDING_LIMIT = 12

_USER, _ROOT = PROMPTS = ("$ ", "# ")
"""Every line with a command at a prompt holds one of these."""

SUFFIX = ": printed nothing"


class Silent:
    """Follows all the lines of a thread, and tells of each search that found nothing."""

    def __init__(self) -> None:
        self._searched: tuple[Line, str, bool] | None = None
        self._pending: list[Line] = []

    def feed(self, line: Line) -> tuple[Line, ...]:
        """Take a line that is not blank; each command, with ``SUFFIX``, that it shows to have printed nothing."""
        text = line.text
        if self._searched is None and not self._pending and _USER not in text and _ROOT not in text:
            return ()
        prompt = _prompt().match(text[:_LINE_LIMIT])
        found = self._end_search(text, is_prompt=prompt is not None)
        command = (prompt[2] or "").strip() if prompt is not None else ""
        if prompt is not None and _search().search(command) is not None:
            self._searched = (line, command, "@" in prompt[1])
        return found

    def pause(self) -> None:
        """Take a blank line: a list of commands that somebody asks for ends there, and a terminal goes on."""
        self._pending = []
        if self._searched is not None and not self._searched[2]:
            self._searched = None

    def _end_search(self, text: str, *, is_prompt: bool) -> tuple[Line, ...]:
        """What the line after a search means for it, and for those before it that wait for a proof."""
        searched, self._searched = self._searched, None
        if is_prompt:
            if searched is None:
                return ()
            line, command, is_sure = searched
            silent = Line(line.file, line.number, f"{command}{SUFFIX}")
            if is_sure:
                return (silent,)
            self._pending = [*self._pending, silent][-_PENDING_LIMIT:]
            return ()
        pending, self._pending = tuple(self._pending), []
        if searched is None:
            return ()
        line, command, _ = searched
        if _nothing().match(text[:_LINE_LIMIT]) is not None:
            return (*pending, Line(line.file, line.number, f"{command}{SUFFIX}"))
        # The terminal shows what commands print, so those before printed nothing.
        return pending


@cache
def _prompt() -> re.Pattern[str]:
    """A prompt, and the command after it if there is one; a quoted one is most often what somebody asks for."""
    return re.compile(r"\s{0,8}(\[?[\w.@:~/+-]{0,60}(?: ?[~/][\w./-]{0,40})?\]? ?)[$#](?:\s+(.*))?$")


@cache
def _search() -> re.Pattern[str]:
    """A search for the driver, the library or the device that prints something wherever there is one."""
    return re.compile(
        r"^(?:sudo )?(?:(?:lsmod|lspci|lsusb|dpkg|apt|rpm|pacman|ldconfig|pip3?|dkms)\b[^;&]{0,60}\| ?[ef]?grep|find /)"
        r"[^;&|]{0,60}(?i:apex|gasket|edgetpu|089a|1ac1|1a6e|18d1|coral|unichip|google)[^;&|]{0,40}$"
    )


@cache
def _nothing() -> re.Pattern[str]:
    """A remark in place of what was printed."""
    return re.compile(r"\s{0,8}[(\[<]?(?i:nothing|no output|empty|nichts|leer|rien|vide|nada|vac[ií]o|niente|vuoto)\b")
