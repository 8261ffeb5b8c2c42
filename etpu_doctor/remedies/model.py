"""What a target gives: files, commands, notes, and the way back."""

from __future__ import annotations

import msgspec

from etpu_doctor.rules.finding import Command


class SetupFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with its whole content.

    ``path`` is absolute where the place is given by the system, else a name to be chosen. With ``fragment`` the
    content belongs into a file that already exists and holds more.
    """

    path: str
    content: str
    mode: int = 0o644
    fragment: bool = False


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration.

    ``devices`` are the ids of the Edge TPUs that it is made for; without any it is the general one. ``text`` are notes
    in the order of reading. ``commands`` are in the order of running; other than those of a finding they change the
    system, as whoever asks for a setup wants, and they hold words in capitals (``IMAGE``) where only the reader knows
    what belongs there. ``undo`` are sentences.
    """

    target: str
    devices: tuple[str, ...] = ()
    files: tuple[SetupFile, ...] = ()
    text: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    undo: tuple[str, ...] = ()
