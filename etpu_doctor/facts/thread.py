"""What a pasted thread says beyond the listings and logs that have parsers of their own."""

from __future__ import annotations

from typing import Literal

import msgspec

SignKind = Literal["message", "reading", "words", "listing"]
"""A program's message, a value somebody copied, words of the reporter (weak), or what a listing shows."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a line of a thread says.

    ``name`` is that of a message (``knowledge/messages.toml``), of a reading, or of a saying
    (``knowledge/words.toml``); ``text`` the line, shortened; ``where`` file and line.
    """

    name: str
    kind: SignKind
    text: str = ""
    where: str | None = None
    values: dict[str, str] = {}


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """The signs in the order of the lines. ``line_count`` counts those that are not blank.

    ``identities`` are the USB identities of Edge TPUs that are named anywhere (``1a6e:089a``, ``18d1:9302``).
    """

    signs: tuple[Sign, ...] = ()
    identities: tuple[str, ...] = ()
    line_count: int = 0
