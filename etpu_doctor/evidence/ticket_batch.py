"""Many threads: a folder of them, or a file with one JSON value a line."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from etpu_doctor.evidence.errors import EvidenceError, shown

FILE_LIMIT_BYTES = 256 << 20
_ABOUT = (".json", ".toml", ".yaml", ".yml")
_TEXT_KEYS = ("text", "body", "content")


class Named(msgspec.Struct, frozen=True):
    """A thread: its name, and its texts as (file name, content). ``problem`` tells why there are none."""

    name: str
    texts: tuple[tuple[str, bytes], ...] = ()
    problem: str | None = None


class _Entry(msgspec.Struct, frozen=True):
    """One line of a JSON Lines file; other keys are of no interest."""

    id: str | int | None = None
    name: str | None = None
    number: int | None = None
    title: str | None = None
    text: str | None = None
    body: str | None = None
    content: str | None = None


def read_batch(path: str) -> Iterator[Named]:
    """The threads of a folder (each file, and each folder in it, is one) or of a JSON Lines file, one after another.

    Raises ``EvidenceError`` where the path itself cannot be read; a thread that cannot has a ``problem``.
    """
    if os.path.isdir(path):
        yield from _from_folder(path)
        return
    try:
        handle = open(path, "rb")  # noqa: SIM115 - errors of opening and of reading are told apart
    except OSError as error:
        raise EvidenceError(shown(os.path.basename(path)), error.strerror or str(error)) from None
    with handle:
        decoder = msgspec.json.Decoder(_Entry | str)
        for number, line in enumerate(handle, 1):
            if line.strip():
                yield _from_line(decoder, line, number)


def _from_line(decoder: msgspec.json.Decoder[_Entry | str], line: bytes, number: int) -> Named:
    try:
        entry = decoder.decode(line)
    except msgspec.DecodeError as error:
        return Named(f"line-{number}", problem=f"line {number} is no thread: {error}")
    if isinstance(entry, str):
        return Named(f"line-{number}", (("text", entry.encode("utf-8", "replace")),))
    names = (entry.id, entry.name, entry.number)
    name = next((str(value) for value in names if value is not None), f"line-{number}")
    parts = [getattr(entry, key) for key in _TEXT_KEYS]
    text = next((part for part in parts if part is not None), None)
    if text is None:
        return Named(name, problem=f"line {number} has neither of {', '.join(_TEXT_KEYS)}")
    whole = f"{entry.title}\n\n{text}" if entry.title else text
    return Named(name, (("text", whole.encode("utf-8", "replace")),))


def _from_folder(path: str) -> Iterator[Named]:
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise EvidenceError(shown(os.path.basename(path)), error.strerror or str(error)) from None
    whole = [name for name in names if os.path.isdir(os.path.join(path, name))]
    for name in names:
        inner = os.path.join(path, name)
        if name in whole:
            files = sorted(each for each in os.listdir(inner) if _is_text(os.path.join(inner, each)))
            if files:
                yield _read(shown(name), [os.path.join(inner, each) for each in files])
        # Beside folders of threads, single files are about them.
        elif not whole and _is_text(inner):
            yield _read(shown(name), [inner])


def _is_text(path: str) -> bool:
    return os.path.isfile(path) and not path.endswith(_ABOUT) and not os.path.basename(path).startswith(".")


def _read(name: str, paths: list[str]) -> Named:
    try:
        return Named(name, tuple(map(_content, paths)))
    except OSError as error:
        return Named(name, problem=f"{shown(os.path.basename(error.filename or ''))}: {error.strerror or error}")


def _content(path: str) -> tuple[str, bytes]:
    with open(path, "rb") as handle:
        return shown(os.path.basename(path)), handle.read(FILE_LIMIT_BYTES)
